//! How AWS is reached: as whom, where, and through which HTTP client.

mod agent;
mod clients;
mod environment;
mod http;

pub use clients::{Clients, Timeouts};
pub use environment::{AwsEnvironment, EnvironmentProblem};
