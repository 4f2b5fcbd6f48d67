//! The queues on SQS. Receiving is the business of Lambda's event source mapping.

mod batch;
mod body;
mod dead;
mod receipts;
mod redrive;
mod send;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use sluice_core::{
    ports::{Clock, DeadLetter, DeadLetters, Message, PortError, Queue, QueueName, SendError},
    time::Timestamp,
};

pub use self::receipts::{LONGEST_VISIBILITY, SqsReceipts};
use crate::patience::Patience;

/// The longest that SQS holds a message back. What is due later waits in the due index.
pub const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// Where a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueUrls {
    /// The queue's URL.
    pub queue: String,
    /// The URL of its dead-letter queue, for those who look into it.
    pub dead_letters: Option<String>,
}

/// The queues on SQS.
#[derive(Clone)]
pub struct SqsQueue {
    client: Client,
    urls: BTreeMap<QueueName, QueueUrls>,
    clock: Arc<dyn Clock>,
    patience: Arc<Patience>,
}

impl SqsQueue {
    /// The queues at `urls`: as few as a function needs, and may use. `clock` turns times into delays; `patience` says how long busy calls are tried again.
    #[must_use]
    pub fn new(client: Client, urls: BTreeMap<QueueName, QueueUrls>, clock: Arc<dyn Clock>, patience: Arc<Patience>) -> Self {
        Self { client, urls, clock, patience }
    }

    /// Opens a connection, so that the first send need not. Asks a question to which the answer is of no interest, that there is no right to ask included.
    pub async fn connect(&self, queue: QueueName) {
        let Ok(urls) = self.urls(queue) else { return };
        let asked = Box::pin(self.client.get_queue_attributes().queue_url(&urls.queue).send()).await;
        tracing::debug!(answered = asked.is_ok(), "connected to SQS");
    }

    fn urls(&self, queue: QueueName) -> Result<&QueueUrls, PortError> {
        self.urls
            .get(&queue)
            .ok_or_else(|| PortError::Temporary(format!("the URL of the queue {queue:?} is not among this function's settings")))
    }

    fn dead_letter_url(&self, queue: QueueName) -> Result<&str, PortError> {
        let missing =
            || PortError::Temporary(format!("the URL of the dead-letter queue of {queue:?} is not among this function's settings"));
        self.urls(queue)?.dead_letters.as_deref().ok_or_else(missing)
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, queue: QueueName, messages: Vec<Message>, not_before: Option<Timestamp>) -> Result<(), SendError> {
        self.send_all(queue, messages, not_before).await
    }
}

#[async_trait]
impl DeadLetters for SqsQueue {
    /// Oldest first among those that SQS hands out: a few hundred at most are looked at. Looking counts as a receive of a dead letter, and hides it from others
    /// for a moment.
    async fn list(&self, queue: QueueName, limit: usize) -> Result<(Vec<DeadLetter>, u64), PortError> {
        self.look(self.dead_letter_url(queue)?, limit).await
    }

    /// Starts SQS's own message move task and waits for it for a while. What is not moved by then moves on by itself, and is not in the number returned.
    async fn redrive(&self, queue: QueueName) -> Result<u64, PortError> {
        self.move_all(self.dead_letter_url(queue)?, &self.urls(queue)?.queue).await
    }
}

impl fmt::Debug for SqsQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsQueue").field("urls", &self.urls).finish_non_exhaustive()
    }
}
