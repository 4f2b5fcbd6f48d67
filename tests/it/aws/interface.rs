//! Each function under AWS's own runtime interface emulator, with the settings that it was deployed with.

use serde_json::{Value, json};
use sluice_tests::{Event, Home, aws::Stack};

/// A webhook as an HTTP API hands it over, unsigned.
fn unsigned() -> Value {
    serde_json::from_str(include_str!("../../../events/apigw/stripe/customer.created.json")).expect("a sample is JSON")
}

#[test]
#[ignore = "wants a deployed stack: cargo xtask e2e"]
fn stripe_takes_what_is_signed() {
    let stack = Stack::shared("sluice");
    let function = stack.under_interface_emulator("Stripe");
    let refused = function.invoke(&unsigned());
    assert_eq!((&refused["statusCode"], &refused["body"]), (&json!(400), &json!("The signature is missing or wrong.\n")));

    let event = Event::stripe("customer.created");
    let mut request = unsigned();
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
