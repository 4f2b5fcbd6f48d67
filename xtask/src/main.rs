//! What a developer of Sluice runs.
fn main() {}
