//! A booking that is paid, by example: it is confirmed, once, and its customer told.

use axum::http::{Method, StatusCode};
use serde_json::json;
use sluice_core::{
    event::EventStatus,
    testing::{Sent, World},
};

use crate::support::{call, failed, minutes, paid, put, read, start, with};

fn world() -> World {
    World::new(start(), true)
}

#[tokio::test]
async fn a_payment_confirms_the_booking_and_logs_a_transaction() {
    let world = world();
    assert_eq!(put(&world, json!({})).await.status, StatusCode::CREATED);
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let booking = read(&world).await;
    assert_eq!(booking["status"], "confirmed");
    assert_eq!(booking["deposit_paid"], true);
    assert_eq!(booking["deposit_paid_at"], "2026-11-22T06:00:00Z");
    let transaction = call(&world, Method::GET, "/api/v1/transactions/pi_1", None).await.json;
    assert_eq!(
        transaction,
        json!({
            "id": "pi_1", "stripe_payment_intent_id": "pi_1", "booking_id": "12345", "amount": 6000, "currency": "usd",
            "at": "2026-11-22T06:00:00Z", "tenant": null, "version": 1,
        })
    );
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Text(text)] if text.to == "+15005550006"), "{sent:?}");
}

#[tokio::test]
async fn a_second_delivery_changes_nothing() {
    let world = world();
    put(&world, json!({})).await;
    let event = paid("evt_1", "pi_1", start(), start());
    with(&world, event.clone()).await;
    let before = world.store.documents();
    with(&world, event).await;
    assert_eq!(world.store.documents(), before);
    assert_eq!(world.sent.sent().len(), 1);
}

#[tokio::test]
async fn both_duplicates_in_one_batch_apply_once() {
    let world = world();
    put(&world, json!({})).await;
    let event = paid("evt_1", "pi_1", start(), start());
    world.enqueue(&event).await;
    world.enqueue(&event).await;
    world.batch(10).await;
    world.run_until_quiet().await;
    assert_eq!(world.sent.sent().len(), 1);
    assert_eq!(read(&world).await["version"], 2);
}

#[tokio::test]
async fn confirmation_goes_by_mail_where_text_messages_are_off() {
    let world = World::new(start(), false);
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "ana@example.com"));
}

#[tokio::test]
async fn confirmation_goes_by_mail_where_no_phone_is_known() {
    let world = world();
    put(&world, json!({ "customer_phone": null })).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    assert!(matches!(&world.sent.sent()[..], [Sent::Mail(mail)] if mail.to == "ana@example.com"));
}

#[tokio::test]
async fn confirmation_goes_by_mail_where_the_number_is_refused() {
    let world = world();
    world.sent.refuse("+15005550006");
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let sent = world.sent.sent();
    let [Sent::Mail(customer), Sent::Mail(support)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((customer.to.as_str(), support.to.as_str()), ("ana@example.com", "support@example.com"));
    let event = &world.events()[0];
    assert_eq!(event.status, EventStatus::Done);
    assert_eq!(event.effects.len(), 3, "{event:?}");
}

#[tokio::test]
async fn a_refused_address_fails_that_effect_alone_and_alerts() {
    let world = World::new(start(), false);
    world.sent.refuse("ana@example.com");
    put(&world, json!({})).await;
    with(&world, paid("evt_1", "pi_1", start(), start())).await;
    let sent = world.sent.sent();
    assert!(matches!(&sent[..], [Sent::Mail(mail)] if mail.to == "alerts@example.com"), "{sent:?}");
    assert_eq!(read(&world).await["status"], "confirmed");
    assert_eq!(world.events()[0].status, EventStatus::Done);
    let failed = call(&world, Method::GET, "/api/v1/inbound?effect=failed", None).await.json;
    assert_eq!(failed["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn events_before_their_booking_are_kept_and_joined() {
    let world = world();
    with(&world, failed("evt_1", "pi_1", "expired_card", start(), start())).await;
    with(&world, paid("evt_2", "pi_1", start() + minutes(1), start() + minutes(1))).await;
    assert_eq!(call(&world, Method::GET, "/api/v1/bookings/12345", None).await.status, StatusCode::NOT_FOUND);
    assert_eq!(call(&world, Method::GET, "/api/v1/bookings?unmatched=true", None).await.json["items"][0]["id"], "12345");
    assert!(world.sent.sent().is_empty(), "nobody is known who could be told");
    assert_eq!(put(&world, json!({})).await.status, StatusCode::CREATED);
    world.run_until_quiet().await;
    assert_eq!(read(&world).await["status"], "confirmed");
    assert_eq!(world.sent.sent().len(), 1, "only the last state is told");
}
