use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use super::{input::of_caller, on};
use crate::{
    api::{
        Api, Problem,
        key::Caller,
        page::{PageOf, Paging},
        parameters::{Known, Parameters, WholeBody, object_if_any},
    },
    envelope::InboundMessage,
    event::EventRecord,
    form::{self, Form},
    ids::fresh,
    listing,
    news::BUSINESS_EVENTS,
    ports::{Commit, Committed, Index, Message, PortError, QueueName, Stored},
    record::Record,
    schema::described,
    time::Timestamp,
    webhooks::{Begun, FanOut, LARGEST_DATA, OWN_NEWS, OutboundMessage, Publication, Published, is_event_type},
};

/// The longest `Idempotency-Key`, characters.
const LONGEST_KEY: usize = 255;
/// The deepest that data is nested: many programs that read JSON go no further than 128.
const DEEPEST: usize = 100;
/// How often a publication whose answer was lost is tried.
const TRIES: u32 = 3;

described! {
    /// An event that was published, as lists show it.
    #[derive(Serialize)]
    pub(in crate::api) struct View as "Event" {
        /// The `webhook-id` of all its deliveries.
        id: String,
        r#type: String,
        /// When it happened.
        timestamp: Timestamp,
        /// Whose it is; null for the operator's.
        tenant: Option<String>,
        published_at: Timestamp,
        /// The event record that it goes back to, with what became of its fan-out; null for the key of a tenant, which can't read it.
        inbound: Option<String>,
        /// When its data was erased, because of the personal data in it.
        erased_at: Option<Timestamp>,
    }
}

described! {
    /// An event that was published, with its data.
    #[derive(Serialize)]
    pub(in crate::api) struct Whole as "EventWithData" {
        ..view: View,
        /// As it was published; of a webhook its body, a form as an object, and what is neither as a text; null if it was erased.
        data: Option<Box<RawValue>>,
    }
}

impl View {
    fn of(event: &Published, caller: &Caller) -> Self {
        Self {
            id: event.id.clone(),
            r#type: event.kind.clone(),
            timestamp: event.occurred_at,
            tenant: event.tenant.clone(),
            published_at: event.published_at,
            inbound: caller.tenant().is_none().then(|| format!("/api/v1/inbound/{}", event.event)),
            erased_at: event.erased_at,
        }
    }
}

#[derive(Deserialize)]
pub(in crate::api) struct Filter {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl Known for Filter {
    const NAMES: &'static [&'static str] = &["type", "limit", "cursor"];
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<PageOf<View>>, Problem> {
    on(&api)?;
    let (cursor, limit) = (filter.paging.cursor()?, filter.paging.limit()?);
    let keep = |stored: &Stored| {
        let wanted = |event: &Published| filter.kind.as_ref().is_none_or(|kind| event.kind == *kind);
        let fits = |event: Published| caller.sees(event.tenant.as_deref()) && wanted(&event);
        Published::from_stored(stored).is_ok_and(fits)
    };
    // A tenant's own stand together.
    let (index, name) = match caller.tenant() {
        None => (Index::List, Published::KIND.to_owned()),
        Some(tenant) => (Index::Group, Published::list_of(tenant)),
    };
    let listed = listing::list(&*api.store, index, &name, cursor, limit, keep).await?;
    let views = listed.items.iter().map(|stored| Published::from_stored(stored).map(|event| View::of(&event, &caller)));
    Ok(Json(PageOf::new(views.collect::<Result<_, _>>()?, listed.next)))
}

pub(super) async fn read(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Result<Json<Whole>, Problem> {
    on(&api)?;
    let missing = || Problem::not_found("event");
    let found = api.store.get(&[Published::key(&id)]).await?.pop().flatten().ok_or_else(missing)?;
    let event = Published::from_stored(&found)?;
    if !caller.sees(event.tenant.as_deref()) {
        return Err(missing());
    }
    let data = event.data(&*api.store).await?;
    Ok(Json(Whole { view: View::of(&event, &caller), data }))
}

/// What somebody publishes.
struct Given {
    kind: String,
    data: Box<RawValue>,
    tenant: Option<String>,
    occurred_at: Option<Timestamp>,
}

/// The field whose text is kept: read as a value, large numbers would lose digits, and fields their order.
#[derive(Deserialize)]
struct AsSent<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// The fields of a publication. That of its data is there without what it says, of which nothing needs to be understood: a number may be too large to be one here.
fn fields(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let Ok(read) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(body) else { return object_if_any(body) };
    let value = |(name, text): (String, &RawValue)| {
        let is_data = name == "data" && text.get().starts_with('{');
        let value = if is_data { Ok(Value::Object(Map::new())) } else { serde_json::from_str(text.get()) };
        value.map(|value| (name, value)).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")))
    };
    read.into_iter().map(value).collect()
}

fn given(body: &[u8], caller: &Caller, now: Timestamp) -> Result<Given, Problem> {
    let fields = of_caller(fields(body)?, caller)?;
    let not_json = |error: serde_json::Error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}"));
    let sent = if body.is_empty() { None } else { serde_json::from_slice::<AsSent<'_>>(body).map_err(not_json)?.data };
    let mut form = Form::new(&fields, &["type", "data", "tenant", "occurred_at"]);
    if fields.contains_key("id") {
        form.wrong("id", "is drawn by Sluice; send your own as the header Idempotency-Key");
    }
    let given = Given {
        kind: form.required("type", |value| event_type(value, caller)),
        data: form.required("data", |value| data(value, sent)),
        tenant: form.optional("tenant", form::id),
        occurred_at: form.optional("occurred_at", form::past_time(now)),
    };
    let errors = form.into_errors();
    if errors.is_empty() { Ok(given) } else { Err(Problem::fields(errors)) }
}

/// A type of the caller's own. Those by which Sluice tells of records are the operator's to use, whose records they are: told by a tenant, they would
/// reach the operator's subscriptions as if they were so.
fn event_type(value: &Value, caller: &Caller) -> Result<String, String> {
    let wrong = "must be a type such as order.created: words of letters, digits, _ and -, separated by full stops";
    let text = value.as_str().filter(|text| is_event_type(text)).ok_or(wrong)?;
    let provider =
        |text: &str| crate::provider::NAMES.iter().any(|provider| text.strip_prefix(provider).is_some_and(|rest| rest.starts_with('.')));
    if OWN_NEWS.iter().any(|prefix| text.starts_with(prefix)) || provider(text) {
        return Err("begins with a name under which Sluice publishes itself".to_owned());
    }
    if caller.tenant().is_some() && BUSINESS_EVENTS.iter().any(|event| event.name == text) {
        return Err("is a type by which Sluice tells of records; the key of a tenant publishes under types of its own".to_owned());
    }
    Ok(text.to_owned())
}

fn data(value: &Value, sent: Option<&RawValue>) -> Result<Box<RawValue>, String> {
    let text = sent.filter(|_| value.is_object()).map(|sent| without_blanks(sent.get())).filter(|text| text.len() <= LARGEST_DATA);
    let wrong = || format!("must be an object of at most {} KiB", LARGEST_DATA >> 10);
    if text.as_deref().is_some_and(|text| depth(text) > DEEPEST) {
        return Err(format!("must be nested at most {DEEPEST} deep"));
    }
    text.and_then(|text| RawValue::from_string(text).ok()).ok_or_else(wrong)
}

/// JSON text without the blanks between its tokens (RFC 8259, section 2), and otherwise as it is.
fn without_blanks(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let kept = |character: &char| {
        if in_text {
            in_text = escaped || *character != '"';
            escaped = !escaped && *character == '\\';
            return true;
        }
        in_text = *character == '"';
        !matches!(character, ' ' | '\t' | '\n' | '\r')
    };
    json.chars().filter(kept).collect()
}

/// How deep JSON text is nested.
fn depth(json: &str) -> usize {
    let (mut in_text, mut escaped) = (false, false);
    let (mut now, mut deepest) = (0_usize, 0);
    for byte in json.bytes() {
        match byte {
            b'"' if !escaped => in_text = !in_text,
            b'{' | b'[' if !in_text => now += 1,
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
        escaped = in_text && !escaped && byte == b'\\';
        deepest = deepest.max(now);
    }
    deepest
}

/// Whether two JSON texts say the same, whatever the order of their fields, and however their texts are escaped. A number is taken by its digits: as a
/// value, large ones would be rounded to the same.
fn say_the_same(one: &[u8], other: &[u8]) -> bool {
    fn read<'a, T: Deserialize<'a>>(one: &'a [u8], other: &'a [u8]) -> Option<(T, T)> {
        Some((serde_json::from_slice(one).ok()?, serde_json::from_slice(other).ok()?))
    }
    fn same(one: &RawValue, other: &RawValue) -> bool {
        say_the_same(one.get().as_bytes(), other.get().as_bytes())
    }
    if one == other {
        return true;
    }
    match (one.first(), other.first()) {
        (Some(b'{'), Some(b'{')) => read::<BTreeMap<String, &RawValue>>(one, other).is_some_and(|(one, other)| {
            one.keys().eq(other.keys()) && one.values().zip(other.values()).all(|(one, other)| same(one, other))
        }),
        (Some(b'['), Some(b'[')) => read::<Vec<&RawValue>>(one, other)
            .is_some_and(|(one, other)| one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))),
        (Some(b'"'), Some(b'"')) => read::<String>(one, other).is_some_and(|(one, other)| one == other),
        _ => false,
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim).filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, format!("Idempotency-Key is 1 to {LONGEST_KEY} visible characters"));
    key.map(Some).ok_or_else(wrong)
}

/// Publishes an event. With the same `Idempotency-Key` it is published once, and answered the same again, for 35 days.
pub(super) async fn publish(
    State(api): State<Arc<Api>>,
    caller: Caller,
    headers: HeaderMap,
    WholeBody(body): WholeBody,
) -> Result<(StatusCode, Json<View>), Problem> {
    let webhooks = on(&api)?;
    let given = given(&body, &caller, api.clock.now())?;
    let now = api.clock.now();
    let key = idempotency_key(&headers)?.map_or_else(|| format!("own/{}", fresh("", &*api.ids)), |key| format!("key/{key}"));
    let publication = Publication {
        key: format!("{}/{key}", given.tenant.as_deref().unwrap_or_default()),
        kind: &given.kind,
        tenant: given.tenant.clone(),
        occurred_at: given.occurred_at.unwrap_or(now),
        data: &*given.data,
        mail: None,
    };
    let out = FanOut { store: &*api.store, queue: &*api.queue, clock: &*api.clock, ids: &*api.ids };
    let begun = publication.begin(&out, &webhooks.interest, now).await?;
    let token = fresh("", &*api.ids);
    let mut lost = None;
    for _ in 0..TRIES {
        let messages = begun.deliveries.iter().map(|delivery| OutboundMessage::of(delivery, now)).collect();
        // Made anew for a second try, which there seldom is.
        let commit = Commit { token: token.clone(), writes: begun.writes() };
        let committed = api.store.commit_and_send(commit, &*api.queue, QueueName::Outbound, messages, None).await;
        let Begun { event, published, deliveries } = &begun;
        match committed.map(|(committed, sent)| (committed, sent.err())) {
            Ok((Committed::Applied, unsent)) => {
                if let Some(error) = unsent {
                    tracing::warn!(event = published.id, %error, "deliveries could not be queued; the sweeper will");
                }
                if event.unfinished() {
                    send_on(&api, &event.id).await;
                }
                return Ok((StatusCode::ACCEPTED, Json(View::of(published, &caller))));
            }
            Ok((Committed::Refused(_), _)) => {
                let answer = again(&api, &caller, event, published, given.occurred_at).await?;
                // It may have been this very call whose answer was lost, and nobody has sent them then.
                out.send(deliveries).await;
                return Ok(answer);
            }
            Err(error @ PortError::Permanent(_)) => return Err(error.into()),
            Err(error) => lost = Some(error),
        }
    }
    Err(lost.unwrap_or_else(|| PortError::Temporary("it could not be stored".to_owned())).into())
}

/// It was published before: the answer is that of then, if it is the same.
async fn again(
    api: &Api,
    caller: &Caller,
    event: &EventRecord,
    published: &Published,
    occurred_at: Option<Timestamp>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let found = api.store.get(&[EventRecord::key_of(&event.id)]).await?.pop().flatten();
    let known = found.as_ref().map(EventRecord::from_stored).transpose()?;
    let known = known.ok_or_else(|| PortError::Temporary(format!("{} was removed meanwhile", event.id)))?;
    let bodies = known.body().unpack().ok().zip(event.body().unpack().ok());
    let same = known.kind == event.kind
        && bodies.is_some_and(|(known, sent)| say_the_same(&known, &sent))
        && occurred_at.is_none_or(|at| known.occurred_at == Some(at));
    if !same {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "this Idempotency-Key was used for another event"));
    }
    let first = api.store.get(&[Published::key(&published.id)]).await?.pop().flatten();
    let first = first.as_ref().map(Published::from_stored).transpose()?;
    if known.unfinished() {
        send_on(api, &known.id).await;
    }
    Ok((StatusCode::ACCEPTED, Json(View::of(first.as_ref().unwrap_or(published), caller))))
}

async fn send_on(api: &Api, id: &str) {
    let message = Message { body: InboundMessage::Resume { id: id.to_owned() }.to_text(), group: None };
    if let Err(error) = api.queue.send(QueueName::Inbound, vec![message], None).await {
        tracing::warn!(event = id, %error, "what was published could not be queued; the sweeper will");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn blanks_between_tokens_go_and_those_in_texts_stay() {
        let json = "{ \"a \\\" b\" :\t[ 1 ,\r\n 2.50 ] , \"\\\\\" : \" \" }";
        assert_eq!(without_blanks(json), "{\"a \\\" b\":[1,2.50],\"\\\\\":\" \"}");
    }

    #[test]
    fn depth_is_that_of_what_is_no_text() {
        assert_eq!([r#"{}"#, r#"{"a":[{}]}"#, r#"{"[[\"[[":"\\","b":[]}"#].map(depth), [1, 3, 2]);
    }

    proptest! {
        #[test]
        fn without_blanks_it_says_the_same(texts in prop::collection::btree_map(".{0,8}", ".{0,8}", 0..6)) {
            let pretty = serde_json::to_string_pretty(&texts).expect("texts");
            prop_assert_eq!(without_blanks(&pretty), serde_json::to_string(&texts).expect("texts"));
        }
    }

    #[test]
    fn the_order_of_fields_makes_no_other_event() {
        assert!(say_the_same(br#"{"a":1,"b":2}"#, br#"{"b":2,"a":1}"#));
        assert!(say_the_same(br#"{"a":["\u0041",{"b":1e400,"c":2}]}"#, br#"{"a":["A",{"c":2,"b":1e400}]}"#));
        assert!(!say_the_same(br#"{"a":1}"#, br#"{"a":2}"#) && !say_the_same(b"no", b"JSON"));
        assert!(!say_the_same(br#"{"n":12345678901234567890123}"#, br#"{"n":12345678901234567890124}"#));
        assert!(!say_the_same(b"[1,2]", b"[2,1]") && !say_the_same(b"[1]", b"[1,2]") && !say_the_same(br#"{"a":1}"#, br#"{"a":1,"b":1}"#));
    }
}
