//! Whatever a tenant's sources tell, and in whatever order, nobody else notices: every record, mail, text, publication and answer of everybody else is as it
//! would be without them.

use std::{collections::BTreeSet, sync::LazyLock};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    ports::{Clock, Stored},
    space::is_decided,
    testing::{Sent, TestSize, World, stripe},
    time::Timestamp,
};

use crate::{
    samples::{Sample, samples},
    support::{
        KEY, NUMBER, booking, call, event, failed, github, mail_event, minutes, paid, refunded, send, shopify, start, text_in, text_status,
    },
};

/// Whose a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Operator,
    /// A tenant with sources of its own.
    Acme,
    /// Another one, whose steps are left out for comparison.
    Evil,
}

impl Whose {
    fn tenant(self) -> Option<&'static str> {
        match self {
            Self::Operator => None,
            Self::Acme => Some("acme"),
            Self::Evil => Some("evil"),
        }
    }
}

/// What happens, by a number that is taken modulo what there is.
#[derive(Clone, Copy, Debug)]
enum Step {
    Put(Whose, usize),
    Event(Whose, usize),
    Replay(Whose, usize),
}

impl Step {
    fn whose(self) -> Whose {
        match self {
            Self::Put(whose, _) | Self::Event(whose, _) | Self::Replay(whose, _) => whose,
        }
    }
}

/// What everybody puts, under the same ids and with the same numbers, addresses and ids of Stripe's.
fn puts() -> Vec<(&'static str, Value)> {
    let invoice = json!({ "customer_id": "c1", "amount": 4900, "currency": "usd", "stripe_payment_intent_id": "pi_9" });
    vec![
        ("bookings/12345", booking(json!({}))),
        ("bookings/12345", booking(json!({ "status": "confirmed" }))),
        ("bookings/777", booking(json!({ "customer_email": "other@example.com" }))),
        ("invoices/INV-1", invoice),
        ("customers/c1", json!({ "name": "Ana", "email": "ana@example.com", "phone": NUMBER, "stripe_customer_id": "cus_1" })),
        ("messages/m1", json!({ "channel": "sms", "direction": "outbound", "to": NUMBER, "external_id": "SM1", "booking_id": "12345" })),
    ]
}

/// What everybody's sources tell, of the same things. `text`: the id of somebody's text, as its reference may be known.
fn events(at: Timestamp, text: &str) -> Vec<InboundMessage> {
    let of_stripe = |id: &str, kind: &str, object: Value| stripe(id, kind, at, at, &object);
    let customer = json!({ "id": "cus_1", "email": "changed@example.com", "phone": NUMBER });
    let subscription = json!({ "id": "sub_1", "customer": "cus_1", "status": "past_due", "current_period_end": 1_797_000_000 });
    let checkout =
        json!({ "id": "cs", "payment_status": "paid", "subscription": "sub_1", "customer": "cus_1", "client_reference_id": "acme" });
    let invoice =
        json!({ "id": "in_1", "amount_due": 4900, "amount_paid": 4900, "currency": "usd", "customer": "cus_1", "payment_intent": "pi_9" });
    let of_invoice = json!({ "id": "pi_9", "amount": 4900, "amount_received": 4900, "currency": "usd", "customer": "cus_1" });
    let method = json!({ "id": "pm_1", "card": { "brand": "visa", "last4": "0001" } });
    let order =
        json!({ "id": 1, "name": "#1", "email": "ana@example.com", "total_price": "10.00", "currency": "USD", "financial_status": "paid" });
    let redacted =
        json!({ "shop_domain": "acme.myshopify.com", "customer": { "id": 7, "email": "ana@example.com" }, "orders_to_redact": [1] });
    let repository = json!({ "action": "published", "repository": { "id": 1, "full_name": "acme/site" }, "release": { "tag_name": "v9", "published_at": at } });
    vec![
        paid("evt_1", "pi_1", at, at),
        failed("evt_2", "pi_2", "insufficient_funds", at, at),
        refunded("evt_3", "pi_1", 2000, true, at),
        refunded("evt_4", "pi_1", 6000, false, at),
        of_stripe("evt_5", "payment_intent.succeeded", of_invoice),
        of_stripe("evt_6", "customer.updated", customer),
        of_stripe("evt_7", "customer.subscription.updated", subscription),
        of_stripe("evt_8", "checkout.session.completed", checkout),
        of_stripe("evt_9", "invoice.payment_failed", invoice.clone()),
        of_stripe("evt_10", "invoice.paid", invoice),
        of_stripe("evt_11", "setup_intent.succeeded", json!({ "id": "seti", "customer": "cus_1", "payment_method": method })),
        // What has lost its shape is parked, and rings.
        of_stripe("evt_12", "charge.refunded", json!({ "id": 5 })),
        text_status("SM1", "delivered", NUMBER, Some(text), at),
        text_status("SM1", "failed", NUMBER, Some(&format!("{text}~acme")), at),
        text_status("SM2", "undelivered", NUMBER, None, at),
        text_in("SM3", "STOP", Some("STOP"), at),
        text_in("SM4", "START", Some("START"), at),
        mail_event("mail-1", "bounced", at),
        mail_event("mail-1", "complained", at),
        shopify("1", "orders/create", at, &order),
        shopify("2", "customers/redact", at, &redacted),
        shopify("3", "shop/redact", at, &json!({ "shop_id": 1, "shop_domain": "acme.myshopify.com" })),
        shopify("4", "shop/update", at, &json!({ "id": 1, "name": "Taken", "email": "evil@example.com" })),
        github("delivery-1", "release.published", at, repository.clone()),
        github("delivery-2", "release.published", at, repository),
        event("standard", "msg_1", "something.else", None, "", at, r#"{"type":"something.else"}"#),
    ]
}

/// Read once for all cases.
static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| samples().into_iter().filter(|sample| !sample.trial).collect());

async fn call_as(world: &World, key: &str, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
    let request = Request::builder().method(method).uri(format!("/api/v1/{path}")).header(header::AUTHORIZATION, format!("Bearer {key}"));
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let answer = send(world, request.body(body).expect("a request")).await;
    (answer.status, answer.json)
}

/// The keys of everybody: what is random is the same whatever else has happened.
struct Keys {
    acme: String,
    evil: String,
}

async fn prepare(world: &World) -> Keys {
    let tenant = json!({ "name": "Acme", "stripe_customer_id": "cus_1" });
    for name in ["acme", "evil"] {
        assert!(call(world, Method::PUT, &format!("/api/v1/tenants/{name}"), Some(tenant.clone())).await.status.is_success());
    }
    for tenant in [Value::Null, json!("acme"), json!("evil")] {
        let url = format!("https://{}.example/", tenant.as_str().unwrap_or("operator"));
        let body = json!({ "url": url, "event_types": ["*"], "tenant": tenant });
        assert_eq!(call_as(world, KEY, Method::POST, "subscriptions", Some(body)).await.0, StatusCode::CREATED);
    }
    let key = async |tenant: &str| {
        let (_, made) = call_as(world, KEY, Method::POST, "keys", Some(json!({ "scopes": ["read", "write"], "tenant": tenant }))).await;
        made["key"].as_str().expect("a key").to_owned()
    };
    Keys { acme: key("acme").await, evil: key("evil").await }
}

/// Makes an event that of one of the sources of whoever it is.
fn of(message: InboundMessage, whose: Whose) -> InboundMessage {
    let InboundMessage::Event(mut envelope) = message else { return message };
    if let Some(tenant) = whose.tenant() {
        (envelope.source, envelope.tenant) = (tenant.to_owned(), Some(tenant.to_owned()));
    }
    InboundMessage::Event(envelope)
}

async fn happen(world: &World, keys: &Keys, step: Step) {
    let at = world.clock.now();
    match step {
        Step::Put(whose, number) => {
            let (path, mut body) = puts().swap_remove(number % puts().len());
            let key = match whose {
                Whose::Operator => KEY,
                Whose::Acme => &keys.acme,
                Whose::Evil => &keys.evil,
            };
            // The operator also puts what is the tenant's.
            if whose == Whose::Operator && number % 3 == 2 && !path.starts_with("messages/") {
                body["tenant"] = json!("acme");
            }
            let (status, answer) = call_as(world, key, Method::PUT, path, Some(body)).await;
            assert!(
                status.is_success() || status == StatusCode::CONFLICT || status == StatusCode::UNPROCESSABLE_ENTITY,
                "{path}: {answer}"
            );
        }
        Step::Event(whose, number) => {
            // One of anybody's else: nobody keeps them secret.
            let texts = world.documents("message").into_iter().chain(world.documents("message~acme"));
            let text = texts.map(|stored| stored.document.key.id.clone()).find(|id| id.starts_with("ms_"));
            let mut all = events(at, &text.unwrap_or_else(|| "ms_none".to_owned()));
            all.extend(SAMPLES.iter().map(|sample| sample.message(at)));
            // Everybody else's own sources bring back no reference but Sluice's own, and those of the operator's any.
            let chosen = all.swap_remove(number % all.len());
            world.enqueue(&of(chosen, whose)).await;
        }
        Step::Replay(whose, number) => {
            let mut own: Vec<_> = world.events().into_iter().filter(|event| event.tenant.as_deref() == whose.tenant()).collect();
            own.sort_by(|one, other| one.id.cmp(&other.id));
            if !own.is_empty() {
                world.enqueue(&InboundMessage::Replay { id: own.swap_remove(number % own.len()).id }).await;
            }
        }
    }
    while world.step().await {}
}

/// What everybody but the one sees, and what is stored of it.
async fn end(steps: &[Step], with: &[Whose]) -> Value {
    let world = World::new(start(), true).with_sources_of(&["acme", "evil"]);
    world.sent.name_texts_by_effect("SMsent");
    let keys = prepare(&world).await;
    for (number, step) in (1..).zip(steps) {
        // Time passes with the others and without them: what waits for it waits as long.
        world.clock.set(start() + minutes(7 * number));
        // What one does draws no ids that another one would have.
        world.ids.go_on_after(1_000_000 * number);
        if with.contains(&step.whose()) {
            happen(&world, &keys, *step).await;
        } else {
            while world.step().await {}
        }
    }
    world.ids.go_on_after(1_000_000_000);
    world.run_until_quiet().await;
    seen(&world, &keys).await
}

fn json_of(stored: &Stored) -> Value {
    let mut data: Value = serde_json::from_slice(&stored.document.data).unwrap_or_default();
    // Who had it in hand, and how often, is drawn anew each time.
    data.as_object_mut().into_iter().for_each(|data| drop(data.remove("lease")));
    json!({ "key": stored.document.key.to_string(), "data": data, "places": format!("{:?}", stored.document.places), "version": stored.version })
}

async fn seen(world: &World, keys: &Keys) -> Value {
    let documents = world.store.documents();
    assert!(documents.iter().all(|stored| is_decided(stored.document.key.kind.split('~').next().unwrap_or_default())));
    let text = |data: &Value, name: &str| data["data"][name].as_str().unwrap_or_default().to_owned();
    let all: Vec<_> = documents.iter().map(json_of).collect();
    let is = |data: &Value, kind: &str| data["key"].as_str().is_some_and(|key| key.starts_with(&format!("{kind}/")));
    let evils = |data: &&Value| data["data"]["tenant"] == "evil";
    let events: BTreeSet<_> = all.iter().filter(|data| is(data, "event")).filter(evils).map(|data| text(data, "id")).collect();
    let published: BTreeSet<_> = all.iter().filter(|data| is(data, "published")).filter(evils).map(|data| text(data, "id")).collect();
    let of_evil = |data: &Value| {
        let key = data["key"].as_str().unwrap_or_default();
        key.contains("~evil/")
            || is(data, "event") && events.contains(&text(data, "id"))
            || is(data, "piece") && events.iter().any(|event| key.contains(event.as_str()))
            || is(data, "published") && published.contains(&text(data, "id"))
            || is(data, "delivery") && published.contains(&text(data, "event_id"))
            // When it was used last.
            || is(data, "api_key")
            // How its receiver is doing.
            || is(data, "webhook_endpoint")
    };
    let stored: Vec<_> = all.iter().filter(|data| !of_evil(data)).collect();
    let sent: Vec<_> =
        world.sent.sent().into_iter().filter(|sent| !events.contains(event_of(sent))).map(|sent| format!("{sent:?}")).collect();
    let got = world.receivers.got().into_iter().filter(|got| !published.contains(got.header("webhook-id")));
    let mut got: Vec<_> = got.map(|got| (got.url.clone(), String::from_utf8_lossy(&got.body).into_owned())).collect();
    got.sort();
    let mut answers = Vec::new();
    for kind in [
        "bookings",
        "invoices",
        "customers",
        "tenants",
        "messages",
        "payments",
        "transactions",
        "payment-methods",
        "orders",
        "shops",
        "repositories",
    ] {
        for query in ["limit=1000", "limit=1000&unmatched=true"] {
            for (key, of_acme) in [(KEY, ""), (KEY, "&tenant=acme"), (keys.acme.as_str(), "")] {
                if kind != "tenants" || of_acme.is_empty() {
                    let path = format!("{kind}?{query}{of_acme}");
                    let (status, answer) = call_as(world, key, Method::GET, &path, None).await;
                    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
                    answers.push(json!({ "path": path, "answer": answer }));
                }
            }
        }
    }
    for path in ["bookings/12345", "bookings/12345/history", "customers/c1", "messages/m1"] {
        for (key, query) in [(KEY, ""), (KEY, "?tenant=acme"), (keys.acme.as_str(), "")] {
            let (_, answer) = call_as(world, key, Method::GET, &format!("{path}{query}"), None).await;
            answers.push(json!({ "path": path, "answer": answer }));
        }
    }
    json!({ "stored": stored, "sent": sent, "got": got, "answers": answers })
}

fn event_of(sent: &Sent) -> &str {
    match sent {
        Sent::Mail(mail) => &mail.event,
        Sent::Text(text) => &text.event,
    }
}

/// The first difference, for whoever reads a failure.
fn difference(one: &Value, other: &Value) -> String {
    for (name, list) in one.as_object().expect("an object") {
        let (list, others) = (list.as_array().expect("a list"), other[name].as_array().expect("a list"));
        if let Some(item) = list.iter().find(|item| !others.contains(item)) {
            return format!("only with the others in {name}: {item}");
        }
        if let Some(item) = others.iter().find(|item| !list.contains(item)) {
            return format!("only without the others in {name}: {item}");
        }
        if list != others {
            return format!("another order in {name}");
        }
    }
    "none".to_owned()
}

fn step() -> impl Strategy<Value = Step> {
    let whose = prop_oneof![Just(Whose::Operator), Just(Whose::Acme), Just(Whose::Evil), Just(Whose::Evil)];
    // Those that were made to meet come more often than samples.
    let event = prop_oneof![3 => 0..26usize, 1 => 26..200usize];
    prop_oneof![
        2 => (whose.clone(), 0..12usize).prop_map(|(whose, number)| Step::Put(whose, number)),
        5 => (whose.clone(), event).prop_map(|(whose, number)| Step::Event(whose, number)),
        1 => (whose, 0..20usize).prop_map(|(whose, number)| Step::Replay(whose, number)),
    ]
}

const ALL: [Whose; 3] = [Whose::Operator, Whose::Acme, Whose::Evil];

fn hold_it_to(steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let (with, without) = (end(steps, &ALL).await, end(steps, &[Whose::Operator, Whose::Acme]).await);
        assert!(with == without, "{}", difference(&with, &without));
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: TestSize::of_this_run().pick(48, 10_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_notices_what_a_tenants_sources_tell(steps in prop::collection::vec(step(), 1..24)) {
        hold_it_to(&steps);
    }
}

/// Every event there is, of a tenant that means ill, once before everybody's puts and once after.
#[test]
fn nobody_notices_anything_that_a_tenants_sources_can_tell() {
    let everything: Vec<_> = (0..events(start(), "ms_none").len() + SAMPLES.len()).map(|number| Step::Event(Whose::Evil, number)).collect();
    let puts = |whose: Whose| (0..puts().len()).map(move |number| Step::Put(whose, number));
    let others: Vec<_> = puts(Whose::Operator)
        .chain(puts(Whose::Acme))
        .chain([0, 3, 12, 19].into_iter().flat_map(|number| [Step::Event(Whose::Operator, number), Step::Event(Whose::Acme, number)]))
        .collect();
    let again = (0..everything.len()).map(|number| Step::Replay(Whose::Evil, number));
    let steps: Vec<_> = [everything.clone(), others].concat().into_iter().chain(puts(Whose::Evil)).chain(again).chain(everything).collect();
    hold_it_to(&steps);
}

/// The property could hold because nothing happens at all: what the tenant's sources tell is there, in its space.
#[tokio::test]
async fn what_they_tell_is_in_their_space() {
    let world = World::new(start(), true).with_sources_of(&["acme", "evil"]);
    let keys = prepare(&world).await;
    let kinds = ["booking", "transaction", "customer", "message", "phone", "address", "shop", "repository", "subscription", "alarm"];
    let before = kinds.map(|kind| world.documents(kind));
    for number in 0..events(start(), "ms_none").len() {
        happen(&world, &keys, Step::Event(Whose::Evil, number)).await;
    }
    for (kind, before) in kinds.into_iter().zip(before) {
        assert!(!world.documents(&format!("{kind}~evil")).is_empty(), "{kind}");
        assert_eq!(world.documents(kind), before, "{kind}");
    }
}
