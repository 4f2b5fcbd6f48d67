use std::sync::Arc;

use sluice_core::time::Timestamp;

use super::{
    Receipt, Reception,
    receive::{finish, put_back},
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
    pub(super) reception: Arc<Reception>,
}

impl Operation for Settle {
    type Answer = ();

    fn run(&mut self, work: &mut Work<'_>) -> Result<Outcome<()>, Failure> {
        for settlement in &self.settlements {
            let (Settlement::Done(receipt) | Settlement::Later { receipt, .. }) = *settlement;
            if work.flights.get(receipt.message).is_none_or(|flight| flight.receipt != receipt.number) {
                continue;
            }
            match *settlement {
                Settlement::Done(_) => finish(work, receipt.message)?,
                Settlement::Later { at, .. } => put_back(work, receipt.message, at)?,
            }
        }
        Ok(Outcome::Keep(()))
    }

    fn ended(self, ended: Ended) {
        if ended == Ended::Committed && self.settlements.iter().any(|settlement| matches!(settlement, Settlement::Later { .. })) {
            self.reception.bell.notify_one();
        }
    }
}
