//! A tenant: what its owner says of it, and the subscription that it pays with.

mod put;
mod shown;

pub use put::TenantPut;
pub use shown::ShownTenant;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Heard, History, Subscribed, Told, Word};
use crate::{
    kind::{group_places, served_record},
    ports::{Index, Place},
    record::{Record, place},
    time::Timestamp,
};

/// A tenant's facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The owner's id of it.
    pub id: String,
    /// The owner's word. Until there is one the tenant is unmatched: it keeps facts and is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<Word<TenantPut>>,
    /// The subscriptions that it checked out, with Stripe's id of the customer where it is known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checkouts: BTreeMap<String, Told<Option<String>>>,
    /// The subscriptions that are linked to it, copied with every change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<String, Subscribed>,
    /// The subscriptions of the Stripe customer that it was put with, copied with every change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub of_customer: BTreeMap<String, Subscribed>,
    /// The subscription that knows that this tenant was put with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_subscription: Option<String>,
    /// The Stripe customer that knows the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_customer: Option<String>,
    /// When it was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

impl Tenant {
    /// The name of the list of tenants that are known from events alone.
    pub const UNMATCHED: &'static str = "tenant/unmatched";

    /// Of the tenant `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            put: None,
            checkouts: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            of_customer: BTreeMap::new(),
            claimed_subscription: None,
            claimed_customer: None,
            heard: Heard::at(at),
            history: History::default(),
        }
    }

    /// The checkout that was made last.
    fn last_checkout(&self) -> Option<(&str, &Told<Option<String>>)> {
        self.checkouts.iter().max_by_key(|(id, told)| (*told, *id)).map(|(id, told)| (id.as_str(), told))
    }

    /// Whether the subscription is its by a checkout, or because it was put with it.
    fn is_linked_to(&self, subscription: &str) -> bool {
        let linked = self.checkouts.contains_key(subscription) || self.subscriptions.contains_key(subscription);
        linked || self.claimed_subscription.as_deref() == Some(subscription)
    }

    /// Its subscription: the one that it was put with, else the one that it checked out last, else the best one of its customer.
    #[must_use]
    pub fn subscription_id(&self) -> Option<&str> {
        let put = self.put.as_ref().and_then(|put| put.said.stripe_subscription_id.as_deref());
        let best = || self.of_customer.iter().min_by_key(|(id, subscribed)| (subscribed.rank(), std::cmp::Reverse((subscribed.at, *id))));
        put.or_else(|| self.last_checkout().map(|(id, _)| id)).or_else(|| best().map(|(id, _)| id.as_str()))
    }

    /// The state of its subscription, as far as it is known.
    #[must_use]
    pub fn subscribed(&self) -> Option<&Subscribed> {
        let id = self.subscription_id()?;
        self.subscriptions.get(id).or_else(|| self.of_customer.get(id))
    }

    /// Stripe's id of the customer that it pays as.
    #[must_use]
    pub fn stripe_customer_id(&self) -> Option<&str> {
        let put = self.put.as_ref().and_then(|put| put.said.stripe_customer_id.as_deref());
        put.or_else(|| self.last_checkout().and_then(|(_, told)| told.what.as_deref()))
    }
}

impl Record for Tenant {
    const KIND: &'static str = "tenant";
    const STATES: &'static [&'static str] = &["stripe_customer_id", "stripe_subscription_id", "subscription_status", "period_end"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        let (index, name) = if self.put.is_some() { (Index::List, Self::KIND) } else { (Index::Flag, Self::UNMATCHED) };
        let mut places = vec![place(index, name, self.heard.first, &self.id)];
        places.extend(group_places(self, self.heard.first));
        places
    }
}
