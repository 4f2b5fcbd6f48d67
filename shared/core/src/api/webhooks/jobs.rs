use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use bytes::Bytes;
use serde::Serialize;

use super::{on, subscriptions::found};
use crate::{
    api::{
        Api, Problem,
        key::Caller,
        parameters::{WholeBody, object_if_any},
    },
    effect::{Announcement, Effect, EffectKind, EffectState},
    envelope::{Envelope, InboundMessage},
    event::EventRecord,
    form::{Form, switch, time},
    ids::fresh,
    ports::{Commit, Condition, Message, QueueName, Write},
    record::{Record, to_json},
    rules::{CATCH_UP, SLUICE},
    schema::described,
    sweep::GRACE,
    time::Timestamp,
    webhooks::{CatchUp, CatchUpProgress, FanOut, Subscription, What},
};

/// For how long a dry run counts: less than an answer may take on Lambda.
const COUNTED_FOR: Duration = Duration::from_secs(15);

described! {
    /// A job that has a subscription catch up, and how far it is.
    #[derive(Serialize)]
    pub(in crate::api) struct Job as "Job" {
        id: String,
        subscription_id: String,
        /// Deliveries that failed for good, events of which there is no delivery, deliveries that waited when the subscription was enabled, or those that
        /// waited for their turn when its `rate_limit` was changed.
        what: What,
        since: Timestamp,
        until: Timestamp,
        state: Option<EffectState>,
        /// Why it failed, or has not come to its end yet.
        reason: Option<String>,
        /// How many deliveries it has set going.
        count: u64,
        created_at: Timestamp,
        done_at: Option<Timestamp>,
    }
}

described! {
    /// What a job would do.
    #[derive(Serialize)]
    pub(in crate::api) struct Counted as "DryRun" {
        /// Always true.
        dry_run: bool,
        /// How many deliveries it would set going; at least so many, where not all was looked at.
        count: u64,
        /// Whether all was looked at: it is counted for 15 seconds at most.
        complete: bool,
        since: Timestamp,
        until: Timestamp,
    }
}

/// What the asking for a job comes to.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Begun {
    As(Job),
    Not(Counted),
}

/// Has every delivery made once more that has failed for good since a time.
pub(super) async fn recover(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    WholeBody(body): WholeBody,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    begin(&api, &caller, &id, &body, What::Failed).await
}

/// Has every event delivered that was published since a time, and of which there is no delivery.
pub(super) async fn replay_missing(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    WholeBody(body): WholeBody,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    begin(&api, &caller, &id, &body, What::Missing).await
}

async fn begin(api: &Api, caller: &Caller, id: &str, body: &Bytes, what: What) -> Result<(StatusCode, Json<Begun>), Problem> {
    on(api)?;
    let now = api.clock.now();
    let fields = object_if_any(body)?;
    let mut form = Form::new(&fields, &["since", "until", "dry_run"]);
    let job = CatchUp {
        subscription_id: id.to_owned(),
        what,
        since: form.required("since", time),
        until: form.optional("until", time).unwrap_or(now).min(now),
    };
    if job.since > now {
        form.wrong("since", "lies in the future: nothing has failed or was published since then");
    } else if job.until < job.since {
        form.wrong("until", "lies before since");
    }
    let dry_run = form.optional("dry_run", switch).unwrap_or(false);
    let errors = form.into_errors();
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let subscription = found(api, caller, id).await?;
    if dry_run {
        let out = FanOut { store: &*api.store, queue: &*api.queue, clock: &*api.clock, ids: &*api.ids };
        let (count, complete) = job.count(&out, &subscription, now + COUNTED_FOR).await?;
        return Ok((StatusCode::OK, Json(Begun::Not(Counted { dry_run, count, complete, since: job.since, until: job.until }))));
    }
    if !subscription.active() {
        return Err(Problem::new(StatusCode::CONFLICT, "the subscription is disabled; enable it first"));
    }
    let event = record(&job, &fresh("", &*api.ids), now);
    let write = Write::Put { document: event.document(), condition: Condition::Absent };
    api.store.commit(Commit { token: fresh("", &*api.ids), writes: vec![write] }).await?;
    send_on(api, &event.id).await;
    tracing::info!(subscription = id, job = event.id, ?what, "catching up");
    Ok((StatusCode::ACCEPTED, Json(Begun::As(shown(&event, job)))))
}

/// Sends on a job that was stored. If that is lost, the sweeper does.
pub(super) async fn send_on(api: &Api, job: &str) {
    let message = Message { body: InboundMessage::Resume { id: job.to_owned() }.to_text(), group: None };
    if let Err(error) = api.queue.send(QueueName::Inbound, vec![message], None).await {
        tracing::warn!(job, %error, "a job could not be queued; the sweeper will");
    }
}

/// The job that has everything tried that waits at `now`: for the endpoint of a subscription or for a retry, or for its turn.
pub(super) fn of_what_waits(what: What, subscription: &Subscription, key: &str, now: Timestamp) -> EventRecord {
    record(&CatchUp { subscription_id: subscription.id.clone(), what, since: subscription.created_at, until: now }, key, now)
}

/// The event record that the job is: its body says what is to be done, its one effect does it.
fn record(job: &CatchUp, key: &str, now: Timestamp) -> EventRecord {
    let kind = match job.what {
        What::Failed => "subscription.recover",
        What::Missing => "subscription.replay_missing",
        What::Waiting => "subscription.enable",
        What::Limited => "subscription.rate_limit",
    };
    let mut event = EventRecord::new(Envelope::own(CATCH_UP, format!("{}/{key}", job.subscription_id), kind, now, &to_json(job)));
    event.summary = format!("{kind} of {}", job.subscription_id);
    let about = Announcement { record: Subscription::key(&job.subscription_id), subject: "catch_up".to_owned(), number: 1 };
    event.effects = vec![Effect::new(&event.id, EffectKind::CatchUp, kind, about)];
    event.due_at = Some(now + GRACE);
    event
}

/// How far a job is.
pub(super) async fn read(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path((id, job)): Path<(String, String)>,
) -> Result<Json<Job>, Problem> {
    on(&api)?;
    found(&api, &caller, &id).await?;
    let missing = || Problem::not_found("job");
    let found = api.store.get(&[EventRecord::key_of(&job)]).await?.pop().flatten().ok_or_else(missing)?;
    let event = EventRecord::from_stored(&found)?;
    if event.provider != SLUICE || event.source != CATCH_UP {
        return Err(missing());
    }
    let body = event.body().unpack().map_err(|error| crate::ports::PortError::Permanent(error.to_string()))?;
    let what: CatchUp = serde_json::from_slice(&body).map_err(|error| crate::ports::PortError::Permanent(error.to_string()))?;
    if what.subscription_id != id {
        return Err(missing());
    }
    Ok(Json(shown(&event, what)))
}

fn shown(event: &EventRecord, job: CatchUp) -> Job {
    let effect = event.effects.first();
    Job {
        id: event.id.clone(),
        state: effect.map(|effect| effect.state),
        reason: effect.and_then(|effect| effect.reason.clone()),
        count: CatchUpProgress::read(effect.and_then(|effect| effect.cursor.as_deref())).count,
        created_at: event.received_at,
        done_at: event.done_at,
        subscription_id: job.subscription_id,
        what: job.what,
        since: job.since,
        until: job.until,
    }
}
