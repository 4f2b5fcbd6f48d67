//! The queues, their receiving side and their dead letters.

mod dead;
mod flights;
mod hands;
mod receive;
mod send;
mod settle;

use std::{ops::Deref, sync::Arc, time::Duration};

use async_trait::async_trait;
use sluice_core::{
    ports::{DeadLetter, DeadLetters, Message, PortError, Queue, QueueName, SendError},
    time::Timestamp,
};
use tokio::sync::Notify;

pub(crate) use self::flights::Flights;
pub(crate) use self::hands::{Handed, Hands};
pub(crate) use self::send::SendMessages;
use self::{receive::Receive, settle::Settle};
pub use self::{
    receive::{Batch, Received},
    settle::Settlement,
};
use crate::folder::Inner;

/// How often a message may be received before it goes to the dead letters instead.
pub const MAX_RECEIVES: u32 = 20;

/// Names one receipt of a message. It is dead once the visibility timeout has ended and the message was handed out again, or the process has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    message: i64,
    number: u64,
}

/// The queues on SQLite: at least once, with visibility timeout, receive count, delayed messages and dead letters. Messages are handed out by the time at
/// which they are visible; their group makes no difference here.
#[derive(Clone)]
pub struct EmbeddedQueue {
    inner: Arc<Inner>,
}

impl EmbeddedQueue {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Receives up to `limit` messages that nobody else receives before `visibility` has passed. Does not wait for messages: [`Batch::next_due`] and
    /// [`EmbeddedQueue::changed`] say when to look again.
    ///
    /// # Errors
    /// [`PortError`] if the database can't be written; nothing was received.
    pub async fn receive(&self, queue: QueueName, limit: usize, visibility: Duration) -> Result<Batch, PortError> {
        self.inner.writer.write(Receive { queue, limit, visibility }).await
    }

    /// Settles messages received from `queue`, all of them together. A receipt that is dead settles nothing.
    ///
    /// # Errors
    /// [`PortError`] if the database can't be written; nothing was settled, or the answer was lost.
    pub async fn settle(&self, queue: QueueName, settlements: Vec<Settlement>) -> Result<(), PortError> {
        let reception = self.inner.receptions.of(queue);
        self.inner.writer.write(Settle { settlements, reception }).await
    }

    /// The hands of this process's worker on `queue`.
    pub(crate) fn hands(&self, queue: QueueName) -> HandsOf {
        HandsOf(self.inner.receptions.of(queue))
    }

    /// Returns once messages were queued, or made visible by someone else, since the last call returned. Meant for one waiting worker for each queue: one
    /// call returns for one change.
    pub async fn changed(&self, queue: QueueName) {
        self.inner.receptions.of(queue).bell.notified().await;
    }
}

#[async_trait]
impl Queue for EmbeddedQueue {
    async fn send(&self, queue: QueueName, messages: Vec<Message>, not_before: Option<Timestamp>) -> Result<(), SendError> {
        if messages.is_empty() {
            return Ok(());
        }
        let count = messages.len();
        let operation = SendMessages::new(queue, messages, not_before, self.inner.receptions.of(queue));
        self.inner.writer.write(operation).await.map_err(|cause| SendError { failed: (0..count).collect(), cause })
    }
}

#[async_trait]
impl DeadLetters for EmbeddedQueue {
    async fn list(&self, queue: QueueName, limit: usize) -> Result<(Vec<DeadLetter>, u64), PortError> {
        let inner = Arc::clone(&self.inner);
        let listed = tokio::task::spawn_blocking(move || inner.readers.read(|connection| dead::list(connection, queue, limit))).await;
        match listed {
            Ok(listed) => Ok(listed?),
            Err(stopped) => Err(PortError::Temporary(format!("the read was stopped: {stopped}"))),
        }
    }

    async fn redrive(&self, queue: QueueName) -> Result<u64, PortError> {
        let reception = self.inner.receptions.of(queue);
        self.inner.writer.write(dead::Redrive { queue, reception }).await
    }
}

/// The hands of the worker on one queue.
pub(crate) struct HandsOf(Arc<Reception>);

impl Deref for HandsOf {
    type Target = Hands;

    fn deref(&self) -> &Hands {
        &self.0.hands
    }
}

/// Whoever waits for the messages of a queue.
#[derive(Default)]
pub(crate) struct Reception {
    /// Rings when there may be something to receive.
    bell: Notify,
    /// Who is handed messages without looking for them.
    hands: Hands,
}

/// The receptions of the queues.
#[derive(Default)]
pub(crate) struct Receptions {
    inbound: Arc<Reception>,
    outbound: Arc<Reception>,
}

impl Receptions {
    pub(crate) fn of(&self, queue: QueueName) -> Arc<Reception> {
        Arc::clone(match queue {
            QueueName::Inbound => &self.inbound,
            QueueName::Outbound => &self.outbound,
        })
    }
}

/// The number that stands for a queue in the database; it never changes.
fn queue_number(queue: QueueName) -> i64 {
    match queue {
        QueueName::Inbound => 1,
        QueueName::Outbound => 2,
    }
}
