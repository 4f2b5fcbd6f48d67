//! Which events stand in a history does not depend on what came first, nor on what was handled at the same moment.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    testing::{TestSize, World, stripe},
};

use crate::{
    any_order::orders,
    histories::{events, heard, history, put, told, world},
    shopify::order,
    support::{
        NUMBER, booking, call, failed, github, minutes, paid, put_message, put_until_done, refunded, shopify, start, text_status, with,
    },
};

/// A change of Stripe's customer or of its subscription, told at that minute and heard then.
fn of_customer(id: &str, kind: &str, minute: u64, object: &Value) -> InboundMessage {
    stripe(id, kind, start() + minutes(minute), start() + minutes(minute), object)
}

fn subscription(status: &str) -> Value {
    json!({ "id": "sub_1", "object": "subscription", "customer": "cus_1", "status": status })
}

fn refund_failed(id: &str, minute: u64) -> InboundMessage {
    let refund = json!({ "id": "re_1", "object": "refund", "amount": 100, "currency": "usd", "charge": "ch_pi_1", "payment_intent": "pi_1", "status": "failed" });
    of_customer(id, "refund.failed", minute, &refund)
}

/// What the owner puts.
const PUTS: [&str; 4] = ["customers/c1", "tenants/t1", "bookings/12345", "messages/mine"];

fn word(path: &str) -> Value {
    match path {
        "customers/c1" => json!({ "name": "Ana Lima", "stripe_customer_id": "cus_1" }),
        "tenants/t1" => json!({ "name": "Alder Studio", "stripe_customer_id": "cus_1" }),
        "bookings/12345" => booking(json!({ "customer_phone": null })),
        _ => json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": NUMBER, "booking_id": "12345" }),
    }
}

/// Events, each with the records in whose histories it is to be. Of many nothing is left to be told, whatever comes first.
fn happenings() -> Vec<(InboundMessage, &'static [&'static str])> {
    let mut all: Vec<(InboundMessage, &'static [&'static str])> = Vec::new();
    for minute in 0..5 {
        let status = if minute % 2 == 0 { "active" } else { "past_due" };
        let update = of_customer(&format!("evt_sub_{minute}"), "customer.subscription.updated", minute, &subscription(status));
        all.push((update, &["customers/c1", "tenants/t1"]));
        // At the same time by Stripe, and saying the same.
        let contact = json!({ "id": "cus_1", "object": "customer", "email": "ana@example.com" });
        let contact = stripe(&format!("evt_cus_{minute}"), "customer.updated", start(), start() + minutes(minute), &contact);
        all.push((contact, &["customers/c1"]));
        let changed = order(start() + minutes(minute), &json!({}));
        all.push((shopify(&format!("w{minute}"), "orders/updated", start() + minutes(minute), &changed), &["orders/820982911946154613"]));
        let pushed = json!({ "ref": "refs/heads/main", "after": format!("{minute:040}"), "pusher": { "name": "octocat" },
            "repository": { "id": 7, "full_name": "acme/site", "pushed_at": start().seconds() + 60 * i64::try_from(minute).expect("small") } });
        all.push((github(&format!("d{minute}"), "push", start() + minutes(minute), pushed), &["repositories/7"]));
    }
    let of_payment: &[&str] = &["bookings/12345", "payments/pi_1"];
    all.push((failed("evt_failed", "pi_1", "expired_card", start(), start()), of_payment));
    all.push((paid("evt_paid", "pi_1", start() + minutes(1), start() + minutes(1)), of_payment));
    all.push((paid("evt_paid_again", "pi_1", start() + minutes(1), start()), of_payment));
    for (number, amount) in [100, 300, 200].into_iter().enumerate() {
        let at = start() + minutes(2 + number as u64);
        all.push((refunded(&format!("evt_refund_{amount}"), "pi_1", amount, false, at), of_payment));
    }
    all.push((refund_failed("evt_refund_failed", 9), of_payment));
    for (minute, status) in ["queued", "sent", "delivered"].into_iter().enumerate() {
        let at = start() + minutes(minute as u64);
        all.push((text_status("SM9", status, NUMBER, None, at), &["bookings/12345", "messages/mine"]));
    }
    all
}

fn key(message: &InboundMessage) -> String {
    let InboundMessage::Event(envelope) = message else { panic!("{message:?}") };
    envelope.key.clone()
}

/// Has it all happen in an order, so many side by side, and compares each history with what it is to have.
async fn check(order: &[usize], at_once: usize) {
    let world = World::new(start() + minutes(600), false);
    let happenings = happenings();
    for steps in order.chunks(at_once) {
        for step in steps {
            match happenings.get(*step) {
                Some((message, _)) => world.enqueue(message).await,
                None => {
                    let path = PUTS[step - happenings.len()];
                    put_until_done(&world, &format!("/api/v1/{path}"), &word(path)).await;
                }
            }
        }
        world.batch(at_once).await;
    }
    world.run_until_quiet().await;
    let how = format!("{at_once} at once, {order:?}");
    let paths: BTreeSet<_> = happenings.iter().flat_map(|(_, paths)| paths.iter().copied()).collect();
    let expected = |path: &str| {
        let mut keys: Vec<_> = happenings.iter().filter(|(_, paths)| paths.contains(&path)).map(|(message, _)| key(message)).collect();
        keys.sort();
        keys
    };
    for path in &paths {
        assert_eq!(events(&world, path).await, expected(path), "{path}: {how}");
    }
    for event in world.events().into_iter().filter(|event| event.provider != "sluice") {
        assert!(!event.changes.is_empty(), "{} told nothing: {how}", event.key);
    }
    // Said once more, it is known that they said it.
    let again: Vec<_> = world.events().into_iter().filter(|event| event.provider != "sluice").map(|event| event.id).collect();
    for id in again {
        call(&world, Method::POST, &format!("/api/v1/inbound/{id}/replay"), None).await;
    }
    world.run_until_quiet().await;
    for path in &paths {
        assert_eq!(events(&world, path).await, expected(path), "{path}, replayed: {how}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(TestSize::of_this_run().pick(24, 400)) })]

    #[test]
    fn every_event_stands_in_the_histories_of_what_it_told_in_any_order_and_side_by_side(
        order in Just((0..happenings().len() + PUTS.len()).collect::<Vec<_>>()).prop_shuffle(),
        at_once in 1..12usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(check(&order, at_once));
    }
}

#[tokio::test]
async fn a_burst_that_comes_newest_first_is_whole_in_the_history() {
    let world = world();
    put(&world, "customers/c1", word("customers/c1")).await;
    put(&world, "tenants/t1", word("tenants/t1")).await;
    for minute in (0..30).rev() {
        let id = format!("evt_{minute:02}");
        world.enqueue(&of_customer(&id, "customer.subscription.updated", minute, &subscription("active"))).await;
    }
    world.batch(8).await;
    world.run_until_quiet().await;
    let expected: Vec<_> = (0..30).map(|minute| format!("evt_{minute:02}")).collect();
    for path in ["customers/c1", "tenants/t1"] {
        assert_eq!(events(&world, path).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_booking_s_history_has_all_that_was_told_of_its_refunds_before_its_payment_and_since() {
    for order in orders(5) {
        let world = world();
        for step in &order {
            match step {
                0 => assert_eq!(put(&world, "bookings/12345", booking(json!({}))).await, StatusCode::CREATED),
                1 => heard(&world, failed("evt_1", "pi_1", "expired_card", start(), start())).await,
                2 => heard(&world, paid("evt_2", "pi_1", start() + minutes(1), start() + minutes(1))).await,
                3 => heard(&world, refunded("evt_3", "pi_1", 100, false, start() + minutes(2))).await,
                _ => heard(&world, refund_failed("evt_4", 3)).await,
            }
        }
        assert_eq!(events(&world, "bookings/12345").await, ["evt_1", "evt_2", "evt_3", "evt_4"], "{order:?}");
    }
}

const HERS: &str = "+15005550333";

fn text(status: &str, minute: u64) -> InboundMessage {
    text_status("SM9", status, HERS, None, start() + minutes(minute))
}

#[tokio::test]
async fn a_booking_s_history_has_no_text_that_is_another_s() {
    let message = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": HERS, "booking_id": "opb" });
    for (status, before) in [("pending", &[][..]), ("confirmed", &["SM9:queued", "SM9:sent"])] {
        let world = world();
        let hers = booking(json!({ "customer_phone": HERS, "tenant": "gamma", "status": status }));
        assert_eq!(put(&world, "bookings/g1", hers).await, StatusCode::CREATED);
        heard(&world, text("queued", 1)).await;
        heard(&world, text("sent", 2)).await;
        assert_eq!(events(&world, "bookings/g1").await, before, "the text is only like one to it: {status}");
        assert_eq!(put(&world, "bookings/opb", booking(json!({}))).await, StatusCode::CREATED);
        assert_eq!(put_message(&world, "theirs", message.clone()).await, StatusCode::CREATED);
        heard(&world, text("delivered", 3)).await;
        assert_eq!(events(&world, "bookings/g1").await, [""; 0], "{status}");
        assert_eq!(events(&world, "bookings/opb").await, ["SM9:delivered", "SM9:queued", "SM9:sent"], "{status}");
    }
}

#[tokio::test]
async fn a_booking_s_history_has_how_far_its_texts_came_before_they_were_put_and_since() {
    let message = json!({ "external_id": "SM9", "channel": "sms", "direction": "outbound", "to": HERS, "booking_id": "12345" });
    for order in orders(5) {
        let world = world();
        for step in &order {
            match step {
                0 => assert_eq!(put(&world, "bookings/12345", booking(json!({}))).await, StatusCode::CREATED),
                1 => assert_eq!(put_message(&world, "mine", message.clone()).await, StatusCode::CREATED),
                2 => heard(&world, text("queued", 1)).await,
                3 => heard(&world, text("sent", 2)).await,
                _ => heard(&world, text("delivered", 3)).await,
            }
        }
        let shown = call(&world, Method::GET, "/api/v1/bookings/12345", None).await.json;
        assert_eq!(shown["sms_status"], "delivered", "{order:?}");
        assert_eq!(events(&world, "bookings/12345").await, ["SM9:delivered", "SM9:queued", "SM9:sent"], "{order:?}");
    }
}

#[tokio::test]
async fn puts_of_others_are_in_no_history_of_a_customer_under_stripe_s_id() {
    let world = world();
    put(&world, "customers/cus_1", json!({ "name": "Ana Lima" })).await;
    for id in ["c1", "c2"] {
        put(&world, &format!("customers/{id}"), json!({ "stripe_customer_id": "cus_1" })).await;
    }
    put(&world, "tenants/t1", word("tenants/t1")).await;
    put(&world, "customers/c2", json!({ "stripe_customer_id": "cus_2" })).await;
    told(&world, "evt_1", "customer.updated", 1, json!({ "id": "cus_1", "object": "customer", "email": "ana@example.com" })).await;
    assert_eq!(history(&world, "customers/cus_1").await, ["evt_1", "customer.put"]);
    // Put as it is, it is in the history all the same.
    put(&world, "customers/cus_1", json!({ "name": "Ana Lima" })).await;
    assert_eq!(history(&world, "customers/cus_1").await, ["customer.put", "evt_1", "customer.put"]);
}

#[tokio::test]
async fn a_text_that_was_taken_stands_once_in_its_history_and_again_only_for_another_state() {
    let world = World::new(start(), true);
    world.sent.name_texts("SM");
    let own = crate::support::confirmed(&world).await;
    let path = format!("messages/{own}");
    assert_eq!(events(&world, &path).await, ["evt_1"]);
    let page = call(&world, Method::GET, &format!("/api/v1/{path}/history"), None).await.json;
    let changed: Vec<_> = page["items"][0]["changed"].as_array().into_iter().flatten().map(|changed| changed["field"].clone()).collect();
    assert!(changed.contains(&json!("status")) && changed.contains(&json!("external_id")), "{changed:?}");
    with(&world, text_status("SM1", "sent", NUMBER, Some(&own), start() + minutes(1))).await;
    assert_eq!(events(&world, &path).await, ["SM1:sent", "evt_1"]);
}
