use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Tenant;
use crate::{
    kind::{Filter, Served},
    ports::{Index, Key, PortError, Stored},
    record::Record,
    records::{Customer, History, HistoryEntry, Subscription},
    schema::described,
    time::Timestamp,
};

described! {
    /// A tenant as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownTenant as "Tenant" {
        id: String,
        name: Option<String>,
        stripe_customer_id: Option<String>,
        stripe_subscription_id: Option<String>,
        subscription_status: Option<String>,
        period_start: Option<Timestamp>,
        period_end: Option<Timestamp>,
        metadata: BTreeMap<String, String>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

/// What the types of events on subscriptions begin with.
const OF_SUBSCRIPTIONS: &str = "customer.subscription.";

impl Served for Tenant {
    const NAME: &'static str = "tenant";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = Self::UNMATCHED;
    const FILTERS: &'static [Filter] = &[
        Filter::state("subscription_status", &[]),
        Filter::group("stripe_customer_id", Index::Group),
        Filter::group("stripe_subscription_id", Index::Group2),
    ];
    type Shown = ShownTenant;

    fn shown(&self) -> ShownTenant {
        let put = self.put.as_ref().map(|put| &put.said);
        let subscribed = self.subscribed();
        ShownTenant {
            id: self.id.clone(),
            name: put.map(|put| put.name.clone()),
            stripe_customer_id: self.stripe_customer_id().map(str::to_owned),
            stripe_subscription_id: self.subscription_id().map(str::to_owned),
            subscription_status: subscribed.map(|subscribed| subscribed.status.clone()),
            period_start: subscribed.and_then(|subscribed| subscribed.period_start),
            period_end: subscribed.and_then(|subscribed| subscribed.period_end),
            metadata: put.map(|put| put.metadata.clone()).unwrap_or_default(),
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    /// The customers that it pays as, or has bought a subscription as. Besides, the subscriptions that it has with one of them and that nobody has linked to it: they say whether another tenant
    /// pays with them.
    fn told_under(&self) -> Vec<Key> {
        let buyers = self.checkouts.values().filter_map(|told| told.what.as_deref());
        let subscribers = self.subscriptions.values().filter_map(|subscribed| subscribed.customer.as_deref());
        let payers: BTreeSet<_> = self.stripe_customer_id().into_iter().chain(buyers).chain(subscribers).collect();
        let unlinked = self.of_customer.keys().filter(|id| !self.is_linked_to(id));
        payers.into_iter().map(Customer::key).chain(unlinked.map(|id| Subscription::key(id))).collect()
    }

    fn history_under(&self, other: &Stored) -> Result<Option<History>, PortError> {
        match other.document.key.kind.as_ref() {
            Customer::KIND => Customer::from_stored(other).map(|customer| Some(customer.history)),
            _ => Ok(None),
        }
    }

    /// A customer that has a subscription which is not this tenant's: its history does not say of which one an event told.
    fn shares(&self, other: &Stored, read: &[Stored]) -> Result<bool, PortError> {
        let customer = Customer::from_stored(other)?;
        for id in customer.own.subscriptions.keys().filter(|id| !self.is_linked_to(id)) {
            let of_this_customer = self.of_customer.contains_key(id);
            let Some(stored) = read.iter().find(|stored| of_this_customer && stored.document.key == Subscription::key(id)) else {
                return Ok(true);
            };
            if !Subscription::from_stored(stored)?.tenants.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What it bought is its for good. What was said of a subscription counts for as long as it pays as that customer, if one is known.
    fn keeps(&self, entry: &HistoryEntry) -> bool {
        !entry.kind().starts_with(OF_SUBSCRIPTIONS) || self.subscriptions.values().any(|subscribed| subscribed.customer.is_none())
    }

    /// What Stripe said of the customer's subscriptions. It may have more than the tenant's, so that it is not told which state came of it.
    fn retold(entry: &HistoryEntry) -> Option<HistoryEntry> {
        let of_subscription = [OF_SUBSCRIPTIONS, "checkout.session."].iter().any(|prefix| entry.kind().starts_with(prefix));
        of_subscription.then(|| entry.seen_as(&[]))
    }

    fn group(&self, field: &str) -> Option<&str> {
        match field {
            "stripe_customer_id" => self.stripe_customer_id(),
            "stripe_subscription_id" => self.subscription_id(),
            _ => None,
        }
    }

    fn is_served(&self) -> bool {
        self.put.is_some()
    }
}
