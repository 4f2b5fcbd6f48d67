//! The Lambda function that takes Twilio's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{provider::Twilio, rooms};

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Twilio], environment))
}
