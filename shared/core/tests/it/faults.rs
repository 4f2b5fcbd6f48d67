//! Each call of each port goes wrong in turn, in each way there is; what comes out is the same.

use serde_json::json;
use sluice_core::{
    envelope::{InboundMessage, event_id},
    records::{Booking, Message, MessageStatus, Payment},
    testing::{Fault, World, stripe},
};

use crate::{
    shopify::{customer, everything, order, redact_customer},
    support::{failed, incompressible, minutes, paid, put, refunded, shopify, start, text_status},
};

/// A put, a failure, a payment, a refund, and one that is parked.
async fn scenario(world: &World) {
    while world.unless_crashed(put(world, json!({}))).await.is_none_or(|answer| !answer.status.is_success()) {}
    world.enqueue(&failed("evt_1", "pi_1", "expired_card", start(), start())).await;
    world.run_until_quiet().await;
    world.enqueue(&paid("evt_2", "pi_1", start() + minutes(2), start() + minutes(2))).await;
    world.enqueue(&stripe("evt_4", "charge.refunded", start(), start(), &json!({}))).await;
    world.run_until_quiet().await;
    world.enqueue(&refunded("evt_3", "pi_1", 6000, false, start() + minutes(40))).await;
    world.run_until_quiet().await;
}

/// What must come out: the records, and each message.
async fn outcome(world: &World) -> (serde_json::Value, Option<Payment>, Vec<(String, String)>) {
    let booking = world.record::<Booking>("12345").await.expect("was put");
    let view = json!({
        "status": booking.status(), "paid": booking.deposit_paid_at(), "refunded": booking.refunded(), "held": booking.hold_until(),
        "events": world.events().iter().map(|event| (event.key.clone(), event.status)).filter(|(key, _)| key.starts_with("evt")).collect::<std::collections::BTreeMap<_, _>>(),
    });
    let mut sent: Vec<_> = world.sent.sent().iter().map(|sent| (sent.id().to_owned(), sent.headline().to_owned())).collect();
    sent.sort();
    // When each change was applied differs with what went wrong before.
    let timeless = |transaction: Payment| Payment { history: sluice_core::records::History::default(), ..transaction };
    (view, world.record::<Payment>("pi_1").await.map(timeless), sent)
}

/// Events before their booking, a number that is refused, a replay, and a hold that ends with nobody to tell yet.
async fn roundabout(world: &World) {
    world.sent.refuse("+15005550006");
    world.enqueue(&failed("evt_1", "pi_1", "expired_card", start(), start())).await;
    world.enqueue(&refunded("evt_3", "pi_1", 2000, false, start() + minutes(40))).await;
    world.run_until_quiet().await;
    while world.unless_crashed(put(world, json!({}))).await.is_none_or(|answer| !answer.status.is_success()) {}
    world.run_until_quiet().await;
    world.enqueue(&paid("evt_2", "pi_1", start() + minutes(1), start() + minutes(1))).await;
    world.run_until_quiet().await;
    world.enqueue(&InboundMessage::Replay { id: event_id("stripe", "default", "evt_2") }).await;
    world.run_until_quiet().await;
}

/// A payment whose body lies in pieces.
async fn large(world: &World) {
    while world.unless_crashed(put(world, json!({}))).await.is_none_or(|answer| !answer.status.is_success()) {}
    let mut object = json!({ "id": "pi_1", "amount": 6000, "currency": "usd", "metadata": { "booking_id": "12345" } });
    object["description"] = json!(incompressible(480 * 1024));
    world.enqueue(&stripe("evt_2", "payment_intent.succeeded", start() + minutes(1), start() + minutes(1), &object)).await;
    world.run_until_quiet().await;
    assert_eq!(world.documents("piece").len(), 2);
}

/// A text that goes out, and does not arrive.
async fn texting(world: &World) {
    while world.unless_crashed(put(world, json!({}))).await.is_none_or(|answer| !answer.status.is_success()) {}
    world.enqueue(&paid("evt_2", "pi_1", start() + minutes(1), start() + minutes(1))).await;
    world.run_until_quiet().await;
    let text = world.documents("message").remove(0).document.key.id.clone();
    for (minute, status) in [(2, "sent"), (3, "undelivered")] {
        world.enqueue(&text_status("SM1", status, "+15005550006", Some(&text), start() + minutes(minute))).await;
    }
    world.run_until_quiet().await;
    let message = world.record::<Message>(&text).await.expect("is there");
    assert_eq!((message.status(), message.external_id()), (MessageStatus::Failed, Some("SM1")));
}

/// An order whose buyer is erased, with a body in pieces.
async fn erasing(world: &World) {
    while world.unless_crashed(put(world, json!({}))).await.is_none_or(|answer| !answer.status.is_success()) {}
    let large = order(start(), &json!({ "note": incompressible(480 * 1024) }));
    world.enqueue(&shopify("w1", "orders/updated", start(), &large)).await;
    world.enqueue(&shopify("w2", "customers/create", start(), &customer(start(), "Dana"))).await;
    world.run_until_quiet().await;
    world.enqueue(&shopify("w3", "customers/redact", start() + minutes(9), &redact_customer(&[820_982_911_946_154_613]))).await;
    world.run_until_quiet().await;
    let everything = everything(world).to_lowercase();
    assert!(!everything.contains("dana") && !everything.contains("15035550142"), "somebody is left");
    assert!(world.documents("piece").is_empty());
}

#[tokio::test]
async fn every_call_for_a_text_goes_wrong_in_every_way() {
    Box::pin(survives(async |world| texting(world).await, 20)).await;
}

#[tokio::test]
async fn every_call_for_erasing_goes_wrong_in_every_way() {
    Box::pin(survives(async |world| erasing(world).await, 20)).await;
}

#[tokio::test]
async fn every_call_for_a_large_body_goes_wrong_in_every_way() {
    Box::pin(survives(async |world| large(world).await, 10)).await;
}

#[tokio::test]
async fn every_call_goes_wrong_in_every_way() {
    Box::pin(survives(async |world| scenario(world).await, 30)).await;
}

#[tokio::test]
async fn every_call_on_the_roundabout_way_goes_wrong_in_every_way() {
    Box::pin(survives(async |world| roundabout(world).await, 30)).await;
}

async fn survives(scenario: impl AsyncFn(&World), at_least: u64) {
    let world = || World::with_hold(start(), true, minutes(3));
    let headlines = |messages: &[(String, String)]| {
        let mut headlines: Vec<_> = messages.iter().map(|(_, headline)| headline.clone()).collect();
        headlines.sort();
        headlines
    };
    let whole = world();
    scenario(&whole).await;
    let (records, transaction, messages) = outcome(&whole).await;
    let calls = whole.faults.calls();
    assert!(calls > at_least, "the scenario makes {calls} calls");
    for call in 0..calls {
        for fault in Fault::ALL {
            let world = world();
            world.faults.plan(call, fault);
            scenario(&world).await;
            let (records_now, transaction_now, messages_now) = outcome(&world).await;
            assert_eq!(records_now, records, "call {call}, {fault:?}");
            assert_eq!(transaction_now, transaction, "call {call}, {fault:?}");
            let mut once = messages_now.clone();
            once.dedup();
            assert_eq!(headlines(&once), headlines(&messages), "call {call}, {fault:?}");
            assert!(messages_now.len() - once.len() <= 1, "call {call}, {fault:?}: {messages_now:?}");
            for event in world.events() {
                assert!(!event.unfinished(), "call {call}, {fault:?}: {event:?}");
            }
        }
    }
}
