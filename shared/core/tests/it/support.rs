use axum::{
    body::{Body, to_bytes},
    http::{HeaderName, Method, Request, StatusCode, header},
};
use serde_json::{Map, Value, json};
use sluice_core::{
    api::{install_keys, router},
    body::{self, PackedBody},
    envelope::{Envelope, InboundMessage},
    ports::{Clock, Commit, Committed, Condition, Document, Store, Write},
    provider,
    testing::{Fault, World, stripe},
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
    /// The entity tag, if there is one.
    pub(crate) tag: Option<String>,
    pub(crate) json: Value,
    /// The body as it is.
    pub(crate) text: String,
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

/// The same with a header.
pub(crate) async fn call_with(world: &World, method: Method, path: &str, (name, value): (HeaderName, &str), body: Option<Value>) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
        .header(name, value)
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
        .expect("a request");
    send(world, request).await
}

pub(crate) async fn send(world: &World, request: Request<Body>) -> Answer {
    install_keys(&*world.store, &sluice_core::testing::CountingIds::default(), &[KEY], world.clock.now()).await.expect("keys are stored");
    let response = router(Arc::clone(&world.api)).oneshot(request).await.expect("a router answers");
    let status = response.status();
    let tag = response.headers().get(header::ETAG).map(|tag| tag.to_str().expect("a text").to_owned());
    let bytes = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Answer { status, tag, json: serde_json::from_slice(&bytes).unwrap_or(Value::Null), text }
}

/// Puts a record until that goes well, as a caller does whose request failed, whose answer was lost, or whose server died.
pub(crate) async fn put_until_done(world: &World, path: &str, body: &Value) {
    loop {
        let answer = world.unless_crashed(call(world, Method::PUT, path, Some(body.clone()))).await;
        let Some(answer) = answer else { continue };
        if answer.status.is_success() {
            return;
        }
        assert!(answer.status.is_server_error(), "{path}: {}", answer.json);
    }
}

/// One to three of `calls` that go wrong, others for each seed.
pub(crate) fn drawn_faults(seed: u64, calls: u64) -> Vec<(u64, Fault)> {
    let mut state = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) % below
    };
    let count = 1 + draw(3);
    (0..count).map(|_| (draw(calls), Fault::ALL[usize::try_from(draw(Fault::ALL.len() as u64)).expect("a few")])).collect()
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

/// An event of a provider that is no Stripe.
pub(crate) fn event(
    provider: &str,
    key: &str,
    kind: &str,
    account: Option<&str>,
    query: &str,
    at: Timestamp,
    body: &str,
) -> InboundMessage {
    let dictionary = provider::by_name(provider).map_or(&body::NONE, |provider| provider.dictionary());
    InboundMessage::Event(Box::new(Envelope {
        provider: provider.to_owned(),
        source: "default".to_owned(),
        key: key.to_owned(),
        kind: kind.to_owned(),
        // Twilio gives no time of its own.
        occurred_at: (provider != "twilio").then_some(at),
        account: account.map(str::to_owned),
        tenant: None,
        received_at: at,
        query: query.to_owned(),
        headers: Vec::new(),
        body: PackedBody::pack(dictionary, body.as_bytes()),
    }))
}

/// A text to `to` has come so far. `reference` is what Sluice gave Twilio to bring back.
pub(crate) fn text_status(sid: &str, status: &str, to: &str, reference: Option<&str>, at: Timestamp) -> InboundMessage {
    let error = if matches!(status, "failed" | "undelivered") { "&ErrorCode=30006" } else { "" };
    let to = to.replace('+', "%2B");
    let body = format!("MessageSid={sid}&SmsSid={sid}&MessageStatus={status}&SmsStatus={status}&To={to}&From=%2B15005550001{error}");
    let query = reference.map(|reference| format!("ref={reference}")).unwrap_or_default();
    event("twilio", &format!("{sid}:{status}"), &format!("message.{status}"), None, &query, at, &body)
}

/// A text came in.
pub(crate) fn text_in(sid: &str, body: &str, opt_out: Option<&str>, at: Timestamp) -> InboundMessage {
    let opt_out = opt_out.map(|word| format!("&OptOutType={word}")).unwrap_or_default();
    let body = format!("MessageSid={sid}&SmsStatus=received&Body={body}&From=%2B15005550006&To=%2B15005550001{opt_out}");
    event("twilio", sid, "message.received", None, "", at, &body)
}

/// Something happened to a mail.
pub(crate) fn mail_event(id: &str, kind: &str, at: Timestamp) -> InboundMessage {
    let body = json!({ "type": format!("email.{kind}"), "emailId": id, "timestamp": at, "data": { "to": "ana@example.com", "from": "bookings@example.com" } });
    event("sendro", &format!("{id}:email.{kind}"), &format!("email.{kind}"), None, "", at, &body.to_string())
}

/// Shopify's webhook on `topic` of the shop acme.
pub(crate) fn shopify(id: &str, topic: &str, at: Timestamp, body: &Value) -> InboundMessage {
    let shop = "acme.myshopify.com";
    event("shopify", &format!("{shop}:{topic}:{id}"), topic, Some(shop), "", at, &body.to_string())
}

/// GitHub's webhook on the repository acme/site.
pub(crate) fn github(delivery: &str, kind: &str, at: Timestamp, mut body: Value) -> InboundMessage {
    body["sender"] = json!({ "login": "octocat" });
    event("github", delivery, kind, Some("acme"), "", at, &body.to_string())
}

/// The keys of the events that came in and are listed with a status, each with the reason.
pub(crate) async fn listed(world: &World, status: &str) -> Vec<(Value, Value)> {
    let page = call(world, Method::GET, &format!("/api/v1/inbound?status={status}"), None).await.json;
    page["items"].as_array().expect("items").iter().map(|item| (item["key"].clone(), item["reason"].clone())).collect()
}

/// Handles a message and all that follows from it at once.
pub(crate) async fn with(world: &World, message: InboundMessage) {
    world.enqueue(&message).await;
    while world.step().await {}
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

/// JSON as it is checked in: a line for each value `depth` levels down, so that changes show, and no blanks that would only be carried around.
pub(crate) fn in_lines(value: &Value, depth: usize) -> String {
    fn write(value: &Value, depth: usize, indent: usize, out: &mut String) {
        let (open, close, items): (_, _, Vec<(String, &Value)>) = match value {
            Value::Object(fields) if depth > 0 && !fields.is_empty() => {
                ('{', '}', fields.iter().map(|(name, value)| (format!("{}:", Value::from(name.as_str())), value)).collect())
            }
            Value::Array(items) if depth > 0 && !items.is_empty() => ('[', ']', items.iter().map(|item| (String::new(), item)).collect()),
            other => return out.push_str(&other.to_string()),
        };
        out.push(open);
        for (position, (name, value)) in items.into_iter().enumerate() {
            out.push_str(if position > 0 { ",\n" } else { "\n" });
            out.push_str(&" ".repeat(indent + 1));
            out.push_str(&name);
            write(value, depth - 1, indent + 1, out);
        }
        out.push('\n');
        out.push_str(&" ".repeat(indent));
        out.push(close);
    }
    let mut out = String::new();
    write(value, depth, 0, &mut out);
    out + "\n"
}

/// Makes a stored document what an older version would have written.
pub(crate) async fn as_an_older_version_wrote_it(world: &World, kind: &str, id: &str, change: impl FnOnce(&mut Map<String, Value>)) {
    let stored = world.documents(kind).into_iter().find(|stored| stored.document.key.id == id).expect("is there");
    let mut data: Map<String, Value> = serde_json::from_slice(&stored.document.data).expect("is an object");
    change(&mut data);
    let document = Document { data: Value::from(data).to_string().into_bytes(), ..Document::clone(&stored.document) };
    let write = Write::Put { document, condition: Condition::Version(stored.version) };
    let committed = world.store.commit(Commit { token: format!("{kind}/{id}"), writes: vec![write] }).await;
    assert_eq!(committed.expect("a store in memory answers"), Committed::Applied);
}

/// The number of booking 12345.
pub(crate) const NUMBER: &str = "+15005550006";

/// The id of the only text that Sluice has sent or is to send.
pub(crate) fn own_text(world: &World) -> String {
    let own: Vec<_> =
        world.documents("message").into_iter().map(|stored| stored.document.key.id.clone()).filter(|id| id.starts_with("ms_")).collect();
    let [id] = &own[..] else { panic!("{own:?}") };
    id.clone()
}

/// A booking that is paid, with its text on the way. The text's id.
pub(crate) async fn confirmed(world: &World) -> String {
    put(world, json!({})).await;
    with(world, paid("evt_1", "pi_1", start(), start())).await;
    own_text(world)
}

pub(crate) async fn message(world: &World, id: &str) -> Value {
    call(world, Method::GET, &format!("/api/v1/messages/{id}"), None).await.json
}

pub(crate) async fn unmatched(world: &World) -> Vec<String> {
    let listed = call(world, Method::GET, "/api/v1/messages?unmatched=true", None).await.json;
    listed["items"].as_array().into_iter().flatten().filter_map(|item| Some(item["id"].as_str()?.to_owned())).collect()
}

pub(crate) async fn put_message(world: &World, id: &str, body: Value) -> StatusCode {
    call(world, Method::PUT, &format!("/api/v1/messages/{id}"), Some(body)).await.status
}
