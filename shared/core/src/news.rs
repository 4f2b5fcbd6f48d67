//! Business events: what it means for those who subscribed that the state of a record has changed.
//!
//! They are read off the derived state, before and after, and published in the commit that changes it. So each change of the state is told once, in whatever
//! order its causes came, and a record that is known from events alone tells nothing until it is served.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    ports::{Document, Index, Key},
    records::Message,
    state::State,
    time::Timestamp,
};

/// When an event of a type happens, by the state that the API shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// The record is there for the first time.
    Begins,
    /// The field becomes this word.
    Becomes(&'static str, &'static str),
    /// Each of these fields is this word, and not each was before.
    BecomeBoth([(&'static str, &'static str); 2]),
    /// The field is this word, and of the ids in that list of what is stored the record's own is a new one. What was so before there was such a list is old.
    IsAs((&'static str, &'static str), &'static str),
    /// The field has a value for the first time.
    IsSet(&'static str),
    /// The field's number grows.
    Grows(&'static str),
    /// The field has another value.
    Changes(&'static str),
    /// The field of what is stored, and not shown, becomes true.
    IsMarked(&'static str),
}

/// A type of business events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusinessEvent {
    /// The type, such as `booking.refunded`.
    pub name: &'static str,
    /// The kind of record whose state is the data.
    pub record: &'static str,
    /// What has happened, for people.
    pub meaning: &'static str,
    when: When,
}

/// What a change of a record tells.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// The type of the event.
    pub kind: &'static str,
    /// The record.
    pub record: Key,
    /// Whose record it is.
    pub tenant: Option<String>,
    /// The record as the API shows it now.
    pub data: Arc<State>,
    /// When it was planned.
    pub at: Timestamp,
}

impl News {
    /// The same of a record in the space of a tenant, which is shown with it, whether its kind says whose its records are or not.
    #[must_use]
    pub fn within(self, tenant: &str) -> Self {
        let data = Arc::unwrap_or_clone(self.data).with("tenant", tenant.into());
        Self { tenant: Some(tenant.to_owned()), data: Arc::new(data), ..self }
    }
}

macro_rules! events {
    ($($shown:literal of $record:literal: { $($name:literal $when:expr, $meaning:literal;)* })*) => {
        /// All types, by record.
        pub const BUSINESS_EVENTS: &[BusinessEvent] = &[
            $($(BusinessEvent { name: concat!($shown, ".", $name), record: $record, meaning: $meaning, when: $when }),*),*
        ];
    };
}

use When::{BecomeBoth, Becomes, Begins, Changes, Grows, IsAs, IsMarked, IsSet};

/// A message that was sent has come so far. How far one came that came in says nothing of what was sent.
const fn sent_is(status: &'static str) -> When {
    BecomeBoth([("direction", "outbound"), ("status", status)])
}

events! {
    "booking" of "booking": {
        "created" Begins, "A booking was put for the first time.";
        "confirmed" Becomes("status", "confirmed"), "A booking is confirmed: it is paid, or its owner says so.";
        "deposit_paid" IsSet("deposit_paid_at"), "The deposit of a booking was paid.";
        "payment_failed" Becomes("status", "payment_pending"), "A payment of a booking failed; it is held for a while.";
        "cancelled" Becomes("status", "cancelled"), "A booking is cancelled: by its owner, or because its hold ended unpaid.";
        "refunded" Grows("refunded_amount"), "Some or all of a booking's deposit was given back.";
    }
    "invoice" of "invoice": {
        "created" Begins, "An invoice was put for the first time.";
        "paid" Becomes("status", "paid"), "An invoice is paid.";
        "overdue" Becomes("status", "overdue"), "A payment of an invoice failed.";
        "refunded" Grows("refunded_amount"), "Some or all of what was paid for an invoice was given back.";
    }
    "payment" of "transaction": {
        "succeeded" Becomes("status", "succeeded"), "A payment was made.";
        "failed" Becomes("status", "failed"), "A payment failed.";
        "refunded" Grows("refunded_amount"), "Some or all of a payment was given back.";
    }
    "customer" of "customer": {
        "created" Begins, "A customer was put for the first time.";
        "billing_status_changed" Changes("billing_status"), "What Stripe says of a customer's subscription has changed.";
    }
    "tenant" of "tenant": {
        "created" Begins, "A tenant was put for the first time.";
        "subscription_changed" Changes("subscription_status"), "What Stripe says of a tenant's subscription has changed.";
    }
    "message" of "message": {
        "received" IsAs(("direction", "inbound"), Message::CAME_IN_AS), "A text, call or mail came in.";
        "delivered" sent_is("delivered"), "A message that was sent arrived.";
        "failed" sent_is("failed"), "A message that was sent did not arrive.";
        "bounced" sent_is("bounced"), "A mail that was sent came back.";
        "complained" sent_is("complained"), "A mail that was sent was reported as unwanted.";
    }
    "order" of "order": {
        "created" IsMarked("made"), "A shop's order was made.";
        "paid" Becomes("financial_status", "paid"), "A shop's order is paid.";
        "fulfilled" Becomes("fulfillment_status", "fulfilled"), "A shop's order was sent out.";
        "cancelled" IsSet("cancelled_at"), "A shop's order was cancelled.";
    }
    "product" of "product": {
        "created" Begins, "A shop's product was made.";
        "deleted" IsSet("deleted_at"), "A shop's product was deleted.";
    }
    "repository" of "repository": {
        "created" Begins, "A repository was heard of for the first time.";
        "released" Changes("last_release"), "A repository has another latest release.";
        "deleted" IsSet("deleted_at"), "A repository was deleted.";
    }
}

/// What is personal in what shops tell. It is erased on demand wherever it is stored, and so not passed on: the API has it.
const PERSONAL: [(&str, &[&str]); 1] = [("order", &["customer_name", "customer_email", "customer_phone"])];

/// The fields of what a kind of record shows that are left out of what is published.
pub(crate) fn personal(kind: &str) -> &'static [&'static str] {
    PERSONAL.iter().find(|(known, _)| *known == kind).map_or(&[], |(_, fields)| fields)
}

impl When {
    /// `stored` is the document that there was, whether it was served or not; `before` its state, if it was.
    fn holds(self, stored: Option<&Document>, before: Option<&State>, (after_stored, after): (&Document, &State)) -> bool {
        let (was, is) = (|field: &str| before.map_or(&Value::Null, |before| &before[field]), |field: &str| &after[field]);
        match self {
            Self::Begins => before.is_none(),
            Self::Becomes(field, word) => is(field) == word && was(field) != word,
            Self::BecomeBoth([(one, word), (other, other_word)]) => {
                is(one) == word && is(other) == other_word && (was(one) != word || was(other) != other_word)
            }
            Self::IsAs((field, word), list) => {
                let own = &after_stored.key.id;
                let known = || stored.map_or(Value::Null, |stored| listed(stored, list));
                let is_new = |known: &Value| !has(known, own) && (was(field) != word || !known.is_null());
                is(field) == word && has(&listed(after_stored, list), own) && is_new(&known())
            }
            Self::IsSet(field) => was(field).is_null() && !is(field).is_null(),
            Self::Grows(field) => is(field).as_i64().unwrap_or(0) > was(field).as_i64().unwrap_or(0),
            Self::Changes(field) => was(field) != is(field) && !is(field).is_null(),
            Self::IsMarked(field) => {
                is_marked(after_stored, field) && !stored.filter(|_| before.is_some()).is_some_and(|stored| is_marked(stored, field))
            }
        }
    }
}

/// What the change of a record tells: of its document and state `before`, if it was there, and `after`.
#[must_use]
pub fn news(before: Option<(&Document, &State)>, after: (&Document, &Arc<State>), at: Timestamp) -> Vec<News> {
    let (document, state) = (after.0, after.1.as_ref());
    let kind = document.key.kind.as_ref();
    if !BUSINESS_EVENTS.iter().any(|event| event.record == kind) || !is_served(document) {
        return Vec::new();
    }
    let stored = before.map(|(stored, _)| stored);
    let before = before.filter(|(stored, _)| is_served(stored)).map(|(_, state)| state);
    let told = BUSINESS_EVENTS.iter().filter(|event| event.record == kind && event.when.holds(stored, before, (document, state)));
    told.map(|event| News {
        kind: event.name,
        record: document.key.clone(),
        tenant: state["tenant"].as_str().map(str::to_owned),
        data: without_personal(kind, after.1),
        at,
    })
    .collect()
}

/// What the API serves stands in the list of its kind.
fn is_served(document: &Document) -> bool {
    document.places.iter().any(|place| place.index == Index::List)
}

fn is_marked(document: &Document, field: &str) -> bool {
    serde_json::from_slice::<Value>(&document.data).is_ok_and(|stored| stored[field] == true)
}

/// This list of what is stored; null if there is none.
fn listed(document: &Document, list: &str) -> Value {
    let stored = serde_json::from_slice::<Value>(&document.data).unwrap_or_default();
    stored[list].clone()
}

fn has(listed: &Value, id: &str) -> bool {
    listed.as_array().is_some_and(|ids| ids.iter().any(|known| known == id))
}

fn without_personal(kind: &str, state: &Arc<State>) -> Arc<State> {
    let mut state = Arc::clone(state);
    let personal = personal(kind);
    if !personal.is_empty() {
        Arc::make_mut(&mut state).remove(personal);
    }
    state
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{record::place, webhooks::is_event_type};

    const TIME: &str = "2026-11-22T06:00:00Z";

    fn state<const N: usize>(fields: [(&'static str, Value); N]) -> State {
        fields.into_iter().collect()
    }

    fn document(kind: &'static str, index: Index) -> Document {
        let at = Timestamp::from_seconds(0);
        Document { key: Key::new(kind, "1"), data: Vec::new(), blob: None, places: vec![place(index, kind, at, "1")], expires_at: None }
    }

    fn told(kind: &'static str, before: Option<State>, after: State) -> Vec<&'static str> {
        let document = document(kind, Index::List);
        let before = before.as_ref().map(|state| (&document, state));
        news(before, (&document, &Arc::new(after)), Timestamp::from_seconds(0)).iter().map(|news| news.kind).collect()
    }

    #[test]
    fn each_change_of_the_state_is_told() {
        let booking = |status: &str, paid_at: Option<&str>, refunded: i64| {
            state([("status", json!(status)), ("deposit_paid_at", json!(paid_at)), ("refunded_amount", json!(refunded))])
        };
        let (open, paid) = (booking("pending", None, 0), booking("confirmed", Some(TIME), 0));
        assert_eq!(told("booking", None, open.clone()), ["booking.created"]);
        assert_eq!(told("booking", Some(open.clone()), open.clone()), [""; 0]);
        assert_eq!(told("booking", Some(open.clone()), paid.clone()), ["booking.confirmed", "booking.deposit_paid"]);
        assert_eq!(told("booking", None, paid.clone()), ["booking.created", "booking.confirmed", "booking.deposit_paid"]);
        assert_eq!(told("booking", Some(paid), booking("confirmed", Some(TIME), 2_000)), ["booking.refunded"]);
        let tenant = |status: Option<&str>| state([("subscription_status", json!(status))]);
        assert_eq!(told("tenant", Some(tenant(Some("active"))), tenant(None)), [""; 0]);
    }

    #[test]
    fn how_far_a_message_came_is_told_of_what_was_sent_alone() {
        let message = |direction: &str, status: &str| state([("direction", json!(direction)), ("status", json!(status))]);
        for status in ["delivered", "failed", "bounced", "complained"] {
            let sent = message("outbound", status);
            assert_eq!(told("message", None, sent.clone()), [format!("message.{status}")]);
            assert_eq!(told("message", Some(message("outbound", "sent")), sent.clone()), [format!("message.{status}")]);
            assert_eq!(told("message", Some(message("inbound", status)), sent.clone()), [format!("message.{status}")], "put rightly");
            assert_eq!(told("message", Some(sent.clone()), sent), [""; 0]);
            assert_eq!(told("message", None, message("inbound", status)), [""; 0]);
            assert_eq!(told("message", Some(message("inbound", "pending")), message("inbound", status)), [""; 0]);
        }
    }

    #[test]
    fn what_came_in_is_told_once_under_whichever_id() {
        let of = |direction: &str, ids: &[&str], index: Index| {
            let data = json!({ Message::CAME_IN_AS: ids }).to_string().into_bytes();
            (Document { data, ..document("message", index) }, Arc::new(state([("direction", json!(direction))])))
        };
        let told = |before: Option<&(Document, Arc<State>)>, after: &(Document, Arc<State>)| -> Vec<_> {
            let before = before.map(|(document, state)| (document, &**state));
            news(before, (&after.0, &after.1), Timestamp::from_seconds(0)).iter().map(|news| news.kind).collect()
        };
        let (inbound, outbound) = (of("inbound", &["1"], Index::List), of("outbound", &[], Index::List));
        assert_eq!(told(None, &inbound), ["message.received"]);
        assert_eq!(told(Some(&outbound), &inbound), ["message.received"]);
        assert_eq!(told(Some(&of("outbound", &[], Index::Flag)), &inbound), ["message.received"], "was not served");
        assert_eq!(told(Some(&inbound), &inbound), [""; 0]);
        assert_eq!(told(Some(&of("outbound", &["1"], Index::List)), &inbound), [""; 0], "put wrongly for a while");
        assert_eq!(told(Some(&of("inbound", &["1"], Index::Flag)), &inbound), [""; 0], "led elsewhere for a while");
        let joined = of("inbound", &["SM1"], Index::List);
        assert_eq!(told(None, &joined), [""; 0], "told under the provider's id");
        assert_eq!(told(Some(&joined), &inbound), ["message.received"], "that was another one");
        let old = (document("message", Index::List), inbound.1.clone());
        assert_eq!(told(Some(&old), &inbound), [""; 0], "told before that was noted");
    }

    #[test]
    fn what_is_not_served_tells_nothing_until_it_is() {
        let (hidden, shown) = (document("booking", Index::Flag), document("booking", Index::List));
        let paid = Arc::new(state([("status", json!("confirmed")), ("deposit_paid_at", json!(TIME))]));
        assert!(news(None, (&hidden, &paid), Timestamp::from_seconds(0)).is_empty());
        let kinds: Vec<_> =
            news(Some((&hidden, &paid)), (&shown, &paid), Timestamp::from_seconds(0)).iter().map(|news| news.kind).collect();
        assert_eq!(kinds, ["booking.created", "booking.confirmed", "booking.deposit_paid"]);
    }

    #[test]
    fn nothing_personal_of_a_shop_is_passed_on() {
        let mut document = document("order", Index::List);
        document.data = br#"{"made":true}"#.to_vec();
        let personal = ["customer_name", "customer_email", "customer_phone"].map(|name| (name, json!("Ana")));
        let shown = personal.into_iter().chain([("total", json!(5_450))]).collect();
        let told = news(None, (&document, &Arc::new(shown)), Timestamp::from_seconds(0));
        assert_eq!(*told[0].data, state([("total", json!(5_450))]));
    }

    #[test]
    fn every_name_is_a_type_and_there_once() {
        for (position, event) in BUSINESS_EVENTS.iter().enumerate() {
            assert!(is_event_type(event.name), "{}", event.name);
            assert!(BUSINESS_EVENTS[..position].iter().all(|other| other.name != event.name), "{}", event.name);
        }
    }
}
