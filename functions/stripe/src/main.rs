//! The Lambda function that takes Stripe's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{Allocator, provider::Stripe, rooms};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Stripe], environment))
}
