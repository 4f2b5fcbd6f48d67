use std::sync::Arc;

use rusqlite::Connection;
use sluice_core::{
    ports::{DeadLetter, QueueName},
    time::Timestamp,
};

use super::{Reception, queue_number};
use crate::{
    failure::Failure,
    writer::{Ended, Operation, Outcome, Work},
};

/// Reads the dead letters of a queue, oldest first, and how many there are.
pub(super) fn list(connection: &Connection, queue: QueueName, limit: usize) -> Result<(Vec<DeadLetter>, u64), Failure> {
    let queue = queue_number(queue);
    let count: i64 =
        connection.prepare_cached("SELECT count(*) FROM dead_letters WHERE queue = ?1")?.query_row([queue], |row| row.get(0))?;
    let mut statement =
        connection.prepare_cached("SELECT id, body, receives, sent_at FROM dead_letters WHERE queue = ?1 ORDER BY id LIMIT ?2")?;
    let rows = statement.query_map((queue, i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
        Ok(DeadLetter {
            id: row.get::<_, i64>(0)?.to_string(),
            body: row.get(1)?,
            receives: row.get(2)?,
            sent_at: Timestamp::from_millis(row.get(3)?),
        })
    })?;
    Ok((rows.collect::<rusqlite::Result<_>>()?, count.unsigned_abs()))
}

/// Sends all dead letters of a queue back to it, as if never received.
pub(super) struct Redrive {
    pub(super) queue: QueueName,
    pub(super) reception: Arc<Reception>,
}

impl Operation for Redrive {
    type Answer = u64;

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<u64>, Failure> {
        let queue = queue_number(self.queue);
        let connection = work.connection;
        connection
            .prepare_cached("INSERT INTO messages (id, sent_at, body) SELECT id, sent_at, body FROM dead_letters WHERE queue = ?1")?
            .execute([queue])?;
        connection
            .prepare_cached(
                "INSERT INTO ready (queue, visible_at, id, receives) SELECT queue, ?2, id, 0 FROM dead_letters WHERE queue = ?1",
            )?
            .execute((queue, work.clock.now().millis()))?;
        let redriven = connection.prepare_cached("DELETE FROM dead_letters WHERE queue = ?1")?.execute([queue])?;
        Ok(Outcome::Keep(redriven as u64))
    }

    fn ended(self, ended: Ended) {
        if ended == Ended::Committed {
            self.reception.bell.notify_one();
        }
    }
}
