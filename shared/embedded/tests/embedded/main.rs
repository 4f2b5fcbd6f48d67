//! The adapters on SQLite, from outside.

mod contract;
mod support;
