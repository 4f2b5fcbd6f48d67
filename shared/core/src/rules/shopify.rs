//! Shopify's webhooks: <https://shopify.dev/docs/api/webhooks>. Topic and shop are headers and not signed, so whoever holds a delivery could send its body
//! again under others: what closes a shop or erases data acts only if the signed body says so itself.

mod customer;
mod order;
mod product;
mod redaction;
mod shop;

use serde_json::Value;

pub(crate) use redaction::{DataRequest, Redaction, redact_named, redact_older};

use super::{fields::Fields, no_rule, unexpected_shape};
use crate::{
    ids::record_id,
    plan::{Event, Stop, View},
    records::{Said, ShopifyFact},
    time::Timestamp,
};

/// What the code of an event begins with that is parked because nobody vouches for its topic. It is told to nobody: whoever heard of it would act on it.
pub(crate) const UNSIGNED_TOPIC: &str = "unsigned_topic";

/// An event with its body read.
struct Read<'a> {
    event: &'a Event<'a>,
    shop: &'a str,
    body: Fields<'a>,
}

impl Read<'_> {
    /// Shopify's number of what the body is.
    fn id(&self) -> Result<String, Stop> {
        self.body.id("id").ok_or_else(|| unexpected_shape(self.event, &"it has no id"))
    }

    /// When it happened as far as the shop's own clock says.
    fn happened_at(&self) -> Timestamp {
        self.event.occurred_at.unwrap_or(self.event.received_at)
    }

    /// When what the body is was changed last.
    fn changed_at(&self) -> Timestamp {
        self.body.time("updated_at").unwrap_or_else(|| self.happened_at())
    }
}

pub(super) fn plan(event: &Event<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let Some(shop) = event.account.filter(|shop| record_id(shop).is_ok()) else {
        no_rule(event, view);
        return Ok(());
    };
    let known = |read: fn(&Read<'_>, &mut View<'_>) -> Result<(), Stop>, view: &mut View<'_>| {
        let body: Value = serde_json::from_slice(event.body).map_err(|error| unexpected_shape(event, &error))?;
        read(&Read { event, shop, body: Fields::new(&body) }, view)
    };
    match event.kind {
        "orders/create" | "orders/updated" | "orders/paid" | "orders/fulfilled" | "orders/partially_fulfilled" | "orders/cancelled" => {
            known(order::told, view)
        }
        "orders/delete" => known(order::deleted, view),
        "products/create" | "products/update" => known(product::told, view),
        "products/delete" => known(product::deleted, view),
        "customers/create" | "customers/update" | "customers/enable" | "customers/disable" => known(customer::told, view),
        "customers/delete" => known(customer::deleted, view),
        "shop/update" => known(shop::updated, view),
        "app/uninstalled" => known(shop::uninstalled, view),
        redaction::CUSTOMER => known(redaction::customer, view),
        redaction::SHOP => known(redaction::shop, view),
        redaction::REQUEST => known(redaction::data_request, view),
        _ => {
            no_rule(event, view);
            Ok(())
        }
    }
}

/// Insists that the signed body names the shop of the unsigned header in `field`, and has the topic's shape.
fn insist(read: &Read<'_>, field: &str, has_shape: bool) -> Result<(), Stop> {
    let named = read.body.text(field).is_some_and(|shop| shop.eq_ignore_ascii_case(read.shop));
    let what = match (named, has_shape) {
        (true, true) => return Ok(()),
        (false, _) => format!("the signed body does not name the shop {} in {field}", read.shop),
        (true, false) => "the signed body is not what this topic sends".to_owned(),
    };
    Err(not_acted_upon(read, &what))
}

/// Insists that a thing is the shop's that the unsigned header names: it never changes hands, so that somebody has sent it under a false name.
fn insist_own<T: ShopifyFact>(read: &Read<'_>, said: &mut Said<T>) -> Result<(), Stop> {
    if said.belongs_to(read.shop) {
        return Ok(());
    }
    Err(not_acted_upon(read, &format!("what the signed body is about belongs to another shop than {}", read.shop)))
}

/// Insists that a body tells of a deletion: it names the thing, and says no more of when it changed.
fn insist_deletion(read: &Read<'_>) -> Result<(), Stop> {
    if read.body.has("updated_at") { Err(not_acted_upon(read, "the signed body is not what this topic sends")) } else { Ok(()) }
}

fn not_acted_upon(read: &Read<'_>, what: &str) -> Stop {
    let kind = read.event.kind;
    Stop::Park {
        code: format!("{UNSIGNED_TOPIC}:{kind}"),
        reason: format!("{what}; topic and shop are headers that Shopify does not sign, so {kind} is not acted upon"),
    }
}
