use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    ports::{Clock, DeadLetter, DeadLetters, Message, PortError, Queue, QueueName, SendError},
    time::Timestamp,
};

/// The queues in memory, by the rules of the real ones: visibility timeout, receive count, dead letters.
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    max_receives: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    messages: BTreeMap<u64, Held>,
}

struct Held {
    queue: QueueName,
    body: String,
    visible_at: Timestamp,
    sent_at: Timestamp,
    receives: u32,
    receipt: u64,
    dead: bool,
}

/// A message as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryReceived {
    /// The queue's own id of the message.
    pub id: u64,
    /// Names this very receipt.
    pub receipt: u64,
    /// The message.
    pub body: String,
    /// How often it has been received, this time included.
    pub receives: u32,
    /// When it was first queued.
    pub sent_at: Timestamp,
}

impl MemoryQueue {
    /// Empty queues; a message that was received `max_receives` times is dead the next time.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, max_receives: u32) -> Self {
        Self { clock, max_receives, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives up to `limit` messages that nobody else receives before `visibility` has passed.
    pub fn receive(&self, queue: QueueName, limit: usize, visibility: Duration) -> Vec<MemoryReceived> {
        let now = self.clock.now();
        let state = &mut *self.state();
        let mut received = Vec::new();
        let visible = state.messages.iter_mut().filter(|(_, held)| held.queue == queue && !held.dead && held.visible_at <= now);
        for (id, held) in visible {
            if received.len() == limit {
                break;
            }
            if held.receives >= self.max_receives {
                held.dead = true;
                continue;
            }
            state.next += 1;
            held.receives += 1;
            held.receipt = state.next;
            held.visible_at = now + visibility;
            let (receipt, body, receives, sent_at) = (held.receipt, held.body.clone(), held.receives, held.sent_at);
            received.push(MemoryReceived { id: *id, receipt, body, receives, sent_at });
        }
        received
    }

    /// Removes a message, unless it was received again since.
    pub fn done(&self, id: u64, receipt: u64) {
        let mut state = self.state();
        if state.messages.get(&id).is_some_and(|held| held.receipt == receipt) {
            state.messages.remove(&id);
        }
    }

    /// Makes a message visible at `at`, unless it was received again since.
    pub fn later(&self, id: u64, receipt: u64, at: Timestamp) {
        if let Some(held) = self.state().messages.get_mut(&id).filter(|held| held.receipt == receipt) {
            held.visible_at = at;
        }
    }

    /// When the next message becomes visible; `None` if there is none but dead ones.
    #[must_use]
    pub fn next_visible(&self) -> Option<Timestamp> {
        self.state().messages.values().filter(|held| !held.dead).map(|held| held.visible_at).min()
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn send(&self, queue: QueueName, messages: Vec<Message>, not_before: Option<Timestamp>) -> Result<(), SendError> {
        let sent_at = self.clock.now();
        let visible_at = not_before.map_or(sent_at, |at| at.max(sent_at));
        let mut state = self.state();
        for message in messages {
            state.next += 1;
            let id = state.next;
            state.messages.insert(id, Held { queue, body: message.body, visible_at, sent_at, receives: 0, receipt: 0, dead: false });
        }
        Ok(())
    }
}

#[async_trait]
impl DeadLetters for MemoryQueue {
    async fn list(&self, queue: QueueName, limit: usize) -> Result<(Vec<DeadLetter>, u64), PortError> {
        let state = self.state();
        let dead: Vec<_> = state.messages.iter().filter(|(_, held)| held.queue == queue && held.dead).collect();
        let letter = |(id, held): &(&u64, &Held)| DeadLetter {
            id: id.to_string(),
            body: held.body.clone(),
            receives: held.receives,
            sent_at: held.sent_at,
        };
        Ok((dead.iter().take(limit).map(letter).collect(), dead.len() as u64))
    }

    async fn redrive(&self, queue: QueueName) -> Result<u64, PortError> {
        let now = self.clock.now();
        let mut state = self.state();
        let mut redriven = 0;
        for held in state.messages.values_mut().filter(|held| held.queue == queue && held.dead) {
            (held.dead, held.receives, held.visible_at) = (false, 0, now);
            redriven += 1;
        }
        Ok(redriven)
    }
}
