//! Standard Webhooks: the specification's and Svix's vectors, the strict reading, and the official crate beside it.

use std::time::Duration;

use sluice_signature::{CannotSign, Invalid, Message, Scheme, Secret, StandardWebhooks, Verified};

const NOW: i64 = 1_614_265_330;
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const V1: &str = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
const V1A: &str = "hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==";

fn secrets(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::new(*text)).collect()
}

fn verify_at(headers: &[(&str, &str)], keys: &[&str], now: i64, tolerance: Duration) -> Result<Verified, Invalid> {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let message = Message { method: "POST", url: "", headers: &headers, body: BODY };
    StandardWebhooks::new().with_tolerance(tolerance).verify(&message, &secrets(keys), now)
}

fn verify_headers(headers: &[(&str, &str)], keys: &[&str]) -> &'static str {
    code(verify_at(headers, keys, NOW, StandardWebhooks::TOLERANCE))
}

fn verify(signature: &str, keys: &[&str]) -> &'static str {
    let time = NOW.to_string();
    verify_headers(&[("Webhook-Id", ID), ("Webhook-Timestamp", &time), ("Webhook-Signature", signature)], keys)
}

fn code(result: Result<Verified, Invalid>) -> &'static str {
    result.map_or_else(|invalid| invalid.code(), |_| "verified")
}

fn sign(id: &str, body: &[u8], keys: &[&str], now: i64) -> Result<Vec<(&'static str, String)>, CannotSign> {
    let headers = [("webhook-id", id.as_bytes())];
    let unsigned = Message { method: "POST", url: "", headers: &headers, body };
    StandardWebhooks::new().sign(&unsigned, &secrets(keys), now).map(|signed| signed.headers)
}

#[test]
fn known_vectors() {
    for (key, id, time, body, expected) in [
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (KEY, ID, NOW, r#"{"test": 2432232314}"#, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        (
            "whsec_plJ3nmyCDGBKInavdOK15jsl",
            "msg_loFOjxBNrRLzqYUf",
            1_731_705_121,
            r#"{"event_type":"ping","data":{"success":true}}"#,
            "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
        ),
        (
            PRIVATE,
            ID,
            NOW,
            r#"{"test": 2432232314}"#,
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==",
        ),
    ] {
        let signed = sign(id, body.as_bytes(), &[key], time).expect("the key signs");
        assert_eq!(signed, [("webhook-timestamp", time.to_string()), ("webhook-signature", expected.to_owned())]);
    }
    assert_eq!(verify(&format!("v1,{V1}"), &[KEY]), "verified");
    assert_eq!(verify(&format!("v1,{V1}"), &[&KEY["whsec_".len()..]]), "verified", "the prefix may be missing");
    assert_eq!(verify(&format!("v1a,{V1A}"), &[PUBLIC]), "verified");
    assert_eq!(verify(&format!("v1a,{V1A}"), &[PRIVATE]), "verified");
}

#[test]
fn several_signatures_and_secrets() {
    let zeros = format!("v1,{}=", "A".repeat(43));
    let both = format!("v2,x {zeros} v1a,{V1A} v1,{V1}");
    let at = |keys: &[&str]| {
        let time = NOW.to_string();
        let headers = [("webhook-id", ID), ("webhook-timestamp", &*time), ("webhook-signature", &*both)];
        verify_at(&headers, keys, NOW, StandardWebhooks::TOLERANCE)
    };
    assert_eq!(at(&["whsec_AAAA", "", KEY]), Ok(Verified { secret: 2, timestamp: Some(NOW) }));
    assert_eq!(at(&[PUBLIC, KEY]).map(|verified| verified.secret), Ok(0));
    assert_eq!(
        at(&["whsec_AAAA", "no base64!"]),
        Err(Invalid::NoMatch { signatures: 3, secrets: 1, urls: 0, timestamp: Some(NOW) }),
        "what is no key is not tried"
    );
    let signed = sign(ID, BODY, &[KEY, PRIVATE], NOW).expect("the keys sign");
    assert_eq!(signed[1].1, format!("v1,{V1} v1a,{V1A}"));
}

#[test]
fn key_kinds_are_never_confused() {
    let v1 = format!("v1,{V1}");
    let v1a = format!("v1a,{V1A}");
    assert_eq!(verify(&v1, &[PUBLIC]), "no_suitable_secret");
    assert_eq!(verify(&v1, &[PRIVATE]), "no_suitable_secret");
    assert_eq!(verify(&v1a, &[KEY]), "no_suitable_secret");
    assert_eq!(verify(&format!("v1,{V1A}"), &[PUBLIC, KEY]), "no_match");
    assert_eq!(verify(&format!("v1a,{V1}"), &[PUBLIC, KEY]), "no_match");
    // Whoever knows the public key signs with it, as if it were symmetric.
    let forged = sign(ID, BODY, &[&PUBLIC["whpk_".len()..]], NOW).expect("32 bytes are a symmetric key");
    assert_eq!(verify(&forged[1].1, &[PUBLIC]), "no_suitable_secret");
    assert_eq!(verify(&forged[1].1, &[PUBLIC, KEY]), "no_match");
    let refused = sign(ID, BODY, &[PUBLIC], NOW).expect_err("it is public");
    assert!(matches!(refused, CannotSign::Unusable { secret: 0, .. }));
}

#[test]
fn what_is_no_key() {
    let v1 = format!("v1,{V1} v1a,{V1A}");
    let long = format!("whsec_{}", "A".repeat(176));
    // The point of order one, with which R = S·B fits every message.
    let weak = format!("whpk_AQ{}=", "A".repeat(41));
    let swapped = PRIVATE.replace("AJ6p9lMicMFs6Kvg==", "AJ6p9lMicMFs6Kvw==");
    let short = PUBLIC.replace("1SiA", "");
    for key in
        ["whsec_", "whsec_a", "whsec_!!!!", "whsec_M-KQ", "whpk_", "whsk_AAAA", "wh_AAAA", "v1,whsec_AAAA", &long, &weak, &swapped, &short]
    {
        assert_eq!(verify(&v1, &[key]), "no_suitable_secret", "{key}");
        assert!(matches!(sign(ID, BODY, &[key], NOW), Err(CannotSign::Unusable { .. })), "{key}");
    }
    assert_eq!(verify(&v1, &["", " "]), "no_secret");
    assert_eq!(verify(&v1, &[KEY.trim_end_matches('=')]), "verified");
    assert_eq!(verify(&v1, &[PUBLIC.trim_end_matches('=')]), "verified", "the padding may be missing");
    assert_eq!(verify(&v1, &[&format!("whsec_{}", "A".repeat(168))]), "no_match", "long, but a key");
}

#[test]
fn both_sides_of_the_clock_count() {
    let time = NOW.to_string();
    let signature = format!("v1,{V1}");
    let at = |now: i64, tolerance: u64| {
        let headers = [("webhook-id", ID), ("webhook-timestamp", &*time), ("webhook-signature", &*signature)];
        verify_at(&headers, &[KEY], now, Duration::from_secs(tolerance))
    };
    for now in [NOW, NOW - 300, NOW + 300] {
        assert_eq!(at(now, 300), Ok(Verified { secret: 0, timestamp: Some(NOW) }), "{now}");
    }
    assert_eq!(at(NOW + 301, 300), Err(Invalid::TooOld { secret: 0, timestamp: NOW, age: 301, tolerance: 300 }));
    assert_eq!(at(NOW - 301, 300), Err(Invalid::FromTheFuture { secret: 0, timestamp: NOW, ahead: 301, tolerance: 300 }));
    for now in [i64::MIN, 0, i64::MAX] {
        assert!(at(now, 300).is_err());
        assert!(at(now, 0).is_ok(), "zero switches the check off");
        assert!(at(now, u64::MAX).is_ok());
    }
    assert!(matches!(at(i64::MIN, 300), Err(Invalid::FromTheFuture { ahead: i64::MAX, .. })));
}

#[test]
fn the_signature_is_looked_at_before_its_age() {
    let time = NOW.to_string();
    let signature = format!("v1,{}=", "A".repeat(43));
    let headers = [("webhook-id", ID), ("webhook-timestamp", &*time), ("webhook-signature", &*signature)];
    assert_eq!(code(verify_at(&headers, &[KEY], NOW + 1_000_000, StandardWebhooks::TOLERANCE)), "no_match");
}

#[test]
fn the_signature_header_is_read_strictly() {
    let many = |count: usize| vec![format!("v1a,{V1A}"); count].join(" ");
    for (header, expected) in [
        (format!("v1,{V1} v1,{V1}"), "verified"),
        (format!("v1,x v1, v1,{V1}"), "verified"),
        (format!("v3,a,b v1,{V1}"), "verified"),
        (format!("v1,{V1} "), "malformed_header"),
        (format!(" v1,{V1}"), "malformed_header"),
        (format!("v2,x  v1,{V1}"), "malformed_header"),
        (format!("v1,{V1} v1"), "malformed_header"),
        (V1.to_owned(), "malformed_header"),
        (String::new(), "malformed_header"),
        (format!("v1={V1}"), "malformed_header"),
        (format!("V1,{V1}"), "no_signature"),
        (format!("v2,{V1}"), "no_signature"),
        (format!(",{V1}"), "no_signature"),
        (format!("v1,{V1},v1,{V1}"), "no_match"),
        (format!("v1,{}", V1.trim_end_matches('=')), "no_match"),
        (format!("v1,{}", V1.replace("1OE=", "1OF=")), "no_match"),
        (format!("v1,{}", V1.replace('/', "_")), "no_match"),
        (format!("v1a,{V1A} v1,{V1}"), "verified"),
        (format!("{} v1,{V1}", many(8)), "verified"),
        (format!("{} v1,{V1}", many(9)), "malformed_header"),
    ] {
        assert_eq!(verify(&header, &[KEY]), expected, "{header}");
    }
    assert_eq!(verify(&many(8), &[PUBLIC]), "verified");
    assert_eq!(verify(&many(9), &[PUBLIC]), "malformed_header");
}

#[test]
fn id_and_time_are_read_strictly() {
    let signature = format!("v1,{V1}");
    let verify = |id: &str, time: &str| {
        verify_headers(&[("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", &signature)], &[KEY])
    };
    assert_eq!(verify(ID, "1614265330"), "verified");
    for time in ["", "01614265330", "+1614265330", "-1", "1614265330.0", " 1614265330", "1.6e9", "99999999999999999999", "١"] {
        assert_eq!(verify(ID, time), "malformed_header", "{time}");
    }
    assert_eq!(verify(ID, "0"), "no_match");
    for id in ["", "msg_a.1", "msg a", "msg_é", "msg_a\t"] {
        assert_eq!(verify(id, "1614265330"), "malformed_header", "{id}");
        assert!(matches!(sign(id, BODY, &[KEY], NOW), Err(CannotSign::Header { header: "webhook-id", .. })), "{id}");
    }
    assert_eq!(verify("msg_other", "1614265330"), "no_match");
    let unsigned = Message { method: "POST", url: "", headers: &[], body: BODY };
    assert!(StandardWebhooks::new().sign(&unsigned, &secrets(&[KEY]), NOW).is_err());
}

#[test]
fn families_of_headers_are_not_mixed() {
    let signature = format!("v1,{V1}");
    let wrong = format!("v1,{}=", "A".repeat(43));
    let time = NOW.to_string();
    let svix = [("svix-id", ID), ("svix-timestamp", &*time), ("svix-signature", &*signature)];
    let common = [("webhook-id", ID), ("webhook-timestamp", &*time), ("webhook-signature", &*signature)];
    assert_eq!(verify_headers(&svix, &[KEY]), "verified");
    assert_eq!(verify_headers(&[&svix[..], &common].concat(), &[KEY]), "verified");
    for missing in 0..3 {
        let mut without = svix.to_vec();
        without.remove(missing);
        assert_eq!(verify_headers(&without, &[KEY]), "missing_header");
        let mut twice = svix.to_vec();
        twice.push(svix[missing]);
        assert_eq!(verify_headers(&twice, &[KEY]), "malformed_header");
    }
    let mixed = [common[0], common[1], svix[2]];
    assert_eq!(verify_headers(&mixed, &[KEY]), "missing_header");
    let spoiled = [&svix[..2], &[("svix-signature", &*wrong)], &common].concat();
    assert_eq!(verify_headers(&spoiled, &[KEY]), "no_match");
    let unused = [&common[..], &svix[..2]].concat();
    assert_eq!(verify_headers(&unused, &[KEY]), "verified");

    let id = |headers: &[(&str, &str)]| {
        let headers: Vec<(&str, &[u8])> = headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        StandardWebhooks::id(&Message { method: "POST", url: "", headers: &headers, body: BODY }).map(str::to_owned)
    };
    let svix = [("svix-id", "msg_svix"), svix[2]];
    assert_eq!(id(&common).as_deref(), Some(ID));
    assert_eq!(id(&[&common[..], &svix].concat()).as_deref(), Some("msg_svix"), "of the family that counts");
    assert_eq!(id(&[common[2]]), None);
    assert_eq!(id(&[("webhook-id", "a.b")]), None);

    let headers = [("svix-id", ID.as_bytes())];
    let unsigned = Message { method: "POST", url: "", headers: &headers, body: BODY };
    let signed = StandardWebhooks::new().sign(&unsigned, &secrets(&[KEY]), NOW).expect("the key signs");
    assert_eq!(signed.headers, [("svix-timestamp", time.clone()), ("svix-signature", signature.clone())]);
}

#[test]
fn reasons_name_neither_secret_nor_signature() {
    for (key, signature) in [("whsec_hidden+hidden", format!("v1,{V1}")), (PUBLIC, format!("v1,{V1}")), (PRIVATE, V1.to_owned())] {
        let time = NOW.to_string();
        let headers = [("webhook-id", ID), ("webhook-timestamp", &*time), ("webhook-signature", &*signature)];
        let invalid = verify_at(&headers, &[key], NOW, StandardWebhooks::TOLERANCE).expect_err("another key");
        let text = format!("{invalid} {invalid:?}");
        assert!(!text.contains(&key[8..16]) && !text.contains(V1), "{text}");
    }
}

/// The crate that the authors of the specification publish. It reads the wall clock, so it is asked about now.
mod oracle {
    use proptest::prelude::*;
    use standardwebhooks::Webhook;

    use super::{Message, Scheme, StandardWebhooks, secrets, sign};

    #[expect(clippy::disallowed_methods, reason = "the crate reads the clock itself")]
    fn wall_clock() -> i64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs().cast_signed()
    }

    fn key() -> impl Strategy<Value = String> {
        proptest::collection::vec(any::<u8>(), 24..64)
            .prop_map(|bytes| format!("whsec_{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)))
    }

    fn headers(signed: &[(&str, String)], id: &str) -> http::HeaderMap {
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", id.parse().expect("ASCII"));
        for (name, value) in signed {
            headers.insert(http::HeaderName::from_bytes(name.as_bytes()).expect("a name"), value.parse().expect("ASCII"));
        }
        headers
    }

    proptest! {
        #[test]
        fn signs_the_same(key in key(), id in "[!-\\-/-~]{1,40}", body in "\\PC{0,200}", now in 0..i64::MAX) {
            let theirs = Webhook::new(&key).expect("a key").sign(&id, now, body.as_bytes()).expect("UTF-8");
            let ours = sign(&id, body.as_bytes(), &[&key], now).expect("the key signs");
            prop_assert_eq!(&ours[1].1, &theirs);
        }

        #[test]
        fn each_verifies_what_the_other_signs(key in key(), other in key(), body in "\\PC{0,200}", difference in -250..250_i64) {
            let now = wall_clock();
            let time = now + difference;
            let signed = sign("msg_1", body.as_bytes(), &[&other, &key], time).expect("the keys sign");
            let theirs = Webhook::new(&key).expect("a key");
            prop_assert!(theirs.verify(body.as_bytes(), &headers(&signed, "msg_1")).is_ok());
            prop_assert!(theirs.verify(body.as_bytes(), &headers(&signed, "msg_2")).is_err());
            let signature = theirs.sign("msg_1", time, body.as_bytes()).expect("UTF-8");
            let digits = time.to_string();
            let headers = [
                ("webhook-id", &b"msg_1"[..]),
                ("webhook-timestamp", digits.as_bytes()),
                ("webhook-signature", signature.as_bytes()),
            ];
            let message = Message { method: "POST", url: "", headers: &headers, body: body.as_bytes() };
            prop_assert!(StandardWebhooks::new().verify(&message, &secrets(&[&key]), now).is_ok());
        }

        /// Whatever the header, what is let in here is let in there. (The other way round this is the stricter one.)
        #[test]
        fn is_never_wider(signature in "(v1|v1a|v2|V1|)[, =]{0,2}[A-Za-z0-9+/]{0,3}( v1,X{0,1})?", place in 0..3_usize, stays in any::<bool>()) {
            const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
            let now = wall_clock();
            let right = sign("msg_1", b"{}", &[KEY], now).expect("the key signs")[1].1.clone();
            let items = match (stays, place) {
                (false, _) => signature,
                (true, 0) => format!("{right} {signature}"),
                (true, 1) => format!("{signature} {right}"),
                (true, _) => format!("{signature}{right}"),
            };
            let signed = [("webhook-timestamp", now.to_string()), ("webhook-signature", items)];
            let headers: Vec<(&str, &[u8])> = signed.iter().map(|(name, value)| (*name, value.as_bytes())).chain([("webhook-id", &b"msg_1"[..])]).collect();
            let message = Message { method: "POST", url: "", headers: &headers, body: b"{}" };
            if StandardWebhooks::new().verify(&message, &secrets(&[KEY]), now).is_ok() {
                let theirs = Webhook::new(KEY).expect("a key").verify(b"{}", &self::headers(&signed, "msg_1"));
                prop_assert!(theirs.is_ok(), "{:?}", signed);
            }
        }
    }
}
