//! The business records. Each kind is one file with its facts, its join, its derived state and its places in the indexes.
//!
//! A record stores facts, and its state is derived from them. Folding an event in is a join: commutative, associative and
//! idempotent, so that every order of arrival ends in the same record.

mod announcements;
mod booking;
mod charge;
mod delivered_body;
mod transaction;

pub use announcements::Announcements;
pub use booking::{Booking, BookingFailure, BookingPut, BookingStatus, BookingSuccess, HoldFact, News, PaymentNews};
pub use charge::ChargeFact;
pub use delivered_body::DeliveredBody;
pub use transaction::{Transaction, TransactionFact};

/// When a record was first and last told anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Heard {
    /// The earliest time.
    pub first: crate::time::Timestamp,
    /// The latest time.
    pub last: crate::time::Timestamp,
}

impl Heard {
    /// First heard of at `at`.
    #[must_use]
    pub fn at(at: crate::time::Timestamp) -> Self {
        Self { first: at, last: at }
    }

    /// Heard of at `at`, too.
    pub fn join(&mut self, at: crate::time::Timestamp) {
        self.first = self.first.min(at);
        self.last = self.last.max(at);
    }
}
