//! The Lambda function that handles what came in.

use std::process::ExitCode;

use sluice_lambda::rooms;

fn main() -> ExitCode {
    sluice_lambda::run(rooms::consumer)
}
