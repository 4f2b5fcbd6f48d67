use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use serde_json::Value;
use sluice::samples::{SAMPLES, Sample};
use sluice_core::provider::{ALL, Route, by_name};
use sluice_signature::explain::{Layout, lay_out};
use sluice_signature::{Form, Message};

use super::sluice;

fn events() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events")
}

fn event(sample: &Sample) -> Value {
    serde_json::from_str(&sample.request().body).expect("the body is JSON")
}

/// The files in a folder and the folders in it, as paths from there, without `.json`.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in fs::read_dir(folder).expect("the folder is there") {
        let path = file.expect("readable").path();
        let name = path.file_name().and_then(OsStr::to_str).expect("UTF-8").to_owned();
        if path.is_dir() {
            found.extend(files(&path).into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            found.insert(name.strip_suffix(".json").expect("a sample").to_owned());
        }
    }
    found
}

#[test]
fn every_file_is_compiled_in_and_wrapped() {
    for provider in ALL {
        let compiled: BTreeSet<String> = Sample::of(provider.name()).map(|sample| sample.name.to_owned()).collect();
        assert_eq!(files(&events().join(provider.name())), compiled);
        assert_eq!(files(&events().join("apigw").join(provider.name())), compiled);
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

/// Of Stripe's API: before charges left the payment intent, before the payment intent left the invoice, and now.
const OLDER: [&str; 2] = ["2020-08-27", "2024-06-20"];
const NEWEST: &str = "2026-10-28.endive";

fn is_thin(sample: &Sample) -> bool {
    event(sample)["object"] == "v2.core.event"
}

#[test]
fn stripes_thin_sample_is_the_twin_of_another() {
    let [thin] = &Sample::of("stripe").filter(|sample| is_thin(sample)).collect::<Vec<_>>()[..] else { panic!("one") };
    let twin = event(Sample::find("stripe", thin.name.trim_start_matches("v1.")).expect("there"));
    let thin = event(thin);
    assert_eq!(thin["snapshot_event"], twin["id"]);
    let object = &twin["data"]["object"];
    assert_eq!(thin["related_object"]["id"], object["id"]);
    assert_eq!(thin["related_object"]["url"], format!("/v1/payment_intents/{}", object["id"].as_str().expect("an id")));
}

#[test]
fn stripes_samples_are_whole_events() {
    for sample in Sample::of("stripe").filter(|sample| !is_thin(sample)) {
        let event = event(sample);
        let name = sample.name;
        assert_eq!(event["object"], "event", "{name}");
        assert!(name.starts_with(event["type"].as_str().expect("a type")), "{name}");
        let version = event["api_version"].as_str().expect("a version");
        assert_eq!(version, OLDER.into_iter().find(|version| name.ends_with(version)).unwrap_or(NEWEST), "{name}");
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
    let invoice = object("invoice.paid");
    assert_eq!(object("invoice_payment.paid")["invoice"], invoice["id"]);
    let older = object("invoice.paid.2024-06-20");
    assert_eq!(older["payment_intent"], object("invoice_payment.paid")["payment"]["payment_intent"]);
    assert_eq!((&older["subscription"], &older["paid"]), (&subscription["id"], &true.into()));
    assert!(older.get("parent").is_none() && invoice.get("payment_intent").is_none() && invoice.get("subscription").is_none());
    for name in ["payment_intent.succeeded.2020-08-27", "payment_intent.payment_failed.2020-08-27"] {
        let older = object(name);
        assert_eq!(older["id"], intent["id"], "{name}");
        assert_eq!(older["charges"]["data"][0]["payment_intent"], intent["id"], "{name}");
        assert!(older.get("latest_charge").is_none(), "{name}");
    }
    assert_eq!(object("charge.refunded.2020-08-27")["refunds"]["data"][0]["amount"], 6000);
    for name in ["refund.updated", "charge.refund.updated", "refund.failed"] {
        assert_eq!(object(name)["id"], object("refund.created")["id"], "{name}");
    }
    assert_eq!(object("customer.updated")["id"], customer["id"]);
    let between = object("payment_intent.succeeded.2024-06-20");
    let older = object("invoice.paid.2024-06-20");
    assert_eq!((&between["id"], &between["invoice"], &between["amount"]), (&older["payment_intent"], &older["id"], &older["amount_paid"]));
    assert!(between.get("charges").is_none() && object("charge.refunded.2024-06-20")["invoice"].is_null());
    let older = object("customer.subscription.updated.2024-06-20");
    assert!(older["current_period_end"].is_number() && older["items"]["data"][0].get("current_period_end").is_none());
    assert_eq!(object("customer.subscription.deleted")["status"], "canceled");
}

/// Each is what its name says, as ingest reads it.
#[test]
fn samples_are_named_after_their_types() {
    for sample in SAMPLES {
        let request = sample.request();
        let provider = by_name(sample.provider).expect("it takes them in");
        assert!(provider.paths("default").contains(&request.path), "{} goes to {}", sample.name, request.path);
        let headers: Vec<(&str, &[u8])> = request.headers.iter().map(|(name, value)| (&name[..], value.as_bytes())).collect();
        let url = format!("https://hooks.example.com{}", request.path);
        let message = Message { method: &request.method, url: &url, headers: &headers, body: request.body.as_bytes() };
        let channel = request.path.strip_prefix("/webhooks/twilio/").unwrap_or_default();
        let named = provider.name_event(&Route { channel, source: "default" }, &message).expect(sample.name);
        let kind = match sample.provider {
            "twilio" => named
                .kind
                .replace("message.received", "sms")
                .replace("message.", "sms-status.")
                .replace("call.ringing", "voice")
                .replace("call.", "voice."),
            _ => named.kind,
        };
        // Nothing comes in by the status callback of a message that was sent, but Twilio's list of statuses has it.
        let kind = if sample.name == "sms-status.received" { "sms-status.received".to_owned() } else { kind };
        assert!(sample.name == kind || sample.name.starts_with(&format!("{kind}.")), "{} is {kind}", sample.name);
        assert!(!request.body.contains('\u{fffd}'));
    }
}

#[test]
fn forms_are_written_as_send_writes_them() {
    for sample in SAMPLES.iter().filter(|sample| sample.provider == "twilio" || sample.name.ends_with(".form")) {
        let request = sample.request();
        let form = Form::parse(request.body.as_bytes()).expect(sample.name);
        assert!(form.pairs().len() > 0, "{}", sample.name);
        assert!(request.headers["Content-Type"].starts_with("application/x-www-form-urlencoded"), "{}", sample.name);
    }
}

#[test]
fn people_places_and_numbers_are_made_up() {
    for sample in SAMPLES {
        let body = sample.request().body.replace("%40", "@").replace("%2B", "+");
        // In Slack's texts `<@U…>` is whoever is addressed.
        for at in body.match_indices('@').map(|(at, _)| at).filter(|at| !body[..*at].ends_with('<')) {
            let host = body[at + 1..].split(|character: char| !(character.is_ascii_alphanumeric() || ".-".contains(character))).next();
            assert!(matches!(host, Some("example.com" | "github.com")), "{}: {host:?}", sample.name);
        }
        for number in body.split("+1").skip(1).map(|rest| rest.chars().filter(char::is_ascii_digit).take(10).collect::<String>()) {
            if number.len() == 10 && number.starts_with("503") {
                assert!(number[3..].starts_with("55501"), "{}: {number}", sample.name);
            }
        }
    }
}

/// The sample as API Gateway would hand it over: as `send` prints it, without the signature, and with the ids and times that stand in it.
fn wrapped(sample: &Sample) -> Value {
    let provider = by_name(sample.provider).expect("there");
    let to = ["--to", "https://hooks.example.com", "--secret", provider.dev_secret(), "--print", "api-gateway"];
    let mut wrapped: Value =
        serde_json::from_str(&sluice(&[&["send", sample.provider, sample.name], &to[..]].concat()).output).expect("JSON");
    let request = sample.request();
    let own: BTreeMap<String, Value> =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.as_str().into())).collect();
    let headers = wrapped["headers"].as_object_mut().expect("an object");
    let before = headers.len();
    headers.retain(|name, _| own.contains_key(name) || name == "host" || name == "content-length");
    assert!(headers.len() < before, "{} is signed", sample.name);
    headers.extend(own);
    headers.insert("content-length".to_owned(), request.body.len().to_string().into());
    let is_base64 = wrapped["isBase64Encoded"] == true;
    wrapped["body"] = if is_base64 { STANDARD.encode(&request.body).into() } else { request.body.into() };
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
        let is_form = sample.request().headers["Content-Type"].starts_with("application/x-www-form-urlencoded");
        assert_eq!(file["isBase64Encoded"], is_form, "{}", sample.name);
    }
}

#[test]
#[ignore = "writes events/apigw"]
fn write_wrapped() {
    for sample in SAMPLES {
        let path = events().join("apigw").join(sample.provider).join(format!("{}.json", sample.name));
        fs::create_dir_all(path.parent().expect("a folder")).expect("can be created");
        fs::write(path, format!("{:#}\n", wrapped(sample))).expect("can be written");
    }
}
