//! What the mails to the customers and owners of a shop say.

use serde::Serialize;

use super::{MailContext, MailTemplate, text};
use crate::money::Money;

/// A shop's order was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderConfirmed {
    /// The name of the business.
    #[serde(serialize_with = "text::free")]
    pub business_name: String,
    /// The buyer's name; without one the greeting does without.
    #[serde(serialize_with = "text::free_if_known")]
    pub customer_name: Option<String>,
    /// The order's name, such as `#1001`.
    #[serde(serialize_with = "text::free")]
    pub order_name: String,
    /// What it costs.
    #[serde(serialize_with = "text::money_if_known")]
    pub total: Option<Money>,
}

impl MailContext for OrderConfirmed {
    const TEMPLATE: MailTemplate = MailTemplate::OrderConfirmed;
}

/// To the owner of a shop, or to support where the owner's address is not known: what is held of a customer who has asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShopDataRequest {
    /// The shop's domain.
    #[serde(serialize_with = "text::free")]
    pub shop: String,
    /// Whether the owner's address is known; if not, support reads this, and is asked to pass it on.
    pub to_owner: bool,
    /// Shopify's number of the request.
    #[serde(serialize_with = "text::free_if_known")]
    pub request_id: Option<String>,
    /// Shopify's number of the customer.
    #[serde(serialize_with = "text::free_if_known")]
    pub customer_id: Option<String>,
    /// What is held, one thing a line; empty if it is nothing.
    #[serde(serialize_with = "text::free_list")]
    pub held: Vec<String>,
    /// The id of the event that asks (`in_…`).
    #[serde(serialize_with = "text::free")]
    pub event_id: String,
}

impl MailContext for ShopDataRequest {
    const TEMPLATE: MailTemplate = MailTemplate::ShopDataRequest;
}
