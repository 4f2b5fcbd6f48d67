//! Webhooks out over real connections, to a receiver that does as it is told.

use std::{collections::BTreeMap, thread, time::Duration};

use bytes::Bytes;
use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use sluice_core::time::Timestamp;
use sluice_signature::{Message, Scheme, Secret, StandardWebhooks};
use sluice_tests::{
    Booking, Event, Home, LONG, Receiver, Reply, Webhook, instant_now,
    machine::{Leftovers, Machine, Setup},
    seconds_now, until,
};

use super::dev;

/// Retries that a test can wait for.
pub(super) fn impatient() -> Setup {
    dev().set("SLUICE_WEBHOOK_RETRIES", "1s,1s")
}

pub(super) fn subscribe(home: &Machine, url: &str, fields: Value) -> Value {
    let mut body = json!({ "url": url, "event_types": ["order.*"] });
    for (name, value) in fields.as_object().expect("an object") {
        body[name] = value.clone();
    }
    home.client().try_post("/api/v1/subscriptions", &body).expect("an answer").expect(201).json()
}

fn publish(home: &Machine, data: Value) -> String {
    let body = json!({ "type": "order.created", "data": data });
    let event = home.client().try_post("/api/v1/events", &body).expect("an answer").expect(202).json();
    event["id"].as_str().expect("an id").to_owned()
}

/// The delivery of an event, once it has come to its end.
fn settled(home: &Machine, subscription: &Value, event: &str) -> Value {
    let path = format!("/api/v1/subscriptions/{}/deliveries?event_id={event}", subscription["id"].as_str().expect("an id"));
    until("a delivery to come to its end", LONG, || {
        let delivery = home.client().list(&path).into_iter().next()?;
        ["delivered", "permanently_failed"].contains(&delivery["status"].as_str()?).then_some(delivery)
    })
}

fn errors(delivery: &Value) -> Vec<String> {
    let attempts = delivery["attempts"].as_array().expect("attempts");
    attempts.iter().map(|attempt| attempt["error"].as_str().unwrap_or_default().to_owned()).collect()
}

fn verifies(webhook: &Webhook, secret: &str) -> bool {
    let headers: Vec<(&str, &[u8])> = webhook.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let message = Message { method: "POST", url: "", headers: &headers, body: webhook.body.as_bytes() };
    StandardWebhooks::new().verify(&message, &[Secret::new(secret)], seconds_now()).is_ok()
}

#[test]
fn an_event_reaches_its_subscriber_signed() {
    let (home, receiver) = (dev().start(), Receiver::start());
    let subscription = subscribe(&home, &receiver.url("/hook"), json!({ "event_types": ["order.*", "stripe.payment_intent.*"] }));
    let secret = subscription["secret"].as_str().expect("shown once").to_owned();
    let event = publish(&home, json!({ "number": 7 }));
    assert_eq!(settled(&home, &subscription, &event)["status"], "delivered");
    let [webhook] = &receiver.got()[..] else { panic!("{:?}", receiver.got()) };
    assert!(verifies(webhook, &secret), "{webhook:?}");
    // As docs/RECEIVING.md says, with the official library.
    let headers = webhook.headers.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect();
    let official = standardwebhooks::Webhook::new(&secret).expect("a secret");
    official.verify(webhook.body.as_bytes(), &headers).expect("it fits");
    official.verify(webhook.body.replace('7', "8").as_bytes(), &headers).expect_err("it was changed");
    assert_eq!((webhook.headers["webhook-id"].as_str(), webhook.headers["x-webhook-event"].as_str()), (event.as_str(), "order.created"));
    let body: Value = serde_json::from_str(&webhook.body).expect("JSON");
    assert_eq!((&body["id"], &body["data"]), (&json!(event), &json!({ "number": 7 })));

    let booking = Booking::fresh();
    home.put(&booking).expect(201);
    home.process(&Event::paid(&booking));
    let inbound = until("the webhook to be passed on", LONG, || receiver.got().get(1).cloned());
    assert_eq!(inbound.headers["x-webhook-event"], "stripe.payment_intent.succeeded");
    assert!(verifies(&inbound, &secret), "{inbound:?}");
}

#[test]
fn the_log_says_what_each_receiver_did() {
    let (home, receiver) = (impatient().start(), Receiver::start());
    let replies = [
        ("/200", Reply::Status("200 OK", ""), None),
        ("/204", Reply::Status("204 No Content", ""), None),
        ("/301", Reply::Status("301 Moved Permanently", "location: http://127.0.0.1:1/\r\n"), Some("redirects are not followed")),
        ("/400", Reply::Status("400 Bad Request", ""), Some("the receiver answered 400")),
        ("/410", Reply::Status("410 Gone", ""), Some("the receiver answered 410")),
        ("/500", Reply::Status("500 Internal Server Error", ""), Some("the receiver answered 500")),
        ("/429", Reply::Status("429 Too Many Requests", "retry-after: 120\r\n"), Some("the receiver answered 429")),
        ("/503", Reply::Status("503 Service Unavailable", ""), Some("the receiver answered 503")),
        ("/reset", Reply::Reset, Some("no answer: ")),
        ("/close", Reply::Close, Some("no answer: ")),
        ("/drip", Reply::Drip, Some("timed out: the answer did not end within 1s")),
        ("/silence", Reply::Silence, Some("timed out: no answer came within 1s")),
        ("/endless", Reply::Endless, None),
    ];
    let subscriptions: BTreeMap<&str, Value> = replies
        .iter()
        .map(|(path, reply, _)| {
            receiver.reply(path, std::slice::from_ref(reply));
            // Those that have too much to do are left alone for half a minute at least: they are asked once.
            let fields = if is_overloaded(path) { json!({ "retry_schedule": [] }) } else { json!({ "timeout": 1 }) };
            (*path, subscribe(&home, &receiver.url(path), fields))
        })
        .collect();
    let event = publish(&home, json!({}));
    for (path, _, error) in &replies {
        let delivery = settled(&home, &subscriptions[path], &event);
        match error {
            None => assert_eq!((&delivery["status"], delivery["attempted"].as_u64()), (&json!("delivered"), Some(1)), "{path}: {delivery}"),
            Some(error) => {
                let attempts = if *path == "/410" || is_overloaded(path) { 1 } else { 3 };
                assert_eq!((&delivery["status"], delivery["attempted"].as_u64()), (&json!("permanently_failed"), Some(attempts)), "{path}");
                assert!(errors(&delivery).iter().all(|told| told.contains(error)), "{path}: {delivery}");
            }
        }
    }
    let gone = home.client().get(&format!("/api/v1/subscriptions/{}", subscriptions["/410"]["id"].as_str().expect("an id"))).json();
    assert_eq!(gone["active"], false);
    for (path, least) in [("/429", 120), ("/503", 30)] {
        let shown = home.client().get(&format!("/api/v1/subscriptions/{}", subscriptions[path]["id"].as_str().expect("an id"))).json();
        let paused: Timestamp = shown["endpoint"]["paused_until"].as_str().and_then(|text| text.parse().ok()).expect("a time");
        assert!(paused.seconds() - seconds_now() > least - 20, "{path}: {shown}");
    }
}

fn is_overloaded(path: &str) -> bool {
    ["/429", "/503"].contains(&path)
}

/// How long it took from each publication to its arrival at `path`, the slowest but one in a hundred.
fn slowest_of(home: &Machine, receiver: &Receiver, kind: &str, path: &str) -> Duration {
    const EVENTS: usize = 100;
    let before = receiver.got_at(path).len();
    let mut took: Vec<Duration> = (0..EVENTS)
        .map(|number| {
            let (began, body) = (instant_now(), json!({ "type": kind, "data": { "number": number } }));
            home.client().try_post("/api/v1/events", &body).expect("an answer").expect(202);
            let came = until("the fast one to get it", LONG, || receiver.arrival(path, before + number));
            came.saturating_duration_since(began)
        })
        .collect();
    took.sort();
    took[EVENTS - 2]
}

#[test]
fn hundreds_of_slow_endpoints_delay_no_fast_one() {
    const SLOW: usize = 500;
    let (home, receiver) = (dev().start(), Receiver::start());
    subscribe(&home, &receiver.url("/fast"), json!({ "event_types": ["fast.one"] }));
    let alone = (0..3).map(|_| slowest_of(&home, &receiver, "fast.one", "/fast")).min().expect("three");
    let slow: Vec<_> = (0..SLOW)
        .map(|number| {
            let path = format!("/slow/{number}");
            receiver.reply(&path, &[Reply::Silence]);
            subscribe(&home, &receiver.url(&path), json!({ "event_types": ["slow.one"], "retry_schedule": [], "timeout": 10 }))
        })
        .collect();
    let body = json!({ "type": "slow.one", "data": {} });
    home.client().try_post("/api/v1/events", &body).expect("an answer").expect(202);
    until("all slow ones to have it in hand", LONG, || (receiver.got().len() >= SLOW + 300).then_some(()));
    let beside = (0..3).map(|_| slowest_of(&home, &receiver, "fast.one", "/fast")).min().expect("three");
    assert!(beside <= alone + Duration::from_millis(50), "{alone:?} alone, {beside:?} beside {SLOW} slow ones");
    for subscription in slow {
        let path = format!("/api/v1/subscriptions/{}", subscription["id"].as_str().expect("an id"));
        home.client().ask(http::Method::DELETE, &path, bytes::Bytes::new()).expect(204);
    }
}

#[test]
fn an_attempt_that_fails_is_made_again() {
    let (home, receiver) = (impatient().start(), Receiver::start());
    receiver
        .reply("/hook", &[Reply::Status("500 Internal Server Error", ""), Reply::Status("404 Not Found", ""), Reply::Status("200 OK", "")]);
    let subscription = subscribe(&home, &receiver.url("/hook"), json!({}));
    let event = publish(&home, json!({}));
    let delivery = settled(&home, &subscription, &event);
    assert_eq!((&delivery["status"], delivery["attempted"].as_u64()), (&json!("delivered"), Some(3)), "{delivery}");
    let got = receiver.got();
    assert!(got.iter().all(|webhook| webhook.headers["webhook-id"] == event && webhook.body == got[0].body));
}

#[test]
fn no_subscription_leads_into_the_own_network() {
    let home = dev().start();
    for url in [
        "http://10.0.0.1/",
        "https://169.254.169.254/latest/",
        "https://[::ffff:10.0.0.1]/",
        "https://user@example.com/",
        "https://example.com:6379/",
    ] {
        let answer = home.client().try_post("/api/v1/subscriptions", &json!({ "url": url, "event_types": ["*"] })).expect("an answer");
        assert_eq!(answer.expect(422).json()["errors"][0]["field"], "url", "{url}");
    }
}

#[test]
fn without_a_master_key_webhooks_out_are_off() {
    let home = super::serve().set("SLUICE_MAIL", "off").set("SLUICE_API_KEY", super::start::KEY).start();
    let answer = home.client().get("/api/v1/subscriptions").expect(503).json();
    assert!(answer["detail"].as_str().is_some_and(|detail| detail.contains("SLUICE_MASTER_KEY")), "{answer}");
}

#[test]
fn many_subscriptions_are_made_and_removed_at_once() {
    let home = dev().start();
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let made = subscribe(&home, "http://127.0.0.1:9/hook", json!({}));
                    let path = format!("/api/v1/subscriptions/{}", made["id"].as_str().expect("an id"));
                    let _ = home.client().ask(Method::DELETE, &path, Bytes::new()).expect(204);
                }
            });
        }
    });
    assert!(home.client().list("/api/v1/subscriptions").is_empty());
}

#[test]
fn a_rate_limit_is_kept() {
    let (home, receiver) = (dev().start(), Receiver::start());
    subscribe(&home, &receiver.url("/hook"), json!({ "rate_limit": 5 }));
    for number in 0..20 {
        publish(&home, json!({ "number": number }));
    }
    let got = until("all to be delivered", LONG, || Some(receiver.got()).filter(|got| got.len() == 20));
    let took = got[19].at.duration_since(got[0].at);
    assert!((Duration::from_millis(3_400)..Duration::from_millis(4_300)).contains(&took), "20 at 5 a second took {took:?}");
}

#[test]
fn all_of_it_from_the_terminal() {
    let (home, receiver) = (dev().start(), Receiver::start());
    let url = home.url();
    let run = |arguments: &[&str]| {
        let output = home.command(&[arguments, &["--to", &url]].concat());
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let further = ["--owner-email", "ops@example.com", "--header", "X-Team=a=b", "--header", "Authorization=Bearer mine"];
    let waits = ["--retry-schedule", "1m,2h", "--signatures", "v1,v1a", "--json"];
    let (code, made) = run(&[&["subscriptions", "create", &receiver.url("/hook"), "order.*"][..], &further, &waits].concat());
    assert_eq!(code, Some(0), "{made}");
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let (id, secret) = (made["id"].as_str().expect("an id"), made["secret"].as_str().expect("a secret"));
    assert_eq!((&made["owner_email"], &made["retry_schedule"]), (&json!("ops@example.com"), &json!([60, 7_200])), "{made}");
    assert_eq!((&made["headers"]["x-team"], &made["signatures"]), (&json!("…"), &json!(["v1", "v1a"])), "{made}");
    let (code, published) = run(&["publish", "order.created", "{\"number\":7}", "--idempotency-key", "order-7"]);
    assert!(code == Some(0) && published.starts_with("evt_"), "{published}");
    let got = until("the webhook", LONG, || receiver.got().first().filter(|webhook| verifies(webhook, secret)).cloned());
    assert_eq!((&*got.headers["x-team"], &*got.headers["authorization"]), ("a=b", "Bearer mine"));
    let listed = until("the delivery to be written down", LONG, || {
        let (_, listed) = run(&["deliveries", "list", "--subscription", id]);
        listed.contains("delivered").then_some(listed)
    });
    assert!(listed.starts_with("ID ") && listed.contains("order.created"), "{listed}");
    let event = published.split(' ').next().expect("an id");
    let (_, same) = run(&["deliveries", "list", "--type", "order.created", "--event", event]);
    let (_, none) = run(&["deliveries", "list", "--type", "order.paid"]);
    assert!(same == listed && !none.contains("dlv_"), "{same}{none}");
    let (_, subscriptions) = run(&["subscriptions", "list"]);
    assert!(subscriptions.contains(id) && subscriptions.contains("active"), "{subscriptions}");
    receiver.reply("/hook", &[Reply::Status("503 Service Unavailable", "")]);
    let (code, tested) = run(&["subscriptions", "test", id]);
    assert!(code == Some(1) && tested.starts_with("503 after "), "{tested}");
    let (code, wrong) = run(&["subscriptions", "create", "https://10.0.0.1/", "order.*"]);
    assert!(code == Some(1) && wrong.contains("url can't be reached: 10.0.0.1 is not a public address"), "{wrong}");
    let (code, counted) = run(&["subscriptions", "recover", id, "--since", "2026-01-01T00:00:00Z", "--dry-run"]);
    assert_eq!((code, counted.as_str()), (Some(0), "0 deliveries would be set going\n"));
}

#[test]
fn a_receiver_is_developed_behind_listen() {
    let (home, receiver) = (dev().start(), Receiver::start());
    let listening = home.spawn(&["listen", "order.*", "--forward-to", &receiver.url("/hook"), "--to", &home.url()]);
    let secret = listening.line("secret: ");
    receiver.reply("/hook", &[Reply::Status("202 Accepted", "")]);
    let event = publish(&home, json!({ "number": 7 }));
    let got = until("it to be passed on", LONG, || receiver.got().into_iter().next());
    assert!(verifies(&got, &secret) && got.headers["webhook-id"] == event, "{got:?}");
    assert!(listening.line("order.created  ").ends_with("answered 202"));
    assert_eq!(listening.end(Signal::INT), Some(0));
    assert!(home.client().list("/api/v1/subscriptions").is_empty());
}

#[test]
fn listen_unsubscribes_however_it_is_asked_to_end() {
    let mut home = dev().start();
    // What was not passed on waits to be tried again.
    home.may_leave(Leftovers { messages: 2, ..Leftovers::default() });
    for signal in [Signal::TERM, Signal::HUP] {
        let listening = home.spawn(&["listen", "order.*", "--forward-to", "http://127.0.0.1:9/hook", "--to", &home.url()]);
        let _ = listening.line("secret: ");
        publish(&home, json!({ "number": 7 }));
        let line = listening.line("order.created  ");
        assert!(line.contains("correct --forward-to") && !line.contains("correct --to"), "{line}");
        assert_eq!(listening.end(signal), Some(0));
        assert!(home.client().list("/api/v1/subscriptions").is_empty());
    }
}
