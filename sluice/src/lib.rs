//! Sluice on one machine: the `sluice` command and what it consists of.

pub mod cli;
pub mod home;
mod json;
pub mod providers;
pub mod samples;
