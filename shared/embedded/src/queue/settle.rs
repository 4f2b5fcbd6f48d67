use std::sync::Arc;

use rusqlite::Connection;
use sluice_core::time::Timestamp;
use tokio::sync::Notify;

use super::{
    Receipt,
    receive::{land, make_ready},
};
use crate::{
    failure::Failure,
    writer::{Ended, Operation, Outcome, Work},
};

/// What becomes of a received message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is handled: it leaves the queue.
    Done(Receipt),
    /// It is to be received again, from a time on.
    Later {
        /// Which.
        receipt: Receipt,
        /// From when on.
        at: Timestamp,
    },
}

/// Settles received messages.
pub(super) struct Settle {
    pub(super) settlements: Vec<Settlement>,
    pub(super) bell: Arc<Notify>,
}

impl Operation for Settle {
    type Answer = ();

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<()>, Failure> {
        for settlement in &self.settlements {
            let (Settlement::Done(receipt) | Settlement::Later { receipt, .. }) = *settlement;
            let Some(flight) = work.flights.get(receipt.message).filter(|flight| flight.receipt == receipt.number) else {
                continue;
            };
            land(work, receipt.message)?;
            match *settlement {
                Settlement::Done(_) => forget(work.connection, receipt.message)?,
                Settlement::Later { at, .. } => make_ready(work.connection, flight.queue, receipt.message, flight.receives, at)?,
            }
        }
        Ok(Outcome::Keep(()))
    }

    fn ended(self, ended: Ended) {
        if ended == Ended::Committed && self.settlements.iter().any(|settlement| matches!(settlement, Settlement::Later { .. })) {
            self.bell.notify_one();
        }
    }
}

/// Removes a message for good.
pub(super) fn forget(connection: &Connection, message: i64) -> Result<(), Failure> {
    connection.prepare_cached("DELETE FROM messages WHERE id = ?1")?.execute([message])?;
    Ok(())
}
