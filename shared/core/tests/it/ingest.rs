//! Ingest without a server: the table of answers, and the promise behind a 2xx.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use sluice_core::{
    envelope::InboundMessage,
    ingest::{Body, Ingest, PublicUrl, Refusals},
    ports::{Clock, NoMetrics, QueueName},
    provider::{self, TwilioReplies},
    secrets::{FixedSecrets, SourceTenants},
    testing::{Fault, Faults, Faulty, ManualClock, MemoryQueue},
};
use sluice_signature::{Message, Scheme, Secret, Stripe, Twilio};

use crate::support::{incompressible, start};

const BODY: &str = r#"{ "id": "evt_1", "type": "customer.created", "created": 1795327200, "data": {} }"#;

struct Door {
    clock: Arc<ManualClock>,
    queue: Arc<MemoryQueue>,
    faults: Arc<Faults>,
    ingest: Ingest,
}

fn door() -> Door {
    let clock = Arc::new(ManualClock::at(start()));
    let queue = Arc::new(MemoryQueue::new(clock.clone(), 20));
    let faults = Faults::new(clock.clone());
    let mut secrets = FixedSecrets::default();
    secrets.insert("stripe", "default", vec![Secret::new("whsec_new"), Secret::new("whsec_old")]);
    secrets.insert("stripe", "acme", vec![Secret::new("whsec_acme")]);
    let ingest = Ingest {
        providers: provider::ALL,
        queue: Arc::new(Faulty::new(queue.clone(), &faults)),
        secrets: Arc::new(secrets),
        tenants: SourceTenants::default(),
        clock: clock.clone(),
        metrics: Arc::new(NoMetrics),
        public_url: PublicUrl::read("https://hooks.example.com").expect("an address"),
        max_body: 2_000_000,
        replies: TwilioReplies::default(),
        refusals: Refusals::default(),
    };
    Door { clock, queue, faults, ingest }
}

impl Door {
    async fn knock(&self, method: Method, path: &str, signature: Option<String>, body: Body) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(path).header(header::USER_AGENT, "Stripe/1.0");
        if let Some(signature) = signature {
            request = request.header("Stripe-Signature", signature);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        self.ingest.handle(&parts, body).await
    }

    async fn post(&self, path: &str, secret: &str, body: &str) -> StatusCode {
        let signature = self.sign(secret, body.as_bytes());
        self.knock(Method::POST, path, Some(signature), whole(body)).await.status()
    }

    fn sign(&self, secret: &str, body: &[u8]) -> String {
        let message = Message { method: "POST", url: "", headers: &[], body };
        let signed = Stripe::new().sign(&message, &[Secret::new(secret)], self.clock.now().seconds()).expect("a secret");
        signed.headers[0].1.clone()
    }

    fn queued(&self) -> Vec<InboundMessage> {
        let received = self.queue.receive(QueueName::Inbound, 100, std::time::Duration::from_secs(1));
        received.iter().map(|message| serde_json::from_str(&message.body).expect("a message")).collect()
    }
}

fn whole(body: &str) -> Body {
    Body::Whole(Bytes::copy_from_slice(body.as_bytes()))
}

#[tokio::test]
async fn a_signed_event_is_queued_as_it_came() {
    let door = door();
    assert_eq!(door.post("/webhooks/stripe", "whsec_old", BODY).await, StatusCode::OK);
    let [InboundMessage::Event(envelope)] = &door.queued()[..] else { panic!("one event") };
    assert_eq!((envelope.key.as_str(), envelope.kind.as_str(), envelope.source.as_str()), ("evt_1", "customer.created", "default"));
    assert_eq!(envelope.body.unpack().expect("unpacks"), BODY.as_bytes());
    assert_eq!(envelope.headers, [("user-agent".to_owned(), "Stripe/1.0".to_owned())]);
    assert_eq!(envelope.occurred_at.map(|at| at.seconds()), Some(1_795_327_200));
}

#[tokio::test]
async fn an_event_carries_the_tenant_of_its_source() {
    let mut door = door();
    door.ingest.tenants.bind("acme", "birch");
    for (path, secret, tenant) in [("/webhooks/stripe", "whsec_new", None), ("/webhooks/stripe/acme", "whsec_acme", Some("birch"))] {
        assert_eq!(door.post(path, secret, BODY).await, StatusCode::OK);
        let [InboundMessage::Event(envelope)] = &door.queued()[..] else { panic!("one event") };
        assert_eq!(envelope.tenant.as_deref(), tenant, "{path}");
    }
}

#[tokio::test]
async fn the_table_of_answers() {
    let door = door();
    let signed = |body: &str| Some(door.sign("whsec_new", body.as_bytes()));
    let answer = door.knock(Method::POST, "/webhooks/stripe", signed(BODY), whole(BODY)).await;
    assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, br#"{"received":true}"#.as_slice()));
    assert_eq!(door.queued().len(), 1);

    for (what, method, path, signature, body, status) in [
        ("no signature", Method::POST, "/webhooks/stripe", None, whole(BODY), StatusCode::BAD_REQUEST),
        ("no signature, so that the body was not read", Method::POST, "/webhooks/stripe", None, Body::Unread, StatusCode::BAD_REQUEST),
        ("another body", Method::POST, "/webhooks/stripe", signed("{}"), whole(BODY), StatusCode::BAD_REQUEST),
        ("another source's secret", Method::POST, "/webhooks/stripe/acme", signed(BODY), whole(BODY), StatusCode::BAD_REQUEST),
        ("no such source", Method::POST, "/webhooks/stripe/nobody", signed(BODY), whole(BODY), StatusCode::NOT_FOUND),
        ("no such provider", Method::POST, "/webhooks/nobody", signed(BODY), whole(BODY), StatusCode::NOT_FOUND),
        ("no JSON", Method::POST, "/webhooks/stripe", signed("hello"), whole("hello"), StatusCode::BAD_REQUEST),
        ("no event", Method::POST, "/webhooks/stripe", signed("{}"), whole("{}"), StatusCode::BAD_REQUEST),
        ("too large", Method::POST, "/webhooks/stripe", None, Body::TooLarge, StatusCode::PAYLOAD_TOO_LARGE),
        ("a page's visit", Method::GET, "/webhooks/stripe", None, whole(""), StatusCode::METHOD_NOT_ALLOWED),
        ("a look", Method::HEAD, "/webhooks/stripe", None, whole(""), StatusCode::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(door.knock(method, path, signature, body).await.status(), status, "{what}");
    }
    assert!(door.queued().is_empty(), "nothing unverified gets past");
}

#[tokio::test]
async fn a_wrong_method_is_told_what_belongs_here() {
    let answer = door().knock(Method::PUT, "/webhooks/stripe", None, whole("")).await;
    assert_eq!(answer.headers()[header::ALLOW], "POST");
    assert!(String::from_utf8_lossy(answer.body()).contains("Stripe posts its webhooks"));
}

#[tokio::test]
async fn a_body_that_does_not_fit_into_the_queue_is_too_large() {
    let door = door();
    let body = BODY.replace("{}", &format!("\"{}\"", incompressible(1_200_000)));
    assert_eq!(door.post("/webhooks/stripe", "whsec_new", &body).await, StatusCode::PAYLOAD_TOO_LARGE);
    let body = BODY.replace("{}", &format!("\"{}\"", "a".repeat(1_900_000)));
    assert_eq!(door.post("/webhooks/stripe", "whsec_new", &body).await, StatusCode::OK, "what packs well fits");
}

#[tokio::test]
async fn nothing_is_acknowledged_that_the_queue_has_not_confirmed() {
    for fault in [Fault::Fail, Fault::LoseAnswer] {
        let door = door();
        door.faults.plan(0, fault);
        assert_eq!(door.post("/webhooks/stripe", "whsec_new", BODY).await, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(door.post("/webhooks/stripe", "whsec_new", BODY).await, StatusCode::OK, "the sender sends it again");
    }
}

#[tokio::test]
async fn a_signature_is_good_for_five_minutes() {
    let door = door();
    let signature = door.sign("whsec_new", BODY.as_bytes());
    for (seconds, status) in [(300, StatusCode::OK), (301, StatusCode::BAD_REQUEST)] {
        door.clock.set(start() + std::time::Duration::from_secs(seconds));
        let answer = door.knock(Method::POST, "/webhooks/stripe", Some(signature.clone()), whole(BODY)).await;
        assert_eq!(answer.status(), status, "after {seconds} s");
    }
}

/// What is logged while it lives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn lines(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
    }
}

#[tokio::test]
async fn a_refusal_says_in_the_log_what_was_tried_and_shows_no_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let door = door();
    let compact = r#"{"id":"evt_1","type":"customer.created"}"#;
    let signature = door.sign("whsec_old", "{\n  \"id\": \"evt_1\",\n  \"type\": \"customer.created\"\n}".as_bytes());
    for _ in 0..20 {
        let refused = door.knock(Method::POST, "/webhooks/stripe", Some(signature.clone()), whole(compact)).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    }
    door.clock.advance(std::time::Duration::from_mins(1));
    door.ingest.refusals.log_left_out(door.clock.now());
    let lines = log.lines();
    assert_eq!(lines.len(), 6, "{lines:?}");
    let line = &lines[0];
    assert_eq!(
        (&line["code"], &line["secrets"], &line["clock_difference"]),
        (&"no_match".into(), &"1: no_fit; 2: no_fit".into(), &0.into())
    );
    assert!(line["findings"].as_str().is_some_and(|findings| findings.contains("secret 2")), "{line}");
    assert_eq!((&lines[5]["code"], &lines[5]["count"], &lines[5]["total"]), (&"no_match".into(), &15.into(), &20.into()));
    let all = format!("{lines:?}");
    let hex = signature.split("v1=").nth(1).expect("a signature");
    assert!(!all.contains("whsec_old") && !all.contains(hex), "{all}");
}

/// Twilio signs the URL as it was given it, user info included. Whoever reads the log learns no password from it.
#[tokio::test]
async fn user_info_of_the_public_url_is_signed_and_not_logged() {
    const PATH: &str = "/webhooks/twilio/sms-status";
    const FORM: &[u8] = b"MessageSid=SM1&MessageStatus=sent";
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    let _logged = tracing::subscriber::set_default(subscriber);
    let mut door = door();
    let mut secrets = FixedSecrets::default();
    secrets.insert("twilio", "default", vec![Secret::new("token")]);
    door.ingest.secrets = Arc::new(secrets);
    door.ingest.public_url = PublicUrl::read("https://twilio:hush@hooks.example.com").expect("an address");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (given, expected) in [
        ("https://twilio:hush@hooks.example.com", StatusCode::OK),
        ("https://twilio:hush@hooks.example.com:443", StatusCode::OK),
        ("https://hooks.example.com", StatusCode::FORBIDDEN),
        ("https://twilio:other@hooks.example.com", StatusCode::FORBIDDEN),
    ] {
        let unsigned = Message { method: "POST", url: &format!("{given}{PATH}"), headers: &[(form.0, form.1.as_bytes())], body: FORM };
        let signed = Twilio::new().sign(&unsigned, &[Secret::new("token")], 0).expect("can be signed");
        let request = Request::builder().method(Method::POST).uri(PATH).header(form.0, form.1).header(Twilio::HEADER, &signed.headers[0].1);
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        assert_eq!(door.ingest.handle(&parts, Body::Whole(Bytes::from_static(FORM))).await.status(), expected, "{given}");
    }
    let lines = format!("{:?}", log.lines());
    assert!(lines.contains("https://…@hooks.example.com") && lines.contains("user info") && !lines.contains("hush"), "{lines}");
}
