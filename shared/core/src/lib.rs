//! The webhook gateway itself: ingest, process, records, timers, the HTTP API, and the ports they stand on.
//!
//! Nothing here knows a vendor's SDK, the wall clock, the environment or a source of randomness: they are handed in.

pub mod decline;
pub mod money;
pub mod pay_url;
pub mod ports;
pub mod template;
pub mod time;
