//! The Lambda function that takes webhooks by the Standard Webhooks specification in.

use std::process::ExitCode;

use sluice_lambda::{Allocator, provider::Standard, rooms};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Standard], environment))
}
