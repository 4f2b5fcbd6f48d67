use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use sluice::{
    providers::PROVIDERS,
    samples::{SAMPLES, Sample},
};
use sluice_signature::explain::{Layout, lay_out};

use super::sluice;

fn events() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn event(sample: &Sample) -> Value {
    serde_json::from_str(&sample.request().body).expect("the body is JSON")
}

fn files(folder: PathBuf) -> BTreeSet<String> {
    if !folder.exists() {
        return BTreeSet::new();
    }
    fs::read_dir(folder)
        .expect("the folder is there")
        .map(|file| file.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect()
}

#[test]
fn every_file_is_compiled_in_and_wrapped() {
    for provider in PROVIDERS {
        let compiled: BTreeSet<String> = Sample::of(provider.name).map(|sample| format!("{}.json", sample.name)).collect();
        assert_eq!(files(events().join(provider.name)), compiled);
        assert_eq!(files(events().join("apigw").join(provider.name)), compiled);
    }
}

#[test]
fn bodies_are_written_as_stripe_writes_them() {
    for sample in Sample::of("stripe") {
        let request = sample.request();
        assert_eq!(lay_out(&request.body, Layout::Stripe), request.body, "{}", sample.name);
        assert_eq!(request.path, "/webhooks/stripe");
        assert!(!request.headers.keys().any(|name| name.eq_ignore_ascii_case("stripe-signature")));
    }
}

#[test]
fn stripes_samples_are_whole_events() {
    for sample in Sample::of("stripe") {
        let event = event(sample);
        let name = sample.name;
        assert_eq!(event["object"], "event", "{name}");
        assert!(name.starts_with(event["type"].as_str().expect("a type")), "{name}");
        assert_eq!(event["api_version"], "2026-10-28.endive", "{name}");
        // A refund has no mode of its own.
        let mode = event["data"]["object"].get("livemode").unwrap_or(&event["livemode"]);
        assert_eq!(*mode, event["livemode"], "{name}");
        assert!(event["data"]["object"]["id"].is_string(), "{name}");
    }
    let ids: BTreeSet<String> = Sample::of("stripe").map(|sample| event(sample)["id"].to_string()).collect();
    assert_eq!(ids.len(), Sample::of("stripe").count(), "no two have the same id");
}

#[test]
fn the_samples_tell_one_story() {
    let object = |name: &str| event(Sample::find("stripe", name).expect("there is such a sample"))["data"]["object"].clone();
    let customer = object("customer.created");
    let intent = object("payment_intent.succeeded");
    let failed = object("payment_intent.payment_failed");
    let charge = object("charge.refunded");
    assert_eq!(intent["customer"], customer["id"]);
    assert_eq!(intent["amount"], 6000);
    assert_eq!(intent["metadata"]["booking_id"], "12345");
    assert_eq!(intent["id"], failed["id"]);
    assert_eq!(failed["last_payment_error"]["decline_code"], "insufficient_funds");
    assert_eq!(intent["latest_charge"], charge["id"]);
    assert_eq!(charge["payment_intent"], intent["id"]);
    assert_eq!(charge["metadata"], intent["metadata"]);
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&6000.into(), &true.into()));
    let partial = object("charge.refunded.partial");
    assert_eq!(partial["id"], charge["id"]);
    assert_eq!((&partial["amount_refunded"], &partial["refunded"]), (&2000.into(), &false.into()));
    assert_eq!(object("refund.created")["charge"], charge["id"]);
    assert_eq!(object("checkout.session.completed")["payment_intent"], intent["id"]);
    let subscription = object("customer.subscription.updated");
    for invoice in ["invoice.paid", "invoice.payment_failed"] {
        assert_eq!(object(invoice)["parent"]["subscription_details"]["subscription"], subscription["id"]);
        assert_eq!(object(invoice)["customer"], customer["id"]);
    }
    assert_eq!(object("setup_intent.succeeded")["customer"], customer["id"]);
}

/// The sample as API Gateway would hand it over, without the signature.
fn wrapped(sample: &Sample) -> Value {
    let event = event(sample);
    let arguments = [
        "send",
        sample.provider,
        sample.name,
        "--to",
        "https://hooks.example.com",
        "--secret",
        "whsec_x",
        "--print",
        "api-gateway",
        "--set",
        &format!("id={}", event["id"].as_str().expect("an id")),
        "--set",
        &format!("created={}", event["created"]),
    ];
    let mut wrapped: Value = serde_json::from_str(&sluice(&arguments).output).expect("JSON");
    let headers = wrapped["headers"].as_object_mut().expect("an object");
    assert!(headers.remove("stripe-signature").is_some());
    wrapped
}

#[test]
fn wrapped_samples_are_those_that_send_prints() {
    for sample in SAMPLES {
        let path = events().join("apigw").join(sample.provider).join(format!("{}.json", sample.name));
        let file: Value = serde_json::from_str(&fs::read_to_string(&path).expect("readable")).expect("JSON");
        assert!(
            file == wrapped(sample),
            "{} differs: write it anew with `cargo test -p sluice write_wrapped -- --ignored`",
            path.display()
        );
        assert_eq!(file["body"], sample.request().body.as_str());
    }
}

#[test]
#[ignore = "writes events/apigw"]
fn write_wrapped() {
    for sample in SAMPLES {
        let folder = events().join("apigw").join(sample.provider);
        fs::create_dir_all(&folder).expect("can be created");
        fs::write(folder.join(format!("{}.json", sample.name)), format!("{:#}\n", wrapped(sample))).expect("can be written");
    }
}
