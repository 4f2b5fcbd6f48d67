use serde::{Deserialize, Serialize};

use super::{Said, ShopifyFact};
use crate::{
    kind::{Filter, Served, served_record},
    ports::{Index, Place},
    record::{Record, place},
    records::{Heard, History, latest::last},
    schema::described,
    time::Timestamp,
};

/// A shop that has, or had, the app: <https://shopify.dev/docs/api/admin-rest/latest/resources/shop>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shop {
    /// Its domain, `….myshopify.com`.
    pub id: String,
    /// What is said of it.
    #[serde(flatten)]
    pub said: Said<ShopFact>,
    /// When the app was last heard to be removed from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// When the shop had last changed by then. That is signed, and when the app was removed is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_as_of: Option<Timestamp>,
    /// When it last changed while the app was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_at: Option<Timestamp>,
    /// When it was heard of.
    pub heard: Heard,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// What an event says of a shop. What says whose it is stands last, so that erasing it decides nothing between two facts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ShopFact {
    /// Its name.
    pub name: Option<String>,
    /// Its currency, lower case.
    pub currency: Option<String>,
    /// Its country, two letters.
    pub country: Option<String>,
    /// Shopify's word for what it pays for.
    pub plan: Option<String>,
    /// Its owner's name.
    pub owner: Option<String>,
    /// Its owner's mail address.
    pub email: Option<String>,
}

/// Whether the app is in a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShopStatus {
    /// It is, as far as is known.
    Open,
    /// It was removed.
    Closed,
}

crate::schema::described_words!(ShopStatus: Open, Closed);

impl Shop {
    /// Of the shop `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            said: Said::default(),
            closed_at: None,
            closed_as_of: None,
            open_at: None,
            heard: Heard::at(at),
            history: History::default(),
        }
    }

    /// Joins that the app was removed from it at `at`, when it had last changed at `as_of`.
    pub fn join_closed(&mut self, at: Timestamp, as_of: Timestamp) {
        last(&mut self.closed_at, at);
        last(&mut self.closed_as_of, as_of);
    }

    /// Joins that the app was there when it changed at `at`.
    pub fn join_open(&mut self, at: Timestamp) {
        last(&mut self.open_at, at);
    }

    /// Whether what was said of its people at `at` is to be erased.
    #[must_use]
    pub fn has_redacted(&self, at: Timestamp) -> bool {
        self.said.redacted_at.is_some_and(|redacted_at| at <= redacted_at)
    }

    /// Whether the app is there.
    #[must_use]
    pub fn status(&self) -> ShopStatus {
        if self.closed_at.is_some() && self.closed_as_of.or(self.closed_at) >= self.open_at { ShopStatus::Closed } else { ShopStatus::Open }
    }
}

/// A shop may take the app again, and is then told of anew.
impl ShopifyFact for ShopFact {
    const FOR_GOOD: bool = false;

    fn forget(&mut self) {
        (self.owner, self.email) = (None, None);
    }
}

described! {
    /// A shop as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownShop as "Shop" {
        id: String,
        status: ShopStatus,
        name: Option<String>,
        currency: Option<String>,
        country: Option<String>,
        plan: Option<String>,
        owner: Option<String>,
        email: Option<String>,
        closed_at: Option<Timestamp>,
        redacted_at: Option<Timestamp>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Served for Shop {
    const NAME: &'static str = "shop";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = "shop/unmatched";
    const FILTERS: &'static [Filter] = &[Filter::state("status", &["open", "closed"])];
    type Shown = ShownShop;

    fn shown(&self) -> ShownShop {
        let fact = self.said.fact();
        ShownShop {
            id: self.id.clone(),
            status: self.status(),
            name: fact.and_then(|fact| fact.name.clone()),
            currency: fact.and_then(|fact| fact.currency.clone()),
            country: fact.and_then(|fact| fact.country.clone()),
            plan: fact.and_then(|fact| fact.plan.clone()),
            owner: fact.and_then(|fact| fact.owner.clone()),
            email: fact.and_then(|fact| fact.email.clone()),
            closed_at: self.closed_at,
            redacted_at: self.said.redacted_at,
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn is_served(&self) -> bool {
        true
    }
}

impl Record for Shop {
    const KIND: &'static str = "shop";
    const STATES: &'static [&'static str] = &["status", "redacted_at"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        vec![place(Index::List, Self::KIND, self.heard.first, &self.id)]
    }
}
