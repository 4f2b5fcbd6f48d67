use std::{fs, path::PathBuf};

use clap::error::ErrorKind;
use serde_json::Value;
use sluice::{cli::Exit, samples::Sample};
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
    assert_eq!(nothing_set, "there is no secret: give --secret, or set STRIPE_WEBHOOK_SECRET");
}

#[test]
fn what_cannot_be_understood_is_a_usage_error() {
    let missing = ["verify", "stripe", "--secret", "s", "--body", "/nowhere/at/all"];
    let error = try_sluice(&missing, &[], b"").err().expect("no such file").to_string();
    assert!(error.starts_with("cannot read the body from /nowhere/at/all: "), "{error}");
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
