//! The Lambda function that takes Slack's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{provider::Slack, rooms};

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Slack], environment))
}
