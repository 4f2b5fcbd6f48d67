//! Every sample of every provider, sent by the command and taken in.

use std::collections::BTreeMap;

use serde_json::Value;
use sluice::samples::{SAMPLES, Sample};
use sluice_core::provider::ALL;
use sluice_tests::{Home, LONG, machine::Machine, until};

use super::dev;

/// Sends a sample, and what was said to it.
fn send(home: &Machine, provider: &str, sample: &str, more: &[&str]) -> String {
    let sent = home.command(&[&["send", provider, sample, "--to", &home.url()], more].concat());
    assert!(sent.status.success(), "{provider} {sample}: {sent:?}");
    String::from_utf8(sent.stdout).expect("UTF-8")
}

/// The records of a provider's events, once there are so many and none has anything left to do.
fn records(home: &Machine, provider: &str, count: usize) -> Vec<Value> {
    until("the events to come to their ends", LONG, || {
        let records = home.client().list(&format!("/api/v1/inbound?provider={provider}"));
        (records.len() == count && records.iter().all(|record| record["status"] != "processing")).then_some(records)
    })
}

#[test]
fn every_sample_is_taken_in() {
    let home = dev().start();
    for sample in SAMPLES {
        send(&home, sample.provider, sample.name, &[]);
    }
    for provider in ALL {
        // A ping only tries out the endpoint.
        let names: Vec<_> =
            Sample::of(provider.name()).map(|sample| sample.name).filter(|name| !["ping", "url_verification"].contains(name)).collect();
        let records = records(&home, provider.name(), names.len());
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        for record in &records {
            assert!(matches!(record["status"].as_str(), Some("done" | "ignored")), "{record}");
            *found.entry(record["type"].as_str().expect("a type")).or_default() += 1;
        }
        for (kind, count) in found {
            let name = match (provider.name(), kind) {
                ("twilio", "message.received") => "sms",
                ("twilio", kind) if kind.starts_with("call.") => "voice",
                _ => kind.strip_prefix("message.").unwrap_or(kind),
            };
            assert!(names.iter().any(|sample| sample.trim_start_matches("sms-status.").starts_with(name)), "{count} of {kind}");
        }
    }
}

#[test]
fn each_provider_gets_the_answer_that_it_expects() {
    let home = dev().start();
    for (provider, sample, answer) in [
        ("stripe", "customer.created", r#"200 OK {"received":true} ("#),
        ("twilio", "sms-status.delivered", r#"200 OK {"status":"received"} ("#),
        ("twilio", "voice", r#"200 OK <?xml version="1.0" encoding="UTF-8"?>"#),
        ("github", "ping", "200 OK OK ("),
        ("shopify", "orders/create", "200 OK OK ("),
        ("sendro", "email.bounced", r#"200 OK {"received":true} ("#),
        ("standard", "user.created", r#"200 OK {"received":true} ("#),
        ("slack", "app_mention", "200 OK ("),
        ("slack", "url_verification", "200 OK 3eZbrw1aBm2rZgRNFdxV2595E9CY3g"),
    ] {
        let said = send(&home, provider, sample, &[]);
        assert!(said.starts_with(answer), "{provider} {sample}: {said}");
    }
    let reply = send(&home, "twilio", "sms", &["--set", "Body=Fish & chips"]);
    assert!(reply.contains("We received: Fish &amp; chips"), "{reply}");
}

#[test]
fn the_same_event_sent_twice_is_one() {
    let home = dev().start();
    for (provider, sample, again) in [
        ("stripe", "customer.created", ["--set", "id=evt_again"]),
        ("twilio", "sms-status.sent", ["--set", "MessageSid=SMagain"]),
        ("shopify", "orders/paid", ["--header", "X-Shopify-Webhook-Id: again"]),
        ("sendro", "email.opened", ["--set", "emailId=em_again"]),
        ("standard", "user.created", ["--header", "webhook-id: msg_again"]),
        ("slack", "app_mention", ["--set", "event_id=again"]),
        ("github", "issues.opened", ["--header", "X-GitHub-Delivery: again"]),
    ] {
        send(&home, provider, sample, &again);
        send(&home, provider, sample, &again);
        let records = records(&home, provider, 1);
        assert!(records[0]["key"].as_str().expect("a key").contains("again"), "{records:?}");
    }
}
