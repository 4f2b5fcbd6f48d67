//! The Lambda function that takes Twilio's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{Allocator, provider::Twilio, rooms};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Twilio], environment))
}
