//! The webhook gateway itself: ingest, process, records, timers, the HTTP API, and the ports they stand on.
//!
//! Nothing here knows a vendor's SDK, the wall clock, the environment or a source of randomness: they are handed in.

pub mod ports;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
