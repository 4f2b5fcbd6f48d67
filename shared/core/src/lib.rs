//! The webhook gateway itself: ingest, process, records, timers, the HTTP API, and the ports they stand on.
//!
//! Nothing here knows a vendor's SDK, the wall clock, the environment or a source of randomness: they are handed in.

pub mod address;
pub mod alarm;
pub mod allowance;
pub mod api;
pub mod body;
mod change;
pub mod decline;
pub mod effect;
pub mod envelope;
pub mod event;
pub mod form;
pub mod ids;
pub mod ingest;
pub mod json;
pub mod kind;
pub mod listing;
pub mod money;
pub mod news;
pub mod outgoing;
pub mod packing;
pub mod pay_url;
pub mod plan;
pub mod ports;
pub mod process;
pub mod provider;
pub mod record;
pub mod records;
pub mod refusal;
pub mod rules;
pub mod schema;
pub mod secrets;
pub mod settings;
pub mod space;
pub mod state;
pub mod sweep;
pub mod template;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod time;
pub mod watch;
pub mod webhooks;
