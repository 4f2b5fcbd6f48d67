//! The requests, as bytes, made before the clock starts.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use sluice_signature::{Message, Scheme, Secret, Stripe};

use crate::{clock, inbound::Kind, server};

/// The booking that the sample names; in its place comes another for each event.
const SAMPLE_BOOKING: &str = "12345";
/// When the sample happened. Those that the load sends happened one after the other, at the rate that is the aim, until just now.
const SAMPLE_TIME: &str = "\"created\": 1795176300";
/// How many events happen in a second.
const PER_SECOND: usize = 3_000;
/// What Stripe's ids begin with. Those of another event are others.
const ID_PREFIXES: [&str; 7] = ["evt_", "pi_", "ch_", "cus_", "pm_", "pmc_", "req_"];

/// A file under `events/`.
#[derive(Deserialize)]
pub(crate) struct Sample {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Reads a sample.
pub(crate) fn sample(provider: &str, name: &str) -> Result<Sample, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(provider).join(format!("{name}.json"));
    let problem = |error: &dyn std::fmt::Display| format!("the sample {} can't be read: {error}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| problem(&error))?;
    serde_json::from_str(&text).map_err(|error| problem(&error))
}

/// One request for each event: distinct ids, for distinct bookings, signed just now.
pub(crate) fn events(kind: Kind, count: usize) -> Result<Vec<Vec<u8>>, String> {
    let sample = sample("stripe", kind.sample())?;
    let (secrets, now) = ([Secret::new(server::STRIPE_SECRET)], clock::unix());
    (0..count)
        .map(|number| {
            let body = with_other_ids(&sample.body, number).replace(SAMPLE_BOOKING, &booking(number));
            let before = i64::try_from((count - number) / PER_SECOND).unwrap_or(0);
            let body = body.replace(SAMPLE_TIME, &format!("\"created\": {}", now - before));
            let unsigned = Message { method: "POST", url: "", headers: &[], body: body.as_bytes() };
            let signed = Stripe::new().sign(&unsigned, &secrets, now).map_err(|error| error.to_string())?;
            let kept = sample.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let signature = signed.headers.iter().map(|(name, value)| (*name, value.as_str()));
            Ok(request("POST", &sample.path, kept.chain(signature), &body))
        })
        .collect()
}

/// One request for each booking that an event is about.
pub(crate) fn bookings(count: usize) -> Vec<Vec<u8>> {
    // Each of a customer of its own: a number with all of the bookings would be one record that every request changes.
    let put = |number| {
        let body = format!(
            r#"{{"customer_name":"Ana Lima","customer_email":"ana{number}@example.com","customer_phone":"+1500{number:07}","deposit_amount":6000,"currency":"usd"}}"#
        );
        request("PUT", &format!("/api/v1/bookings/{}", booking(number)), authorized().into_iter(), &body)
    };
    (0..count).map(put).collect()
}

/// A request that puts a record.
pub(crate) fn put(path: &str, body: &serde_json::Value) -> Vec<u8> {
    request("PUT", &format!("/api/v1/{path}"), authorized().into_iter(), &body.to_string())
}

/// A request for a record or for a page of a list.
pub(crate) fn page(path: &str) -> Vec<u8> {
    request("GET", path, authorized().into_iter(), "")
}

/// A request that posts JSON to the API.
pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    request("POST", path, authorized().into_iter(), body)
}

fn authorized() -> [(&'static str, &'static str); 1] {
    [("Authorization", server::BEARER)]
}

pub(crate) fn request<'a>(method: &str, path: &str, headers: impl Iterator<Item = (&'a str, &'a str)>, body: &str) -> Vec<u8> {
    let headers: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

fn booking(number: usize) -> String {
    format!("bench-{number:07}")
}

/// The body with other ids, so that the compressor, whose dictionary was trained on the samples, finds no more in it than in a real one.
fn with_other_ids(body: &str, number: usize) -> String {
    let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut renamed = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(start) = rest.find(is_part) {
        let (between, tail) = rest.split_at(start);
        let (word, tail) = tail.split_at(tail.find(|character| !is_part(character)).unwrap_or(tail.len()));
        renamed.push_str(between);
        match ID_PREFIXES.into_iter().find(|prefix| word.starts_with(prefix)) {
            Some(prefix) if word.bytes().any(|byte| byte.is_ascii_digit()) => {
                renamed.push_str(prefix);
                renamed.extend(other_letters(&word[prefix.len()..], number as u64));
            }
            _ => renamed.push_str(word),
        }
        rest = tail;
    }
    renamed + rest
}

/// A letter or digit of the same kind for each, by xorshift64 (Marsaglia, 2003) from the event's number.
fn other_letters(id: &str, number: u64) -> impl Iterator<Item = char> {
    let mut state = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    id.bytes().map(move |byte| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let (first, count) = match byte {
            b'0'..=b'9' => (b'0', 10),
            b'a'..=b'z' => (b'a', 26),
            b'A'..=b'Z' => (b'A', 26),
            _ => return char::from(byte),
        };
        // The upper bits are the better ones.
        char::from(first + u8::try_from((state >> 32) % count).unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_event_has_ids_of_its_own_and_the_same_words() {
        let sample = r#"{"id": "evt_3SVeK2J8rWc2", "object": {"id": "pi_3SVeK2J8rW", "type": "pi_type"}, "created": 1795176300}"#;
        let first = with_other_ids(sample, 1);
        assert_eq!(first.len(), sample.len());
        assert!(first.contains("\"evt_") && first.contains("\"pi_type\"") && first.contains("1795176300"), "{first}");
        assert!(!first.contains("SVeK2J8"), "{first}");
        let all: HashSet<_> = (0..10_000).map(|number| with_other_ids("evt_3SVeK2J8rWc2LdKe1fZs5BnT", number)).collect();
        assert_eq!(all.len(), 10_000);
    }

    #[test]
    fn events_are_signed_over_their_own_bodies() {
        let requests = events(Kind::Payment, 2).expect("the sample is there");
        assert!(!requests.iter().any(|request| String::from_utf8_lossy(request).contains(SAMPLE_TIME)));
        for request in &requests {
            let text = String::from_utf8(request.clone()).expect("text");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
            let value = head.lines().find_map(|line| line.strip_prefix("Stripe-Signature: ")).expect("signed");
            let headers = [("stripe-signature", value.as_bytes())];
            let message = Message { method: "POST", url: "", headers: &headers, body: body.as_bytes() };
            Stripe::new().verify(&message, &[Secret::new(server::STRIPE_SECRET)], clock::unix()).expect("valid");
        }
        assert!(String::from_utf8_lossy(&requests[1]).contains(r#""booking_id": "bench-0000001""#));
    }
}
