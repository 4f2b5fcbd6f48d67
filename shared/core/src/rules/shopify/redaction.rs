//! What Shopify asks every app to do for people's privacy: <https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance>.

use serde_json::Value;

use super::{Fields, Read, insist, shop};
use crate::{
    effect::{Announcement, EffectKind},
    event::{EventRecord, SHOPIFY},
    plan::{Stop, View},
    record::Record,
    records::{Personal, Shop, ShopCustomer},
    template::MailTemplate,
    time::Timestamp,
};

/// A customer is to be erased.
pub(super) const CUSTOMER: &str = "customers/redact";
/// All people of a shop are to be erased.
pub(super) const SHOP: &str = "shop/redact";
/// A customer wants to know what is held.
pub(super) const REQUEST: &str = "customers/data_request";

/// The subject of the effect that erases.
const ERASE: &str = "erase";

/// Whether the body names a customer as these topics do.
fn names_customer(read: &Read<'_>) -> bool {
    let customer = read.body.at("customer");
    read.body.has("shop_id") && (customer.id("id").is_some() || customer.text("email").is_some() || customer.text("phone").is_some())
}

pub(super) fn customer(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    insist(read, "shop_domain", names_customer(read) && read.body.has("orders_to_redact"))?;
    let record = match read.body.at("customer").id("id") {
        Some(id) => {
            let mut customer = super::customer::heard_of(read, &id, view)?;
            customer.said.redact(read.happened_at());
            view.write(&customer)?;
            ShopCustomer::key(&id)
        }
        None => Shop::key(read.shop),
    };
    view.erase(Announcement { record, subject: ERASE.to_owned(), number: 1 });
    view.summarize(format!("a customer of {} is to be erased, with {} order(s)", read.shop, read.body.count("orders_to_redact")));
    Ok(())
}

pub(super) fn shop(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    let others = ["customer", "orders_to_redact", "orders_requested", "myshopify_domain"];
    insist(read, "shop_domain", read.body.has("shop_id") && !others.iter().any(|other| read.body.has(other)))?;
    let mut shop = shop::heard_of(read, view)?;
    shop.said.redact(read.happened_at());
    view.erase(Announcement { record: Shop::key(read.shop), subject: ERASE.to_owned(), number: 1 });
    view.summarize(format!("all people of {} are to be erased", read.shop));
    view.write(&shop)
}

pub(super) fn data_request(read: &Read<'_>, view: &mut View<'_>) -> Result<(), Stop> {
    insist(read, "shop_domain", names_customer(read) && read.body.has("orders_requested") && read.body.has("data_request"))?;
    if view.policy.mail {
        let about = Announcement { record: Shop::key(read.shop), subject: REQUEST.to_owned(), number: 1 };
        view.effect(EffectKind::Mail, MailTemplate::ShopDataRequest, about);
    }
    view.summarize(format!("a customer of {} asks what is held", read.shop));
    Ok(())
}

/// What is to be erased, as the event says that asks for it.
#[derive(Debug)]
pub(crate) struct Redaction {
    /// The shop's domain.
    pub(crate) shop: String,
    /// When it was asked for.
    pub(crate) at: Timestamp,
    /// Who; `None` for all people of the shop.
    pub(crate) person: Option<Person>,
}

/// Who is to be erased.
#[derive(Debug)]
pub(crate) struct Person {
    /// Shopify's numbers of the orders.
    pub(crate) orders: Vec<String>,
    numbers: Vec<String>,
    texts: Vec<String>,
}

impl Redaction {
    /// Reads it out of its event. `None` if that asks for no such thing, or no longer says what it asked for.
    pub(crate) fn read(event: &EventRecord, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let body = Fields::new(&body);
        let at = event.occurred_at.unwrap_or(event.received_at);
        let shop = event.account.clone()?;
        match event.kind.as_str() {
            SHOP => Some(Self { shop, at, person: None }),
            CUSTOMER => Some(Self { shop, at, person: Some(Person::read(body)) }),
            _ => None,
        }
    }

    /// What subscribers are told of the event that asks for it: its body without address and number, so that they can erase by the ids, too. `None` if it
    /// asks for no such thing.
    pub(crate) fn told(event: &EventRecord) -> Option<Value> {
        if event.provider != SHOPIFY || ![SHOP, CUSTOMER].contains(&event.kind.as_str()) {
            return None;
        }
        let body = event.body().unpack().ok()?;
        Self::read(event, &body)?;
        let mut told: Value = serde_json::from_slice(&body).ok()?;
        let customer = told.get_mut("customer").and_then(Value::as_object_mut);
        customer.into_iter().for_each(|customer| customer.retain(|name, _| name == "id"));
        Some(told)
    }

    /// Whether a stored body tells of whom is to be erased.
    pub(crate) fn is_in(&self, body: &[u8]) -> bool {
        let Some(person) = &self.person else { return true };
        let text = String::from_utf8_lossy(body).to_lowercase();
        person.texts.iter().any(|known| text.contains(known)) || person.numbers.iter().any(|number| holds_number(&text, number))
    }
}

impl Person {
    fn read(body: Fields<'_>) -> Self {
        let customer = body.at("customer");
        let orders = body.ids("orders_to_redact");
        let numbers = customer.id("id").into_iter().chain(orders.iter().cloned()).collect();
        // As it stands in JSON, where a plus or an at sign is never escaped.
        let texts = ["email", "phone"].into_iter().filter_map(|name| customer.text(name)).map(str::to_lowercase).collect();
        Self { orders, numbers, texts }
    }
}

/// Whether a number stands in a text, and not only as a part of a longer one.
fn holds_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
        let bytes = text.as_bytes();
        !digit(at.checked_sub(1).and_then(|before| bytes.get(before))) && !digit(bytes.get(at + number.len()))
    })
}

/// Erases the person out of a record that was named, also if nothing is known of it yet. One of another shop's stays as it is.
pub(crate) fn redact_named<R: Personal>(
    id: &str,
    redaction: &Redaction,
    first: fn(&str, Timestamp) -> R,
    view: &mut View<'_>,
) -> Result<(), Stop> {
    let mut record = view.read::<R>(id)?.unwrap_or_else(|| first(id, redaction.at));
    if !record.said().belongs_to(&redaction.shop) {
        tracing::warn!(kind = R::KIND, id, shop = redaction.shop, "what is to be erased belongs to another shop; it stays as it is");
        return Ok(());
    }
    record.said().redact(redaction.at);
    view.write(&record)
}

/// Erases the person out of a record of a shop that is erased, unless it has changed since: then the shop has taken the app again.
pub(crate) fn redact_older<R: Personal>(id: &str, at: Timestamp, view: &mut View<'_>) -> Result<(), Stop> {
    let Some(mut record) = view.read::<R>(id)? else { return Ok(()) };
    if record.said().changed_at().is_some_and(|changed_at| changed_at > at) {
        return Ok(());
    }
    record.said().redact(at);
    view.write(&record)
}

/// What a customer asks for, as the event says.
#[derive(Debug)]
pub(crate) struct DataRequest {
    /// Shopify's number of the request.
    pub(crate) id: Option<String>,
    /// Shopify's number of the customer.
    pub(crate) customer: Option<String>,
    /// Shopify's numbers of the orders.
    pub(crate) orders: Vec<String>,
}

impl DataRequest {
    /// Reads it out of its body. `None` if that is erased by now, or none.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let body = Fields::new(&body);
        body.has("data_request").then(|| Self {
            id: body.at("data_request").id("id"),
            customer: body.at("customer").id("id"),
            orders: body.ids("orders_requested"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_not_a_part_of_another() {
        assert!(holds_number(r#"{"id":12,"x":1}"#, "12") && holds_number("12", "12") && holds_number("[3,12]", "12"));
        assert!(!holds_number(r#"{"id":120}"#, "12") && !holds_number("312", "12") && !holds_number("", "12"));
    }
}
