use std::sync::Arc;

use sluice_core::{
    ports::{Clock, Commit, Committed, Condition, Document, Key, Message, PortError, Queue, QueueName, Store, Stored, Write},
    testing::ManualClock,
    time::Timestamp,
};
use sluice_embedded::{DataFolder, EmbeddedQueue, EmbeddedStore};
use tempfile::TempDir;

pub(crate) const START: i64 = 1_771_000_000;

/// A data folder of the test's own, with a clock that the test sets.
pub(crate) struct Home {
    pub(crate) folder: DataFolder,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) directory: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(START)));
        let folder = DataFolder::open(directory.path(), clock_of(&clock)).expect("a new folder");
        Self { folder, clock, directory }
    }

    /// Ends the process, so to say, and starts the next.
    pub(crate) fn restarted(self) -> Self {
        let Self { folder, clock, directory } = self;
        drop(folder);
        let folder = DataFolder::open(directory.path(), clock_of(&clock)).expect("the lock is free again");
        Self { folder, clock, directory }
    }

    pub(crate) fn queue(&self) -> EmbeddedQueue {
        self.folder.queue()
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        clock_of(&self.clock)
    }

    pub(crate) async fn put(&self, id: &str) {
        put(&self.folder.store(), id).await.expect("the store answers");
    }

    pub(crate) async fn get(&self, id: &str) -> Option<Stored> {
        let found = self.folder.store().get(&[Key::new("test", id)]).await;
        found.expect("the store answers").remove(0)
    }

    pub(crate) async fn send(&self, body: &str) {
        send(&self.queue(), body).await;
    }
}

pub(crate) fn clock_of(clock: &Arc<ManualClock>) -> Arc<dyn Clock> {
    Arc::clone(clock) as Arc<dyn Clock>
}

pub(crate) fn document(id: &str) -> Document {
    Document { key: Key::new("test", id), data: b"{}".to_vec(), blob: None, places: Vec::new(), expires_at: None }
}

pub(crate) async fn put(store: &EmbeddedStore, id: &str) -> Result<Committed, PortError> {
    put_document(store, document(id)).await
}

pub(crate) async fn put_document(store: &EmbeddedStore, document: Document) -> Result<Committed, PortError> {
    let put = Write::Put { document, condition: Condition::Absent };
    let commit = Commit { token: String::new(), writes: vec![put] };
    store.commit(commit).await
}

pub(crate) async fn send(queue: &EmbeddedQueue, body: &str) {
    let message = Message { body: body.to_owned(), group: None };
    queue.send(QueueName::Inbound, vec![message], None).await.expect("the queue answers");
}
