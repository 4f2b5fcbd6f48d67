use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortError;
use crate::time::Timestamp;

/// The queues of Sluice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueName {
    /// Verified webhooks, timers, takeovers and replays, on their way to `process`.
    Inbound,
    /// Deliveries to subscribers, on their way to `deliver`.
    Outbound,
}

/// One message for a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The message, as text (JSON).
    pub body: String,
    /// Messages of one group are kept from crowding out those of others, where the queue can do that. No order is promised.
    pub group: Option<String>,
}

/// Some or all messages of a call may not have been queued.
#[derive(Debug, thiserror::Error)]
#[error("{} message(s) not queued: {cause}", failed.len())]
pub struct SendError {
    /// Which messages of the call were not confirmed, by position. Every other one is durably queued.
    pub failed: Vec<usize>,
    /// Why.
    pub cause: PortError,
}

/// Sends messages. Receiving is the host's business: the rules are the same everywhere (visibility timeout, receive count, dead-letter queue).
#[async_trait]
pub trait Queue: Send + Sync {
    /// Queues the messages durably: once this returns, they survive any crash. None is received before `not_before`.
    /// At least once: a message whose confirmation was lost may be there, and may be sent again by the caller.
    ///
    /// # Errors
    /// [`SendError`] names the messages that were not confirmed.
    async fn send(&self, queue: QueueName, messages: Vec<Message>, not_before: Option<Timestamp>) -> Result<(), SendError>;
}

/// A message that killed or outlived every try to handle it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue's own id of the message.
    pub id: String,
    /// The message.
    pub body: String,
    /// How often it was received.
    pub receives: u32,
    /// When it was first queued.
    pub sent_at: Timestamp,
}

/// The dead-letter queues: what an operator sees and does.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// Up to `limit` messages of the dead-letter queue behind `queue`, oldest first, and how many there are in all.
    ///
    /// # Errors
    /// [`PortError`] if the queue can't be read.
    async fn list(&self, queue: QueueName, limit: usize) -> Result<(Vec<DeadLetter>, u64), PortError>;
    /// Sends every message of the dead-letter queue back to `queue`, to be received as if new. Returns how many.
    ///
    /// # Errors
    /// [`PortError`] if the queue can't be changed; messages not yet moved stay where they are.
    async fn redrive(&self, queue: QueueName) -> Result<u64, PortError>;
}
