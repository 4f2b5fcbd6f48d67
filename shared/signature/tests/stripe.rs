//! Stripe's documented and observed behaviour, line by line. The expected signatures were computed with Python's `hmac`.

use std::time::Duration;

use sluice_signature::{CannotSign, Invalid, Message, Scheme, Secret, Stripe, Verified};

const NOW: i64 = 1_771_000_000;
const BODY: &[u8] = br#"{"id":"evt_1"}"#;
const KEY: &str = "whsec_test";
const V1: &str = "a27cd5859fc79dc82bc7b44d88165b0598e3d0e594e0b8c748e2609f1e548425";

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::new(*text)).collect()
}

fn verify_with(scheme: Stripe, header: &[u8], body: &[u8], keys: &[&str], now: i64) -> Result<Verified, Invalid> {
    let headers = [("stripe-signature", header)];
    let message = Message { method: "POST", url: "https://example.com/webhooks/stripe", headers: &headers, body };
    scheme.verify(&message, &secrets(keys), now)
}

fn verify(header: &str) -> Result<Verified, Invalid> {
    verify_with(Stripe::new(), header.as_bytes(), BODY, &[KEY], NOW)
}

fn at(now: i64, tolerance: Duration) -> Result<Verified, Invalid> {
    let header = format!("t={NOW},v1={V1}");
    verify_with(Stripe::new().with_tolerance(tolerance), header.as_bytes(), BODY, &[KEY], now)
}

fn code(result: Result<Verified, Invalid>) -> &'static str {
    result.map_or_else(|invalid| invalid.code(), |_| "verified")
}

const FITS: Result<Verified, Invalid> = Ok(Verified { secret: 0, timestamp: Some(NOW) });

#[test]
fn known_vectors() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let long_key = format!("whsec_{}", "k".repeat(100));
    let vectors: [(&str, i64, &[u8], &str); 4] = [
        (KEY, NOW, BODY, V1),
        (KEY, 7, b"", "fb19c52c0b98b6661f7452666de426d4d84c286ce0b149a9276bfe75492ca460"),
        ("whsec_grün", -5, &every_byte, "32ceb80ffc6680a4cdfa40afdc5dc1649c2fc9056ee8e8001463ab6abeb08df0"),
        (&long_key, NOW, b"{\n  \"id\": \"evt_1\"\n}", "720ecf8aa5fef863be794360cba357266838060c803706184e6073ba0b151cba"),
    ];
    for (key, time, body, expected) in vectors {
        let unsigned = Message { method: "POST", url: "", headers: &[], body };
        let signed = Stripe::new().sign(&unsigned, &secrets(&[key]), time).expect("there is a secret");
        let value = format!("t={time},v1={expected}");
        assert_eq!(signed.headers, [("Stripe-Signature", value.clone())]);
        assert_eq!(signed.url, None);
        assert!(verify_with(Stripe::new(), value.as_bytes(), body, &[key], time).is_ok());
    }
}

#[test]
fn the_time_is_signed_as_the_number_it_is() {
    let vector = "fb19c52c0b98b6661f7452666de426d4d84c286ce0b149a9276bfe75492ca460";
    for t in ["7", "007", "+7"] {
        let header = format!("t={t},v1={vector}");
        assert!(verify_with(Stripe::new(), header.as_bytes(), b"", &[KEY], 7).is_ok(), "{t}");
    }
}

#[test]
fn age_alone_counts() {
    assert_eq!(at(NOW, Stripe::TOLERANCE), FITS);
    assert_eq!(at(NOW + 300, Stripe::TOLERANCE), FITS);
    assert_eq!(at(NOW + 301, Stripe::TOLERANCE), Err(Invalid::TooOld { secret: 0, timestamp: NOW, age: 301, tolerance: 300 }));
    for future in [NOW - 1, NOW - 301, 0, i64::MIN] {
        assert_eq!(at(future, Stripe::TOLERANCE), FITS, "signed after {future}");
    }
    assert_eq!(at(NOW + 11, Duration::from_secs(10)).map_err(|invalid| invalid.code()), Err("too_old"));
    assert_eq!(at(i64::MAX, Duration::ZERO), FITS, "zero switches the check off");
    assert_eq!(code(at(i64::MAX, Duration::from_secs(u64::MAX))), "verified");
}

#[test]
fn the_signature_is_looked_at_before_its_age() {
    let header = format!("t={NOW},v1={}", "0".repeat(64));
    let late = verify_with(Stripe::new(), header.as_bytes(), BODY, &[KEY], NOW + 1_000_000);
    assert_eq!(late, Err(Invalid::NoMatch { signatures: 1, secrets: 1, urls: 0, timestamp: Some(NOW) }));
}

#[test]
fn the_header_is_read_strictly() {
    let zeros = "0".repeat(64);
    let capitals = V1.to_uppercase();
    let short = &V1[..62];
    let table = [
        (format!("t={NOW},v1={V1}"), "verified"),
        (format!("v1={V1},t={NOW}"), "verified"),
        (format!("t={NOW},v1={V1},v0={zeros}"), "verified"),
        (format!("t={NOW},v1={zeros},v1={V1}"), "verified"),
        (format!("t={NOW},v1={V1},v1={zeros}"), "verified"),
        (format!("t={NOW},v1=zz,v1=,v1={V1}"), "verified"),
        (format!("t={NOW},v2={zeros},v1={V1},scheme=x"), "verified"),
        (format!("t={NOW},v0={V1}"), "no_signature"),
        (format!("t={NOW},v0={V1},v1={zeros}"), "no_match"),
        (format!("t={NOW},v1={zeros},v2={V1},={V1}"), "no_match"),
        (format!("t={NOW},V1={V1}"), "no_signature"),
        (format!("t={NOW}, v1={V1}"), "no_signature"),
        (format!("t={NOW},v1 ={V1}"), "no_signature"),
        (format!("t={NOW}"), "no_signature"),
        (format!("t={NOW},v1={capitals}"), "no_match"),
        (format!("t={NOW},v1={short}"), "no_match"),
        (format!("t={NOW},v1={V1}00"), "no_match"),
        (format!("t={NOW},v1= {V1}"), "no_match"),
        (format!("t={NOW},v1="), "no_match"),
        (format!("t={},v1={V1}", NOW + 1), "no_match"),
        (format!("v1={V1}"), "no_timestamp"),
        (format!("T={NOW},v1={V1}"), "no_timestamp"),
        (format!(" t={NOW},v1={V1}"), "no_timestamp"),
        (format!("t={NOW},t={NOW},v1={V1}"), "malformed_header"),
        (format!("t={NOW},v1={V1},t=0"), "malformed_header"),
        (format!("t={NOW},v1={V1},"), "malformed_header"),
        (format!("t={NOW},,v1={V1}"), "malformed_header"),
        (format!("t={NOW},v1={V1}=,"), "malformed_header"),
        (format!("t=,v1={V1}"), "malformed_header"),
        (format!("t=abc,v1={V1}"), "malformed_header"),
        (format!("t=1.5,v1={V1}"), "malformed_header"),
        (format!("t= {NOW},v1={V1}"), "malformed_header"),
        (format!("t=99999999999999999999,v1={V1}"), "malformed_header"),
        (V1.to_owned(), "malformed_header"),
        (String::new(), "malformed_header"),
    ];
    for (header, expected) in table {
        assert_eq!(code(verify(&header)), expected, "{header}");
    }
    assert_eq!(code(verify_with(Stripe::new(), b"t=\xff,v1=\xff", BODY, &[KEY], NOW)), "malformed_header");
}

#[test]
fn the_header_is_sent_once_in_any_case() {
    let value = format!("t={NOW},v1={V1}").into_bytes();
    let verify = |names: &[&str]| {
        let headers: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, &value[..])).collect();
        let message = Message { method: "POST", url: "", headers: &headers, body: BODY };
        code(Stripe::new().verify(&message, &secrets(&[KEY]), NOW))
    };
    assert_eq!(verify(&["STRIPE-SIGNATURE"]), "verified");
    assert_eq!(verify(&["Content-Type", "Stripe-Signature"]), "verified");
    assert_eq!(verify(&["Stripe-Signature", "stripe-signature"]), "malformed_header");
    assert_eq!(verify(&[]), "missing_header");
    assert_eq!(verify(&["X-Stripe-Signature"]), "missing_header");
}

#[test]
fn any_secret_of_the_list_fits() {
    let header = format!("t={NOW},v1={V1}");
    let position = |keys: &[&str]| verify_with(Stripe::new(), header.as_bytes(), BODY, keys, NOW).map(|verified| verified.secret);
    assert_eq!(position(&[KEY, "whsec_old"]), Ok(0));
    assert_eq!(position(&["whsec_old", "", KEY]), Ok(2));
    assert!(position(&["whsec_old", "whsec_older"]).is_err());
    assert!(position(&["test"]).is_err(), "the prefix is part of the key");
}

#[test]
fn a_blank_secret_lets_nothing_in() {
    // What anyone could sign with an empty key.
    let forged = "t=1771000000,v1=5a448641f6a8b8f76b69e276d79810cc10198293ad53cd440a8b73a96f2b5a8d";
    assert_eq!(verify_with(Stripe::new(), forged.as_bytes(), BODY, &[], NOW), Err(Invalid::NoSecret));
    assert_eq!(verify_with(Stripe::new(), forged.as_bytes(), BODY, &["", " \n"], NOW), Err(Invalid::NoSecret));
    assert_eq!(code(verify_with(Stripe::new(), forged.as_bytes(), BODY, &["", KEY], NOW)), "no_match");
    let unsigned = Message { method: "POST", url: "", headers: &[], body: BODY };
    assert_eq!(Stripe::new().sign(&unsigned, &secrets(&["", " "]), NOW), Err(CannotSign::NoSecret));
}

#[test]
fn signs_once_for_each_secret_and_in_the_header_asked_for() {
    let scheme = Stripe::new().with_header("X-Webhook-Signature");
    let unsigned = Message { method: "POST", url: "", headers: &[], body: BODY };
    let signed = scheme.sign(&unsigned, &secrets(&["whsec_old", KEY]), NOW).expect("there are secrets");
    let [(name, value)] = &signed.headers[..] else { panic!("one header: {signed:?}") };
    assert_eq!(*name, "X-Webhook-Signature");
    assert_eq!(value.matches("v1=").count(), 2);
    for key in ["whsec_old", KEY] {
        let headers = [(*name, value.as_bytes())];
        let message = Message { headers: &headers, ..unsigned };
        assert!(scheme.verify(&message, &secrets(&[key]), NOW).is_ok(), "{key}");
    }
}

#[test]
fn reasons_name_neither_secret_nor_signature() {
    for header in [format!("t={NOW},v1={V1}"), format!("t={NOW},v0={V1}"), V1.to_owned()] {
        let invalid = verify_with(Stripe::new(), header.as_bytes(), b"other", &["whsec_hidden"], NOW).expect_err("another body");
        let text = format!("{invalid} {invalid:?}");
        assert!(!text.contains("hidden") && !text.contains(V1), "{text}");
    }
}
