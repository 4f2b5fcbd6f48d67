use axum::{
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header},
};
use serde_json::{Value, json};
use sluice_core::{
    api::{install_keys, router},
    envelope::InboundMessage,
    ports::Clock,
    testing::{World, stripe},
    time::Timestamp,
};
use std::{sync::Arc, time::Duration};
use tower::ServiceExt;

/// 22 November 2026, 06:00 UTC.
pub(crate) fn start() -> Timestamp {
    "2026-11-22T06:00:00Z".parse().expect("a time")
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

pub(crate) const KEY: &str = "a_key_of_the_tests_0123456789";

/// One answer of the API.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) json: Value,
}

/// Calls the API as its callers do.
pub(crate) async fn call(world: &World, method: Method, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
        .expect("a request");
    send(world, request).await
}

pub(crate) async fn send(world: &World, request: Request<Body>) -> Answer {
    install_keys(&*world.store, &sluice_core::testing::CountingIds::default(), &[KEY], world.clock.now()).await.expect("keys are stored");
    let response = router(Arc::clone(&world.api)).oneshot(request).await.expect("a router answers");
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    Answer { status, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
}

/// The owner's word on booking 12345, with `changes`.
pub(crate) fn booking(changes: Value) -> Value {
    let mut booking = json!({
        "customer_name": "Ana Lima",
        "customer_email": "ana@example.com",
        "customer_phone": "+15005550006",
        "status": "pending",
        "deposit_amount": 6000,
        "currency": "usd",
    });
    for (name, value) in changes.as_object().expect("an object") {
        booking[name] = value.clone();
    }
    booking
}

pub(crate) async fn put(world: &World, changes: Value) -> Answer {
    call(world, Method::PUT, "/api/v1/bookings/12345", Some(booking(changes))).await
}

/// Booking 12345 as the API shows it.
pub(crate) async fn read(world: &World) -> Value {
    call(world, Method::GET, "/api/v1/bookings/12345", None).await.json
}

/// A payment of booking 12345 succeeded.
pub(crate) fn paid(id: &str, intent: &str, at: Timestamp, received_at: Timestamp) -> InboundMessage {
    let intent = json!({ "id": intent, "amount": 6000, "amount_received": 6000, "currency": "usd", "metadata": { "booking_id": "12345" } });
    stripe(id, "payment_intent.succeeded", at, received_at, &intent)
}

/// A payment of booking 12345 failed.
pub(crate) fn failed(id: &str, intent: &str, reason: &str, at: Timestamp, received_at: Timestamp) -> InboundMessage {
    let intent = json!({
        "id": intent, "amount": 6000, "currency": "usd", "metadata": { "booking_id": "12345" },
        "last_payment_error": { "code": "card_declined", "decline_code": reason },
    });
    stripe(id, "payment_intent.payment_failed", at, received_at, &intent)
}

/// `amount` of a charge has been refunded in all. With the booking named, or only the payment intent.
pub(crate) fn refunded(id: &str, intent: &str, amount: i64, named: bool, at: Timestamp) -> InboundMessage {
    let charge = json!({
        "id": format!("ch_{intent}"), "amount": 6000, "amount_refunded": amount, "currency": "usd", "payment_intent": intent,
        "metadata": if named { json!({ "booking_id": "12345" }) } else { json!({}) },
    });
    stripe(id, "charge.refunded", at, at, &charge)
}

/// The subjects and texts of all that was sent, in order.
pub(crate) fn headlines(world: &World) -> Vec<String> {
    world.sent.sent().iter().map(|sent| sent.headline().to_owned()).collect()
}

/// A text of that length that compresses to three quarters of it at best.
pub(crate) fn incompressible(length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[usize::try_from(state >> 58).unwrap_or(0)])
    };
    (0..length).map(|_| letter()).collect()
}
