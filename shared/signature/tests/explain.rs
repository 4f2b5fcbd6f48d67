//! What an operator is told, for everything that usually goes wrong.

use sluice_signature::{
    Message, Scheme, Secret, Stripe,
    explain::{Change, Explanation, Finding, Fit, explain},
};

const NOW: i64 = 1_771_000_000;
const KEY: &str = "whsec_test";
const BODY: &str = "{\n  \"id\": \"evt_1\",\n  \"object\": \"event\",\n  \"data\": {\n    \"object\": {\n      \"amount\": 1.50,\n      \"lines\": [\n\n      ]\n    }\n  },\n  \"livemode\": false\n}";

fn header(body: &str, time: i64) -> String {
    let unsigned = Message { method: "POST", url: "", headers: &[], body: body.as_bytes() };
    let signed = Stripe::new().sign(&unsigned, &[Secret::new(KEY)], time).expect("there is a secret");
    signed.headers[0].1.clone()
}

fn explained(name: &str, value: &str, body: &[u8], keys: &[&str], now: i64) -> Explanation {
    let headers = [(name, value.as_bytes())];
    let message = Message { method: "POST", url: "", headers: &headers, body };
    let secrets: Vec<Secret> = keys.iter().map(|key| Secret::new(*key)).collect();
    explain(&Stripe::new(), &message, &secrets, now)
}

fn of_body(body: impl AsRef<[u8]>) -> Vec<Finding> {
    explained(Stripe::HEADER, &header(BODY, NOW), body.as_ref(), &["whsec_old", KEY], NOW).findings
}

#[test]
fn nothing_to_say_about_what_fits() {
    let explanation = explained(Stripe::HEADER, &header(BODY, NOW), BODY.as_bytes(), &["whsec_old", KEY], NOW + 12);
    assert_eq!(explanation.verdict.expect("it fits").secret, 1);
    assert_eq!(explanation.fits, [Fit::NoFit, Fit::Fitted]);
    assert_eq!(explanation.clock_difference, Some(12));
    assert_eq!(explanation.findings, []);
}

#[test]
fn what_was_done_to_the_body() {
    let compact = r#"{"id":"evt_1","object":"event","data":{"object":{"amount":1.50,"lines":[]}},"livemode":false}"#;
    let one_line = r#"{"id": "evt_1", "object": "event", "data": {"object": {"amount": 1.50, "lines": []}}, "livemode": false}"#;
    let wrapped = serde_json::json!({"version": "2.0", "body": BODY, "isBase64Encoded": false}).to_string();
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, BODY);
    let wrapped64 = serde_json::json!({"body": base64, "isBase64Encoded": true}).to_string();
    let quoted = serde_json::Value::from(BODY).to_string();
    for (body, change) in [
        (compact.to_owned(), Change::Reserialised),
        (format!("{compact}\n"), Change::Reserialised),
        (one_line.to_owned(), Change::Reserialised),
        (BODY.replace("[\n\n      ]", "[]"), Change::Reserialised),
        (BODY.replace("[\n\n      ]", "[]").replace("  ", "    "), Change::Reserialised),
        (format!("{BODY}\n"), Change::LineEndAdded),
        (format!("{BODY}\r\n"), Change::LineEndAdded),
        (BODY.replace('\n', "\r\n"), Change::LineEndsToCrLf),
        (format!("\u{feff}{BODY}"), Change::ByteOrderMarkAdded),
        (base64, Change::Base64),
        (quoted, Change::Quoted),
        (wrapped, Change::Wrapped),
        (wrapped64, Change::Wrapped),
    ] {
        assert_eq!(of_body(&body)[0], Finding::BodyChanged { change, secret: 1 }, "{body}");
    }
    for (sent, body, change) in [
        ("{}\n", "{}", Change::LineEndLost),
        ("{\r\n}", "{\n}", Change::LineEndsToLf),
        ("{\n  \"a\": 1\n}\n", "{\"a\":1}", Change::Reserialised),
        (compact, BODY, Change::Reserialised),
    ] {
        let findings = explained(Stripe::HEADER, &header(sent, NOW), body.as_bytes(), &[KEY], NOW).findings;
        assert_eq!(findings[..], [Finding::BodyChanged { change, secret: 0 }], "{body}");
    }
}

#[test]
fn a_changed_body_is_found_however_old_it_is() {
    let findings = explained(Stripe::HEADER, &header(BODY, NOW), format!("{BODY}\n").as_bytes(), &[KEY], NOW + 9999).findings;
    assert_eq!(findings, [Finding::BodyChanged { change: Change::LineEndAdded, secret: 0 }]);
}

#[test]
fn a_changed_value_leaves_only_guesses() {
    let findings = of_body(BODY.replace("1.50", "1.5"));
    assert_eq!(findings, [Finding::Mode { live: false }, Finding::AnotherSecret]);
    let findings = of_body(BODY.replace("1.50", "1.5").replace("\n ", "").replace("false", "true"));
    assert_eq!(findings, [Finding::LayoutUnusual, Finding::Mode { live: true }, Finding::AnotherSecret]);
    assert_eq!(of_body("oops"), [Finding::NoEvent, Finding::AnotherSecret]);
    assert_eq!(of_body([0xff, 0xfe]), [Finding::NoEvent, Finding::AnotherSecret]);
}

#[test]
fn stale_and_from_the_future() {
    let explanation = explained(Stripe::HEADER, &header(BODY, NOW), BODY.as_bytes(), &[KEY], NOW + 1000);
    assert_eq!(explanation.fits, [Fit::FittedTooOld]);
    assert_eq!(explanation.findings, [Finding::Stale { age: 1000, tolerance: 300 }]);
    assert!(explanation.findings[0].to_string().contains("stale by 700 s"));

    let explanation = explained(Stripe::HEADER, &header(BODY, NOW), BODY.as_bytes(), &[KEY], NOW - 1000);
    assert!(explanation.verdict.is_ok());
    assert_eq!(explanation.findings, [Finding::FromTheFuture { ahead: 1000 }]);
}

#[test]
fn secrets_that_cannot_be_right() {
    let doubts = |key: &str| -> Vec<&'static str> {
        let findings = explained(Stripe::HEADER, &header(BODY, NOW), BODY.as_bytes(), &[key], NOW).findings;
        findings.iter().map(Finding::code).collect()
    };
    assert_eq!(doubts(""), ["secret_blank"]);
    assert_eq!(doubts(" whsec_test\n"), ["secret_padded"]);
    assert_eq!(doubts("\"whsec_test\""), ["secret_padded"]);
    assert_eq!(doubts("'whsec_test' "), ["secret_padded"]);
    assert_eq!(doubts(" whsec_other"), ["secret_padded", "mode", "another_secret"]);
    for key in ["sk_live_x", "rk_test_x", "pk_test_x", "we_1x", "test"] {
        assert_eq!(doubts(key), ["secret_doubtful", "mode", "another_secret"], "{key}");
    }
}

#[test]
fn an_odd_secret_that_fits_is_no_finding() {
    let unsigned = Message { method: "POST", url: "", headers: &[], body: b"{}" };
    let signed = Stripe::new().sign(&unsigned, &[Secret::new(" odd ")], NOW).expect("there is a secret");
    let explanation = explained(Stripe::HEADER, &signed.headers[0].1, b"{}", &[" odd "], NOW);
    assert_eq!(explanation.findings, []);
}

#[test]
fn anothers_header() {
    let explanation = explained("x-hub-signature-256", "sha256=00", b"{}", &[KEY], NOW);
    assert_eq!(explanation.verdict.expect_err("no header of Stripe's").code(), "missing_header");
    assert_eq!(explanation.fits, [Fit::Untried]);
    assert_eq!(explanation.findings, [Finding::OtherProvider { header: "X-Hub-Signature-256", provider: "GitHub" }]);
}

#[test]
fn findings_name_no_secret() {
    let findings = explained(Stripe::HEADER, &header(BODY, NOW), b"{}", &[" sk_hidden", "hidden"], NOW).findings;
    for finding in findings {
        assert!(!format!("{finding} {finding:?}").contains("hidden"), "{finding}");
    }
}
