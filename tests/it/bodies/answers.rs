//! The table of answers to providers.

use bytes::Bytes;
use http::{HeaderValue, Method};
use sluice_tests::{Answer, Booking, Client, Event, Home, SignedRequest, seconds_now, sign};

use super::ACME;

const PATH: &str = "/webhooks/stripe";

/// What the sender of a webhook without a fitting signature learns: nothing but that.
#[track_caller]
fn refused(answer: Answer) {
    assert_eq!(answer.expect(400).text(), "The signature is missing or wrong.\n");
}

pub(crate) fn accepted(answer: Answer) {
    let answer = answer.expect(200);
    assert_eq!((answer.header("content-type"), answer.text().as_str()), ("application/json", r#"{"received":true}"#));
}

/// What is answered to any method but POST.
pub(crate) fn wrong_method(answer: Answer) {
    let answer = answer.expect(405);
    assert_eq!(answer.header("allow"), "POST");
    assert_eq!(answer.text(), "This is where Stripe posts its webhooks, signed. It answers POST only.\n");
}

fn is_recorded(home: &dyn Home, event: &Event) -> bool {
    home.client().get(&format!("/api/v1/inbound/{}", event.inbound_id())).status == 200
}

pub(crate) fn signatures_that_do_not_fit(home: &dyn Home) {
    let event = Event::stripe("customer.created");
    let client = home.client();
    refused(client.webhook(PATH, &event.signed("whsec_of_somebody_else")));
    let unsigned = SignedRequest { headers: Vec::new(), body: event.body().into() };
    refused(client.webhook(PATH, &unsigned));
    let mut changed = event.signed(home.secret());
    changed.body = Bytes::from(format!("{} ", event.body()));
    refused(client.webhook(PATH, &changed));
    for header in ["", "t=1", "v1=00", "garbage", "t=x,v1=00", "t=1,v1=,"] {
        let mut odd = event.signed(home.secret());
        odd.headers.last_mut().expect("the signature").1 = HeaderValue::from_static(header);
        refused(client.webhook(PATH, &odd));
    }
    assert!(!is_recorded(home, &event), "what was refused left a record");
}

pub(crate) fn every_path_of_stripe(home: &dyn Home) {
    for path in [
        "/webhooks/stripe",
        "/webhooks/stripe?from=dashboard",
        "/api/webhooks/stripe",
        "/api/v1/webhooks/stripe",
        "/api/webhooks/stripe/payment-events",
        "/api/v1/webhooks/stripe/payment-events",
    ] {
        let event = Event::stripe("customer.created");
        accepted(home.client().webhook(path, &event.signed(home.secret())));
        assert_eq!(home.settled(&event)["source"], "default", "{path}");
    }
}

pub(crate) fn methods_and_paths_that_are_not_there(home: &dyn Home) {
    let client = home.client();
    let signed = Event::stripe("customer.created").signed(home.secret());
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
        wrong_method(client.ask(method, PATH, Bytes::new()));
    }
    let head = client.ask(Method::HEAD, PATH, Bytes::new()).expect(405);
    assert_eq!((head.header("allow"), head.body.len()), ("POST", 0));
    for path in [
        "/webhooks/nobody",
        "/webhooks/",
        "/webhooks/stripe/unknown_source",
        "/webhooks/stripe/ACME",
        "/webhooks/stripe/acme/more",
        "/webhooks/stripe/payment-events",
        "/webhooks//stripe",
        "/api/webhooks/nobody",
        "/webhook/stripe",
        "/",
    ] {
        client.webhook(path, &signed).expect(404);
    }
}

pub(crate) fn bodies_that_are_not_taken(home: &dyn Home) {
    let client = home.client();
    for body in [
        "",
        "not JSON",
        "[]",
        "{}",
        "{\"id\":\"evt_1\"}",
        "{\"id\":\"\",\"type\":\"a\",\"created\":1}",
        "{\"id\":7,\"type\":\"a\",\"created\":1}",
        "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":\"yesterday\"}",
        "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":1} and more",
    ] {
        let answer = client.webhook(PATH, &sign(body, home.secret(), seconds_now())).expect(400);
        assert_eq!(answer.text(), "The body is malformed.\n", "{body}");
    }
    let not_utf8 = b"{\"id\":\"evt_\xff\",\"type\":\"a\",\"created\":1}";
    client.webhook(PATH, &sign(&not_utf8[..], home.secret(), seconds_now())).expect(400);
    let spaces = |length: usize| " ".repeat(length - 2) + "{}";
    client.webhook(PATH, &sign(spaces(4_000_000), home.secret(), seconds_now())).expect(400);
    client.webhook(PATH, &sign(spaces(4_000_001), home.secret(), seconds_now())).expect(413);
    // Unsigned ones too: nothing of the rest is read.
    client.webhook(PATH, &SignedRequest { headers: Vec::new(), body: spaces(4_000_001).into() }).expect(413);
}

pub(crate) fn the_age_of_a_signature(home: &dyn Home) {
    let at = |at: i64| {
        let event = Event::stripe("customer.created");
        home.client().webhook(PATH, &sign(event.body(), home.secret(), at))
    };
    // A little less than the limit, so that it is still within it when it arrives.
    accepted(at(seconds_now() - 290));
    refused(at(seconds_now() - 301));
    accepted(at(seconds_now() + 3_600));
}

pub(crate) fn sources_have_their_own_secrets(home: &dyn Home) {
    let client = home.client();
    let event = Event::paid(&Booking::fresh());
    let path = "/webhooks/stripe/acme";
    refused(client.webhook(path, &event.signed(home.secret())));
    refused(client.webhook(PATH, &event.signed(ACME)));
    accepted(client.webhook(path, &event.signed(ACME)));
    accepted(home.deliver(&event));
    // The same id from two accounts is two events.
    home.settled(&event);
    let found = |source: &str| found(&client, &event, source);
    let acme = sluice_tests::until("the event of acme", home.limit(), || found("acme"));
    let default = found("default").expect("has settled");
    assert_ne!(acme, default);
}

fn found(client: &Client, event: &Event, source: &str) -> Option<String> {
    let key = event.key();
    let items = client.list(&format!("/api/v1/inbound?provider=stripe&source={source}&key={key}"));
    assert!(items.len() <= 1, "{items:?}");
    Some(items.first()?["id"].as_str().expect("an id").to_owned())
}
