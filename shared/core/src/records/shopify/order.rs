use serde::{Deserialize, Serialize};

use super::{Personal, Said, ShopifyFact, places};
use crate::{
    effect::Announcement,
    kind::{Filter, Served, served_record},
    ports::{Index, Place},
    record::Record,
    records::{Announcements, Heard, History},
    schema::described,
    time::Timestamp,
};

/// An order: <https://shopify.dev/docs/api/admin-rest/latest/resources/order>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Shopify's id.
    pub id: String,
    /// What is said of it.
    #[serde(flatten)]
    pub said: Said<OrderFact>,
    /// Whether it was heard to have been made, and not only changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub made: bool,
    /// When it was heard of.
    pub heard: Heard,
    /// How often it announced anything.
    #[serde(default, skip_serializing_if = "Announcements::is_empty")]
    pub announcements: Announcements,
    /// Which events changed it.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub history: History,
}

/// What an event says of an order. What says who the buyer is stands last, so that erasing it decides nothing between two facts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OrderFact {
    /// The shop's domain.
    pub shop: String,
    /// The name as the buyer knows it, such as `#1001`.
    pub name: Option<String>,
    /// The currency, lower case.
    pub currency: Option<String>,
    /// What it costs, in the currency's smallest unit.
    pub total: Option<i64>,
    /// Shopify's word for how far it is paid.
    pub financial_status: Option<String>,
    /// Shopify's word for how far it is fulfilled.
    pub fulfillment_status: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// Whether it only tries out the shop.
    pub test: bool,
    /// Who bought.
    pub buyer: Option<Buyer>,
}

/// Who made an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Buyer {
    /// Shopify's id of the customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The phone, as it was typed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

impl Order {
    /// The subject of the announcement that it was made.
    pub const MADE: &'static str = "made";

    /// Of the order `id` something is heard for the first time.
    #[must_use]
    pub fn first_heard(id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            said: Said::default(),
            made: false,
            heard: Heard::at(at),
            announcements: Announcements::default(),
            history: History::default(),
        }
    }

    /// Who bought; `None` if that is not known, or erased.
    #[must_use]
    pub fn buyer(&self) -> Option<&Buyer> {
        self.said.fact()?.buyer.as_ref()
    }

    /// Whether its buyer is to be thanked: it is new, real, and stands.
    #[must_use]
    pub fn is_worth_a_mail(&self) -> bool {
        let stands = self.said.fact().is_some_and(|fact| !fact.test && fact.cancelled_at.is_none());
        stands && self.said.deleted_at.is_none() && self.buyer().is_some_and(|buyer| buyer.email.is_some())
    }

    /// The announcement that it was made, if that is due; it counts as told from now on.
    pub fn announce(&mut self) -> Option<Announcement> {
        if !self.made || !self.is_worth_a_mail() || self.announcements.latest(Self::MADE) > 0 {
            return None;
        }
        let number = self.announcements.next(Self::MADE);
        Some(Announcement { record: Self::key(&self.id), subject: Self::MADE.to_owned(), number })
    }
}

impl ShopifyFact for OrderFact {
    fn shop(&self) -> Option<&str> {
        Some(&self.shop)
    }

    fn forget(&mut self) {
        self.buyer = None;
    }
}

impl Personal for Order {
    type Fact = OrderFact;

    fn said(&mut self) -> &mut Said<OrderFact> {
        &mut self.said
    }
}

described! {
    /// An order as the API shows it.
    #[derive(Clone, Debug, PartialEq, Serialize)]
    pub struct ShownOrder as "Order" {
        id: String,
        shop: Option<String>,
        name: Option<String>,
        currency: Option<String>,
        total: Option<i64>,
        financial_status: Option<String>,
        fulfillment_status: Option<String>,
        customer_id: Option<String>,
        customer_name: Option<String>,
        customer_email: Option<String>,
        customer_phone: Option<String>,
        test: bool,
        ordered_at: Option<Timestamp>,
        cancelled_at: Option<Timestamp>,
        deleted_at: Option<Timestamp>,
        redacted_at: Option<Timestamp>,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

impl Served for Order {
    const NAME: &'static str = "order";
    const LIST: &'static str = Self::KIND;
    const UNMATCHED: &'static str = "order/unmatched";
    const FILTERS: &'static [Filter] = &[
        Filter::group("customer_id", Index::Group2),
        Filter::group("shop", Index::Group),
        Filter::state("financial_status", &[]),
        Filter::state("fulfillment_status", &[]),
    ];
    type Shown = ShownOrder;

    fn shown(&self) -> ShownOrder {
        let (fact, buyer) = (self.said.fact(), self.buyer());
        ShownOrder {
            id: self.id.clone(),
            shop: fact.map(|fact| fact.shop.clone()),
            name: fact.and_then(|fact| fact.name.clone()),
            currency: fact.and_then(|fact| fact.currency.clone()),
            total: fact.and_then(|fact| fact.total),
            financial_status: fact.and_then(|fact| fact.financial_status.clone()),
            fulfillment_status: fact.and_then(|fact| fact.fulfillment_status.clone()),
            customer_id: buyer.and_then(|buyer| buyer.customer_id.clone()),
            customer_name: buyer.and_then(|buyer| buyer.name.clone()),
            customer_email: buyer.and_then(|buyer| buyer.email.clone()),
            customer_phone: buyer.and_then(|buyer| buyer.phone.clone()),
            test: fact.is_some_and(|fact| fact.test),
            ordered_at: fact.and_then(|fact| fact.created_at),
            cancelled_at: fact.and_then(|fact| fact.cancelled_at),
            deleted_at: self.said.deleted_at,
            redacted_at: self.said.redacted_at,
            created_at: self.heard.first,
            updated_at: self.heard.last,
        }
    }

    fn group(&self, field: &str) -> Option<&str> {
        match field {
            "shop" => self.said.fact().map(|fact| fact.shop.as_str()),
            "customer_id" => self.buyer()?.customer_id.as_deref(),
            _ => None,
        }
    }

    fn is_served(&self) -> bool {
        self.said.latest.is_some()
    }
}

impl Record for Order {
    const KIND: &'static str = "order";
    const STATES: &'static [&'static str] =
        &["financial_status", "fulfillment_status", "total", "cancelled_at", "deleted_at", "redacted_at"];

    served_record!();

    fn places(&self) -> Vec<Place> {
        places(self, self.heard.first)
    }
}
