//! What an event costs on AWS: the real gateway is run in memory, what each call would be billed is computed from sizes, and multiplied with list prices.

mod access;
mod bill;
mod cases;
mod gateway;
mod log;
mod prices;
mod report;
mod store;
mod template;

pub use access::accesses;
pub use bill::{Bill, Line};
pub use cases::{CASES, Case};
pub use report::report;

/// How many events of a kind are run. The sizes of two events differ by a few bytes.
pub const EVENTS: usize = 100;
/// How many messages the consumer is handed at once, on average.
pub const BATCH: usize = 10;

/// The bill of every kind of event.
///
/// # Errors
/// What did not come out as the kind says, or could not be read.
pub fn all() -> Result<Vec<(&'static Case, Bill)>, String> {
    CASES.iter().map(|case| Ok((case, run(case)?))).collect()
}

/// The bill of one kind of event.
///
/// # Errors
/// What did not come out as the kind says, or could not be read.
pub fn run(case: &Case) -> Result<Bill, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(cases::run(case))
}
