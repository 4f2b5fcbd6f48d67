//! The Lambda function that takes Slack's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{Allocator, provider::Slack, rooms};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Slack], environment))
}
