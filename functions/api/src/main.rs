//! The Lambda function of the HTTP API.

use std::process::ExitCode;

use sluice_lambda::rooms;

fn main() -> ExitCode {
    sluice_lambda::run(rooms::api)
}
