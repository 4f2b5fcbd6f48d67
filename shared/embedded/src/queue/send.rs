use std::sync::Arc;

use sluice_core::{
    ports::{Message, QueueName},
    time::Timestamp,
};
use tokio::sync::Notify;

use super::queue_number;
use crate::{
    failure::Failure,
    writer::{Ended, Operation, Outcome, Work},
};

/// Queues messages.
pub(crate) struct SendMessages {
    pub(crate) queue: QueueName,
    pub(crate) messages: Vec<Message>,
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) bell: Arc<Notify>,
}

impl Operation for SendMessages {
    type Answer = ();

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<()>, Failure> {
        let now = work.clock.now();
        // A time that has passed is now, so that a message can't overtake all others by an old time.
        let visible_at = self.not_before.map_or(now, |time| time.max(now));
        let queue = queue_number(self.queue);
        for message in &self.messages {
            let id = work.flights.next_message();
            work.connection.prepare_cached("INSERT INTO messages (id, sent_at, body) VALUES (?1, ?2, ?3)")?.execute((
                id,
                now.millis(),
                &message.body,
            ))?;
            work.connection.prepare_cached("INSERT INTO ready (queue, visible_at, id, receives) VALUES (?1, ?2, ?3, 0)")?.execute((
                queue,
                visible_at.millis(),
                id,
            ))?;
        }
        Ok(Outcome::Keep(()))
    }

    fn ended(self, ended: Ended) {
        if ended == Ended::Committed {
            self.bell.notify_one();
        }
    }
}
