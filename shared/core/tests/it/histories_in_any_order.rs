//! Which events stand in a history does not depend on what came first, nor on what was handled at the same moment.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    testing::{World, stripe},
};

use crate::{
    any_order::orders,
    histories::{events, heard, history, put, told, world},
    support::{NUMBER, booking, call, failed, minutes, paid, put_message, refunded, start, text_status, with},
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

fn word(path: &str) -> Value {
    match path {
        "customers/c1" => json!({ "name": "Ana Lima", "stripe_customer_id": "cus_1" }),
        _ => json!({ "name": "Alder Studio", "stripe_customer_id": "cus_1" }),
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
