//! What an event doesn't say is asked of Stripe's API: thin events, keys that are missing or refused, calls that fail.

mod waiting;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    body::{self, PackedBody},
    envelope::{InboundMessage, event_id},
    event::{EventRecord, EventStatus},
    ports::StripeObject,
    records::Booking,
    testing::{CannedStripe, Sent, World, stripe},
    time::Timestamp,
};

use crate::{
    going_wrong::{comes_twice_and_expires_whole, ends_the_same, expires_whole},
    support::{booking, call, headlines, incompressible, listed, minutes, paid, put, put_until_done, start},
};

const SNAPSHOT: &str = "evt_snapshot";

/// The thin event that booking 12345 is paid, with what else it says.
fn thin(id: &str, kind: &str, more: &Value) -> InboundMessage {
    let mut body = json!({
        "id": id, "object": "v2.core.event", "type": kind, "livemode": true, "created": "2026-11-22T06:02:00.232083866Z",
        "related_object": { "id": "pi_1", "type": "payment_intent", "url": "/v1/payment_intents/pi_1" },
    });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let InboundMessage::Event(mut envelope) = paid(id, "pi_1", start(), start()) else { panic!("an event") };
    envelope.kind = kind.to_owned();
    envelope.occurred_at = Some("2026-11-22T06:02:00.232Z".parse().expect("a time"));
    envelope.body = PackedBody::pack(&body::STRIPE, body.to_string().as_bytes());
    InboundMessage::Event(envelope)
}

fn with_twin() -> InboundMessage {
    thin("evt_thin", "v1.payment_intent.succeeded", &json!({ "snapshot_event": SNAPSHOT }))
}

fn without_twin() -> InboundMessage {
    thin("evt_thin", "v1.payment_intent.succeeded", &json!({}))
}

fn snapshot() -> InboundMessage {
    paid(SNAPSHOT, "pi_1", start() + minutes(2), start() + minutes(3))
}

fn body(message: &InboundMessage) -> Value {
    let InboundMessage::Event(envelope) = message else { panic!("an event") };
    serde_json::from_slice(&envelope.body.unpack().expect("readable")).expect("JSON")
}

fn tell(stripe: &CannedStripe) {
    let snapshot = body(&snapshot());
    stripe.put(StripeObject::Related("/v1/payment_intents/pi_1".into()), snapshot["data"]["object"].clone());
    stripe.put(StripeObject::Event(SNAPSHOT.into()), snapshot);
}

async fn event(world: &World, key: &str) -> EventRecord {
    let id = event_id("stripe", "default", key);
    world.events().into_iter().find(|event| event.id == id).expect("is there")
}

async fn run(world: &World, messages: &[InboundMessage]) {
    put(world, json!({})).await;
    for message in messages {
        world.enqueue(message).await;
        world.run_until_quiet().await;
    }
}

/// An event that only Stripe can complete, and that lies in two pieces.
fn large(id: &str, kind: &str) -> InboundMessage {
    thin(id, kind, &json!({ "more": incompressible(480 * 1024) }))
}

async fn records(world: &World) -> (Option<Booking>, Vec<Value>) {
    let transactions = world.documents("transaction");
    let transactions = transactions.iter().map(|stored| serde_json::from_slice(&stored.document.data).expect("JSON"));
    (world.record::<Booking>("12345").await, transactions.collect())
}

#[tokio::test]
async fn a_thin_event_and_its_snapshot_are_folded_and_the_second_changes_nothing() {
    let alone = World::new(start(), true);
    run(&alone, &[snapshot()]).await;
    for order in [[with_twin(), snapshot()], [snapshot(), with_twin()]] {
        let world = World::new(start(), true);
        tell(&world.stripe);
        run(&world, &order).await;
        let (booking, transactions) = records(&world).await;
        let (expected, expected_transactions) = records(&alone).await;
        let shown = |booking: Option<Booking>| booking.map(|booking| (booking.status(), booking.deposit_paid_at()));
        assert_eq!(shown(booking), shown(expected));
        for (is, should) in transactions.iter().zip(&expected_transactions) {
            assert_eq!(is["fact"], should["fact"], "{is}");
        }
        assert_eq!(transactions.len(), 1);
        assert_eq!(headlines(&world), headlines(&alone));
        let record = event(&world, "evt_thin").await;
        assert_eq!((record.status, record.twin), (EventStatus::Done, Some(event_id("stripe", "default", SNAPSHOT))));
    }
}

#[tokio::test]
async fn without_a_twin_the_object_is_read() {
    let world = World::new(start(), true);
    tell(&world.stripe);
    run(&world, &[without_twin()]).await;
    let booking = world.record::<Booking>("12345").await.expect("is there");
    assert!(booking.deposit_paid_at().is_some());
    assert_eq!(world.stripe.asked().len(), 1);
}

/// Stripe keeps events for 30 days, and objects for as long as they are.
#[tokio::test]
async fn where_the_twin_is_gone_the_object_is_read() {
    let world = World::new(start(), true);
    let object = body(&snapshot())["data"]["object"].clone();
    world.stripe.put(StripeObject::Related("/v1/payment_intents/pi_1".into()), object);
    run(&world, &[with_twin()]).await;
    let booking = world.record::<Booking>("12345").await.expect("is there");
    // As a snapshot would say it, in whole seconds.
    assert_eq!(booking.deposit_paid_at(), Some(start() + minutes(2)));
}

#[tokio::test]
async fn what_cannot_be_resolved_is_ignored_with_its_reason() {
    for (message, at_most) in [(with_twin(), "evt_snapshot can't be read"), (without_twin(), "/v1/payment_intents/pi_1 can't be read")] {
        for has_key in [false, true] {
            let world = World::new(start(), true);
            if has_key {
                world.stripe.recover();
            }
            run(&world, std::slice::from_ref(&message)).await;
            let record = event(&world, "evt_thin").await;
            assert_eq!(record.status, EventStatus::Ignored);
            let reason = record.reason.expect("a reason");
            assert!(reason.contains(at_most) && reason.contains("STRIPE_SECRET_KEY") != has_key, "{reason}");
        }
    }
}

#[tokio::test]
async fn a_replay_asks_afresh() {
    let world = World::new(start(), true);
    run(&world, &[with_twin()]).await;
    assert_eq!(event(&world, "evt_thin").await.status, EventStatus::Ignored);
    tell(&world.stripe);
    run(&world, &[InboundMessage::Replay { id: event_id("stripe", "default", "evt_thin") }]).await;
    assert_eq!(event(&world, "evt_thin").await.status, EventStatus::Done);
    assert!(world.record::<Booking>("12345").await.expect("is there").deposit_paid_at().is_some());
}

#[tokio::test]
async fn types_without_a_rule_ask_nobody() {
    let world = World::new(start(), true);
    tell(&world.stripe);
    for (id, kind) in [("evt_1", "v2.core.account[requirements].updated"), ("evt_2", "v1.billing.meter.error_report_triggered")] {
        run(&world, &[thin(id, kind, &json!({}))]).await;
        assert_eq!(event(&world, id).await.status, EventStatus::Done);
    }
    assert!(world.stripe.asked().is_empty());
}

#[tokio::test]
async fn objects_are_asked_for_in_their_account_and_mode() {
    let world = World::new(start(), true);
    tell(&world.stripe);
    let InboundMessage::Event(mut envelope) = thin("evt_thin", "v1.payment_intent.succeeded", &json!({ "livemode": false })) else {
        panic!("an event")
    };
    envelope.source = "acme".to_owned();
    envelope.account = Some("acct_1".to_owned());
    run(&world, &[InboundMessage::Event(envelope)]).await;
    let [asked] = &world.stripe.asked()[..] else { panic!("once") };
    assert_eq!((asked.source.as_str(), asked.account.as_deref(), asked.livemode), ("acme", Some("acct_1"), false));
}

#[tokio::test]
async fn an_api_that_is_down_holds_the_event_back_until_it_answers() {
    let world = World::new(start(), true);
    tell(&world.stripe);
    world.stripe.break_down();
    put(&world, json!({})).await;
    world.enqueue(&with_twin()).await;
    assert!(world.step().await);
    assert!(world.record::<Booking>("12345").await.expect("was put").deposit_paid_at().is_none(), "nothing is applied of it yet");
    world.stripe.recover();
    world.run_until_quiet().await;
    assert_eq!(event(&world, "evt_thin").await.status, EventStatus::Done);
}

#[tokio::test]
async fn an_answer_that_is_something_else_parks_the_event() {
    let world = World::new(start(), true);
    world.stripe.put(StripeObject::Event(SNAPSHOT.into()), json!({ "type": "customer.created", "created": 1 }));
    run(&world, &[with_twin()]).await;
    let record = event(&world, "evt_thin").await;
    assert_eq!(record.status, EventStatus::Parked);
    assert!(record.reason.expect("a reason").contains("its twin evt_snapshot is a customer.created"));
}

#[tokio::test]
async fn every_call_goes_wrong_in_every_way() {
    ends_the_same(async |world: &World| {
        tell(&world.stripe);
        put_until_done(world, "/api/v1/bookings/12345", &booking(json!({}))).await;
        world.enqueue(&with_twin()).await;
        world.run_until_quiet().await;
        let booking = world.record::<Booking>("12345").await.expect("is there");
        (booking.status(), booking.deposit_paid_at(), event(world, "evt_thin").await.status)
    })
    .await;
}
