//! What tests of the gateway share.

pub mod invariants;
