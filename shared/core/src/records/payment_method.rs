use serde::{Deserialize, Serialize};

use super::{Customer, Heard, History, Told};
use crate::{
    kind::{Filter, Served, group_places, served_record},
    ports::{Index, Place},
    record::{Record, place},
    schema::described,
    time::Timestamp,
};

described! {
    /// A card, as far as Stripe shows it.
    #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
    pub struct Card as "Card" {
        /// Its brand, such as `visa`.
        pub brand: Option<String>,
        /// The last four digits of its number.
        pub last4: Option<String>,
        /// The month in which it expires, from 1.
        pub exp_month: Option<i64>,
        /// The year in which it expires.
        pub exp_year: Option<i64>,
    }
}

/// A payment method that was set up for later payments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentMethod {
    /// Stripe's id of it.
    pub id: String,
    /// Stripe's id of the customer, by the first setup that named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Told<String>>,
    /// The setup that was first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<Told<()>>,
    /// The card, as the latest setup found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Told<Card>>,
    /// The customer that it belongs to, by the owner's id where there is one, else by Stripe's; derived, and stored for those who look at this record
    /// alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Whether it is its customer's default; derived and stored as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_default: bool,
    /// Whether its customer is known from events alone, so that it waits for somebody who is put; derived and stored as well.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
    /// When it was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

impl PaymentMethod {
    /// The name of the list of those that belong to nobody who is known.
    pub const UNMATCHED: &'static str = "payment_method/unmatched";

    /// Of the payment method `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            customer: None,
            saved: None,
            card: None,
            customer_id: None,
            is_default: false,
            waits: false,
            heard: Heard::at(at),
            history: History::default(),
        }
    }
}

described! {
    /// A payment method as the API shows it.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
    pub struct ShownPaymentMethod as "PaymentMethod" {
        id: String,
        customer_id: Option<String>,
        stripe_customer_id: Option<String>,
        ..card: Card,
        is_default: bool,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Served for PaymentMethod {
    const NAME: &'static str = "payment method";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = Self::UNMATCHED;
    const FILTERS: &'static [Filter] =
        &[Filter::group("customer_id", Index::Group), Filter::held_by::<Customer>("stripe_customer_id", Customer::methods_of)];
    type Shown = ShownPaymentMethod;

    fn shown(&self) -> ShownPaymentMethod {
        ShownPaymentMethod {
            id: self.id.clone(),
            customer_id: self.customer_id.clone(),
            stripe_customer_id: self.customer.as_ref().map(|customer| customer.what.clone()),
            card: self.card.as_ref().map(|card| card.what.clone()).unwrap_or_default(),
            is_default: self.is_default,
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn group(&self, field: &str) -> Option<&str> {
        self.customer_id.as_deref().filter(|_| field == "customer_id")
    }

    fn is_served(&self) -> bool {
        self.saved.is_some()
    }

    fn waits(&self) -> bool {
        self.waits || self.customer_id.is_none()
    }
}

impl Record for PaymentMethod {
    const KIND: &'static str = "payment_method";
    const STATES: &'static [&'static str] = &["customer_id", "is_default", "brand", "last4", "exp_month", "exp_year"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        let mut places = vec![place(Index::List, Self::KIND, self.heard.first, &self.id)];
        places.extend(group_places(self, self.heard.first));
        if Served::waits(self) {
            places.push(place(Index::Flag, Self::UNMATCHED, self.heard.first, &self.id));
        }
        places
    }
}
