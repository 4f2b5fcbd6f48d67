use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ChargeFact, Heard, charge::join_charge};
use crate::{
    ports::{Index, Place},
    record::{Record, place},
    time::Timestamp,
};

/// A payment that was made: one for each payment intent, and the way from the intent to its booking.
///
/// It exists from the first that is heard of the intent, also if that is a refund. Until the payment itself is heard of it
/// only keeps the refunds that wait for it, and is not served as a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The payment intent's id.
    pub id: String,
    /// The payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact: Option<TransactionFact>,
    /// Refunds of charges that name neither a booking nor a payment that is known. Moved to the booking once it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting: BTreeMap<String, ChargeFact>,
    /// When it was heard of.
    pub heard: Heard,
}

/// What is known of a payment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TransactionFact {
    /// When it was made, by the provider.
    pub at: Timestamp,
    /// The provider's id of the event that said so.
    pub event: String,
    /// The booking that it is for.
    pub booking_id: Option<String>,
    /// How much, in the currency's smallest unit.
    pub amount: i64,
    /// The currency, lower case.
    pub currency: String,
}

impl Transaction {
    /// The name of the list of those that belong to no booking.
    pub const UNMATCHED: &'static str = "transaction/unmatched";

    /// Of the payment intent `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self { id: id.to_owned(), fact: None, waiting: BTreeMap::new(), heard: Heard::at(at) }
    }

    /// Joins a payment. Of two events that tell of the same payment the earlier one stays.
    pub fn join_fact(&mut self, fact: TransactionFact) {
        if self.fact.as_ref().is_none_or(|known| fact < *known) {
            self.fact = Some(fact);
        }
    }

    /// Keeps a refund until the payment's booking is known.
    pub fn keep(&mut self, charge: &str, fact: ChargeFact) {
        join_charge(&mut self.waiting, charge, fact);
    }

    /// The booking, if the payment has been heard of and names one.
    #[must_use]
    pub fn booking_id(&self) -> Option<&str> {
        self.fact.as_ref()?.booking_id.as_deref()
    }
}

impl Record for Transaction {
    const KIND: &'static str = "transaction";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        if let Some(fact) = &self.fact {
            places.push(place(Index::List, Self::KIND, fact.at, &self.id));
        }
        if self.booking_id().is_none() {
            places.push(place(Index::Flag, Self::UNMATCHED, self.heard.first, &self.id));
        }
        places
    }
}
