//! The documents.

mod commit;
mod expired;
mod query;
mod row;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use sluice_core::ports::{Commit, Committed, Key, Page, PortError, Query, Store, Stored};

use self::commit::ApplyCommit;
pub(crate) use self::expired::RemoveExpired;
use crate::{failure::Failure, folder::Inner};

/// The store on SQLite. Indexes never lag: a query sees every commit that was answered before it began.
#[derive(Clone)]
pub struct EmbeddedStore {
    inner: Arc<Inner>,
}

impl EmbeddedStore {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Stored>>, PortError> {
        let now = self.inner.clock.now();
        // On this thread: a point read takes some microseconds, and handing it to another thread and back was measured to cost 35 more.
        let found = self.inner.readers.read(|connection| {
            in_one_snapshot(connection, keys.len(), || keys.iter().map(|key| row::find(connection, key, now)).collect())
        });
        Ok(found?)
    }

    async fn query(&self, query: &Query) -> Result<Page, PortError> {
        let now = self.inner.clock.now();
        let inner = Arc::clone(&self.inner);
        let query = query.clone();
        let page = tokio::task::spawn_blocking(move || inner.readers.read(|connection| query::page(connection, &query, now))).await;
        match page {
            Ok(page) => Ok(page?),
            Err(stopped) => Err(PortError::Temporary(format!("the read was stopped: {stopped}"))),
        }
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, PortError> {
        commit.well_formed()?;
        self.inner.writer.write(ApplyCommit::new(commit.writes)?).await
    }
}

/// Several reads share a transaction, which spares all but the first the locks of a transaction of their own.
fn in_one_snapshot<T>(connection: &Connection, reads: usize, read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    if reads < 2 {
        return read();
    }
    let _snapshot = Snapshot::begin(connection)?;
    read()
}

/// A transaction that only reads. It ends when dropped, with a statement that is prepared once: rusqlite's own prepares its two each time.
struct Snapshot<'a>(&'a Connection);

impl<'a> Snapshot<'a> {
    fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(connection))
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        // It has nothing to write, and so nothing that could fail.
        let ended = self.0.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        debug_assert!(ended.is_ok(), "a transaction that only read can be ended: {ended:?}");
    }
}
