//! The Lambda function that takes Shopify's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{provider::Shopify, rooms};

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Shopify], environment))
}
