//! Each provider's function: its routes, its secret, and bodies as the gateway hands them over.

use http::{HeaderName, HeaderValue, Method};
use sluice::samples::Sample;
use sluice_core::provider;
use sluice_signature::{Message, Secret};
use sluice_tests::{Home, aws::Stack, seconds_now, until};

/// What the harness gave to both, Twilio's function and the consumer that texts.
const TWILIO: &str = "a token";

fn post(stack: &Stack, function: &str, provider: &str, sample: &str, secret: &Secret) {
    let request = Sample::find(provider, sample).expect("a sample").request();
    // Twilio signs what it was told; the others sign no URL.
    let url = format!("{}{}", stack.public_url(function), request.path);
    let headers: Vec<(&str, &[u8])> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let message = Message { method: &request.method, url: &url, headers: &headers, body: request.body.as_bytes() };
    let scheme = provider::by_name(provider).expect("a provider").scheme();
    let signed = scheme.sign(&message, std::slice::from_ref(secret), seconds_now()).expect("can be signed");
    let unsigned: Vec<_> = request.headers.iter().map(|(name, value)| header(name, value)).collect();
    let signature = signed.headers.iter().map(|(name, value)| header(name, value));
    let method: Method = request.method.parse().expect("a method");
    let send = |headers| stack.client().send(method.clone(), &request.path, headers, request.body.clone().into());
    drop(send(unsigned.iter().cloned().chain(signature).collect()).expect(200));
    let refused = provider::by_name(provider).expect("a provider").refused();
    drop(send(unsigned).expect(refused.as_u16()));
}

fn header(name: &str, value: &str) -> (HeaderName, HeaderValue) {
    (name.parse().expect("a name"), value.parse().expect("a value"))
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn every_provider_has_a_function_that_takes_its_webhooks_in() {
    let stack = Stack::shared("sluice");
    for (function, name, sample, kind) in [
        ("Twilio", "twilio", "sms-status.delivered", "message.delivered"),
        ("GitHub", "github", "push.form", "push"),
        ("Shopify", "shopify", "orders/create", "orders/create"),
        ("Sendro", "sendro", "email.delivered", "email.delivered"),
        ("Standard", "standard", "user.created", "user.created"),
    ] {
        let known = provider::by_name(name).expect("a provider");
        let secret = if name == "twilio" { TWILIO } else { known.dev_secret() };
        stack.put_secret_of(function, secret);
        post(&stack, function, name, sample, &known.read_secret(secret));
        let record = until("the event to be recorded", stack.limit(), || {
            let records = stack.client().list(&format!("/api/v1/inbound?provider={name}"));
            assert!(records.len() <= 1, "{records:?}");
            records.into_iter().next().filter(|record| record["status"] == "done")
        });
        assert_eq!(record["type"], kind);
    }
}
