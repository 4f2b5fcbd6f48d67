use std::collections::HashMap;

use rusqlite::Connection;
use sluice_core::time::Timestamp;

/// The messages that someone has in hand, and until when. It lives with the process: at the next start every message is visible again anyway.
///
/// It changes together with the database: whatever a savepoint or the transaction takes back is taken back here too.
#[derive(Default)]
pub(crate) struct Flights {
    messages: HashMap<i64, Flight>,
    /// What stood here before each change since the last commit.
    journal: Vec<(i64, Option<Flight>)>,
    last_message: i64,
    last_receipt: u64,
}

/// A message in hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    /// The number of its queue.
    pub(super) queue: i64,
    /// Which receipt it was handed out with.
    pub(super) receipt: u64,
    /// How often it was received.
    pub(super) receives: u32,
    /// When it comes back.
    pub(super) visible_at: Timestamp,
    /// Where it is stored.
    pub(super) stored: StoredIn,
}

/// Where a message in hand is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoredIn {
    /// In `messages`, since it waited.
    Messages,
    /// In `in_flight` alone: it never did.
    InFlight,
}

/// A point in the journal.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

impl Flights {
    /// None in hand. Message ids go on after those in the database, and the process's number makes its receipts unlike those of any other.
    pub(crate) fn begin(connection: &Connection, boot: u64) -> rusqlite::Result<Self> {
        let last_message = connection.query_row(
            "SELECT max(coalesce((SELECT max(id) FROM messages), 0), coalesce((SELECT max(id) FROM dead_letters), 0))",
            [],
            |row| row.get(0),
        )?;
        Ok(Self { last_message, last_receipt: boot << 40, ..Self::default() })
    }

    /// An id that no message of this process had before, sent or not.
    pub(super) fn next_message(&mut self) -> i64 {
        self.last_message += 1;
        self.last_message
    }

    pub(super) fn next_receipt(&mut self) -> u64 {
        self.last_receipt += 1;
        self.last_receipt
    }

    pub(super) fn get(&self, message: i64) -> Option<Flight> {
        self.messages.get(&message).copied()
    }

    pub(super) fn insert(&mut self, message: i64, flight: Flight) {
        let before = self.messages.insert(message, flight);
        self.journal.push((message, before));
    }

    pub(super) fn remove(&mut self, message: i64) {
        let before = self.messages.remove(&message);
        self.journal.push((message, before));
    }

    /// The messages of a queue whose visibility timeout has ended.
    pub(super) fn overdue(&self, queue: i64, now: Timestamp) -> Vec<i64> {
        let overdue = self.of(queue).filter(|(_, flight)| flight.visible_at <= now);
        overdue.map(|(message, _)| message).collect()
    }

    /// When the next message of a queue comes back by itself.
    pub(super) fn next_due(&self, queue: i64) -> Option<Timestamp> {
        self.of(queue).map(|(_, flight)| flight.visible_at).min()
    }

    fn of(&self, queue: i64) -> impl Iterator<Item = (i64, &Flight)> {
        self.messages.iter().filter(move |(_, flight)| flight.queue == queue).map(|(message, flight)| (*message, flight))
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark(self.journal.len())
    }

    pub(crate) fn undo_to(&mut self, mark: Mark) {
        for (message, before) in self.journal.drain(mark.0..).rev() {
            match before {
                Some(flight) => self.messages.insert(message, flight),
                None => self.messages.remove(&message),
            };
        }
    }

    pub(crate) fn undo_all(&mut self) {
        self.undo_to(Mark(0));
    }

    pub(crate) fn keep(&mut self) {
        self.journal.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flight(receipt: u64) -> Flight {
        Flight { queue: 1, receipt, receives: 1, visible_at: Timestamp::MIN, stored: StoredIn::Messages }
    }

    #[test]
    fn what_the_database_takes_back_is_taken_back() {
        let mut flights = Flights::default();
        flights.insert(1, flight(1));
        flights.keep();

        flights.insert(2, flight(2));
        let mark = flights.mark();
        flights.remove(1);
        flights.insert(1, flight(3));
        flights.undo_to(mark);
        assert_eq!(flights.get(1).map(|flight| flight.receipt), Some(1));
        assert!(flights.get(2).is_some());

        flights.undo_all();
        assert!(flights.get(2).is_none());
        assert_eq!(flights.overdue(1, Timestamp::MIN), [1]);
    }
}
