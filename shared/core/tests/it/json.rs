//! The reader of JSON beside serde_json, on mutated samples, made-up tokens and bytes; and Stripe's and GitHub's events beside the types that serde_json would
//! read them into.

use std::{borrow::Cow, collections::BTreeMap};

use proptest::{prelude::*, test_runner::TestRunner};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use sluice_core::{
    json::insist,
    provider::{GitHub, Named, Provider, Route, Stripe},
    testing::TestSize,
    time::Timestamp,
};
use sluice_signature::Message;

use crate::{fuzz::json::json, samples::samples};

/// What makes or breaks JSON.
const TOKENS: [&[u8]; 40] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"\"",
    b"\\",
    b"\\u",
    b"d83d",
    b"\\ude00",
    b"\\\"",
    b" ",
    b"\n",
    b"\t",
    b"\r",
    b"\x00",
    b"\x7f",
    b"\xc3",
    b"\xa9",
    b"\xff",
    b"0",
    b"7",
    b"-",
    b"+",
    b".",
    b"e",
    b"E",
    b"null",
    b"true",
    b"false",
    b"\"a\"",
    b"\"b\"",
    b"\"c\"",
    b"\"id\"",
    b"\"a\":",
    b"{\"a\":1}",
    b"[1,2]",
    b"                ",
    b"\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
];

/// One step away from what was there.
#[derive(Clone, Debug)]
enum Change {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, &'static [u8]),
    Cut(prop::sample::Index, usize),
    Double(prop::sample::Index, usize),
    End(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (at(), prop::sample::select(&TOKENS[..])).prop_map(|(at, token)| Change::Insert(at, token)),
        (at(), 1_usize..80).prop_map(|(at, length)| Change::Cut(at, length)),
        (at(), 1_usize..80).prop_map(|(at, length)| Change::Double(at, length)),
        at().prop_map(Change::End),
    ]
}

impl Change {
    fn make(&self, data: &mut Vec<u8>) {
        let (at, length) = match self {
            Self::Replace(at, _) | Self::Insert(at, _) | Self::End(at) => (at, 0),
            Self::Cut(at, length) | Self::Double(at, length) => (at, *length),
        };
        let at = at.index(data.len() + 1);
        let end = data.len().min(at + length);
        match self {
            Self::Replace(_, byte) => data.iter_mut().skip(at).take(1).for_each(|place| *place = *byte),
            Self::Insert(_, token) => drop(data.splice(at..at, token.iter().copied())),
            Self::Cut(..) => drop(data.drain(at..end)),
            Self::Double(..) => {
                let twice = data[at..end].to_vec();
                data.splice(at..at, twice);
            }
            Self::End(_) => data.truncate(at),
        }
    }
}

/// The bodies of these providers' samples that are JSON.
fn bodies(providers: &[&str]) -> Vec<Vec<u8>> {
    let samples = samples().into_iter().filter(|sample| providers.contains(&sample.provider.name()));
    let bodies: Vec<_> = samples.map(|sample| sample.body().as_bytes().to_vec()).filter(|body| insist(body).is_ok()).collect();
    assert!(bodies.len() > 10, "{}", bodies.len());
    bodies
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: TestSize::of_this_run().pick(512, 200_000), failure_persistence: None, ..ProptestConfig::default() }
}

/// Looks at so many texts of a kind that are not known before this runs.
fn try_all(texts: &impl Strategy<Value = Vec<u8>>, check: impl Fn(&[u8])) {
    let looked = TestRunner::new(config()).run(texts, |text| {
        check(&text);
        Ok(())
    });
    looked.expect("they are read alike");
}

fn changed(providers: &[&str]) -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(bodies(providers)), prop::collection::vec(change(), 0..4)).prop_map(|(mut body, changes)| {
        changes.iter().for_each(|change| change.make(&mut body));
        body
    })
}

#[test]
fn samples_one_step_or_a_few_away() {
    try_all(&changed(&["stripe", "github", "shopify", "sendro", "standard", "slack"]), |body| {
        json(body);
    });
}

#[test]
fn nothing_takes_stack_or_more_than_its_own_length() {
    for open in [&b"["[..], b"{\"a\":"] {
        let deep = open.repeat((1 << 20) / open.len());
        assert!(insist(&deep).is_err());
    }
    let deep = [&b"[".repeat(1 << 19)[..], &b"]".repeat(1 << 19)].concat();
    assert!(insist(&deep).is_ok() && insist(&deep[..deep.len() - 1]).is_err());
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn tokens_in_any_order(tokens in prop::collection::vec(prop::sample::select(&TOKENS[..]), 0..40)) {
        json(&tokens.concat());
    }

    #[test]
    fn within_an_object(tokens in prop::collection::vec(prop::sample::select(&TOKENS[..]), 0..12), before in 0_usize..140) {
        json(&[b"{\"b\":{\"x\":\"", &b"y".repeat(before)[..], b"\",", &tokens.concat(), b"},\"a\":1}"].concat());
        json(&[b"{\"", &b"y".repeat(before)[..], &tokens.concat(), b"\":1}"].concat());
    }

    #[test]
    fn whatever_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        json(&bytes);
    }

    /// Values that are JSON, written compactly and in lines.
    #[test]
    fn whatever_is_written(value in value()) {
        let (compact, in_lines) = (value.to_string(), format!("{value:#}"));
        prop_assert!(json(compact.as_bytes()) && json(in_lines.as_bytes()));
    }
}

fn value() -> impl Strategy<Value = Value> {
    let name = prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("c".to_owned()), "\\PC{0,80}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,150}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..8).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// An event of Stripe's as a type.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    created: Created,
    #[serde(borrow, default)]
    account: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    context: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Created {
    Seconds(i64),
    Text(String),
}

/// One of GitHub's.
#[derive(Deserialize)]
struct Payload {
    action: Option<String>,
    repository: Option<Repository>,
    organization: Option<Account>,
}

#[derive(Deserialize)]
struct Repository {
    owner: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    login: Option<String>,
}

fn is_name(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) && text.trim() == text
}

fn named(provider: &dyn Provider, headers: &[(&str, &[u8])], body: &[u8]) -> Option<Named> {
    let message = Message { method: "POST", url: "", headers, body };
    provider.name_event(&Route { channel: "", source: "default" }, &message).ok()
}

fn stripe(body: &[u8]) -> Option<Named> {
    let event: Event<'_> = serde_json::from_slice(body).ok()?;
    let occurred_at = match event.created {
        Created::Seconds(seconds) => Timestamp::from_seconds(seconds),
        Created::Text(text) => text.parse().ok()?,
    };
    let account = event.account.or(event.context).filter(|account| is_name(account)).map(Cow::into_owned);
    let (key, kind) = (event.id.into_owned(), event.kind.into_owned());
    (is_name(&key) && is_name(&kind)).then_some(Named { key, kind, occurred_at: Some(occurred_at), account })
}

fn github(body: &[u8]) -> Option<Named> {
    let payload: Payload = serde_json::from_slice(body).ok()?;
    let kind = payload.action.filter(|action| is_name(action)).map_or_else(|| "push".to_owned(), |action| format!("push.{action}"));
    let owner = payload.organization.or_else(|| payload.repository.and_then(|repository| repository.owner));
    let account = owner.and_then(|owner| owner.login).filter(|login| is_name(login));
    Some(Named { key: "1".to_owned(), kind, occurred_at: None, account })
}

/// serde_json takes an array for a type, too, its fields in their order. No provider sends that, and it is refused.
fn has_array_at(places: &[&str], body: &[u8]) -> bool {
    places.iter().any(|place| text_at(place, body).is_some_and(|text| text.starts_with('[')))
}

/// The text of the value at a place. What stands beside it may be what a [`Value`] can't hold, such as half a pair of surrogates.
fn text_at<'a>(place: &str, body: &'a [u8]) -> Option<&'a str> {
    let mut found: &RawValue = serde_json::from_slice(body).ok()?;
    for name in place.split('/').skip(1) {
        found = serde_json::from_str::<BTreeMap<String, &RawValue>>(found.get()).ok()?.remove(name)?;
    }
    Some(found.get())
}

/// What is read of events, and what isn't.
const NAMES: [&str; 9] = ["id", "type", "created", "account", "context", "action", "organization", "repository", "x"];

/// Values of the right type and of the wrong one.
const VALUES: [&str; 25] = [
    "null",
    "\"a\"",
    "\"\"",
    "\"\\u0061\"",
    "\"\\ud800\"",
    "\"\u{e9}\"",
    "7",
    "-0",
    "1.5",
    "9223372036854775808",
    "\"2026-11-22T09:00:00Z\"",
    "\"2026\"",
    "true",
    "{}",
    "[]",
    "{\"login\":\"a\"}",
    "{\"login\":7}",
    "{\"login\":null}",
    "{\"owner\":{\"login\":\"b\"}}",
    "{\"owner\":null}",
    "{\"owner\":[]}",
    "{\"owner\":{\"login\":\"a\",\"login\":\"b\"}}",
    "{\"owner\":{},\"owner\":{}}",
    "{\"id\":1,\"id\":2}",
    "[{\"id\":1}]",
];

fn lines() -> impl Strategy<Value = Vec<u8>> {
    let field =
        (prop::sample::select(&NAMES[..]), prop::sample::select(&VALUES[..])).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    let usual = Just(r#""id":"evt_1","type":"a.b","created":1795175760"#.to_owned());
    (prop::option::of(usual), prop::collection::vec(field, 0..5)).prop_map(|(usual, fields)| {
        let fields: Vec<_> = usual.into_iter().chain(fields).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    })
}

const GITHUB: [(&str, &[u8]); 2] = [("x-github-delivery", b"1"), ("x-github-event", b"push")];

fn alike(body: &[u8]) {
    let expected = stripe(body).filter(|_| !has_array_at(&[""], body));
    assert_eq!(named(&Stripe, &[], body), expected);
    // A form is another matter.
    if !body.starts_with(b"payload=") {
        let expected = github(body).filter(|_| !has_array_at(&["", "/repository", "/organization", "/repository/owner"], body));
        assert_eq!(named(&GitHub, &GITHUB, body), expected);
    }
}

#[test]
fn events_are_named_as_their_types_say() {
    try_all(&changed(&["stripe", "github"]), alike);
    try_all(&lines(), alike);
}
