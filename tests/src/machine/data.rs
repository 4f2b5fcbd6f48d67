//! Looks into a data folder, past the gateway.

use std::{collections::BTreeSet, path::Path};

use rusqlite::{Connection, OpenFlags, types::FromSql};
use serde_json::Value;
use sluice_core::envelope::InboundMessage;

use super::database;

/// What is left undone in a data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Messages that wait in a queue or are being handled, but for repeats of events that are done: one that came while the first was handled waits
    /// until the lease would have ended, and finds nothing to do.
    pub messages: u64,
    /// Messages that nobody will handle unless they are redriven.
    pub dead_letters: u64,
    /// Events with effects that are not done, so that somebody holds their lease or should.
    pub unfinished: u64,
    /// Events that are parked.
    pub parked: u64,
}

fn open(folder: &Path) -> Connection {
    // Opened for writing, because a log that a killed process has left can't be read otherwise.
    let connection = Connection::open_with_flags(database(folder), OpenFlags::SQLITE_OPEN_READ_WRITE).expect("there is a database");
    connection.busy_timeout(crate::LONG).expect("a timeout can be set");
    connection
}

/// Counts what is left undone.
///
/// # Panics
/// If the database can't be read.
#[must_use]
pub fn leftovers(folder: &Path) -> Leftovers {
    let connection = open(folder);
    // One moment for all: between two reads a message may become an event record.
    let transaction = connection.unchecked_transaction().expect("nobody else has this connection");
    let mut left = Leftovers::default();
    let mut done = BTreeSet::new();
    for event in rows::<Vec<u8>>(&transaction, "SELECT data FROM documents WHERE kind = 'event'") {
        let event: Value = serde_json::from_slice(&event).expect("an event record is JSON");
        let pending = event["effects"].as_array().is_some_and(|effects| effects.iter().any(|effect| effect["state"] == "pending"));
        left.parked += u64::from(event["status"] == "parked");
        if pending || event["status"] == "processing" || event["status"] == "waiting" {
            left.unfinished += 1;
        } else {
            done.insert(event["id"].as_str().unwrap_or_default().to_owned());
        }
    }
    for message in rows::<String>(&transaction, "SELECT m.body FROM messages m JOIN ready r ON r.id = m.id WHERE r.receives > 0") {
        let event = match serde_json::from_str(&message) {
            Ok(InboundMessage::Event(envelope)) => Some(envelope.event_id()),
            Ok(InboundMessage::Resume { id }) => Some(id),
            Ok(InboundMessage::Replay { .. } | InboundMessage::Timer { .. }) | Err(_) => None,
        };
        let repeat = event.is_some_and(|event| done.contains(&event));
        left.messages += u64::from(!repeat);
    }
    left.messages += rows::<i64>(&transaction, "SELECT id FROM ready WHERE receives = 0 UNION ALL SELECT id FROM in_flight").len() as u64;
    left.dead_letters = rows::<i64>(&transaction, "SELECT id FROM dead_letters").len() as u64;
    left
}

fn rows<T: FromSql>(connection: &Connection, sql: &str) -> Vec<T> {
    let mut statement = connection.prepare(sql).expect("the schema is known");
    let rows = statement.query_map([], |row| row.get(0)).expect("the schema is known");
    rows.collect::<Result<_, _>>().expect("the columns are known")
}

/// Puts a message among the dead letters of the inbound queue of a folder that nobody has open.
///
/// # Panics
/// If the database can't be written.
pub fn bury(folder: &Path, body: &str) {
    let sql = "INSERT INTO dead_letters (id, queue, receives, sent_at, body) VALUES (1000000000, 1, 20, 1795176000000, ?1)";
    open(folder).execute(sql, [body]).expect("the schema is known");
}

/// Whether the database is whole.
///
/// # Panics
/// If it is not.
pub(super) fn check_database(folder: &Path) {
    let verdict: String = open(folder).query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("the check runs");
    assert_eq!(verdict, "ok", "the database of {}", folder.display());
}
