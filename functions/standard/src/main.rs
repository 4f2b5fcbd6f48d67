//! The Lambda function that takes webhooks by the Standard Webhooks specification in.

use std::process::ExitCode;

use sluice_lambda::{provider::Standard, rooms};

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Standard], environment))
}
