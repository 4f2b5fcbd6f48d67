//! The sweeper: sends on what waits for a time, so that nothing depends on a queue message alone.
//!
//! What falls due before the next round is sent with its delay, to the second, and what is overdue at once: all that goes at the same second in one call.
//! Only then is its place in the due index moved on, conditional on the place read; the record itself stays as it is, and only its handler takes it out of the index.
//! A message that is lost is thus sent again when the place comes up again.

use std::{collections::BTreeMap, ops::Bound, sync::Arc, time::Duration};

use futures_util::stream::{self, StreamExt};
use serde::Deserialize;

use crate::{
    envelope::InboundMessage,
    event::EventRecord,
    ids::fresh,
    ports::{Clock, Commit, Ids, Index, Key, Message, Order, Place, PortError, Query, Queue, QueueName, SendError, Store, Stored, Write},
    record::{DUE, Record},
    time::Timestamp,
    webhooks::{Delivery, OutboundMessage},
};

/// How long a message is given before its record's place comes up again.
pub const GRACE: Duration = Duration::from_mins(5);
/// How many records are looked at in one go.
const PAGE: usize = 200;
/// How many places are moved on at the same time.
const AT_ONCE: usize = 16;

/// A message for what waits, and the place in the index that is moved on once it is sent.
struct Going {
    message: Message,
    not_before: Option<Timestamp>,
    from: Place,
    to: Place,
    key: Key,
}

impl Going {
    /// What goes at the same second goes together, as queues count in whole seconds.
    fn second(&self) -> Option<i64> {
        self.not_before.map(|at| at.millis().div_euclid(1_000))
    }
}

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
        let mut from = Bound::Unbounded;
        loop {
            let query = Query {
                index: Index::Due,
                partition: DUE.to_owned(),
                from,
                // No id begins with a character above this one, so that the bound takes in all of that very time.
                to: Bound::Included(format!("{}/\u{10ffff}", horizon.sortable())),
                order: Order::Ascending,
                limit: PAGE,
            };
            let page = self.store.query(&query).await?;
            let Some((last, _)) = page.items.last() else { return Ok(sent) };
            from = Bound::Excluded(last.sort.clone());
            let mut groups: BTreeMap<_, Vec<Going>> = BTreeMap::new();
            for (place, stored) in page.items {
                match self.going(place, &stored, sending) {
                    Ok(Some((queue, going))) => groups.entry((queue, going.second())).or_default().push(going),
                    Ok(None) => {}
                    // It stays where it is, for whoever mends it. What is due behind it goes on.
                    Err(error) => tracing::error!(%error, "what is due can't be read, and is left"),
                }
            }
            for ((queue, _), group) in groups {
                sent += self.send_on(queue, group).await?;
            }
            if !page.more {
                return Ok(sent);
            }
        }
    }

    /// The message for what waits at this place; `None` if nothing is to be sent now.
    fn going(&self, from: Place, stored: &Stored, sending: Sending) -> Result<Option<(QueueName, Going)>, PortError> {
        let key = &stored.document.key;
        if sending == Sending::EventsAtOnce && key.kind != EventRecord::KIND {
            return Ok(None);
        }
        let waiting: Waiting = serde_json::from_slice(&stored.document.data)
            .map_err(|error| PortError::Permanent(format!("the stored document {key} can't be read: {error}")))?;
        // An index may lag: what waits no more is left to its handler's own write.
        let Some(due_at) = waiting.due_at else { return Ok(None) };
        let (queue, message) = match key.kind.as_ref() {
            EventRecord::KIND => {
                (QueueName::Inbound, Message { body: InboundMessage::Resume { id: key.id.clone() }.to_text(), group: None })
            }
            Delivery::KIND => {
                let delivery = Delivery::from_stored(stored)?;
                (QueueName::Outbound, OutboundMessage::of(&delivery, due_at))
            }
            _ => (QueueName::Inbound, Message { body: InboundMessage::Timer { record: key.clone(), due_at }.to_text(), group: None }),
        };
        let now = self.clock.now();
        let not_before = Some(due_at).filter(|due_at| sending == Sending::WhenDue && *due_at > now);
        let id = from.sort.split_once('/').map_or("", |(_, id)| id);
        let to = Place { sort: format!("{}/{id}", (due_at.max(now) + GRACE).sortable()), ..from.clone() };
        Ok(Some((queue, Going { message, not_before, from, to, key: key.clone() })))
    }

    /// Sends the messages in one call, none before its time, and moves on the places of those that the queue has confirmed. Returns how many those are.
    async fn send_on(&self, queue: QueueName, mut group: Vec<Going>) -> Result<usize, PortError> {
        let not_before = group.iter().filter_map(|going| going.not_before).max();
        let messages = group.iter().map(|going| going.message.clone()).collect();
        let cause = match self.queue.send(queue, messages, not_before).await {
            Ok(()) => None,
            Err(SendError { failed, cause }) => {
                let mut position = 0..;
                group.retain(|_| !failed.contains(&position.next().unwrap_or(0)));
                Some(cause)
            }
        };
        let sent = group.len();
        let moved = stream::iter(group).map(|going| self.move_on(going)).buffer_unordered(AT_ONCE);
        let moved: Vec<Result<(), PortError>> = moved.collect().await;
        moved.into_iter().collect::<Result<(), _>>()?;
        cause.map_or(Ok(sent), Err)
    }

    async fn move_on(&self, Going { from, to, key, .. }: Going) -> Result<(), PortError> {
        let write = Write::Move { key, from, to };
        // Refused: the record was written meanwhile and has set its own place.
        self.store.commit(Commit { token: fresh("", &*self.ids), writes: vec![write] }).await.map(drop)
    }
}
