//! Every provider from its signed request to the stored event: the table of answers, and what makes an event the same one.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use sluice_core::{
    event::EventStatus,
    ingest::{Body, Ingest, PublicUrl, Refusals},
    ports::{Clock, NoMetrics},
    provider::{self, TwilioReplies},
    secrets::{FixedSecrets, SourceTenants},
    testing::World,
};
use sluice_signature::Message;

use crate::support::start;

const PUBLIC_URL: &str = "https://hooks.example.com";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=UTF-8");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Ingest in front of a gateway in memory.
struct Gateway {
    world: World,
    ingest: Ingest,
}

fn gateway() -> Gateway {
    let world = World::new(start(), true);
    let mut secrets = FixedSecrets::default();
    for provider in provider::ALL {
        for source in ["default", "acme"] {
            secrets.insert(provider.name(), source, vec![provider.read_secret(provider.dev_secret())]);
        }
    }
    let ingest = Ingest {
        providers: provider::ALL,
        queue: world.queue.clone(),
        secrets: Arc::new(secrets),
        tenants: SourceTenants::default(),
        clock: world.clock.clone(),
        metrics: Arc::new(NoMetrics),
        public_url: PublicUrl::read(PUBLIC_URL).expect("an address"),
        max_body: 2_000_000,
        replies: TwilioReplies::default(),
        refusals: Refusals::default(),
    };
    Gateway { world, ingest }
}

/// A request as a provider sends it.
#[derive(Clone)]
struct Sent<'a> {
    method: Method,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a str,
}

impl<'a> Sent<'a> {
    fn post(path: &'a str, headers: &[(&'a str, &'a str)], body: &'a str) -> Self {
        Self { method: Method::POST, path, headers: headers.to_vec(), body }
    }
}

impl Gateway {
    async fn send(&self, sent: &Sent<'_>, signed: bool) -> Response<Bytes> {
        let name = sent.path.trim_start_matches("/webhooks/").split(['/', '?']).next().unwrap_or_default();
        let provider = provider::by_name(name).expect("a provider");
        let url = format!("{PUBLIC_URL}{}", sent.path);
        let headers: Vec<(&str, &[u8])> = sent.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let message = Message { method: sent.method.as_str(), url: &url, headers: &headers, body: sent.body.as_bytes() };
        let mut path = sent.path.to_owned();
        let mut request = Request::builder().method(sent.method.clone());
        if signed {
            let secret = provider.read_secret(provider.dev_secret());
            let signed = provider.scheme().sign(&message, &[secret], self.world.clock.now().seconds()).expect("can be signed");
            if let Some(url) = signed.url {
                path = url.trim_start_matches(PUBLIC_URL).to_owned();
            }
            for (name, value) in signed.headers {
                request = request.header(name, value);
            }
        }
        for (name, value) in &sent.headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.uri(path).body(()).expect("a request").into_parts();
        self.ingest.handle(&parts, Body::Whole(Bytes::copy_from_slice(sent.body.as_bytes()))).await
    }

    /// The types of the stored events, in the order of their keys.
    async fn stored(&self) -> Vec<String> {
        self.world.run_until_quiet().await;
        let mut events = self.world.events();
        events.sort_by(|one, other| one.key.cmp(&other.key));
        events.into_iter().map(|event| event.kind).collect()
    }
}

fn text(answer: &Response<Bytes>) -> String {
    String::from_utf8(answer.body().to_vec()).expect("a text")
}

fn content_type(answer: &Response<Bytes>) -> &str {
    answer.headers()[header::CONTENT_TYPE].to_str().expect("a text")
}

const GITHUB: [(&str, &str); 3] = [JSON, ("x-github-event", "issues"), ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")];
const SHOPIFY: [(&str, &str); 4] =
    [JSON, ("x-shopify-topic", "orders/create"), ("x-shopify-shop-domain", "acme.myshopify.com"), ("x-shopify-webhook-id", "w1")];
const STANDARD: [(&str, &str); 2] = [JSON, ("webhook-id", "msg_1")];

/// One usual request of each kind, the status of a bad signature, and the answer to a good one.
fn usual() -> Vec<(Sent<'static>, StatusCode, &'static str, &'static str)> {
    let stripe = r#"{"id":"evt_1","type":"reporting.report_type.updated","created":1795327200,"data":{}}"#;
    let sms = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Message>Thanks for your message! We received: Hi</Message></Response>";
    let voice = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>Hello! Thank you for calling.</Say></Response>";
    let status = "MessageSid=SM1&MessageStatus=delivered&To=%2B15005550006";
    let (json, plain, xml) = ("application/json", "text/plain; charset=utf-8", "text/xml");
    let received = r#"{"received":true}"#;
    let rows = [
        (Sent::post("/webhooks/stripe", &[JSON], stripe), 400, json, received),
        (Sent::post("/webhooks/twilio/sms-status?ref=in_1", &[FORM], status), 403, json, r#"{"status":"received"}"#),
        (Sent::post("/webhooks/twilio/sms", &[FORM], "MessageSid=SM2&Body=Hi&From=%2B15005550006"), 403, xml, sms),
        (Sent::post("/webhooks/twilio/voice/acme", &[FORM], "CallSid=CA1&CallStatus=ringing"), 403, xml, voice),
        (Sent::post("/webhooks/github", &GITHUB, r#"{"action":"opened"}"#), 401, plain, "OK"),
        (Sent::post("/webhooks/shopify", &SHOPIFY, r#"{"id":820982911946154508}"#), 401, plain, "OK"),
        (Sent::post("/webhooks/sendro", &[JSON], r#"{"type":"email.delivered","emailId":"em_1"}"#), 401, json, received),
        (Sent::post("/webhooks/standard/acme", &STANDARD, r#"{"type":"user.created","data":{}}"#), 401, json, received),
        (
            Sent::post("/webhooks/slack/acme", &[JSON], r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}"#),
            401,
            plain,
            "",
        ),
        (Sent::post("/webhooks/slack", &[FORM], "command=%2Fbooking&trigger_id=1.2.3&team_id=T1"), 401, plain, ""),
    ];
    rows.map(|(sent, status, kind, body)| (sent, StatusCode::from_u16(status).expect("a status"), kind, body)).to_vec()
}

#[tokio::test]
async fn the_table_of_answers() {
    for (sent, refused, kind, body) in usual() {
        let gateway = gateway();
        let answer = gateway.send(&sent, false).await;
        assert_eq!(answer.status(), refused, "{} unsigned", sent.path);
        assert!(gateway.stored().await.is_empty(), "{}: nothing unverified gets past", sent.path);

        let answer = gateway.send(&sent, true).await;
        assert_eq!((answer.status(), content_type(&answer), text(&answer).as_str()), (StatusCode::OK, kind, body), "{}", sent.path);
        assert_eq!(gateway.stored().await.len(), 1, "{}", sent.path);
    }
}

#[tokio::test]
async fn sent_again_it_is_the_same_event() {
    let gateway = gateway();
    for (sent, ..) in usual() {
        for _ in 0..3 {
            assert_eq!(gateway.send(&sent, true).await.status(), StatusCode::OK);
        }
    }
    assert_eq!(gateway.stored().await.len(), usual().len());
    assert!(gateway.world.events().iter().all(|event| event.status == EventStatus::Done), "unknown types are recorded, not parked");
}

#[tokio::test]
async fn another_secret_signs_nothing_here() {
    for (sent, refused, ..) in usual() {
        let gateway = gateway();
        let name = sent.path.trim_start_matches("/webhooks/").split(['/', '?']).next().unwrap_or_default();
        let mut other = FixedSecrets::default();
        for source in ["default", "acme"] {
            other.insert(name, source, vec![sluice_signature::Secret::new("whsec_YW5vdGhlciBzZWNyZXQgdGhhbiB0aGUgb25lIG9mIGRldg")]);
        }
        let gateway = Gateway { ingest: Ingest { secrets: Arc::new(other), ..gateway.ingest }, ..gateway };
        assert_eq!(gateway.send(&sent, true).await.status(), refused, "{}", sent.path);
    }
}

#[tokio::test]
async fn a_page_s_visit_is_told_what_belongs_here() {
    let gateway = gateway();
    for (sent, ..) in usual() {
        let twilio = sent.path.contains("twilio");
        for method in [Method::HEAD, Method::GET, Method::PUT] {
            let answer = gateway.send(&Sent { method: method.clone(), body: "", ..sent.clone() }, false).await;
            if twilio && method == Method::GET {
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "GET is Twilio's, too, when it is signed");
                continue;
            }
            assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {}", sent.path);
            assert_eq!(answer.headers()[header::ALLOW], if twilio { "POST, GET" } else { "POST" });
        }
    }
}

#[tokio::test]
async fn twilio_by_get_is_an_event_like_any_other() {
    let gateway = gateway();
    let sent = Sent { method: Method::GET, path: "/webhooks/twilio/sms?MessageSid=SM7&Body=Hi", headers: Vec::new(), body: "" };
    assert!(text(&gateway.send(&sent, true).await).contains("We received: Hi"));
    assert_eq!(gateway.stored().await, ["message.received"]);
    assert_eq!(gateway.world.events()[0].query, "MessageSid=SM7&Body=Hi", "its parameters are kept");
}

#[tokio::test]
async fn what_a_message_says_can_t_steer_the_answer() {
    let gateway = gateway();
    let sent = Sent::post("/webhooks/twilio/sms", &[FORM], "MessageSid=SM1&Body=%3C%2FMessage%3E%3CDial%3E%2B1900%3C%2FDial%3E");
    assert!(text(&gateway.send(&sent, true).await).contains("We received: &lt;/Message&gt;&lt;Dial&gt;+1900&lt;/Dial&gt;</Message>"));
}

#[tokio::test]
async fn twilio_s_answers_can_be_switched_off() {
    let gateway = gateway();
    let replies = TwilioReplies { sms: None, voice: None, play: None, empty_status: true };
    let gateway = Gateway { ingest: Ingest { replies, ..gateway.ingest }, ..gateway };
    for (sent, ..) in usual().into_iter().filter(|(sent, ..)| sent.path.contains("twilio")) {
        let answer = gateway.send(&sent, true).await;
        if sent.path.contains("status") {
            assert_eq!((answer.status(), answer.body().len()), (StatusCode::NO_CONTENT, 0));
        } else {
            assert!(text(&answer).ends_with("<Response/>"), "{}", sent.path);
        }
    }
}

#[tokio::test]
async fn github_s_ping_is_answered_and_leaves_nothing() {
    let gateway = gateway();
    let ping = [JSON, ("x-github-event", "ping"), GITHUB[2]];
    let sent = Sent::post("/webhooks/github", &ping, r#"{"zen":"Design for failure.","hook_id":1}"#);
    assert_eq!(gateway.send(&sent, false).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(gateway.send(&sent, true).await.status(), StatusCode::OK);
    assert!(gateway.stored().await.is_empty());
}

#[tokio::test]
async fn github_s_delivery_under_another_id_is_a_repeat() {
    let gateway = gateway();
    let again = [GITHUB[0], GITHUB[1], ("x-github-delivery", "another")];
    let body = r#"{"action":"opened","issue":{"id":1}}"#;
    for headers in [&GITHUB, &again] {
        assert_eq!(gateway.send(&Sent::post("/webhooks/github", headers, body), true).await.status(), StatusCode::OK);
        gateway.world.run_until_quiet().await;
    }
    let events = gateway.world.events();
    let first = events.iter().find(|event| event.key == GITHUB[2].1).expect("the first");
    let repeat = events.iter().find(|event| event.key == "another").expect("the repeat");
    assert_eq!((first.status, repeat.status), (EventStatus::Done, EventStatus::Ignored));
    assert!(repeat.reason.as_deref().is_some_and(|reason| reason.contains(&first.id)), "{:?}", repeat.reason);
}

#[tokio::test]
async fn both_copies_of_a_delivery_at_once_are_one_event() {
    let gateway = gateway();
    let again = [GITHUB[0], GITHUB[1], ("x-github-delivery", "another")];
    for headers in [&GITHUB, &again] {
        gateway.send(&Sent::post("/webhooks/github", headers, "{}"), true).await;
    }
    gateway.world.batch(2).await;
    gateway.world.run_until_quiet().await;
    let ignored = gateway.world.events().iter().filter(|event| event.status == EventStatus::Ignored).count();
    assert_eq!((gateway.world.events().len(), ignored), (2, 1));
}

#[tokio::test]
async fn dispatches_may_be_the_same_twice() {
    let gateway = gateway();
    for delivery in ["one", "two"] {
        let headers = [JSON, ("x-github-event", "repository_dispatch"), ("x-github-delivery", delivery)];
        gateway.send(&Sent::post("/webhooks/github", &headers, r#"{"action":"deploy","client_payload":{}}"#), true).await;
    }
    gateway.world.run_until_quiet().await;
    assert!(gateway.world.events().iter().all(|event| event.status == EventStatus::Done));
}

/// The event's name is not signed: a delivery that is sent again under another is the same delivery.
#[tokio::test]
async fn a_repeat_under_another_name_is_a_repeat() {
    let gateway = gateway();
    for (delivery, name) in [("one", "push"), ("two", "repository_dispatch"), ("three", "workflow_dispatch"), ("four", "fork")] {
        let headers = [JSON, ("x-github-event", name), ("x-github-delivery", delivery)];
        gateway.send(&Sent::post("/webhooks/github", &headers, r#"{"ref":"refs/heads/main","after":"1"}"#), true).await;
    }
    gateway.world.run_until_quiet().await;
    let events = gateway.world.events();
    let first = events.iter().find(|event| event.status == EventStatus::Done).expect("the first");
    let repeats: Vec<_> = events.iter().filter(|event| event.id != first.id).collect();
    assert!(repeats.len() == 3 && repeats.iter().all(|event| event.twin.as_ref() == Some(&first.id)), "{repeats:?}");
}

#[tokio::test]
async fn github_s_form_is_verified_as_it_came() {
    let gateway = gateway();
    let headers = [FORM, GITHUB[1], GITHUB[2]];
    let sent = Sent::post("/webhooks/github", &headers, "payload=%7B%22action%22%3A%22closed%22%7D");
    assert_eq!(gateway.send(&sent, true).await.status(), StatusCode::OK);
    assert_eq!(gateway.stored().await, ["issues.closed"]);
    assert_eq!(gateway.world.events()[0].body().unpack().expect("unpacks"), sent.body.as_bytes());
}

#[tokio::test]
async fn shopify_s_topics_of_one_action_are_events_of_their_own() {
    let gateway = gateway();
    for topic in ["orders/create", "orders/paid"] {
        let headers = [JSON, ("x-shopify-topic", topic), SHOPIFY[2], SHOPIFY[3], ("x-shopify-event-id", "e1")];
        gateway.send(&Sent::post("/webhooks/shopify", &headers, "{}"), true).await;
    }
    assert_eq!(gateway.stored().await, ["orders/create", "orders/paid"]);
}

#[tokio::test]
async fn shopify_s_compliance_topics_are_refused_unsigned_and_taken_signed() {
    for topic in ["customers/data_request", "customers/redact", "shop/redact"] {
        let gateway = gateway();
        let headers = [JSON, ("x-shopify-topic", topic), SHOPIFY[2], SHOPIFY[3]];
        let sent = Sent::post("/webhooks/shopify", &headers, r#"{"shop_domain":"acme.myshopify.com"}"#);
        assert_eq!(gateway.send(&sent, false).await.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(gateway.send(&sent, true).await.status(), StatusCode::OK);
        assert_eq!(gateway.stored().await, [topic]);
    }
}

#[tokio::test]
async fn a_signed_request_without_an_identity_is_malformed() {
    let gateway = gateway();
    for (path, headers, body) in [
        ("/webhooks/github", &GITHUB[..2], "{}"),
        ("/webhooks/shopify", &SHOPIFY[..3], "{}"),
        ("/webhooks/shopify", &SHOPIFY[..], "not=json"),
        ("/webhooks/sendro", &[JSON][..], "{}"),
        ("/webhooks/slack", &[JSON][..], "{}"),
        ("/webhooks/slack", &[FORM][..], "payload=%7B"),
        ("/webhooks/twilio/sms", &[FORM][..], "Body=Hi"),
    ] {
        assert_eq!(gateway.send(&Sent::post(path, headers, body), true).await.status(), StatusCode::BAD_REQUEST, "{path} {body}");
    }
    assert!(gateway.stored().await.is_empty());
}
