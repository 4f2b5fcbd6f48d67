//! The Lambda function that takes Sendro's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{provider::Sendro, rooms};

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Sendro], environment))
}
