//! The Lambda function that takes Shopify's webhooks in.

use std::process::ExitCode;

use sluice_lambda::{Allocator, provider::Shopify, rooms};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    sluice_lambda::run(|environment| rooms::ingest(&[&Shopify], environment))
}
