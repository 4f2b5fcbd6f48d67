//! Sluice's ports on one machine: store and queue on SQLite, mail over SMTP, a capture outbox.
//!
//! A [`DataFolder`] holds everything in one SQLite file. One thread writes: it takes the operations that wait, runs each in its own savepoint, and answers
//! them after the one COMMIT that they share, so that thousands of acknowledgements cost one fsync. Reads go beside it, each seeing every commit that was
//! answered before it began.

mod backup;
mod connection;
mod documents;
mod failure;
mod folder;
mod outbox;
mod place;
#[cfg(test)]
mod plans;
mod queue;
mod readers;
mod schema;
pub mod smtp;
mod worker;
mod writer;

pub use backup::{BackupError, backup};
pub use documents::EmbeddedStore;
pub use folder::{DataFolder, FolderGone, OpenError};
pub use outbox::{Channel, Outbox, OutboxEntry};
pub use queue::{Batch, EmbeddedQueue, MAX_RECEIVES, Receipt, Received, Settlement};
pub use sluice_system::{SystemClock, SystemIds};
pub use worker::{Disposition, Drained, Worker, WorkerSettings};
