//! The Lambda function that takes Shopify's webhooks in.

use std::process::ExitCode;

use sluice_lambda::rooms;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest("shopify", environment))
}
