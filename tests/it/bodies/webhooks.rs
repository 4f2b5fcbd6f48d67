//! Webhooks out: published, fanned out, signed, delivered, tried again.

use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};
use sluice_signature::{Message, Scheme, Secret, StandardWebhooks};
use sluice_tests::{Booking, Event, Home, InboundWebhook, Receiver, Reply, Webhook, fresh, seconds_now, until};

const FAILS: Reply = Reply::Status("500 Internal Server Error", "");
const TAKES: Reply = Reply::Status("200 OK", "");

/// A subscription, which is removed at the end: its home is shared with other tests.
struct Subscription<'a> {
    home: &'a dyn Home,
    id: String,
    secret: String,
}

impl<'a> Subscription<'a> {
    fn new(home: &'a dyn Home, url: &str, event_types: &[&str], fields: &Value) -> Self {
        let mut body = json!({ "url": url, "event_types": event_types, "retry_schedule": ["1s", "1s"] });
        for (name, value) in fields.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let made = home.client().try_post("/api/v1/subscriptions", &body).expect("an answer").expect(201).json();
        let text = |name: &str| made[name].as_str().expect("a text").to_owned();
        Self { home, id: text("id"), secret: text("secret") }
    }

    fn path(&self, what: &str) -> String {
        format!("/api/v1/subscriptions/{}{what}", self.id)
    }

    /// The delivery of an event, once it is as it is wanted.
    fn delivery(&self, event: &str, status: &str) -> Value {
        let path = self.path(&format!("/deliveries?event_id={event}"));
        until("a delivery to come to its end", self.home.limit(), || {
            self.home.client().list(&path).into_iter().next().filter(|delivery| delivery["status"] == status)
        })
    }

    fn verifies(&self, webhook: &Webhook) -> bool {
        let headers: Vec<(&str, &[u8])> = webhook.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let message = Message { method: "POST", url: "", headers: &headers, body: webhook.body.as_bytes() };
        StandardWebhooks::new().verify(&message, &[Secret::new(self.secret.as_str())], seconds_now()).is_ok()
    }
}

impl Drop for Subscription<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.home.client().ask(Method::DELETE, &self.path(""), bytes::Bytes::new()).expect(204);
        }
    }
}

fn publish(home: &dyn Home, kind: &str, data: Value) -> String {
    let event = home.client().try_post("/api/v1/events", &json!({ "type": kind, "data": data })).expect("an answer").expect(202).json();
    event["id"].as_str().expect("an id").to_owned()
}

/// A type that no other test publishes.
fn own_type() -> String {
    format!("{}.created", fresh("order"))
}

pub(crate) fn an_event_reaches_its_subscribers_signed(home: &dyn Home) {
    let (receiver, kind) = (Receiver::start(), own_type());
    let prefix = format!("{}.*", kind.trim_end_matches(".created"));
    let exact = Subscription::new(home, &receiver.url("/exact"), &[&kind], &json!({ "headers": { "X-Mine": "7" } }));
    let wide = Subscription::new(home, &receiver.url("/prefix"), &[&prefix], &json!({}));
    let other = Subscription::new(home, &receiver.url("/other"), &["nothing.like_it"], &json!({}));
    let event = publish(home, &kind, json!({ "number": 820_982_911_946_154_508_i64 }));
    for subscription in [&exact, &wide] {
        let delivery = subscription.delivery(&event, "delivered");
        assert_eq!((&delivery["attempted"], &delivery["attempts"][0]["status_code"]), (&json!(1), &json!(200)), "{delivery}");
    }
    let [got] = &receiver.got_at("/exact")[..] else { panic!("{:?}", receiver.got()) };
    assert!(exact.verifies(got) && !wide.verifies(got), "{got:?}");
    assert!(receiver.got_at("/prefix").iter().all(|webhook| wide.verifies(webhook) && webhook.body == got.body));
    assert!(receiver.got_at("/other").is_empty() && home.client().list(&other.path("/deliveries")).is_empty());
    let header = |name: &str| got.headers[name].as_str();
    assert_eq!((header("webhook-id"), header("x-webhook-event"), header("x-mine")), (&*event, &*kind, "7"));
    let body: Value = serde_json::from_str(&got.body).expect("JSON");
    assert_eq!((&body["id"], &body["data"]["number"]), (&json!(event), &json!(820_982_911_946_154_508_i64)));
    let tested = home.client().post(&exact.path("/test")).expect(200).json();
    assert_eq!((&tested["success"], &tested["status_code"]), (&json!(true), &json!(200)));
}

pub(crate) fn a_verified_webhook_is_passed_on(home: &dyn Home) {
    let receiver = Receiver::start();
    let subscription = Subscription::new(home, &receiver.url("/hook"), &["stripe.payment_intent.*"], &json!({}));
    let is_of = |webhook: &Webhook, event: &Event| {
        let body: Value = serde_json::from_str(&webhook.body).expect("JSON");
        body["data"]["id"] == event.key()
    };
    // Whoever handles webhooks may hear of a new subscription some seconds later.
    let passed_on = until("a webhook to be passed on", home.limit(), || {
        let booking = Booking::fresh();
        home.put(&booking).expect(201);
        let event = Event::paid(&booking);
        let record = home.process(&event);
        record["effects"].as_array()?.iter().find(|effect| effect["kind"] == "publish")?;
        Some(until("it to arrive", home.limit(), || receiver.got().into_iter().find(|webhook| is_of(webhook, &event))))
    });
    assert_eq!(passed_on.headers["x-webhook-event"], "stripe.payment_intent.succeeded");
    assert!(subscription.verifies(&passed_on), "{passed_on:?}");
}

pub(crate) fn an_attempt_that_fails_is_made_again(home: &dyn Home) {
    let (receiver, kind) = (Receiver::start(), own_type());
    receiver.reply("/hook", &[FAILS, Reply::Status("404 Not Found", ""), TAKES]);
    let subscription = Subscription::new(home, &receiver.url("/hook"), &[&kind], &json!({}));
    let event = publish(home, &kind, json!({}));
    let delivery = subscription.delivery(&event, "delivered");
    let statuses: Vec<_> = delivery["attempts"].as_array().expect("attempts").iter().map(|attempt| &attempt["status_code"]).collect();
    assert_eq!(statuses, [500, 404, 200], "{delivery}");
    let got = receiver.got();
    assert!(got.iter().all(|webhook| webhook.headers["webhook-id"] == event && webhook.body == got[0].body));
}

pub(crate) fn what_waits_is_tried_once_its_subscription_is_enabled(home: &dyn Home) {
    let (receiver, kind) = (Receiver::start(), own_type());
    receiver.reply("/hook", &[FAILS]);
    let subscription = Subscription::new(home, &receiver.url("/hook"), &[&kind], &json!({ "retry_schedule": ["24h"] }));
    let event = publish(home, &kind, json!({}));
    assert_eq!(subscription.delivery(&event, "failed")["waits_for"], "retry");
    receiver.reply("/hook", &[TAKES]);
    assert_eq!(home.client().post(&subscription.path("/enable")).expect(200).json()["active"], true);
    assert_eq!(subscription.delivery(&event, "delivered")["attempted"], 2);
    assert_eq!(receiver.got().len(), 2);
}

pub(crate) fn what_has_failed_is_recovered(home: &dyn Home) {
    let (receiver, kind) = (Receiver::start(), own_type());
    receiver.reply("/hook", &[FAILS]);
    let subscription = Subscription::new(home, &receiver.url("/hook"), &[&kind], &json!({ "retry_schedule": [] }));
    let events: Vec<_> = (0..5).map(|number| publish(home, &kind, json!({ "number": number }))).collect();
    for event in &events {
        subscription.delivery(event, "permanently_failed");
    }
    receiver.reply("/hook", &[TAKES]);
    let since = json!({ "since": "2026-01-01T00:00:00Z" });
    let counted = json!({ "since": "2026-01-01T00:00:00Z", "dry_run": true });
    let recover = |body: &Value| home.client().try_post(&subscription.path("/recover"), body).expect("an answer");
    assert_eq!(recover(&counted).expect(200).json()["count"], 5);
    let job = recover(&since).expect(202).json();
    let path = subscription.path(&format!("/jobs/{}", job["id"].as_str().expect("an id")));
    let done = until("the job to be done", home.limit(), || {
        Some(home.client().get(&path).expect(200).json()).filter(|job| job["state"] == "done")
    });
    assert_eq!(done["count"], 5);
    for event in &events {
        assert_eq!(subscription.delivery(event, "delivered")["attempted"], 2);
    }
    assert_eq!(receiver.got().len(), 10);
}

pub(crate) fn a_receiver_takes_its_leave(home: &dyn Home) {
    let (receiver, kind) = (Receiver::start(), own_type());
    receiver.reply("/hook", &[Reply::Status("410 Gone", "")]);
    let subscription = Subscription::new(home, &receiver.url("/hook"), &[&kind], &json!({}));
    let event = publish(home, &kind, json!({}));
    subscription.delivery(&event, "permanently_failed");
    let shown = home.client().get(&subscription.path("")).expect(200).json();
    assert_eq!(
        (&shown["active"], &shown["disabled_reason"]),
        (&json!(false), &json!("the receiver answered 410: it wants no more webhooks"))
    );
    receiver.reply("/hook", &[TAKES]);
    home.client().post(&subscription.path("/enable")).expect(200);
    let resend =
        format!("/api/v1/deliveries/{}/resend", subscription.delivery(&event, "permanently_failed")["id"].as_str().expect("an id"));
    home.client().post(&resend).expect(202);
    assert_eq!(subscription.delivery(&event, "delivered")["attempted"], 2);
}

pub(crate) fn a_key_publishes_once(home: &dyn Home) {
    let (receiver, kind) = (Receiver::start(), own_type());
    let subscription = Subscription::new(home, &receiver.url("/hook"), &[&kind], &json!({}));
    let key = [(HeaderName::from_static("idempotency-key"), HeaderValue::from_str(&fresh("key")).expect("a header value"))];
    let publish = |data: Value| {
        let body = json!({ "type": kind, "data": data }).to_string();
        home.client().send(Method::POST, "/api/v1/events", key.to_vec(), body.into())
    };
    let (first, second) = (publish(json!({ "id": 7 })).expect(202).json(), publish(json!({ "id": 7 })).expect(202).json());
    assert_eq!(first, second);
    publish(json!({ "id": 8 })).expect(422);
    subscription.delivery(first["id"].as_str().expect("an id"), "delivered");
    assert_eq!(receiver.got().len(), 1);
}

pub(crate) fn what_was_published_of_an_erased_person_is_erased(home: &dyn Home) {
    let receiver = Receiver::start();
    let subscription = Subscription::new(home, &receiver.url("/hook"), &["shopify.*"], &json!({}));
    let (shop, person) = (fresh("shop"), fresh("person"));
    let number = person.bytes().fold(1_u64, |sum, byte| sum * 31 % 10_000_000_019 + u64::from(byte)).to_string();
    let of_shop = |topic: &str| {
        let own = |text: &str| {
            let text = text.replace("alder-studio-example", &shop).replace("dana.whitfield@", &format!("{person}@"));
            text.replace("820982911946154613", &format!("81{number}")).replace("820982911946154512", &format!("82{number}"))
        };
        InboundWebhook::sample("shopify", topic).rewritten(own).header("X-Shopify-Webhook-Id", fresh("webhook"))
    };
    let receive = |webhook: &InboundWebhook| {
        home.receive(webhook).expect(200);
        home.settled_as(&webhook.inbound_id())
    };
    // Whoever handles webhooks may hear of a new subscription some seconds later.
    let order = until("an order to be passed on", home.limit(), || {
        let order = of_shop("orders/create");
        receive(&order)["effects"].as_array()?.iter().find(|effect| effect["kind"] == "publish")?;
        Some(until("it to arrive", home.limit(), || receiver.got().into_iter().find(|webhook| webhook.body.contains(&person))))
    });
    let event = order.headers["webhook-id"].as_str();
    let delivery = subscription.delivery(event, "delivered");
    // Likewise: of several that handle webhooks, one may have heard of it and another not yet.
    until("the erasure to be passed on", home.limit(), || {
        let redacted = receive(&of_shop("customers/redact"));
        redacted["effects"].as_array()?.iter().any(|effect| effect["kind"] == "publish").then_some(())
    });
    let erased = until("it to be erased", home.limit(), || {
        Some(home.client().get(&format!("/api/v1/events/{event}")).expect(200).json()).filter(|event| event["erased_at"].is_string())
    });
    assert_eq!(erased["data"], Value::Null);
    let resend = format!("/api/v1/deliveries/{}/resend", delivery["id"].as_str().expect("an id"));
    assert_eq!(home.client().post(&resend).expect(409).json()["detail"], "the data of its event was erased");
    // Other tests of the same stack erase people too.
    let told = until("the erasure to be told", home.limit(), || {
        let of_this_shop =
            |webhook: &Webhook| webhook.headers["x-webhook-event"] == "shopify.customers/redact" && webhook.body.contains(&shop);
        receiver.got().into_iter().find(of_this_shop)
    });
    assert!(told.body.contains(&number) && !told.body.contains(&person), "{told:?}");
}
