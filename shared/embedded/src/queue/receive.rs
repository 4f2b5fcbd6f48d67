use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use sluice_core::{ports::QueueName, time::Timestamp};

use super::{
    MAX_RECEIVES, Receipt,
    flights::{Flight, StoredIn},
    queue_number,
};
use crate::{
    failure::Failure,
    writer::{Operation, Outcome, Work},
};

/// A message as a handler gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The queue's own id of the message.
    pub id: String,
    /// The message.
    pub body: String,
    /// How often it has been received, this time included.
    pub receives: u32,
    /// After so many receives it goes to the dead letters: when `receives` has reached this, it is the last time.
    pub max_receives: u32,
    /// When it was first queued.
    pub sent_at: Timestamp,
}

/// What a look into a queue found.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The messages, each with the receipt that settles it.
    pub messages: Vec<(Receipt, Received)>,
    /// When the next message falls due by itself, as far as is known now. It lies in the past if some were left for want of `limit`.
    pub next_due: Option<Timestamp>,
}

/// Hands out what is visible; what was received too often goes to the dead letters.
pub(super) struct Receive {
    pub(super) queue: QueueName,
    pub(super) limit: usize,
    pub(super) visibility: Duration,
}

impl Operation for Receive {
    type Answer = Batch;

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<Batch>, Failure> {
        let now = work.clock.now();
        let queue = queue_number(self.queue);
        for message in work.flights.overdue(queue, now) {
            put_back(work, message, now)?;
        }
        let mut messages = Vec::new();
        loop {
            let wanted = self.limit - messages.len();
            let found = take_visible(work.connection, queue, now, wanted)?;
            let all = found.len() < wanted;
            for message in found {
                if message.receives >= MAX_RECEIVES {
                    bury(work.connection, queue, &message)?;
                } else {
                    messages.push(hand_out(work, queue, now + self.visibility, message)?);
                }
            }
            if all || messages.len() == self.limit {
                break;
            }
        }
        let next_due = next_due(work, queue)?;
        Ok(Outcome::Keep(Batch { messages, next_due }))
    }
}

/// A message that nobody has in hand, and that is not in `ready`.
pub(super) struct Taken {
    pub(super) id: i64,
    pub(super) receives: u32,
    pub(super) sent_at: Timestamp,
    pub(super) body: String,
}

/// Takes the first visible messages out of `ready`.
fn take_visible(connection: &Connection, queue: i64, now: Timestamp, limit: usize) -> Result<Vec<Taken>, Failure> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT r.id, r.visible_at, r.receives, m.sent_at, m.body FROM ready r CROSS JOIN messages m ON m.id = r.id
         WHERE r.queue = ?1 AND r.visible_at <= ?2 ORDER BY r.visible_at, r.id LIMIT ?3",
    )?;
    let mut last = None;
    let rows = statement.query_map((queue, now.millis(), limit), |row| {
        let id: i64 = row.get(0)?;
        last = Some((row.get::<_, i64>(1)?, id));
        Ok(Taken { id, receives: row.get(2)?, sent_at: Timestamp::from_millis(row.get(3)?), body: row.get(4)? })
    })?;
    let taken = rows.collect::<rusqlite::Result<Vec<Taken>>>()?;
    if let Some((visible_at, id)) = last {
        // They are the first of the queue, so everything up to the last of them is them.
        connection
            .prepare_cached("DELETE FROM ready WHERE queue = ?1 AND (visible_at, id) <= (?2, ?3)")?
            .execute((queue, visible_at, id))?;
    }
    Ok(taken)
}

/// Puts a message of `messages` into the hand of whoever receives it, where it is invisible to others until `visible_at`.
fn hand_out(work: &mut Work<'_>, queue: i64, visible_at: Timestamp, message: Taken) -> Result<(Receipt, Received), Failure> {
    let receives = message.receives + 1;
    work.connection
        .prepare_cached("INSERT INTO in_flight (id, queue, receives) VALUES (?1, ?2, ?3)")?
        .execute((message.id, queue, receives))?;
    let flight = Flight { queue, receipt: work.flights.next_receipt(), receives, visible_at, stored: StoredIn::Messages };
    Ok(in_hand(work, flight, message))
}

/// The same of a message that is only queued now, for somebody who waits for it.
pub(super) fn hand_out_new(work: &mut Work<'_>, queue: i64, visible_at: Timestamp, message: Taken) -> Result<(Receipt, Received), Failure> {
    work.connection.prepare_cached("INSERT INTO in_flight (id, queue, receives, sent_at, body) VALUES (?1, ?2, 1, ?3, ?4)")?.execute((
        message.id,
        queue,
        message.sent_at.millis(),
        &message.body,
    ))?;
    let flight = Flight { queue, receipt: work.flights.next_receipt(), receives: 1, visible_at, stored: StoredIn::InFlight };
    Ok(in_hand(work, flight, message))
}

fn in_hand(work: &mut Work<'_>, flight: Flight, Taken { id, sent_at, body, .. }: Taken) -> (Receipt, Received) {
    work.flights.insert(id, flight);
    let received = Received { id: id.to_string(), body, receives: flight.receives, max_receives: MAX_RECEIVES, sent_at };
    (Receipt { message: id, number: flight.receipt }, received)
}

fn bury(connection: &Connection, queue: i64, message: &Taken) -> Result<(), Failure> {
    connection.prepare_cached("INSERT INTO dead_letters (id, queue, receives, sent_at, body) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        message.id,
        queue,
        message.receives,
        message.sent_at.millis(),
        &message.body,
    ))?;
    forget(connection, message.id)
}

/// Takes a message out of whoever's hand it is in, for good.
pub(super) fn finish(work: &mut Work<'_>, message: i64) -> Result<(), Failure> {
    let stored = work.flights.get(message).map(|flight| flight.stored);
    work.connection.prepare_cached("DELETE FROM in_flight WHERE id = ?1")?.execute([message])?;
    if stored != Some(StoredIn::InFlight) {
        forget(work.connection, message)?;
    }
    work.flights.remove(message);
    Ok(())
}

/// Takes a message out of whoever's hand it is in, to be received from `visible_at` on.
pub(super) fn put_back(work: &mut Work<'_>, message: i64, visible_at: Timestamp) -> Result<(), Failure> {
    let Some(flight) = work.flights.get(message) else { return Ok(()) };
    if flight.stored == StoredIn::InFlight {
        work.connection
            .prepare_cached("INSERT INTO messages (id, sent_at, body) SELECT id, sent_at, body FROM in_flight WHERE id = ?1")?
            .execute([message])?;
    }
    work.connection.prepare_cached("DELETE FROM in_flight WHERE id = ?1")?.execute([message])?;
    work.flights.remove(message);
    make_ready(work.connection, flight.queue, message, flight.receives, visible_at)
}

fn forget(connection: &Connection, message: i64) -> Result<(), Failure> {
    connection.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([message])?;
    Ok(())
}

/// Lets a message be received from `visible_at` on.
pub(super) fn make_ready(connection: &Connection, queue: i64, message: i64, receives: u32, visible_at: Timestamp) -> Result<(), Failure> {
    connection.prepare_cached("INSERT INTO ready (queue, visible_at, id, receives) VALUES (?1, ?2, ?3, ?4)")?.execute((
        queue,
        visible_at.millis(),
        message,
        receives,
    ))?;
    Ok(())
}

fn next_due(work: &Work<'_>, queue: i64) -> Result<Option<Timestamp>, Failure> {
    let waiting: Option<i64> = work
        .connection
        .prepare_cached("SELECT visible_at FROM ready WHERE queue = ?1 ORDER BY visible_at LIMIT 1")?
        .query_row([queue], |row| row.get(0))
        .optional()?;
    let in_hand = work.flights.next_due(queue);
    Ok(waiting.map(Timestamp::from_millis).into_iter().chain(in_hand).min())
}
