use serde_json::{Value, json};

use super::*;

fn event(changes: &Value) -> Value {
    let mut event = json!({
        "version": "2.0",
        "routeKey": "ANY /webhooks/stripe",
        "rawPath": "/webhooks/stripe",
        "rawQueryString": "",
        "headers": { "content-type": "application/json", "stripe-signature": "t=1,v1=aa" },
        "requestContext": { "stage": "$default", "requestId": "abc=", "http": { "method": "POST", "path": "/webhooks/stripe" } },
        "isBase64Encoded": false,
    });
    for (name, value) in changes.as_object().expect("an object") {
        event[name] = value.clone();
    }
    event
}

fn request(changes: &Value) -> Result<(Parts, Bytes), Unreadable> {
    serde_json::from_value::<HttpEvent>(event(changes)).expect("an event").into_request()
}

fn path(raw_path: &str, stage: &str, query: &str) -> String {
    let context = json!({ "stage": stage, "http": { "method": "GET" } });
    let (parts, _) = request(&json!({ "rawPath": raw_path, "rawQueryString": query, "requestContext": context })).expect("readable");
    parts.uri.to_string()
}

#[test]
fn text_and_base64_are_the_exact_bytes() {
    let text = "{ \"a\": \"é\\u00e9\",\r\n  \"b\":1.0 }";
    let (parts, body) = request(&json!({ "body": text })).expect("readable");
    assert_eq!((parts.method, body), (Method::POST, Bytes::from(text)));

    let bytes = [0_u8, 159, 146, 150, b'=', b'&'];
    let (_, body) = request(&json!({ "body": STANDARD.encode(bytes), "isBase64Encoded": true })).expect("readable");
    assert_eq!(body, Bytes::copy_from_slice(&bytes));

    for nothing in [json!({}), json!({ "body": null })] {
        assert!(request(&nothing).expect("readable").1.is_empty());
    }
}

#[test]
fn samples_of_api_gateway_are_read() {
    let sample = include_str!("../../../../../events/apigw/stripe/customer.created.json");
    let whole: Value = serde_json::from_str(sample).expect("JSON");
    let (parts, body) = serde_json::from_str::<HttpEvent>(sample).expect("an event").into_request().expect("readable");
    assert_eq!(parts.uri.path(), "/webhooks/stripe");
    assert_eq!(Some(&*body), whole["body"].as_str().map(str::as_bytes));
    assert_eq!(parts.headers["user-agent"], "Stripe/1.0 (+https://stripe.com/docs/webhooks)");
}

#[test]
fn the_stage_is_no_part_of_the_path() {
    assert_eq!(path("/webhooks/stripe", "$default", ""), "/webhooks/stripe");
    assert_eq!(path("/prod/webhooks/stripe", "prod", ""), "/webhooks/stripe");
    assert_eq!(path("/prod", "prod", ""), "/");
    assert_eq!(path("/webhooks/stripe", "webhook", ""), "/webhooks/stripe", "a path that only begins with the same letters");
    assert_eq!(path("/webhooks/stripe", "prod", ""), "/webhooks/stripe", "a domain of one's own maps the stage away");
}

#[test]
fn what_was_decoded_is_encoded_again_and_the_query_is_left_alone() {
    assert_eq!(path("/webhooks/twilio/sms", "$default", "a=1%2F2&b=%20+c&a=2"), "/webhooks/twilio/sms?a=1%2F2&b=%20+c&a=2");
    assert_eq!(path("/api/v1/bookings/a b?c#é", "$default", ""), "/api/v1/bookings/a%20b%3Fc%23%C3%A9");
    assert_eq!(path("/api/v1/bookings/a%40b", "$default", ""), "/api/v1/bookings/a%40b", "not decoded by every emulator");
    assert_eq!(path("", "$default", "é=\"#\""), "/?%C3%A9=%22%23%22");
}

#[test]
fn headers_of_one_name_and_cookies_come_together() {
    let changes = json!({
        "headers": { "X-Forwarded-For": "203.0.113.7, 198.51.100.1", "bad name": "x", "bad": "a\nb" },
        "cookies": ["a=1", "b=2"],
    });
    let (parts, _) = request(&changes).expect("readable");
    assert_eq!(parts.headers["x-forwarded-for"], "203.0.113.7, 198.51.100.1");
    assert_eq!(parts.headers["cookie"], "a=1; b=2");
    assert_eq!(parts.headers.len(), 2, "{:?}", parts.headers);
}

#[test]
fn what_cannot_be_is_unreadable_and_no_panic() {
    assert_eq!(request(&json!({ "body": "%%%", "isBase64Encoded": true })).err(), Some(Unreadable("its body is no base64")));
    let context = json!({ "stage": "$default", "http": { "method": "GE T" } });
    assert_eq!(request(&json!({ "requestContext": context })).err(), Some(Unreadable("its method")));
    assert_eq!(request(&json!({ "rawPath": format!("/{}", "a".repeat(70_000)) })).err(), Some(Unreadable("its path")));
}

/// As `cargo lambda watch` hands over a request to a function's URL.
#[test]
fn null_is_as_good_as_nothing() {
    let context = json!({ "stage": null, "http": { "method": "POST" } });
    let nothing = json!({ "rawQueryString": null, "cookies": null, "body": null, "requestContext": context });
    let (parts, body) = request(&nothing).expect("readable");
    assert_eq!((parts.uri.to_string().as_str(), body.len()), ("/webhooks/stripe", 0));
    assert!(!parts.headers.contains_key(header::COOKIE));
}
