use std::time::Duration;

use rusqlite::{Connection, OptionalExtension};
use sluice_core::{ports::QueueName, time::Timestamp};

use super::{MAX_RECEIVES, Receipt, flights::Flight, queue_number};
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
            let receives = work.flights.get(message).map_or(0, |flight| flight.receives);
            land(work, message)?;
            make_ready(work.connection, queue, message, receives, now)?;
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
                    messages.push(self.hand_out(work, queue, now, message)?);
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

/// A message that was taken out of `ready`.
struct Taken {
    id: i64,
    visible_at: i64,
    receives: u32,
    sent_at: i64,
    body: String,
}

/// Takes the first visible messages out of `ready`.
fn take_visible(connection: &Connection, queue: i64, now: Timestamp, limit: usize) -> Result<Vec<Taken>, Failure> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT r.id, r.visible_at, r.receives, m.sent_at, m.body FROM ready r CROSS JOIN messages m ON m.id = r.id
         WHERE r.queue = ?1 AND r.visible_at <= ?2 ORDER BY r.visible_at, r.id LIMIT ?3",
    )?;
    let rows = statement.query_map((queue, now.millis(), limit), |row| {
        Ok(Taken { id: row.get(0)?, visible_at: row.get(1)?, receives: row.get(2)?, sent_at: row.get(3)?, body: row.get(4)? })
    })?;
    let taken = rows.collect::<rusqlite::Result<Vec<Taken>>>()?;
    if let Some(last) = taken.last() {
        // They are the first of the queue, so everything up to the last of them is them.
        connection.prepare_cached("DELETE FROM ready WHERE queue = ?1 AND (visible_at, id) <= (?2, ?3)")?.execute((
            queue,
            last.visible_at,
            last.id,
        ))?;
    }
    Ok(taken)
}

impl Receive {
    fn hand_out(&self, work: &mut Work<'_>, queue: i64, now: Timestamp, message: Taken) -> Result<(Receipt, Received), Failure> {
        let receives = message.receives + 1;
        work.connection
            .prepare_cached("INSERT INTO in_flight (id, queue, receives) VALUES (?1, ?2, ?3)")?
            .execute((message.id, queue, receives))?;
        let flight = Flight { queue, receipt: work.flights.next_receipt(), receives, visible_at: now + self.visibility };
        work.flights.insert(message.id, flight);
        let receipt = Receipt { message: message.id, number: flight.receipt };
        let received = Received {
            id: message.id.to_string(),
            body: message.body,
            receives,
            max_receives: MAX_RECEIVES,
            sent_at: Timestamp::from_millis(message.sent_at),
        };
        Ok((receipt, received))
    }
}

fn bury(connection: &Connection, queue: i64, message: &Taken) -> Result<(), Failure> {
    connection.prepare_cached("INSERT INTO dead_letters (id, queue, receives, sent_at, body) VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
        message.id,
        queue,
        message.receives,
        message.sent_at,
        &message.body,
    ))?;
    super::settle::forget(connection, message.id)
}

/// Takes a message out of whoever's hand it is in.
pub(super) fn land(work: &mut Work<'_>, message: i64) -> Result<(), Failure> {
    work.connection.prepare_cached("DELETE FROM in_flight WHERE id = ?1")?.execute([message])?;
    work.flights.remove(message);
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
