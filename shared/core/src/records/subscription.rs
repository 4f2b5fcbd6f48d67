use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Heard, Told, Versions};
use crate::{ports::Place, record::Record, time::Timestamp};

/// One of Stripe's subscriptions: the way from it to its customer and its tenants, which copy its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Stripe's id of it.
    pub id: String,
    /// Stripe's id of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Told<String>>,
    /// Its status and period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Versions>,
    /// That it was deleted, which is final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Told<()>>,
    /// The tenants that it was linked to, by a checkout or by being put with it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tenants: BTreeSet<String>,
    /// When it was heard of.
    pub heard: Heard,
}

/// The state of a subscription, as customers and tenants keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribed {
    /// Stripe's word for it, such as `active`.
    pub status: String,
    /// When the period that is paid for began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_start: Option<Timestamp>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_end: Option<Timestamp>,
    /// Stripe's id of the customer, where a tenant keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// When this was told.
    pub at: Timestamp,
}

impl Subscribed {
    /// The status of a subscription that has ended.
    pub const CANCELED: &'static str = "canceled";

    /// The best state first: <https://docs.stripe.com/api/subscriptions/object#subscription_object-status>.
    #[must_use]
    pub fn rank(&self) -> usize {
        const BEST_FIRST: [&str; 8] =
            ["active", "trialing", "past_due", "unpaid", "incomplete", "paused", "incomplete_expired", Subscribed::CANCELED];
        BEST_FIRST.iter().position(|status| *status == self.status).unwrap_or(BEST_FIRST.len() - 2)
    }
}

impl Subscription {
    /// Of the subscription `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self { id: id.to_owned(), customer: None, state: None, deleted: None, tenants: BTreeSet::new(), heard: Heard::at(at) }
    }

    /// Its state; `None` while only its links are known.
    #[must_use]
    pub fn subscribed(&self) -> Option<Subscribed> {
        let state = self.state.as_ref();
        let deleted = self.deleted.as_ref();
        let status = deleted.map(|_| Subscribed::CANCELED).or_else(|| state?.text("status"))?;
        Some(Subscribed {
            status: status.to_owned(),
            period_start: state.and_then(|state| state.time("period_start")),
            period_end: state.and_then(|state| state.time("period_end")),
            customer: self.customer.as_ref().map(|customer| customer.what.clone()),
            at: deleted.map(|told| told.at).or_else(|| state.map(Versions::at))?,
        })
    }
}

impl Record for Subscription {
    const KIND: &'static str = "subscription";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}
