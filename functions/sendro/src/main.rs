//! The Lambda function that takes Sendro's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{Allocator, provider::Sendro, rooms};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Sendro], environment))
}
