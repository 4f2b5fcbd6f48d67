use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What is known of one charge's refunds. Stripe's `amount_refunded` is cumulative, so the largest seen is the latest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeFact {
    /// The charge's amount, in the currency's smallest unit.
    pub amount: i64,
    /// The currency, lower case.
    pub currency: String,
    /// How much of it has been refunded in all.
    pub refunded: i64,
    /// When that amount was first reached, by the provider's time.
    pub at: Timestamp,
}

impl ChargeFact {
    /// Joins what another event says of the same charge: the larger refunded amount wins; for the same amount, the earlier time.
    pub fn join(&mut self, other: Self) {
        let later = (other.refunded, std::cmp::Reverse(other.at), other.amount, &other.currency)
            > (self.refunded, std::cmp::Reverse(self.at), self.amount, &self.currency);
        if later {
            *self = other;
        }
    }
}

/// Joins one charge into a set of charges.
pub(crate) fn join_charge(charges: &mut BTreeMap<String, ChargeFact>, id: &str, fact: ChargeFact) {
    match charges.get_mut(id) {
        Some(known) => known.join(fact),
        None => {
            charges.insert(id.to_owned(), fact);
        }
    }
}
