//! What changes of records tell those who have subscribed, each change once.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    testing::{Fault, World},
};

use crate::support::{call, failed, minutes, paid, put, refunded, start};

const URL: &str = "https://receiver.example/hook";

pub(crate) async fn subscribe(world: &World, fields: Value) {
    let mut body = json!({ "url": URL, "event_types": ["*"] });
    for (name, value) in fields.as_object().expect("an object") {
        body[name] = value.clone();
    }
    let answer = call(world, Method::POST, "/api/v1/subscriptions", Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json);
}

/// What was told, in the order of its types: each with its data.
fn told(world: &World) -> Vec<(String, Value)> {
    let bodies = world.receivers.got().into_iter().map(|got| serde_json::from_slice::<Value>(&got.body).expect("JSON"));
    let mut told: Vec<_> = bodies.map(|body| (body["type"].as_str().expect("a type").to_owned(), body["data"].clone())).collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

pub(crate) fn types(world: &World) -> Vec<String> {
    told(world).into_iter().map(|(kind, _)| kind).collect()
}

#[tokio::test]
async fn a_paid_booking_is_told_with_its_state() {
    let world = World::new(start(), false);
    subscribe(&world, json!({ "event_types": ["booking.*"] })).await;
    put(&world, json!({})).await;
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    assert_eq!(types(&world), ["booking.confirmed", "booking.created", "booking.deposit_paid"]);
    let (_, data) = &told(&world)[2];
    assert_eq!((&data["id"], &data["status"], &data["deposit_paid"]), (&json!("12345"), &json!("confirmed"), &json!(true)));
    // A redelivery, a replay and a put that changes nothing of it tell nothing again.
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    let id = world.events().iter().find(|event| event.key == "evt_1").expect("recorded").id.clone();
    world.enqueue(&InboundMessage::Replay { id }).await;
    put(&world, json!({ "customer_name": "Ana Maria Lima" })).await;
    world.run_until_quiet().await;
    assert_eq!(types(&world).len(), 3);
}

#[tokio::test]
async fn what_came_before_the_put_is_told_with_it() {
    let world = World::new(start(), false);
    subscribe(&world, json!({ "event_types": ["booking.*"] })).await;
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.run_until_quiet().await;
    assert_eq!(types(&world), [""; 0], "nobody has put it yet");
    put(&world, json!({})).await;
    world.run_until_quiet().await;
    assert_eq!(types(&world), ["booking.confirmed", "booking.created", "booking.deposit_paid"]);
}

#[tokio::test]
async fn a_hold_that_ends_and_a_refund_are_told() {
    let world = World::new(start(), false);
    subscribe(&world, json!({ "event_types": ["booking.*", "payment.*"] })).await;
    put(&world, json!({})).await;
    world.enqueue(&failed("evt_1", "pi_1", "insufficient_funds", start(), start())).await;
    world.run_until_quiet().await;
    assert_eq!(types(&world), ["booking.cancelled", "booking.created", "booking.payment_failed", "payment.failed"]);
    let world = World::new(start(), false);
    subscribe(&world, json!({ "event_types": ["booking.refunded", "payment.refunded"] })).await;
    put(&world, json!({})).await;
    world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
    world.enqueue(&refunded("evt_2", "pi_1", 2_000, true, start() + minutes(1))).await;
    world.run_until_quiet().await;
    world.enqueue(&refunded("evt_3", "pi_1", 6_000, true, start() + minutes(2))).await;
    world.run_until_quiet().await;
    assert_eq!(types(&world), ["booking.refunded", "booking.refunded", "payment.refunded", "payment.refunded"]);
    let amounts: Vec<_> = told(&world)[..2].iter().map(|(_, data)| data["refunded_amount"].clone()).collect();
    assert!(amounts.contains(&json!(2_000)) && amounts.contains(&json!(6_000)), "{amounts:?}");
}

#[tokio::test]
async fn a_tenants_booking_is_told_to_that_tenant_and_the_operator() {
    let world = World::new(start(), false);
    for (url, tenant) in [("https://mine.example/", json!("acme")), ("https://other.example/", json!("other")), (URL, Value::Null)] {
        subscribe(&world, json!({ "url": url, "tenant": tenant, "event_types": ["booking.created"] })).await;
    }
    put(&world, json!({ "tenant": "acme" })).await;
    world.run_until_quiet().await;
    let mut urls: Vec<_> = world.receivers.got().into_iter().map(|got| got.url).collect();
    urls.sort();
    assert_eq!(urls, ["https://mine.example/", URL]);
}

#[tokio::test]
async fn every_call_goes_wrong_in_every_way_and_each_change_is_told() {
    let story = async |world: &World| {
        while world.unless_crashed(put(world, json!({}))).await.is_none_or(|answer| !answer.status.is_success()) {}
        world.enqueue(&paid("evt_1", "pi_1", start(), start())).await;
        world.run_until_quiet().await;
    };
    let fresh = async || {
        let world = World::new(start(), false);
        subscribe(&world, json!({ "event_types": ["booking.*"] })).await;
        world
    };
    let whole = fresh().await;
    let before = whole.faults.calls();
    story(&whole).await;
    let calls = before..whole.faults.calls();
    assert!(calls.end - calls.start > 20, "{calls:?}");
    for call in calls {
        for fault in Fault::ALL {
            let world = fresh().await;
            world.faults.plan(call, fault);
            story(&world).await;
            // The same event may be delivered twice, under one id; a change is told under no second one.
            let mut ids: Vec<_> = world
                .receivers
                .got()
                .iter()
                .map(|got| (got.header("X-Webhook-Event").to_owned(), got.header("webhook-id").to_owned()))
                .collect();
            ids.sort();
            ids.dedup();
            let types: Vec<_> = ids.into_iter().map(|(kind, _)| kind).collect();
            assert_eq!(types, ["booking.confirmed", "booking.created", "booking.deposit_paid"], "call {call}, {fault:?}");
        }
    }
}
