//! The Lambda function that sends on what waits for a time.

use std::process::ExitCode;

use sluice_lambda::rooms;

fn main() -> ExitCode {
    sluice_lambda::run(rooms::sweeper)
}
