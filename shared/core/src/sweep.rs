//! The sweeper: sends on what waits for a time, so that nothing depends on a queue message alone.
//!
//! What falls due before the next round is sent with the exact delay, what is overdue at once. Only then is its place in the due
//! index moved on, conditional on the place read; the record itself stays as it is, and only its handler takes it out of the index.
//! A message that is lost is thus sent again when the place comes up again.

use std::{ops::Bound, sync::Arc, time::Duration};

use serde::Deserialize;

use crate::{
    envelope::InboundMessage,
    event::EventRecord,
    ids::fresh,
    ports::{Clock, Commit, Ids, Index, Message, Order, Place, PortError, Query, Queue, QueueName, Store, Stored, Write},
    record::{DUE, partitions},
    time::Timestamp,
};

/// How long a message is given before its record's place comes up again.
pub const GRACE: Duration = Duration::from_mins(5);
/// How many records are looked at in one go.
const PAGE: usize = 200;

/// Sends on what waits for a time.
pub struct Sweeper {
    /// The records.
    pub store: Arc<dyn Store>,
    /// Where they are handled.
    pub queue: Arc<dyn Queue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random ids.
    pub ids: Arc<dyn Ids>,
    /// How long it is from one round to the next: what falls due within it is sent now, with the exact delay.
    pub every: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    WhenDue,
    EventsAtOnce,
}

#[derive(Deserialize)]
struct Waiting {
    #[serde(default)]
    due_at: Option<Timestamp>,
}

impl Sweeper {
    /// Looks once at all that is due before the next round. Returns how many messages were sent.
    ///
    /// # Errors
    /// [`PortError`] if the index can't be read or the queue takes nothing. What was not sent stays where it is.
    pub async fn round(&self) -> Result<usize, PortError> {
        self.look(self.clock.now() + self.every, Sending::WhenDue).await
    }

    /// Sends at once every event whose effects are given time for a message to arrive: for the start of a process that is alone, because the one before
    /// may have died between the commit and the message. A message too many finds nothing to do.
    ///
    /// # Errors
    /// As for [`Sweeper::round`].
    pub async fn resume(&self) -> Result<usize, PortError> {
        self.look(self.clock.now() + GRACE, Sending::EventsAtOnce).await
    }

    async fn look(&self, horizon: Timestamp, sending: Sending) -> Result<usize, PortError> {
        let mut sent = 0;
        for partition in partitions(Index::Due, DUE) {
            let mut from = Bound::Unbounded;
            loop {
                let query = Query {
                    index: Index::Due,
                    partition: partition.clone(),
                    from,
                    // No id begins with a character above this one, so that the bound takes in all of that very time.
                    to: Bound::Included(format!("{}/\u{10ffff}", horizon.sortable())),
                    order: Order::Ascending,
                    limit: PAGE,
                };
                let page = self.store.query(&query).await?;
                let Some((last, _)) = page.items.last() else { break };
                from = Bound::Excluded(last.sort.clone());
                for (place, stored) in page.items {
                    sent += usize::from(self.send_on(place, &stored, sending).await?);
                }
                if !page.more {
                    break;
                }
            }
        }
        Ok(sent)
    }

    async fn send_on(&self, place: Place, stored: &Stored, sending: Sending) -> Result<bool, PortError> {
        let key = &stored.document.key;
        if sending == Sending::EventsAtOnce && key.kind != EventRecord::KIND {
            return Ok(false);
        }
        let waiting: Waiting = serde_json::from_slice(&stored.document.data)
            .map_err(|error| PortError::Permanent(format!("the stored document {key} can't be read: {error}")))?;
        // An index may lag: what waits no more is left to its handler's own write.
        let Some(due_at) = waiting.due_at else { return Ok(false) };
        let message = if key.kind == EventRecord::KIND {
            InboundMessage::Resume { id: key.id.clone() }
        } else {
            InboundMessage::Timer { record: key.clone(), due_at }
        };
        let now = self.clock.now();
        let not_before = Some(due_at).filter(|due_at| sending == Sending::WhenDue && *due_at > now);
        let message = Message { body: message.to_text(), group: None };
        self.queue.send(QueueName::Inbound, vec![message], not_before).await.map_err(|error| error.cause)?;
        let id = place.sort.split_once('/').map_or("", |(_, id)| id);
        let sort = format!("{}/{id}", (due_at.max(now) + GRACE).sortable());
        let to = Place { sort, ..place.clone() };
        let write = Write::Move { key: key.clone(), from: place, to };
        // Refused: the record was written meanwhile and has set its own place.
        self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await?;
        Ok(true)
    }
}
