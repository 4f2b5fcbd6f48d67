use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A booking's state, put by its owner or derived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// Not confirmed yet.
    #[default]
    Pending,
    /// Confirmed, by its owner or by a payment.
    Confirmed,
    /// A payment failed; the booking is held until another one comes or the hold ends.
    PaymentPending,
    /// Cancelled, by its owner or because the hold ended.
    Cancelled,
}

crate::schema::described_words!(BookingStatus: Pending, Confirmed, PaymentPending, Cancelled);

/// The owner's word on a booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingPut {
    /// When it was put.
    pub at: Timestamp,
    /// The customer's name.
    pub customer_name: String,
    /// The customer's mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_email: Option<String>,
    /// The customer's phone, E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_phone: Option<String>,
    /// The state as its owner sees it.
    pub status: BookingStatus,
    /// Since when the owner has it cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// The deposit, in the currency's smallest unit.
    pub deposit_amount: i64,
    /// The currency, lower case.
    pub currency: String,
    /// When the booked thing starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// The tenant that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The owner's own notes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

impl BookingPut {
    /// A booking that stays cancelled has been so since the first time.
    pub(super) fn keep_cancellation_of(&mut self, earlier: &Self) {
        let since = earlier.cancelled_at.or(self.cancelled_at);
        self.cancelled_at = since.filter(|_| self.status == BookingStatus::Cancelled);
    }
}

/// A payment that was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BookingSuccess {
    /// When, by the provider.
    pub at: Timestamp,
    /// The provider's id of the event that said so.
    pub event: String,
    /// How much, in the currency's smallest unit.
    pub amount: i64,
    /// The currency, lower case.
    pub currency: String,
}

/// A payment that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookingFailure {
    /// When, by the provider.
    pub at: Timestamp,
    /// The provider's id of the event that said so.
    pub event: String,
    /// When Sluice accepted that event.
    pub received_at: Timestamp,
    /// Until when the booking is held if this is the earliest failure.
    pub hold_until: Timestamp,
    /// The provider's code for why, such as `insufficient_funds`.
    pub reason: String,
}

/// The hold that a failure began. Ordered by when it began: the earliest counts, with the length that was in force then.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HoldFact {
    /// When the failure was accepted.
    pub from: Timestamp,
    /// The provider's id of the event, to decide between two of the same time.
    pub event: String,
    /// When it ends.
    pub until: Timestamp,
}

/// The latest failure of a payment, by the provider's time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct LatestFailure {
    pub(super) at: Timestamp,
    pub(super) event: String,
    pub(super) reason: String,
}

/// What is known of one payment intent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PaymentFacts {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) success: Option<BookingSuccess>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) hold: Option<HoldFact>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) latest_failure: Option<LatestFailure>,
    /// Those of the booking's charges that are this payment's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) charges: BTreeSet<String>,
}

impl PaymentFacts {
    pub(super) fn join_success(&mut self, success: BookingSuccess) {
        self.success = Some(match self.success.take() {
            Some(known) => known.min(success),
            None => success,
        });
    }

    pub(super) fn join_failure(&mut self, failure: BookingFailure) {
        let hold = HoldFact { from: failure.received_at, event: failure.event.clone(), until: failure.hold_until };
        self.hold = Some(match self.hold.take() {
            Some(known) => known.min(hold),
            None => hold,
        });
        let failure = LatestFailure { at: failure.at, event: failure.event, reason: failure.reason };
        self.latest_failure = self.latest_failure.take().max(Some(failure));
    }
}
