//! Looks into a data folder, past the gateway.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::database;

/// What is left undone in a data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Messages that wait in a queue or are being handled.
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
    let count = |sql: &str| -> u64 {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0)).expect("the schema is known");
        count.unsigned_abs()
    };
    let mut left = Leftovers {
        messages: count("SELECT count(*) FROM messages"),
        dead_letters: count("SELECT count(*) FROM dead_letters"),
        ..Leftovers::default()
    };
    let mut statement = connection.prepare("SELECT data FROM documents WHERE kind = 'event'").expect("the schema is known");
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).expect("the schema is known");
    for data in rows {
        let event: Value = serde_json::from_slice(&data.expect("a row")).expect("an event record is JSON");
        let pending = event["effects"].as_array().is_some_and(|effects| effects.iter().any(|effect| effect["state"] == "pending"));
        left.parked += u64::from(event["status"] == "parked");
        left.unfinished += u64::from(pending || event["status"] == "processing");
    }
    left
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
