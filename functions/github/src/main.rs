//! The Lambda function that takes GitHub's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{Allocator, provider::GitHub, rooms};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&GitHub], environment))
}
