//! A customer: what its owner says of it, and what Stripe says of its customer.

mod put;
mod shown;

pub use put::CustomerPut;
pub use shown::ShownCustomer;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Card, Heard, History, Subscribed, Versions, Word};
use crate::{
    kind::{group_places, served_record},
    ports::{Index, Place, PortError, Stored},
    record::{Record, place},
    time::Timestamp,
};

/// A customer's facts. One of Stripe's exists under Stripe's id, and keeps what Stripe says of it for those that were put with that id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The owner's id of it, or Stripe's.
    pub id: String,
    /// The owner's word. Until there is one the customer is unmatched: it keeps facts and is not served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put: Option<Word<CustomerPut>>,
    /// What Stripe says of the customer of this id.
    #[serde(default, skip_serializing_if = "StripeCustomer::is_empty")]
    pub own: StripeCustomer,
    /// What Stripe says of the customer that this one was put with, copied with every change.
    #[serde(default, skip_serializing_if = "StripeCustomer::is_empty")]
    pub copied: StripeCustomer,
    /// The Stripe customer that knows that this one was put with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// The customers that were put with this one's id as Stripe's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub claimed_by: BTreeSet<String>,
    /// The tenants that were put with it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tenants: BTreeSet<String>,
    /// When it was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// What Stripe says of a customer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeCustomer {
    /// Its name, mail address and phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Versions>,
    /// Its subscriptions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<String, Subscribed>,
    /// Its payment methods, by their id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub payment_methods: BTreeMap<String, SavedMethod>,
}

/// A payment method that was set up for later payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMethod {
    /// When it was set up first, by the provider.
    pub at: Timestamp,
    /// The card, if it is one and is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Card>,
}

impl StripeCustomer {
    /// Whether nothing was said yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The payment method that was set up first.
    #[must_use]
    pub fn default_method(&self) -> Option<(&str, &SavedMethod)> {
        self.payment_methods.iter().min_by_key(|(id, method)| (method.at, *id)).map(|(id, method)| (id.as_str(), method))
    }

    /// The state of billing: that of the subscription in the best state.
    #[must_use]
    pub fn billing_status(&self) -> Option<&str> {
        self.subscriptions.values().min_by_key(|subscribed| subscribed.rank()).map(|subscribed| subscribed.status.as_str())
    }
}

impl Customer {
    /// The name of the list of customers that are known from events alone.
    pub const UNMATCHED: &'static str = "customer/unmatched";

    /// Of the customer `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            put: None,
            own: StripeCustomer::default(),
            copied: StripeCustomer::default(),
            claimed: None,
            claimed_by: BTreeSet::new(),
            tenants: BTreeSet::new(),
            heard: Heard::at(at),
            history: History::default(),
        }
    }

    /// Stripe's id of it: the one that it was put with, else its own if that is Stripe's.
    #[must_use]
    pub fn stripe_id(&self) -> Option<&str> {
        let put = self.put.as_ref().and_then(|put| put.said.stripe_customer_id.as_deref());
        put.or_else(|| self.id.starts_with("cus_").then_some(self.id.as_str()))
    }

    /// What Stripe says of it.
    #[must_use]
    pub fn said(&self) -> &StripeCustomer {
        if self.stripe_id() == Some(self.id.as_str()) { &self.own } else { &self.copied }
    }

    /// What Stripe says last of its name, mail address or phone.
    fn contact(&self, field: &str) -> Option<&str> {
        self.said().contact.as_ref()?.text(field)
    }

    /// Its name: the owner's word, else Stripe's.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.put.as_ref().and_then(|put| put.said.name.as_deref()).or_else(|| self.contact("name"))
    }

    /// Its mail address: the owner's word, else Stripe's.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.put.as_ref().and_then(|put| put.said.email.as_deref()).or_else(|| self.contact("email"))
    }

    /// Its phone: the owner's word, else Stripe's.
    #[must_use]
    pub fn phone(&self) -> Option<&str> {
        self.put.as_ref().and_then(|put| put.said.phone.as_deref()).or_else(|| self.contact("phone"))
    }

    /// The customers that were put with the id of this one as Stripe's, and itself, out of its document.
    fn put_with_it(stored: &Stored) -> Result<Vec<String>, PortError> {
        let Self { id, mut claimed_by, .. } = Self::from_stored(stored)?;
        claimed_by.insert(id);
        Ok(claimed_by.into_iter().collect())
    }

    /// The payment methods that were set up for it, out of its document.
    pub(super) fn methods_of(stored: &Stored) -> Result<Vec<String>, PortError> {
        Ok(Self::from_stored(stored)?.own.payment_methods.into_keys().collect())
    }

    /// Whether somebody knows whom it is: it was put, or another customer or a tenant was put with its id.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.put.is_some() || !self.claimed_by.is_empty() || !self.tenants.is_empty()
    }
}

impl Record for Customer {
    const KIND: &'static str = "customer";
    const STATES: &'static [&'static str] = &["billing_status", "stripe_customer_id", "sms_opt_out", "email_state"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        let (index, name) = match &self.put {
            Some(_) => (Index::List, Self::KIND),
            None if self.is_known() => return Vec::new(),
            None => (Index::Flag, Self::UNMATCHED),
        };
        let mut places = vec![place(index, name, self.heard.first, &self.id)];
        places.extend(group_places(self, self.heard.first));
        places
    }
}
