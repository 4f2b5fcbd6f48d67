use std::sync::Arc;

use sluice_core::{
    ports::{Message, QueueName},
    time::Timestamp,
};

use super::{
    Reception,
    hands::Handed,
    queue_number,
    receive::{Taken, hand_out_new, make_ready},
};
use crate::{
    failure::Failure,
    writer::{Ended, Operation, Outcome, Work},
};

/// Queues messages, and hands those over that a worker waits for.
pub(crate) struct SendMessages {
    queue: QueueName,
    messages: Vec<Message>,
    not_before: Option<Timestamp>,
    reception: Arc<Reception>,
    /// How many of them, from the first on, were promised to a worker.
    promised: usize,
    /// These, once all are queued.
    in_hand: Handed,
}

impl SendMessages {
    pub(crate) fn new(queue: QueueName, messages: Vec<Message>, not_before: Option<Timestamp>, reception: Arc<Reception>) -> Self {
        Self { queue, messages, not_before, reception, promised: 0, in_hand: Vec::new() }
    }

    /// Begins anew: what was done before was undone, and is not to be relied on.
    pub(crate) fn begin_anew(&mut self) {
        self.in_hand.clear();
        self.reception.hands.take_back(std::mem::take(&mut self.promised));
    }
}

impl Operation for SendMessages {
    type Answer = ();

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<()>, Failure> {
        self.begin_anew();
        let now = work.clock.now();
        // A time that has passed is now, so that a message can't overtake all others by an old time.
        let visible_at = self.not_before.map_or(now, |time| time.max(now));
        let at_once = if visible_at == now { self.messages.len() } else { 0 };
        let (promised, visibility) = self.reception.hands.promise(at_once);
        self.promised = promised;
        let mut in_hand = Vec::with_capacity(promised);
        let queue = queue_number(self.queue);
        for (position, message) in self.messages.iter().enumerate() {
            let id = work.flights.next_message();
            if position < promised {
                let message = Taken { id, receives: 0, sent_at: now, body: message.body.clone() };
                in_hand.push(hand_out_new(work, queue, now + visibility, message)?);
                continue;
            }
            work.connection.prepare_cached("INSERT INTO messages (id, sent_at, body) VALUES (?1, ?2, ?3)")?.execute((
                id,
                now.millis(),
                &message.body,
            ))?;
            make_ready(work.connection, queue, id, 0, visible_at)?;
        }
        self.in_hand = in_hand;
        Ok(Outcome::Keep(()))
    }

    fn ended(mut self, ended: Ended) {
        if ended == Ended::Failed || self.in_hand.len() < self.promised {
            self.begin_anew();
        }
        if ended == Ended::Committed && self.in_hand.len() < self.messages.len() {
            self.reception.bell.notify_one();
        }
        if !self.in_hand.is_empty() {
            self.reception.hands.hand(self.in_hand);
        }
    }
}
