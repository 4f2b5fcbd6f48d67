//! Each function under AWS's own runtime interface emulator, with the settings that it was deployed with.

use std::{fs, path::Path};

use serde_json::{Value, json};
use sluice_core::provider;
use sluice_tests::{Event, Home, aws::Stack};

/// A webhook as an HTTP API hands it over, unsigned.
fn unsigned(provider: &str, sample: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../events/apigw/{provider}/{sample}.json"));
    serde_json::from_slice(&fs::read(path).expect("a sample")).expect("a sample is JSON")
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn stripe_takes_what_is_signed() {
    let stack = Stack::shared("sluice");
    let function = stack.under_interface_emulator("Stripe");
    let mut request = unsigned("stripe", "customer.created");
    let refused = function.invoke(&request);
    assert_eq!((&refused["statusCode"], &refused["body"]), (&json!(400), &json!("The signature is missing or wrong.\n")));

    let event = Event::stripe("customer.created");
    let signed = event.signed(stack.secret());
    request["body"] = json!(event.body());
    request["isBase64Encoded"] = json!(false);
    for (name, value) in &signed.headers {
        request["headers"][name.as_str()] = json!(value.to_str().expect("text"));
    }
    let accepted = function.invoke(&request);
    assert_eq!((&accepted["statusCode"], &accepted["body"]), (&json!(200), &json!(r#"{"received":true}"#)));
    // It is the same queue that the deployed consumer is handed messages of.
    assert_eq!(stack.settled(&event)["status"], "done");
}

/// A wrong signature is known only once all has been set up: the settings read, the secret fetched.
#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn every_other_provider_refuses_what_is_not_signed() {
    let stack = Stack::shared("sluice");
    for (function, name, sample) in crate::aws::providers::OTHERS {
        let refused = stack.under_interface_emulator(function).invoke(&unsigned(name, sample));
        let status = provider::by_name(name).expect("a provider").refused().as_u16();
        assert_eq!((&refused["statusCode"], &refused["body"]), (&json!(status), &json!("The signature is missing or wrong.\n")), "{name}");
    }
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn consumer_says_which_messages_come_back() {
    let function = Stack::shared("sluice").under_interface_emulator("Consumer");
    assert_eq!(function.invoke(&json!({ "Records": [] })), json!({ "batchItemFailures": [] }));
    let message = json!({
        "messageId": "m1",
        "receiptHandle": "of a message that nobody has received",
        "body": "no message of Sluice's",
        "attributes": { "ApproximateReceiveCount": "1", "SentTimestamp": "1795176000000" },
    });
    assert_eq!(function.invoke(&json!({ "Records": [message] })), json!({ "batchItemFailures": [{ "itemIdentifier": "m1" }] }));
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn sweeper_makes_its_round() {
    let function = Stack::shared("sluice").under_interface_emulator("Sweeper");
    let sent = function.invoke(&json!({ "source": "aws.events" }));
    assert!(sent.is_u64(), "{sent}");
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn api_answers() {
    let function = Stack::shared("sluice").under_interface_emulator("Api");
    let asked = |path: &str| {
        function.invoke(&json!({ "rawPath": path, "requestContext": { "stage": "$default", "http": { "method": "GET" } } }))["statusCode"]
            .clone()
    };
    assert_eq!((asked("/healthz"), asked("/api/v1/bookings")), (json!(200), json!(401)));
}
