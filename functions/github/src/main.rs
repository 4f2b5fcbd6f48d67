//! The Lambda function that takes GitHub's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{provider::GitHub, rooms};

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&GitHub], environment))
}
