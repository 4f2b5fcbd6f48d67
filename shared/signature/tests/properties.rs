//! What holds for every message: signed verifies, changed does not, and nothing panics or takes too long.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection::vec, prelude::*};
use sluice_signature::{
    GitHub, Invalid, Message, Scheme, Secret, Sendro, Shopify, StandardWebhooks, Stripe, Twilio,
    explain::{self, Explained, Fit},
};

const NOW: i64 = 1_771_000_000;
const URL: &str = "https://example.com/webhooks/x?a=1";
const FORM: &[u8] = b"application/x-www-form-urlencoded";
const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";
const SYMMETRIC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A scheme with what its requests have besides the signature, and secrets for it.
struct Case {
    scheme: Box<dyn Explained>,
    headers: &'static [(&'static str, &'static [u8])],
    secrets: [&'static str; 2],
}

fn cases() -> Vec<Case> {
    let case = |scheme: Box<dyn Explained>, headers, secrets| Case { scheme, headers, secrets };
    vec![
        case(Box::new(Stripe::new()), &[], ["whsec_a", "whsec_b"]),
        case(Box::new(GitHub), &[], ["secret a", "b"]),
        case(Box::new(Shopify), &[], ["shpss_a", "shpss_b"]),
        case(Box::new(Shopify), &[("shopify-topic", b"orders/create")], ["shpss_a", "shpss_b"]),
        case(Box::new(Sendro), &[], ["a", "b"]),
        case(Box::new(StandardWebhooks::new()), &[("webhook-id", b"msg_1")], [SYMMETRIC, "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]),
        case(Box::new(StandardWebhooks::new()), &[("svix-id", b"msg_1")], [PRIVATE, SYMMETRIC]),
        case(Box::new(Twilio), &[("content-type", b"application/json")], ["0123456789abcdef", "b"]),
        case(Box::new(Twilio), &[("content-type", FORM)], ["0123456789abcdef", "webhooks_sharedkey_1:x"]),
        case(Box::new(Twilio), &[("content-type", b"text/plain")], ["webhooks_sharedkey_1:x", "AC1:b"]),
    ]
}

/// What was signed, owned.
#[derive(Clone, Debug)]
struct Request {
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    fn ask<T>(&self, question: impl FnOnce(&Message<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        question(&Message { method: "POST", url: &self.url, headers: &headers, body: &self.body })
    }

    fn verify(&self, scheme: &dyn Scheme, secrets: &[Secret]) -> Result<usize, Invalid> {
        self.ask(|message| scheme.verify(message, secrets, NOW)).map(|verified| verified.secret)
    }
}

impl Case {
    fn secrets(&self) -> [Secret; 2] {
        let is_twilio = self.scheme.header() == Twilio::HEADER;
        self.secrets.map(|text| if is_twilio { Twilio::secret(text) } else { Secret::new(text) })
    }

    fn is_form(&self) -> bool {
        self.headers.iter().any(|(_, value)| *value == FORM)
    }

    fn sign(&self, body: &[u8], secrets: &[Secret]) -> Request {
        let mut request = Request {
            url: URL.to_owned(),
            headers: self.headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
            body: body.to_vec(),
        };
        let signed = request.ask(|message| self.scheme.sign(message, secrets, NOW)).expect("there is a secret");
        request.headers.extend(signed.headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())));
        request.url = signed.url.unwrap_or(request.url);
        request
    }
}

fn flip(bytes: &mut [u8], bit: usize) {
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
}

/// Parameters with names, in any order and with repeats, and how each byte is to be escaped.
fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("[A-Ca]{1,2}|AccountSid|B\u{e9}|&=", "[ab+%&= \u{1f600}]{0,3}"), 0..8)
}

fn encoded(parameters: &[(String, String)], plainly: bool) -> Vec<u8> {
    let escape = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b' ' if plainly => "+".to_owned(),
            b'a'..=b'z' | b'A'..=b'Z' if plainly => char::from(byte).to_string(),
            _ if plainly => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        };
        text.bytes().map(byte).collect()
    };
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&").into_bytes()
}

/// What Twilio's rules make of parameters, written down once more, plainly.
fn signed_text(parameters: &[(String, String)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in parameters {
        sorted.entry(name).or_default().insert(value);
    }
    sorted.into_iter().flat_map(|(name, values)| values.into_iter().map(move |value| format!("{name}{value}"))).collect()
}

proptest! {
    #[test]
    fn signed_verifies(body in vec(any::<u8>(), 1..300), form in parameters(), plainly: bool) {
        for case in cases() {
            let body = if case.is_form() { encoded(&form, plainly) } else { body.clone() };
            let secrets = case.secrets();
            for at in 0..2 {
                if case.scheme.header() == Twilio::HEADER && secrets[at].name() == Some("AC1") && case.is_form() {
                    continue;
                }
                let request = case.sign(&body, &secrets[at..=at]);
                prop_assert_eq!(request.verify(&*case.scheme, &secrets), Ok(at), "{:?}", request);
                let other = std::slice::from_ref(&secrets[1 - at]);
                prop_assert!(request.verify(&*case.scheme, other).is_err(), "{:?}", request);
            }
            prop_assert_eq!(case.sign(&body, &secrets).verify(&*case.scheme, &secrets), Ok(0));
        }
    }

    #[test]
    fn a_flipped_bit_of_the_body_does_not(body in vec(any::<u8>(), 1..300), bit: usize) {
        for case in cases().into_iter().filter(|case| !case.is_form()) {
            let secrets = case.secrets();
            let mut request = case.sign(&body, &secrets);
            flip(&mut request.body, bit);
            let refused = request.verify(&*case.scheme, &secrets).map_err(|invalid| invalid.code());
            prop_assert!(matches!(refused, Err("no_match" | "other_body")), "{:?} {:?}", refused, request);
        }
    }

    #[test]
    fn nor_a_byte_more_or_less(body in vec(any::<u8>(), 2..100), byte: u8, at: usize) {
        for case in cases().into_iter().filter(|case| !case.is_form()) {
            let secrets = case.secrets();
            let signed = case.sign(&body, &secrets);
            let mut longer = signed.clone();
            longer.body.insert(at % (body.len() + 1), byte);
            prop_assert!(longer.verify(&*case.scheme, &secrets).is_err());
            let mut shorter = signed;
            shorter.body.remove(at % body.len());
            prop_assert!(shorter.verify(&*case.scheme, &secrets).is_err());
        }
    }

    #[test]
    fn nor_a_flipped_bit_of_any_header_or_of_a_signed_url(bit: usize, header: usize) {
        for case in cases() {
            let body: &[u8] = if case.is_form() { b"A=1&B=2" } else { b"{}" };
            let secrets = case.secrets();
            let signed = case.sign(body, &secrets[..1]);
            let mut request = signed.clone();
            let added = case.headers.len();
            // What stood there before the signature, a topic or a content type, is signed by nobody but Standard Webhooks.
            let from = if request.headers[0].0.ends_with("-id") { 0 } else { added };
            let at = from + header % (request.headers.len() - from);
            flip(&mut request.headers[at].1, bit);
            prop_assert!(request.verify(&*case.scheme, &secrets).is_err(), "{:?}", request);
            if case.scheme.header() == Twilio::HEADER {
                let mut url = signed.url.clone().into_bytes();
                // Only the low bits: the text has to stay UTF-8.
                let at = bit % url.len();
                url[at] ^= 1 << (bit / url.len() % 7);
                let changed = Request { url: String::from_utf8(url).expect("ASCII"), ..signed.clone() };
                // Scheme and host are the same in capitals.
                let is_same = at < "https://example.com".len() && changed.url.eq_ignore_ascii_case(&signed.url);
                prop_assert_eq!(changed.verify(&*case.scheme, &secrets).is_ok(), is_same, "{:?}", changed);
            }
        }
    }

    #[test]
    fn a_form_verifies_if_twilio_would_sign_the_same(form in parameters(), other in parameters(), plainly: bool) {
        let case = cases().into_iter().find(Case::is_form).expect("there is a form");
        let secrets = case.secrets();
        let mut request = case.sign(&encoded(&form, plainly), &secrets);
        request.body = encoded(&other, !plainly);
        let same = signed_text(&form) == signed_text(&other);
        prop_assert_eq!(request.verify(&*case.scheme, &secrets).is_ok(), same);
        request.body = encoded(&form, !plainly);
        prop_assert_eq!(request.verify(&*case.scheme, &secrets), Ok(0));
    }

    #[test]
    fn a_parameter_more_or_less_does_not(form in parameters(), name in "[D-Z]{1,4}", value in "[a-z]{0,3}", at: usize) {
        let case = cases().into_iter().find(Case::is_form).expect("there is a form");
        let secrets = case.secrets();
        let request = case.sign(&encoded(&form, true), &secrets);
        let mut more = form.clone();
        more.insert(at % (form.len() + 1), (name, value));
        let changed = Request { body: encoded(&more, true), ..request.clone() };
        prop_assert!(changed.verify(&*case.scheme, &secrets).is_err());
        if !form.is_empty() {
            let mut less = form.clone();
            let (name, value) = less.remove(at % form.len());
            // One that is there twice counts once.
            let is_repeat = less.contains(&(name, value));
            let changed = Request { body: encoded(&less, true), ..request };
            prop_assert_eq!(changed.verify(&*case.scheme, &secrets).is_ok(), is_repeat);
        }
    }

    #[test]
    fn a_flipped_bit_of_a_forms_body_changes_what_is_signed_or_does_not_fit(form in parameters(), bit: usize) {
        let case = cases().into_iter().find(Case::is_form).expect("there is a form");
        let secrets = case.secrets();
        let mut request = case.sign(&encoded(&form, false), &secrets);
        prop_assume!(!request.body.is_empty());
        flip(&mut request.body, bit);
        if request.verify(&*case.scheme, &secrets).is_ok() {
            let text = sluice_signature::Form::parse(&request.body).expect("it verified");
            let pairs: Vec<(String, String)> = text.pairs()
                .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(value).into_owned())).collect();
            prop_assert_eq!(signed_text(&pairs), signed_text(&form));
        }
    }

    #[test]
    fn a_flipped_bit_of_the_secret_does_not(key in "[!-~]{1,100}", bit: usize) {
        for case in cases().into_iter().filter(|case| !case.headers.iter().any(|(name, _)| name.ends_with("-id"))) {
            let request = case.sign(b"{}", &[Secret::new(key.as_str())]);
            let mut changed = key.clone().into_bytes();
            // Only the low seven bits: the text has to stay UTF-8.
            let at = bit % changed.len();
            changed[at] ^= 1 << (bit % 7);
            let changed = Secret::new(String::from_utf8(changed).expect("ASCII"));
            let refused = request.verify(&*case.scheme, &[changed]).is_err();
            prop_assert!(refused);
        }
    }

    #[test]
    fn no_message_panics_or_is_let_in(
        values in vec("[tv01ahs=, a-f0-9+/-]{0,120}|(key|algorithm)=(webhooks_sharedkey_1|HMAC_SHA256),?", 6),
        url in "(https?://)?[a-zA-Z:@/?#\\[\\]%&='. é]{0,40}(bodySHA256=[0-9a-f]{0,64})?",
        body in vec(any::<u8>(), 0..50),
        form: bool,
    ) {
        let all = ["", "-id", "-timestamp", "-settings"];
        for case in cases() {
            let name = case.scheme.header();
            let mut headers: Vec<(String, Vec<u8>)> =
                case.scheme.headers().iter().zip(&values).map(|(header, value)| ((*header).to_owned(), value.clone().into_bytes())).collect();
            headers.extend(all.iter().zip(&values).map(|(end, value)| (format!("{name}{end}x"), value.clone().into_bytes())));
            if form {
                headers.push(("Content-Type".to_owned(), FORM.to_vec()));
            }
            let request = Request { url: url.clone(), headers, body: body.clone() };
            let secrets = case.secrets();
            prop_assert!(request.verify(&*case.scheme, &secrets).is_err());
            let explanation = request.ask(|message| explain::explain(&*case.scheme, message, &secrets, NOW));
            prop_assert!(explanation.verdict.is_err());
            prop_assert!(explanation.fits.iter().all(|fit| *fit != Fit::Fitted));
            let _ = request.ask(|message| case.scheme.sign(message, &secrets, NOW));
            let _ = request.ask(Twilio::account);
            let _ = request.ask(|message| StandardWebhooks::id(message).map(str::len));
        }
    }

    #[test]
    fn no_bytes_panic_or_are_let_in(header in vec(any::<u8>(), 0..200), body in vec(any::<u8>(), 0..50)) {
        for case in cases() {
            let headers = case.scheme.headers().into_iter().map(|name| (name.to_owned(), header.clone())).collect();
            let request = Request { url: URL.to_owned(), headers, body: body.clone() };
            prop_assert!(request.verify(&*case.scheme, &case.secrets()).is_err());
        }
    }

    #[test]
    fn an_explanation_agrees_with_the_verdict(
        body in "[{}\\[\\]\",:a\n\r ]{1,40}",
        key in "[ \"a-z_]{0,9}",
        now in any::<i64>(),
        time in any::<i64>(),
    ) {
        let stripe = Stripe::new();
        let unsigned = Message { method: "POST", url: "", headers: &[], body: body.as_bytes() };
        let signed = stripe.sign(&unsigned, &[Secret::new("whsec_a")], time).expect("there is a secret");
        let headers = [(Stripe::HEADER, signed.headers[0].1.as_bytes())];
        let message = Message { headers: &headers, ..unsigned };
        let secrets = [Secret::new(key.as_str()), Secret::new("whsec_a")];
        let explanation = explain::explain(&stripe, &message, &secrets, now);
        prop_assert_eq!(explanation.clock_difference, Some(now.saturating_sub(time)));
        prop_assert_eq!(explanation.fits[1] == Fit::Fitted, explanation.verdict.is_ok());
        prop_assert_eq!(explanation.fits[1] == Fit::FittedTooOld, explanation.verdict.is_err());
        for case in cases().into_iter().filter(|case| !case.is_form()) {
            let [secret, _] = case.secrets();
            let request = case.sign(body.as_bytes(), std::slice::from_ref(&secret));
            let secrets = [Secret::new(format!("~{key}")), secret];
            let explanation = request.ask(|message| explain::explain(&*case.scheme, message, &secrets, NOW));
            prop_assert_eq!(explanation.verdict.map(|verified| verified.secret), Ok(1));
            prop_assert_eq!(explanation.fits[1], Fit::Fitted);
            prop_assert!(!explanation.headers.is_empty());
        }
    }
}

#[test]
fn large_input_takes_linear_time() {
    // Anything worse than linear would not end.
    let body = vec![b'a'; 4 << 20];
    for case in cases() {
        let secrets = case.secrets();
        let signed = case.sign(&body, &secrets);
        assert_eq!(signed.verify(&*case.scheme, &secrets), Ok(0), "{}", case.scheme.header());
        let mut long = signed;
        for (_, value) in &mut long.headers {
            *value = [&value[..], &b",x=1 v1,00,v1=00=,".repeat(200_000)].concat();
        }
        long.url.push_str(&"&a='b&&%".repeat(200_000));
        assert!(long.verify(&*case.scheme, &secrets).is_err());
    }
}

#[test]
fn many_signatures_take_linear_time() {
    let secrets = [Secret::new("whsec_a")];
    let body = vec![b'a'; 4 << 20];
    let unsigned = Message { method: "POST", url: "", headers: &[], body: &body };
    let signed = Stripe::new().sign(&unsigned, &secrets, NOW).expect("there is a secret").headers[0].1.clone();
    let header = format!("{}{}{signed}", "x=1,".repeat(500_000), "v1=00,".repeat(500_000));
    let message = Message { headers: &[(Stripe::HEADER, header.as_bytes())], ..unsigned };
    assert!(Stripe::new().verify(&message, &secrets, NOW).is_ok());

    let secrets = [Secret::new(SYMMETRIC)];
    let unsigned = Message { headers: &[("webhook-id", b"msg_1")], ..unsigned };
    let signed = StandardWebhooks::new().sign(&unsigned, &secrets, NOW).expect("there is a secret");
    let header = format!("{}{}", "v1,00 ".repeat(500_000), signed.headers[1].1);
    let headers =
        [("webhook-id", &b"msg_1"[..]), ("webhook-timestamp", signed.headers[0].1.as_bytes()), ("webhook-signature", header.as_bytes())];
    let message = Message { headers: &headers, ..unsigned };
    assert!(StandardWebhooks::new().verify(&message, &secrets, NOW).is_ok());
}

#[test]
fn forms_of_many_and_of_long_parameters_take_linear_time() {
    let secrets = [Secret::new("token")];
    let verify = |body: &[u8]| {
        let headers = [("content-type", FORM), (Twilio::HEADER, b"RSOYDt4T1cUTdK1PDd93/VVr8B8=")];
        let message = Message { method: "POST", url: URL, headers: &headers, body };
        Twilio::new().verify(&message, &secrets, NOW).map_err(|invalid| invalid.code())
    };
    let long = "a".repeat(4000);
    let names: Vec<String> = (0..1000).map(|number| format!("{long}{number}={long}")).collect();
    assert_eq!(verify(names.join("&").as_bytes()), Err("no_match"));
    assert_eq!(verify("a&".repeat(2_000_000).as_bytes()), Err("malformed_body"));
    assert_eq!(verify("%".repeat(4_000_000).as_bytes()), Err("malformed_body"));
    assert_eq!(verify("%41".repeat(1_300_000).as_bytes()), Err("no_match"));
}
