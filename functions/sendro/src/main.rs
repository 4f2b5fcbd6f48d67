//! The Lambda function that takes Sendro's webhooks in.

use std::process::ExitCode;

use sluice_lambda::rooms;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest("sendro", environment))
}
