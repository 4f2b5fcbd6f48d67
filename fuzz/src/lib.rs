//! What is fuzzed: each target reads its input as the parts of a request, one a line, and behind them the body. It panics if a promise is
//! broken, and otherwise says whether the request was let in.

use std::{borrow::Cow, time::Duration};

use sluice_signature::{
    Encoded, Form, GitHub, KeyedHash, Message, Scheme, Secret, Sendro, Shopify, StandardWebhooks, Stripe, Twilio, Verified,
    explain::{Explained, Fit, explain},
};

/// The time at which everything is verified, Unix seconds.
pub const NOW: i64 = 1_771_000_000;
/// The secret of those that take any text, and Twilio's token.
pub const TEXT: &str = "0123456789abcdef0123456789abcdef";
/// Twilio's shared key.
pub const SHARED_KEY: &str = "webhooks_sharedkey_1:secret";
/// The token of one of Twilio's accounts.
pub const ACCOUNT: &str = "AC0a:token";
/// The key of Standard Webhooks' `v1`.
pub const SYMMETRIC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// The keys of its `v1a`.
pub const PUBLIC: &str = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=";
/// The private one.
pub const PRIVATE: &str = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==";

/// A target: whether the request was let in.
pub type Target = fn(&[u8]) -> bool;

/// Every target by the name of its corpus.
pub const TARGETS: [(&str, Target); 8] = [
    ("stripe", stripe),
    ("github", github),
    ("shopify", shopify),
    ("sendro", sendro),
    ("standard", standard),
    ("twilio", twilio),
    ("keyed", keyed),
    ("form", form),
];

/// The first `N` lines, and the rest. What is missing is empty.
fn lines<const N: usize>(data: &[u8]) -> ([&[u8]; N], &[u8]) {
    let mut rest = data;
    let lines = [(); N].map(|()| {
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + 1..]);
        line
    });
    (lines, rest)
}

/// Verifies, with an explanation that has to agree.
fn ask(scheme: &dyn Explained, message: &Message<'_>, secrets: &[Secret]) -> Option<Verified> {
    let verdict = scheme.verify(message, secrets, NOW);
    let explanation = explain(scheme, message, secrets, NOW);
    assert_eq!(explanation.verdict, verdict);
    assert_eq!(explanation.fits.len(), secrets.len());
    for finding in &explanation.findings {
        assert!(!finding.to_string().contains(secrets[0].reveal()), "{finding:?}");
    }
    match verdict {
        Ok(verified) => {
            assert_eq!(explanation.fits[verified.secret], Fit::Fitted);
            Some(verified)
        }
        Err(invalid) => {
            assert!(!explanation.fits.contains(&Fit::Fitted));
            assert!(!invalid.to_string().contains(secrets[0].reveal()));
            None
        }
    }
}

/// The headers that a scheme signs a message with.
fn sign(scheme: &dyn Scheme, unsigned: &Message<'_>, secret: &Secret, now: i64) -> Vec<(&'static str, String)> {
    scheme.sign(unsigned, std::slice::from_ref(secret), now).map_or_else(|_| Vec::new(), |signed| signed.headers)
}

/// `Stripe-Signature`, body.
pub fn stripe(data: &[u8]) -> bool {
    let ([header], body) = lines(data);
    let headers = [(Stripe::HEADER, header)];
    let message = Message { method: "POST", url: "", headers: &headers, body };
    let secrets = [Secret::new(TEXT)];
    let Some(verified) = ask(&Stripe::new(), &message, &secrets) else { return false };
    let timestamp = verified.timestamp.expect("Stripe signs the time");
    let signed = sign(&Stripe::new(), &message, &secrets[0], timestamp);
    let (_, v1) = signed[0].1.split_once(',').expect("a time and a signature");
    assert!(String::from_utf8_lossy(header).contains(v1), "it is the signature that signing gives");
    true
}

/// `X-Hub-Signature-256`, `X-Hub-Signature`, body.
pub fn github(data: &[u8]) -> bool {
    let ([header, old], body) = lines(data);
    let headers = [(GitHub::HEADER, header), (GitHub::OLD_HEADER, old)];
    body_alone(&GitHub, GitHub::HEADER, &headers, body)
}

/// `X-Webhook-Signature`, body.
pub fn sendro(data: &[u8]) -> bool {
    let ([header], body) = lines(data);
    body_alone(&Sendro, Sendro::HEADER, &[(Sendro::HEADER, header)], body)
}

/// `X-Slack-Signature`, `X-Slack-Request-Timestamp`, body.
pub fn keyed(data: &[u8]) -> bool {
    const SLACK: KeyedHash =
        KeyedHash::new("X-Slack-Signature", "v0=").with_time("X-Slack-Request-Timestamp", ["v0:", ":"], Duration::from_mins(5));
    let ([signature, time], body) = lines(data);
    let headers = [("X-Slack-Signature", signature), ("X-Slack-Request-Timestamp", time)];
    let message = Message { method: "POST", url: "", headers: &headers, body };
    let secrets = [Secret::new(TEXT)];
    let Some(verified) = ask(&SLACK, &message, &secrets) else { return false };
    let timestamp = verified.timestamp.expect("the time is signed");
    let signed = sign(&SLACK, &message, &secrets[0], timestamp);
    assert!(signed.iter().zip([time, signature]).all(|((_, value), sent)| value.as_bytes() == sent), "it is what signing gives");
    true
}

/// `X-Shopify-Hmac-Sha256`, `Shopify-Hmac-Sha256` if it is not empty, body.
pub fn shopify(data: &[u8]) -> bool {
    let ([header, newer], body) = lines(data);
    if newer.is_empty() {
        return body_alone(&Shopify, Shopify::HEADER, &[(Shopify::HEADER, header)], body);
    }
    let headers = [(Shopify::HEADER, header), (Shopify::EVENT_HEADER, newer)];
    body_alone(&Shopify, Shopify::EVENT_HEADER, &headers, body)
}

/// One text only is let in for each body.
fn body_alone(scheme: &dyn Explained, header: &str, headers: &[(&str, &[u8])], body: &[u8]) -> bool {
    let message = Message { method: "POST", url: "", headers, body };
    let secrets = [Secret::new(TEXT)];
    let verified = ask(scheme, &message, &secrets);
    let signed = sign(scheme, &message, &secrets[0], NOW);
    let expected = signed.first().map(|(_, value)| value.as_bytes());
    let sent = headers.iter().find(|(name, _)| *name == header).map(|(_, value)| *value);
    assert_eq!(verified.is_some(), expected.is_some() && expected == sent);
    verified.is_some()
}

/// `svix` or anything else for the family, id, timestamp, signatures, body.
pub fn standard(data: &[u8]) -> bool {
    let ([family, id, timestamp, signatures], body) = lines(data);
    let names = match family {
        b"svix" => ["svix-id", "svix-timestamp", "svix-signature"],
        _ => ["webhook-id", "webhook-timestamp", "webhook-signature"],
    };
    let headers = [(names[0], id), (names[1], timestamp), (names[2], signatures)];
    let message = Message { method: "POST", url: "", headers: &headers, body };
    let scheme = StandardWebhooks::new();
    let secrets = [SYMMETRIC, PUBLIC].map(Secret::new);
    let Some(verified) = ask(&scheme, &message, &secrets) else { return false };
    assert_eq!(StandardWebhooks::id(&message).map(str::as_bytes), Some(id));
    let time = verified.timestamp.expect("the time is signed");
    assert!(time.abs_diff(NOW) <= 300);
    let signer = Secret::new([SYMMETRIC, PRIVATE][verified.secret]);
    let signed = sign(&scheme, &Message { headers: &headers[..1], ..message }, &signer, time);
    assert_eq!(signed[0].1.as_bytes(), timestamp);
    let items: Vec<&[u8]> = signatures.split(|byte| *byte == b' ').collect();
    assert!(items.contains(&signed[1].1.as_bytes()), "it is the signature that signing gives");
    true
}

/// Method, URL, content type, settings, signature (each header left out if empty), body.
pub fn twilio(data: &[u8]) -> bool {
    let ([method, url, kind, settings, signature], body) = lines(data);
    let (Ok(method), Ok(url)) = (std::str::from_utf8(method), std::str::from_utf8(url)) else { return false };
    let all = [("Content-Type", kind), (Twilio::SETTINGS_HEADER, settings), (Twilio::HEADER, signature)];
    let headers: Vec<(&str, &[u8])> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let message = Message { method, url, headers: &headers, body };
    let secrets = [TEXT, SHARED_KEY, ACCOUNT].map(Twilio::secret);
    let verified = ask(&Twilio, &message, &secrets);
    if let Some(verified) = verified {
        assert_eq!(settings.is_empty(), verified.secret != 1, "the settings alone choose the shared key, and nothing else");
    }
    let account = Twilio::account(&message);
    if verified.is_some_and(|verified| verified.secret == 2) {
        assert!(account.is_none() || account.as_deref() == Some("AC0a"), "a token speaks for its account alone");
    }
    if verified.is_some() && !kind.eq_ignore_ascii_case(b"application/x-www-form-urlencoded") && !kind.is_empty() && !body.is_empty() {
        assert!(Form::parse(body).is_ok() || url.contains("bodySHA256="), "something vouches for the body");
    }
    sign_and_verify(&message, kind, &secrets);
    verified.is_some()
}

/// Whatever can be signed verifies, unless its URL has the hash of another body.
fn sign_and_verify(message: &Message<'_>, kind: &[u8], secrets: &[Secret]) {
    let kind = [("Content-Type", kind)];
    let unsigned = Message { headers: if kind[0].1.is_empty() { &[] } else { &kind }, ..*message };
    for secret in secrets {
        let Ok(signed) = Twilio.sign(&unsigned, std::slice::from_ref(secret), NOW) else { continue };
        let headers: Vec<(&str, &[u8])> =
            unsigned.headers.iter().copied().chain(signed.headers.iter().map(|(name, value)| (*name, value.as_bytes()))).collect();
        let url = signed.url.as_deref().unwrap_or(message.url);
        let verdict = Twilio.verify(&Message { url, headers: &headers, ..*message }, std::slice::from_ref(secret), NOW);
        assert!(verdict.is_ok() || message.url.contains("bodySHA256"), "{verdict:?}");
    }
}

/// A body.
pub fn form(data: &[u8]) -> bool {
    let encoded = Encoded::parse(data);
    let form = match Form::parse(data) {
        Ok(form) => form,
        Err(malformed) => {
            assert_eq!(encoded.err(), Some(malformed), "one reads what the other refuses");
            return false;
        }
    };
    let encoded = encoded.expect("a form");
    for name in form.pairs().filter_map(|(name, _)| std::str::from_utf8(name).ok()).take(8) {
        assert!(form.values(name).map(Cow::Borrowed).eq(encoded.values(name)), "{name}");
    }
    let mut escaped = String::new();
    for (name, value) in form.pairs() {
        assert!(!name.is_empty());
        for (bytes, end) in [(name, '='), (value, '&')] {
            escaped.extend(bytes.iter().map(|byte| format!("%{byte:02x}")));
            escaped.push(end);
        }
    }
    escaped.pop();
    assert_eq!(Form::parse(escaped.as_bytes()).as_ref(), Ok(&form), "escaping changes nothing");
    let length: usize = form.pairs().map(|(name, value)| name.len() + value.len()).sum();
    assert!(length <= data.len() && form.pairs().len() <= Form::MOST);
    true
}
