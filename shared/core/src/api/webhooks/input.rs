use std::{collections::BTreeMap, time::Duration};

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use sluice_guard::{Rules, Target};

use crate::{
    api::{Problem, key::Caller},
    form::{Form, email, id, line},
    time::parse_length,
    webhooks::{OwnHeader, Pattern, Signing, Subscription, TIMEOUT, is_free, schedule::RetrySchedule},
};

/// The fields that a subscription is made with.
const FIELDS: &[&str] =
    &["url", "event_types", "description", "tenant", "owner_email", "headers", "rate_limit", "timeout", "retry_schedule", "signatures"];
/// The most patterns of one subscription: each is a document, and one commit has room for as many that go as come, with the subscription and what else changes.
const MOST_PATTERNS: usize = 48;
/// The most headers.
const MOST_HEADERS: usize = 20;
/// The longest value of a header, characters.
const LONGEST_HEADER: usize = 1_000;
/// What is shown of the value of a header, which may be a secret under any name.
pub(super) const MASKED: &str = "…";
/// The highest rate limit.
const FASTEST: u64 = 10_000;

/// Whether all fields are read, or those that are there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fields {
    All,
    Changes,
}

/// The fields that a tenant sends, with its tenant among them: it makes things for nobody else.
pub(super) fn of_caller(mut fields: Map<String, Value>, caller: &Caller) -> Result<Map<String, Value>, Problem> {
    let Some(tenant) = caller.tenant() else { return Ok(fields) };
    if fields.get("tenant").is_some_and(|named| !named.is_null() && named != tenant) {
        let mut form = Form::new(&fields, &["tenant"]);
        form.wrong("tenant", "must be that of the API key, or left out");
        let errors = form.into_errors().into_iter().filter(|error| error.field == "tenant").collect();
        return Err(Problem::fields(errors));
    }
    fields.insert("tenant".to_owned(), tenant.into());
    Ok(fields)
}

/// Reads what is said of a subscription into it. `null` takes back what can be left out.
pub(super) fn read(fields: &Map<String, Value>, which: Fields, rules: &Rules, into: &mut Subscription) -> Result<(), Problem> {
    let mut form = Form::new(fields, FIELDS);
    if fields.contains_key("id") {
        form.wrong("id", "is drawn by Sluice; leave it out");
    }
    let given = |field: &str| which == Fields::All || fields.contains_key(field);
    if given("url") {
        into.url = form.required("url", |value| url(value, rules));
    }
    if given("event_types") {
        into.event_types = form.required("event_types", patterns);
    }
    if given("description") {
        into.description = form.optional("description", line(500)).unwrap_or_default();
    }
    if which == Fields::All {
        into.tenant = form.optional("tenant", id);
    } else if fields.contains_key("tenant") {
        form.wrong("tenant", "can't be changed; make another subscription");
    }
    if given("owner_email") {
        into.owner_email = form.optional("owner_email", email);
    }
    if given("headers") {
        into.headers = form.optional("headers", headers).unwrap_or_default();
    }
    if given("rate_limit") {
        into.rate_limit = form.optional("rate_limit", rate_limit);
    }
    if given("timeout") {
        into.timeout = form.optional("timeout", timeout);
    }
    if given("retry_schedule") {
        into.retry_schedule = form.optional("retry_schedule", retry_schedule);
    }
    if given("signatures") {
        into.signatures = form.optional("signatures", signatures).unwrap_or_default();
    }
    let errors = form.into_errors();
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

fn url(value: &Value, rules: &Rules) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| "must be a text".to_owned())?;
    Target::parse(text, rules).map_err(|bad| bad.to_string())?;
    Ok(text.to_owned())
}

fn patterns(value: &Value) -> Result<Vec<Pattern>, String> {
    let wrong = || format!("must be a list of 1 to {MOST_PATTERNS} types, such as booking.refunded, booking.* or *");
    let items = value.as_array().filter(|items| (1..=MOST_PATTERNS).contains(&items.len())).ok_or_else(wrong)?;
    let mut patterns = Vec::new();
    for item in items {
        let text = item.as_str().ok_or_else(wrong)?;
        let pattern = Pattern::parse(text).ok_or_else(|| {
            format!("{text:?} is no type: words of letters, digits, _, -, /, : and brackets, separated by full stops; or NAME.* or *")
        })?;
        if !patterns.contains(&pattern) {
            patterns.push(pattern);
        }
    }
    Ok(patterns)
}

/// Headers whose values are still to be sealed.
fn headers(value: &Value) -> Result<BTreeMap<String, OwnHeader>, String> {
    let wrong = || format!("must be an object of at most {MOST_HEADERS} headers, names and texts of at most {LONGEST_HEADER} characters");
    let fields = value.as_object().filter(|fields| fields.len() <= MOST_HEADERS).ok_or_else(wrong)?;
    let mut headers = BTreeMap::new();
    for (name, value) in fields {
        let text = value.as_str().filter(|text| text.len() <= LONGEST_HEADER).ok_or_else(wrong)?;
        if text == MASKED {
            return Err(format!("{name:?}: {MASKED} is shown in place of the value; send the value itself, or leave the headers out"));
        }
        let fits = HeaderName::try_from(name).is_ok() && HeaderValue::from_str(text).is_ok();
        if !fits {
            return Err(format!("{name:?} can't be sent as a header"));
        }
        if !is_free(name) {
            return Err(format!("{name:?} is a header that Sluice or the connection sets"));
        }
        headers.insert(name.to_ascii_lowercase(), OwnHeader::Plain(text.to_owned()));
    }
    Ok(headers)
}

fn rate_limit(value: &Value) -> Result<u32, String> {
    let limit = value.as_u64().filter(|limit| (1..=FASTEST).contains(limit));
    let limit = limit.and_then(|limit| u32::try_from(limit).ok());
    limit.ok_or_else(|| format!("must be a whole number from 1 to {FASTEST}: deliveries a second"))
}

/// A length of time: a number of seconds, or a text such as `90s`.
fn length(value: &Value) -> Option<Duration> {
    match value {
        Value::Number(number) => number.as_u64().map(Duration::from_secs),
        Value::String(text) => parse_length(text).ok(),
        _ => None,
    }
}

fn timeout(value: &Value) -> Result<u64, String> {
    let seconds = length(value).map(|length| length.as_secs()).filter(|seconds| (1..=TIMEOUT.as_secs()).contains(seconds));
    seconds.ok_or_else(|| format!("must be from 1 to {} seconds", TIMEOUT.as_secs()))
}

fn retry_schedule(value: &Value) -> Result<RetrySchedule, String> {
    let wrong = || "must be a list of at most 20 waits of 1s to 72h, such as [\"1m\", \"5m\", \"2h\"], or of seconds".to_owned();
    let waits = value.as_array().ok_or_else(wrong)?.iter().map(|wait| length(wait).map(|wait| wait.as_secs()));
    waits.collect::<Option<Vec<_>>>().and_then(RetrySchedule::new).ok_or_else(wrong)
}

/// Which signatures each delivery has. `v1` is always among them: the plain header rests on the same secret.
fn signatures(value: &Value) -> Result<Vec<Signing>, String> {
    let wrong = || "must be [\"v1\"] or [\"v1\", \"v1a\"]".to_owned();
    let mut signatures: Vec<Signing> = serde_json::from_value(value.clone()).map_err(|_| wrong())?;
    signatures.sort();
    signatures.dedup();
    if signatures.first() == Some(&Signing::V1) { Ok(signatures) } else { Err(wrong()) }
}

/// How long the secret before signs beside the new one.
pub(super) fn overlap(fields: &Map<String, Value>) -> Result<Duration, Problem> {
    use crate::webhooks::{LONGEST_OVERLAP, OVERLAP};
    let mut form = Form::new(fields, &["overlap"]);
    let read = form.optional("overlap", |value| {
        length(value).filter(|length| *length <= LONGEST_OVERLAP).ok_or_else(|| "must be from 0s to 7d, such as 24h".to_owned())
    });
    let errors = form.into_errors();
    if errors.is_empty() { Ok(read.unwrap_or(OVERLAP)) } else { Err(Problem::fields(errors)) }
}
