//! The Lambda function that delivers webhooks to subscribers.

use std::process::ExitCode;

use sluice_lambda::rooms;

fn main() -> ExitCode {
    sluice_lambda::run(rooms::deliver)
}
