use std::{fs, path::PathBuf};

use clap::error::ErrorKind;
use serde_json::Value;
use sluice::{cli::Exit, samples::Sample};
use sluice_core::provider::by_name;
use sluice_signature::Message;
use tempfile::TempDir;

use super::{NOW, Ran, refused, sluice, try_sluice};

/// A signed request in a folder: the header, and the file of its body.
struct Signed {
    header: String,
    body: PathBuf,
    _folder: TempDir,
}

impl Signed {
    fn with(secret: &str, change: impl Fn(&str) -> String) -> Self {
        let printed = sluice(&["send", "stripe", "customer.created", "--secret", secret, "--print", "request"]).output;
        let (head, body) = printed.split_once("\n\n").expect("a head and a body");
        let header = head.lines().find(|line| line.starts_with("Stripe-Signature: ")).expect("signed").to_owned();
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("body.json");
        fs::write(&path, change(body.strip_suffix('\n').expect("a line end after the body"))).expect("written");
        Self { header, body: path, _folder: folder }
    }

    fn verify(&self, more: &[&str]) -> Ran {
        let body = self.body.to_str().expect("UTF-8");
        let arguments = ["verify", "stripe", "--header", &self.header, "--body", body];
        sluice(&[&arguments[..], more].concat())
    }
}

fn as_sent(body: &str) -> String {
    body.to_owned()
}

#[test]
fn valid_with_the_second_secret() {
    let later = (NOW + 12).to_string();
    let ran = Signed::with("whsec_old", as_sent).verify(&["--secret", "whsec_new", "--secret", "whsec_old", "--now", &later]);
    assert_eq!(ran.exit, Exit::Success);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn stale() {
    let later = (NOW + 1000).to_string();
    let signed = Signed::with("whsec_a", as_sent);
    let ran = signed.verify(&["--secret", "whsec_a", "--now", &later]);
    assert_eq!(ran.exit, Exit::Failure);
    insta::assert_snapshot!(ran.output);
    for accepted in ["1000", "0"] {
        let ran = signed.verify(&["--secret", "whsec_a", "--now", &later, "--tolerance", accepted]);
        assert_eq!(ran.exit, Exit::Success, "{accepted}");
    }
}

#[test]
fn reserialised() {
    let compact = |body: &str| {
        serde_json::from_str::<Box<serde_json::value::RawValue>>(body)
            .map_or_else(|_| String::new(), |raw| raw.get().lines().map(str::trim).collect::<String>().replace("\": ", "\":"))
    };
    let ran = Signed::with("whsec_a", compact).verify(&["--secret", "whsec_a"]);
    assert_eq!(ran.exit, Exit::Failure);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn a_line_end_was_added() {
    let ran = Signed::with("whsec_a", |body| format!("{body}\n")).verify(&["--secret", "whsec_a"]);
    assert_eq!(ran.exit, Exit::Failure);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn another_secret() {
    let ran =
        Signed::with("whsec_a", as_sent).verify(&["--secret", "whsec_b", "--secret", "sk_live_c", "--secret", " whsec_d ", "--secret", ""]);
    assert_eq!(ran.exit, Exit::Failure);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn a_padded_secret() {
    let ran = Signed::with("whsec_a", as_sent).verify(&["--secret", " whsec_a\n"]);
    assert_eq!(ran.exit, Exit::Failure);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn another_provider() {
    let ran = sluice(&["verify", "stripe", "--secret", "whsec_a", "--header", "X-Hub-Signature-256: sha256=00", "--body", "-"]);
    assert_eq!(ran.exit, Exit::Failure);
    insta::assert_snapshot!(ran.output);
}

#[test]
fn answers_in_json() {
    let signed = Signed::with("whsec_a", as_sent);
    let json = |more: &[&str]| -> Value { serde_json::from_str(&signed.verify(&[more, &["--json"]].concat()).output).expect("JSON") };
    let valid = json(&["--secret", "whsec_b", "--secret", "whsec_a"]);
    assert_eq!(valid["valid"], true);
    assert_eq!(valid["code"], "verified");
    assert_eq!(valid["secret"], 2);
    assert_eq!(valid["timestamp"], NOW);
    assert_eq!(valid["clock_difference"], 0);
    assert_eq!(valid["findings"], Value::Array(Vec::new()));
    let invalid = json(&["--secret", "whsec_b"]);
    insta::assert_json_snapshot!(invalid);
}

#[test]
fn secrets_of_the_setting_and_a_body_of_standard_input() {
    let signed = Signed::with("whsec_b", as_sent);
    let body = fs::read(&signed.body).expect("readable");
    let arguments = ["verify", "stripe", "--header", &signed.header, "--body", "-"];
    let setting = [("STRIPE_WEBHOOK_SECRET", "whsec_a,whsec_b")];
    let ran = try_sluice(&arguments, &setting, &body).expect("verified");
    assert_eq!(ran.exit, Exit::Success);
    let nothing_set = try_sluice(&arguments, &[], &body).err().expect("no secret").to_string();
    assert_eq!(nothing_set, "there is no secret: give --secret, set STRIPE_WEBHOOK_SECRET, or name with --source the source that has one");
}

#[test]
fn secrets_of_a_source() {
    let signed = Signed::with("whsec_acme", as_sent);
    let body = fs::read(&signed.body).expect("readable");
    let settings = [("STRIPE_WEBHOOK_SECRET", "whsec_a"), ("STRIPE_WEBHOOK_SECRET__ACME", "whsec_acme")];
    let arguments = |source: &'static str| ["verify", "stripe", "--source", source, "--header", &signed.header, "--body", "-"];
    for (source, exit) in [("acme", Exit::Success), ("default", Exit::Failure)] {
        assert_eq!(try_sluice(&arguments(source), &settings, &body).expect("looked at").exit, exit, "{source}");
    }
    let nothing_set = try_sluice(&arguments("other"), &settings, &body).err().expect("no secret").to_string();
    assert!(nothing_set.contains("STRIPE_WEBHOOK_SECRET__OTHER"), "{nothing_set}");
    assert!(refused(&["verify", "stripe", "--source", "A B", "--body", "-"]).to_string().contains("a source has"));
}

#[test]
fn what_cannot_be_understood_is_a_usage_error() {
    let missing = ["verify", "stripe", "--secret", "s", "--body", "/nowhere/at/all"];
    let error = try_sluice(&missing, &[], b"").err().expect("no such file").to_string();
    assert!(error.starts_with("cannot read the body from /nowhere/at/all: "), "{error}");
    for (given, set) in [(&["--secret", ""][..], ""), (&["--secret", " ", "--secret", ""], "whsec_a"), (&[], ",")] {
        let arguments = [&["verify", "stripe", "--body", "-"], given].concat();
        let error = try_sluice(&arguments, &[("STRIPE_WEBHOOK_SECRET", set)], b"").err().expect("no secret").to_string();
        assert!(error.starts_with("the secret is empty"), "{error}");
    }
    for header in ["Stripe-Signature", "", ": x", "Stripe Signature: x"] {
        let kind = refused(&["verify", "stripe", "--secret", "s", "--body", "-", "--header", header]).kind();
        assert_eq!(kind, ErrorKind::ValueValidation, "{header}");
    }
    assert_eq!(refused(&["verify", "strype", "--body", "-"]).kind(), ErrorKind::InvalidValue);
    assert_eq!(refused(&["verify", "stripe"]).kind(), ErrorKind::MissingRequiredArgument);
}

#[test]
fn secrets_stay_out_of_the_answer() {
    let signed = Signed::with("whsec_a", as_sent);
    for more in [&["--secret", "sk_hidden", "--secret", " hidden "][..], &["--secret", "hidden", "--json"]] {
        assert!(!signed.verify(more).output.contains("hidden"));
    }
}

#[test]
fn every_sample_verifies_as_it_is_sent() {
    for sample in Sample::of("stripe") {
        let printed = sluice(&["send", "stripe", sample.name, "--secret", "whsec_a", "--print", "request"]).output;
        let (head, body) = printed.split_once("\n\n").expect("a head and a body");
        let header = head.lines().find(|line| line.starts_with("Stripe-Signature")).expect("signed");
        let body = body.strip_suffix('\n').expect("a line end after the body").as_bytes();
        let arguments = ["verify", "stripe", "--secret", "whsec_a", "--header", header, "--body", "-"];
        let ran = try_sluice(&arguments, &[], body).expect("verified");
        assert_eq!(ran.exit, Exit::Success, "{}: {}", sample.name, ran.output);
    }
}

/// A request of a provider, with the arguments that verify it.
struct Case {
    arguments: Vec<String>,
    body: Vec<u8>,
}

impl Case {
    fn sign(provider: &str, secret: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let known = by_name(provider).expect("there is such a provider");
        let borrowed: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let unsigned = Message { method: "POST", url, headers: &borrowed, body: body.as_bytes() };
        let signed = known.scheme().sign(&unsigned, &[known.read_secret(secret)], NOW).expect("there is a secret");
        let all = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).chain(signed.headers);
        let mut arguments = vec!["verify".to_owned(), provider.to_owned(), "--body".to_owned(), "-".to_owned()];
        arguments.extend(all.flat_map(|(name, value)| ["--header".to_owned(), format!("{name}: {value}")]));
        arguments.extend(["--url".to_owned(), signed.url.unwrap_or_else(|| url.to_owned())]);
        Self { arguments, body: body.as_bytes().to_vec() }
    }

    fn verify(&self, more: &[&str]) -> Ran {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        try_sluice(&arguments, &[], &self.body).expect("the question is understood")
    }
}

const SMS: &str = "AccountSid=AC0a&MessageSid=SM1&MessageStatus=delivered";
const TWILIO_URL: &str = "https://hooks.example.com/webhooks/twilio/sms-status";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

#[test]
fn every_provider() {
    for (provider, secret, other, headers, body) in [
        ("stripe", "whsec_a", "whsec_b", &[][..], "{}"),
        ("twilio", "token", "AC0a:other", &[FORM], SMS),
        ("twilio", "AC0a:token", "other", &[FORM], SMS),
        ("twilio", "token", "other", &[("Content-Type", "application/json")], "{}"),
        ("twilio", "webhooks_sharedkey_1:a", "webhooks_sharedkey_1:b", &[FORM], SMS),
        ("github", "a", "b", &[FORM], "payload=%7B%7D"),
        ("shopify", "a", "b", &[], "{}"),
        ("shopify", "a", "b", &[("Shopify-Topic", "orders/create")], "{}"),
        ("sendro", "a", "b", &[], "{}"),
        ("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA", &[("Webhook-Id", "msg_1")], "{}"),
        (
            "standard",
            "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
            "whsec_AAAA",
            &[("Svix-Id", "msg_1")],
            "{}",
        ),
    ] {
        let case = Case::sign(provider, secret, TWILIO_URL, headers, body);
        let ran = case.verify(&["--secret", other, "--secret", secret]);
        assert_eq!(ran.exit, Exit::Success, "{provider} {secret}: {}", ran.output);
        assert!(ran.output.starts_with("Valid: secret 2 of 2 fits.\n"), "{}", ran.output);
        let ran = case.verify(&["--secret", other]);
        assert_eq!(ran.exit, Exit::Failure, "{provider} {other}: {}", ran.output);
    }
}

#[test]
fn twilio_was_given_another_url() {
    let case = Case::sign("twilio", "token", &TWILIO_URL.replace("https://", "https://user:hush@"), &[FORM], SMS);
    let ran = case.verify(&["--secret", "token"]);
    assert_eq!(ran.exit, Exit::Success, "{}", ran.output);
    let mut case = Case::sign("twilio", "0123456789abcdef0123456789abcdef", TWILIO_URL, &[FORM], SMS);
    case.arguments.truncate(case.arguments.len() - 2);
    for none in ["", "hooks.example.com/webhooks/twilio", "https://", "https:///webhooks/twilio"] {
        let url = if none.is_empty() { vec![] } else { vec!["--url", none] };
        let arguments: Vec<_> = case.arguments.iter().map(String::as_str).chain(["--secret", "token"]).chain(url).collect();
        let error = try_sluice(&arguments, &[], &case.body).err().expect("nothing can be said").to_string();
        assert!(error.starts_with("--url") && error.contains("/webhooks/twilio"), "{error}");
    }
    let other = TWILIO_URL.replace("https://", "http://user:hush@");
    let other = case.verify(&["--secret", "0123456789abcdef0123456789abcdef", "--url", &other]);
    assert!(!other.output.contains("hush"));
    insta::assert_snapshot!("twilios_url_is_another", other.output);
    let behind_tls = case.verify(&["--secret", "0123456789abcdef0123456789abcdef", "--url", &TWILIO_URL.replace("https", "http")]);
    insta::assert_snapshot!("twilios_url_behind_tls", behind_tls.output);
}

#[test]
fn standard_webhooks_with_the_wrong_kind_of_key() {
    let case = Case::sign("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "", &[("webhook-id", "msg_1")], "{}");
    let ran = case.verify(&["--secret", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="]);
    assert_eq!(ran.exit, Exit::Failure);
    insta::assert_snapshot!(ran.output);
    let early = case.verify(&["--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "--now", &(NOW - 301).to_string()]);
    assert_eq!(early.exit, Exit::Failure);
    insta::assert_snapshot!("signed_too_far_in_the_future", early.output);
    let any = case.verify(&["--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "--now", "0", "--tolerance", "0"]);
    assert_eq!(any.exit, Exit::Success);
}
