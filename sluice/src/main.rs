//! Sluice on one machine.
fn main() {}
