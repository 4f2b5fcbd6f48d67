//! The Lambda function that takes Stripe's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{provider::Stripe, rooms};

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Stripe], environment))
}
