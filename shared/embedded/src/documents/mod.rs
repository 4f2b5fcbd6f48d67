//! The documents.

mod commit;
mod expired;
mod query;
mod recent;
mod row;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use sluice_core::{
    ports::{Commit, Committed, Key, Message, Page, PortError, Query, Queue, QueueName, Store, Stored},
    time::Timestamp,
};

use self::commit::{ApplyAndSend, ApplyCommit};
pub(crate) use self::{expired::RemoveExpired, recent::Recent};
use crate::{failure::Failure, folder::Inner, queue::SendMessages};

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
        let recent = &self.inner.recent;
        let mut found: Vec<Option<Option<Stored>>> = keys.iter().map(|key| recent.find(key)).collect();
        let missing: Vec<(&Key, &mut Option<Option<Stored>>)> = keys.iter().zip(&mut found).filter(|(_, found)| found.is_none()).collect();
        if !missing.is_empty() {
            let moment = recent.moment();
            self.inner.readers.read(|connection| {
                in_one_snapshot(connection, missing.len(), || {
                    missing.into_iter().try_for_each(|(key, found)| {
                        let read = row::find(connection, key)?;
                        recent.note(moment, key, read.as_ref());
                        *found = Some(read);
                        Ok(())
                    })
                })
            })?;
        }
        Ok(found.into_iter().map(|found| found.flatten().filter(|stored| !stored.document.has_expired(now))).collect())
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
        self.inner.writer.write(ApplyCommit::new(commit.writes, Arc::clone(&self.inner.recent))?).await
    }

    /// One step: the queues of this folder are in the same file.
    async fn commit_and_send(
        &self,
        commit: Commit,
        _: &dyn Queue,
        name: QueueName,
        messages: Vec<Message>,
        not_before: Option<Timestamp>,
    ) -> Result<(Committed, Result<(), PortError>), PortError> {
        if messages.is_empty() {
            return Ok((self.commit(commit).await?, Ok(())));
        }
        commit.well_formed()?;
        let apply = ApplyCommit::new(commit.writes, Arc::clone(&self.inner.recent))?;
        let send = SendMessages::new(name, messages, not_before, self.inner.receptions.of(name));
        Ok((self.inner.writer.write(ApplyAndSend { apply, send }).await?, Ok(())))
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
