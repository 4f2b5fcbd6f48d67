//! Events of one payment that name different bookings.

use axum::http::Method;
use serde_json::{Value, json};
use sluice_core::{
    envelope::InboundMessage,
    testing::{Sent, World, stripe},
    time::Timestamp,
};

use crate::{
    any_order::orders,
    support::{booking, call, minutes, start, with},
};

fn succeeded(booking_id: &str, at: Timestamp) -> InboundMessage {
    let intent =
        json!({ "id": "pi_1", "amount": 6000, "amount_received": 6000, "currency": "usd", "metadata": { "booking_id": booking_id } });
    stripe(&format!("evt_paid_{booking_id}"), "payment_intent.succeeded", at, at, &intent)
}

fn failed(booking_id: &str, at: Timestamp) -> InboundMessage {
    let intent = json!({ "id": "pi_1", "amount": 6000, "currency": "usd", "metadata": { "booking_id": booking_id } });
    stripe(&format!("evt_failed_{booking_id}"), "payment_intent.payment_failed", at, at, &intent)
}

fn refunded(metadata: Value, at: Timestamp) -> InboundMessage {
    let charge = json!({
        "id": "ch_1", "amount": 6000, "amount_refunded": 6000, "currency": "usd", "payment_intent": "pi_1", "metadata": metadata,
    });
    stripe("evt_refunded", "charge.refunded", at, at, &charge)
}

/// What both bookings are in the end, and who was mailed that a deposit was refunded.
async fn in_the_end(events: &[InboundMessage], order: &[usize]) -> (Vec<Value>, Vec<String>) {
    let world = World::new(start(), false);
    for id in ["a", "b"] {
        let put = booking(json!({ "customer_phone": null, "customer_email": format!("{id}@example.com") }));
        assert!(call(&world, Method::PUT, &format!("/api/v1/bookings/{id}"), Some(put)).await.status.is_success());
    }
    for position in order {
        with(&world, events[*position].clone()).await;
    }
    let mut bookings = Vec::new();
    for id in ["a", "b"] {
        let booking = call(&world, Method::GET, &format!("/api/v1/bookings/{id}"), None).await.json;
        bookings.push(json!([booking["status"], booking["deposit_paid"], booking["deposit_refunded"], booking["refunded_amount"]]));
    }
    let told = world.sent.sent().into_iter().filter_map(|sent| match sent {
        Sent::Mail(mail) if mail.text.contains("refunded") => Some(mail.to),
        _ => None,
    });
    (bookings, told.collect())
}

#[tokio::test]
async fn a_refund_is_told_of_the_booking_alone_that_was_paid() {
    let events = [succeeded("a", start()), refunded(json!({ "booking_id": "a" }), start() + minutes(1)), failed("b", start() + minutes(2))];
    for order in orders(events.len()) {
        let (bookings, told) = in_the_end(&events, &order).await;
        let expected = [json!(["confirmed", true, true, 6000]), json!(["payment_pending", false, false, 0])];
        assert_eq!(bookings, expected, "{order:?}");
        assert_eq!(told, ["a@example.com"], "{order:?}");
    }
}

#[tokio::test]
async fn a_refund_goes_where_its_payment_turns_out_to_belong() {
    // Until it is known that it was paid for one, the failure for the other says whose it is, and the refund says nothing.
    let events = [failed("b", start()), refunded(json!({}), start() + minutes(1)), succeeded("a", start() + minutes(2))];
    for order in orders(events.len()) {
        let (bookings, _) = in_the_end(&events, &order).await;
        assert_eq!(bookings, [json!(["confirmed", true, true, 6000]), json!(["payment_pending", false, false, 0])], "{order:?}");
    }
}
