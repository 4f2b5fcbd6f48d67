//! What Sluice's functions on AWS Lambda share. A function is one of the [`rooms`], and its `main` names which.
//!
//! Requests and batches are converted here and not by `lambda_http`: that crate parses what a stranger sent with `unwrap`, rewrites the path that was asked
//! for, and brings the tables of internationalised domain names along.

mod batch;
mod http;
mod invocation;
mod log;
mod metrics;
pub mod rooms;
mod start;
mod wiring;

pub use batch::{Batch, BatchAnswer, Handler, Receipts, SqsEvent};
pub use http::{HttpAnswer, HttpEvent, Unreadable};
pub use invocation::span;
pub use log::subscriber;
pub use metrics::EmfMetrics;
pub use sluice_core::provider;
pub use start::{Environment, StartError, run};
