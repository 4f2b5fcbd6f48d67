use serde::{Deserialize, Serialize};

use super::{Personal, Said, ShopifyFact, places};
use crate::{
    kind::{Filter, Served, served_record},
    ports::{Index, Place},
    record::Record,
    records::{Heard, History},
    schema::described,
    time::Timestamp,
};

/// A customer of a shop: <https://shopify.dev/docs/api/admin-rest/latest/resources/customer>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShopCustomer {
    /// Shopify's id.
    pub id: String,
    /// What is said of it.
    #[serde(flatten)]
    pub said: Said<ShopCustomerFact>,
    /// When the customer was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// What an event says of a customer. What says who it is stands last, so that erasing it decides nothing between two facts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShopCustomerFact {
    /// The shop's domain.
    pub shop: String,
    /// Shopify's word for the state of the account.
    pub state: Option<String>,
    /// Since when there is one.
    pub created_at: Option<Timestamp>,
    /// The name.
    pub name: Option<String>,
    /// The mail address.
    pub email: Option<String>,
    /// The phone, as it was typed in.
    pub phone: Option<String>,
}

impl ShopCustomer {
    /// Of the customer `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self { id: id.to_owned(), said: Said::default(), heard: Heard::at(at), history: History::default() }
    }
}

impl ShopifyFact for ShopCustomerFact {
    fn shop(&self) -> Option<&str> {
        Some(&self.shop)
    }

    fn forget(&mut self) {
        (self.name, self.email, self.phone) = (None, None, None);
    }
}

impl Personal for ShopCustomer {
    type Fact = ShopCustomerFact;

    fn said(&mut self) -> &mut Said<ShopCustomerFact> {
        &mut self.said
    }
}

described! {
    /// A shop customer as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownShopCustomer as "ShopCustomer" {
        id: String,
        shop: Option<String>,
        name: Option<String>,
        email: Option<String>,
        phone: Option<String>,
        state: Option<String>,
        registered_at: Option<Timestamp>,
        deleted_at: Option<Timestamp>,
        redacted_at: Option<Timestamp>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Served for ShopCustomer {
    const NAME: &'static str = "shop customer";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = "shop_customer/unmatched";
    const FILTERS: &'static [Filter] =
        &[Filter::group("email", Index::Group2), Filter::group("shop", Index::Group), Filter::state("state", &[])];
    type Shown = ShownShopCustomer;

    fn shown(&self) -> ShownShopCustomer {
        let fact = self.said.fact();
        ShownShopCustomer {
            id: self.id.clone(),
            shop: fact.map(|fact| fact.shop.clone()),
            name: fact.and_then(|fact| fact.name.clone()),
            email: fact.and_then(|fact| fact.email.clone()),
            phone: fact.and_then(|fact| fact.phone.clone()),
            state: fact.and_then(|fact| fact.state.clone()),
            registered_at: fact.and_then(|fact| fact.created_at),
            deleted_at: self.said.deleted_at,
            redacted_at: self.said.redacted_at,
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn group(&self, field: &str) -> Option<&str> {
        let fact = self.said.fact()?;
        match field {
            "shop" => Some(&fact.shop),
            "email" => fact.email.as_deref(),
            _ => None,
        }
    }

    fn is_served(&self) -> bool {
        self.said.latest.is_some()
    }
}

impl Record for ShopCustomer {
    const KIND: &'static str = "shop_customer";
    const STATES: &'static [&'static str] = &["state", "deleted_at", "redacted_at"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        places(self, self.heard.first)
    }
}
