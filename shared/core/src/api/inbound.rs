use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    Api, Problem,
    page::{PageOf, Paging, switch},
    parameters::{Known, Parameters, WholeBody, object_if_any},
};
use crate::{
    effect::{EffectKind, EffectState},
    envelope::{InboundMessage, event_id},
    event::{Change, EventRecord, EventStatus, fetch_pieces},
    form::{Form, line},
    ids::fresh,
    listing,
    ports::{Commit, Committed, Condition, Index, Message, PortError, QueueName, Stored, Write},
    record::from_json,
    schema::described,
    secrets::DEFAULT_SOURCE,
    time::Timestamp,
};

described! {
    /// An event that came in, as lists show it.
    #[derive(Serialize)]
    pub(super) struct View as "InboundEvent" {
        id: String,
        /// Who sent it; `sluice` for what began here.
        provider: String,
        /// Which of several accounts of the provider.
        source: String,
        /// The tenant in whose space it is handled: its source is bound to it, or it is about a text of its.
        tenant: Option<String>,
        /// The provider's own identity of the event.
        key: String,
        r#type: String,
        /// Where it stands.
        status: EventStatus,
        /// Why it is or was parked, is ignored or waits, or why its effects have not been done yet.
        reason: Option<String>,
        /// When somebody said that nothing is to come of it.
        dismissed_at: Option<Timestamp>,
        /// Why, as far as that was said.
        dismissed_because: Option<String>,
        /// One line for people.
        summary: String,
        /// It belongs to no record that is known yet.
        unmatched: bool,
        /// The event that tells the same, if there is one.
        twin: Option<String>,
        /// When it happened, by the provider.
        occurred_at: Option<Timestamp>,
        /// When it was accepted.
        received_at: Timestamp,
        /// When the last thing was done for it.
        done_at: Option<Timestamp>,
        /// How often it was taken up.
        attempts: u32,
        /// When it is tried again by itself; null if that is not needed, or under way.
        next_attempt_at: Option<Timestamp>,
        effects: Vec<EffectView>,
        /// The records that it changed.
        changes: Vec<Change>,
        /// When its body was erased, because of the personal data in it.
        erased_at: Option<Timestamp>,
    }
}

described! {
    /// What is done because of an event, besides its changes.
    #[derive(Serialize)]
    pub(super) struct EffectView as "Effect" {
        id: String,
        kind: EffectKind,
        /// The text that is sent, or the type of what is published.
        template: String,
        /// What it is about, kind and id.
        record: String,
        state: EffectState,
        /// Why it failed, or has not succeeded yet.
        reason: Option<String>,
        /// When it came to its end.
        at: Option<Timestamp>,
    }
}

described! {
    /// An event that came in, with its headers and exact body.
    #[derive(Serialize)]
    pub(super) struct Whole as "InboundEventWithBody" {
        ..view: View,
        /// The request's headers that are kept.
        headers: Map<String, Value>,
        /// The exact body.
        body: String,
        /// `utf-8`, or `base64` for a body that is no text.
        body_encoding: &'static str,
    }
}

described! {
    /// An event that is to be planned again.
    #[derive(Serialize)]
    pub(super) struct Queued as "Queued" {
        id: String,
        /// Always `queued`.
        status: &'static str,
    }
}

impl View {
    fn of(record: &EventRecord) -> Self {
        let effects = record.effects.iter().map(|effect| EffectView {
            id: effect.id.clone(),
            kind: effect.kind,
            template: effect.template.clone(),
            record: effect.about.record.to_string(),
            state: effect.state,
            reason: effect.reason.clone(),
            at: effect.at,
        });
        Self {
            id: record.id.clone(),
            provider: record.provider.clone(),
            source: record.source.clone(),
            tenant: record.tenant.clone(),
            key: record.key.clone(),
            r#type: record.kind.clone(),
            status: record.status,
            reason: record.reason.clone(),
            dismissed_at: record.dismissal.as_ref().map(|dismissal| dismissal.at),
            dismissed_because: record.dismissal.as_ref().and_then(|dismissal| dismissal.because.clone()),
            summary: record.summary.clone(),
            unmatched: record.unmatched,
            twin: record.twin.clone(),
            occurred_at: record.occurred_at,
            received_at: record.received_at,
            done_at: record.done_at,
            attempts: record.attempts,
            next_attempt_at: record.next_attempt_at,
            effects: effects.collect(),
            changes: record.changes.clone(),
            erased_at: record.erased_at,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Filter {
    provider: Option<String>,
    source: Option<String>,
    tenant: Option<String>,
    key: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    unmatched: Option<String>,
    effect: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl Known for Filter {
    const NAMES: &'static [&'static str] =
        &["provider", "source", "tenant", "key", "type", "status", "unmatched", "effect", "limit", "cursor"];
}

impl Filter {
    fn status(&self) -> Result<Option<EventStatus>, Problem> {
        one_of(self.status.as_deref(), "status is processing, done, parked, ignored, waiting or dismissed")
    }

    fn effect(&self) -> Result<Option<EffectState>, Problem> {
        one_of(self.effect.as_deref(), "effect is pending, done, failed or superseded")
    }
}

fn one_of<T: DeserializeOwned>(text: Option<&str>, problem: &str) -> Result<Option<T>, Problem> {
    let read = |text: &str| serde_json::from_value(Value::String(text.to_owned()));
    text.map(read).transpose().map_err(|_| Problem::new(StatusCode::BAD_REQUEST, problem))
}

pub(super) async fn list(State(api): State<Arc<Api>>, Parameters(filter): Parameters<Filter>) -> Result<Json<PageOf<View>>, Problem> {
    let (cursor, limit) = (filter.paging.cursor()?, filter.paging.limit()?);
    let status = filter.status()?;
    let effect = filter.effect()?;
    let unmatched = switch("unmatched", filter.unmatched.as_deref())?;
    let fits = |record: &EventRecord| {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        same(&filter.provider, &record.provider)
            && same(&filter.source, &record.source)
            && filter.tenant.as_ref().is_none_or(|wanted| record.tenant.as_ref() == Some(wanted))
            && same(&filter.key, &record.key)
            && same(&filter.kind, &record.kind)
            && status.is_none_or(|status| status == record.status)
            && effect.is_none_or(|state| record.effects.iter().any(|effect| effect.state == state))
            && (!unmatched || record.unmatched)
    };
    if let (Some(provider), Some(key)) = (&filter.provider, &filter.key) {
        let source = filter.source.as_deref().unwrap_or(DEFAULT_SOURCE);
        let found = find(&api, &event_id(provider, source, key)).await?;
        let items = found.iter().filter(|record| fits(record)).map(View::of).collect();
        return Ok(Json(PageOf::new(items, None)));
    }
    let (index, name) = match (status, unmatched) {
        (Some(EventStatus::Parked), _) => (Index::Flag, EventRecord::PARKED),
        (Some(EventStatus::Waiting), _) => (Index::Flag, EventRecord::WAITING),
        (_, true) => (Index::Flag, EventRecord::UNMATCHED),
        _ => (Index::List, EventRecord::LIST),
    };
    let keep = |stored: &Stored| from_json::<EventRecord>(&stored.document).is_ok_and(|record| fits(&record));
    let listed = listing::list(&*api.store, index, name, cursor, limit, keep).await?;
    let records = listed.items.iter().map(EventRecord::from_stored).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(PageOf::new(records.iter().map(View::of).collect(), listed.next)))
}

pub(super) async fn read(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<Json<Whole>, Problem> {
    let mut record = find(&api, &id).await?.ok_or_else(|| Problem::not_found("inbound event"))?;
    fetch_pieces(&*api.store, &mut record).await?;
    let body = record.body().unpack().map_err(|error| PortError::Permanent(error.to_string()))?;
    let headers = record.headers.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    let (body, body_encoding) = match String::from_utf8(body) {
        Ok(text) => (text, "utf-8"),
        Err(error) => (STANDARD.encode(error.as_bytes()), "base64"),
    };
    Ok(Json(Whole { view: View::of(&record), headers, body, body_encoding }))
}

/// Has the event planned again from its stored body.
pub(super) async fn replay(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Result<(StatusCode, Json<Queued>), Problem> {
    let record = find(&api, &id).await?.ok_or_else(|| Problem::not_found("inbound event"))?;
    if record.erased_at.is_some() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "its body was erased because of the personal data in it: there is nothing to plan again",
        ));
    }
    let message = Message { body: InboundMessage::Replay { id: id.clone() }.to_text(), group: None };
    api.queue.send(QueueName::Inbound, vec![message], None).await.map_err(|error| error.cause)?;
    tracing::info!(event = id, "to be replayed");
    Ok((StatusCode::ACCEPTED, Json(Queued { id, status: "queued" })))
}

/// How often a dismissal that lost to another change of the event is made again.
const ROUNDS: u32 = 8;

/// Notes that nothing is to come of a parked event. Said again, it changes nothing.
pub(super) async fn dismiss(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    WholeBody(body): WholeBody,
) -> Result<Json<View>, Problem> {
    let fields = object_if_any(&body)?;
    let mut form = Form::new(&fields, &["reason"]);
    let because = form.optional("reason", line(500));
    let errors = form.into_errors();
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    for _ in 0..ROUNDS {
        let key = EventRecord::key_of(&id);
        let stored = api.store.get(&[key]).await?.pop().flatten().ok_or_else(|| Problem::not_found("inbound event"))?;
        let mut record = EventRecord::from_stored(&stored)?;
        match record.status {
            EventStatus::Dismissed => return Ok(Json(View::of(&record))),
            EventStatus::Parked => {}
            _ => return Err(Problem::new(StatusCode::CONFLICT, "only a parked event can be dismissed")),
        }
        let now = api.clock.now();
        if record.unfinished() && record.lease.as_ref().is_some_and(|lease| now < lease.until) {
            return Err(Problem::new(StatusCode::CONFLICT, "somebody is at work on what is left of it; dismiss it again in a minute"));
        }
        record.dismiss(because.clone(), now);
        let write = Write::Put { document: record.document(), condition: Condition::Version(stored.version) };
        if let Committed::Applied = api.store.commit(Commit { token: fresh("", &*api.ids), writes: vec![write] }).await? {
            tracing::info!(event = id, because, "dismissed");
            return Ok(Json(View::of(&record)));
        }
    }
    Err(Problem::from(PortError::Temporary("the event kept changing".to_owned())))
}

async fn find(api: &Api, id: &str) -> Result<Option<EventRecord>, PortError> {
    let found = api.store.get(&[EventRecord::key_of(id)]).await?.pop().flatten();
    found.as_ref().map(EventRecord::from_stored).transpose()
}
