//! The adapters on SQLite, from outside.

mod backup;
mod contract;
mod folder;
mod outbox;
mod queue;
mod support;
mod worker;
