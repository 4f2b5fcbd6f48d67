use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::{
    cursor,
    input::{self, Fields, MASKED},
    jobs, no_key, on,
};
use crate::{
    api::{
        Api, Problem,
        key::Caller,
        page::{PageOf, Paging},
        parameters::{Parameters, WholeBody, object_if_any},
    },
    ids::fresh,
    listing,
    ports::{Condition, Index, PortError, Post, Stored, Write},
    record::{Record, to_json},
    schema::described,
    time::Timestamp,
    webhooks::{
        Attempted, DeletedSubscription, Disabled, Endpoint, Made, NoTest, Pattern, Signers, Signing, SigningSecret, Subscription, TEST,
        Webhooks, What, attempt_headers, change_subscription,
        sealed::{CannotOpen, fresh_secret},
        verdict,
    },
};

/// How long a test may take.
const TEST_DEADLINE: Duration = Duration::from_secs(20);

described! {
    /// What somebody wants to be told, and where.
    #[derive(Serialize)]
    pub(in crate::api) struct View as "Subscription" {
        id: String,
        url: String,
        /// Types, such as `booking.refunded`, `booking.*` or `*`.
        event_types: Vec<Pattern>,
        description: String,
        active: bool,
        disabled_at: Option<Timestamp>,
        /// Why it is not served any more.
        disabled_reason: Option<String>,
        /// Whose it is; null for the operator's.
        tenant: Option<String>,
        /// Who is told when it fails; null for support.
        owner_email: Option<String>,
        /// What is sent along, by name; the values, which may be secrets, are not shown.
        headers: BTreeMap<String, String>,
        /// The most deliveries a second.
        rate_limit: Option<u32>,
        /// How long an attempt may take, in seconds.
        timeout: u64,
        /// The waits between attempts, in seconds.
        retry_schedule: Vec<u64>,
        signatures: Vec<Signing>,
        /// By which signatures `v1a` are verified: no secrets.
        public_keys: Vec<String>,
        endpoint: EndpointView,
        created_at: Timestamp,
        updated_at: Timestamp,
    }
}

described! {
    /// How an endpoint is doing.
    #[derive(Serialize)]
    pub(in crate::api) struct EndpointView as "Endpoint" {
        /// `closed`: it is sent to; `open`: it is left alone for a while; `half_open`: the next attempt tries it out.
        state: &'static str,
        /// How many attempts have failed in a row.
        failures: u32,
        /// Since when every attempt has failed.
        failing_since: Option<Timestamp>,
        /// Until when nothing is sent.
        paused_until: Option<Timestamp>,
        /// Why it is paused.
        reason: Option<String>,
    }
}

described! {
    /// A subscription, with its secret where it was made just now.
    #[derive(Serialize)]
    pub(in crate::api) struct NewSubscription as "NewSubscription" {
        ..view: View,
        /// The signing secret, shown this once.
        secret: String,
    }
}

described! {
    /// A subscription that was enabled just now.
    #[derive(Serialize)]
    pub(in crate::api) struct Enabled as "EnabledSubscription" {
        ..view: View,
        /// The job that has tried what waits for its endpoint or a retry: `/subscriptions/{id}/jobs/{job}` tells how far it is.
        job: String,
    }
}

described! {
    /// A secret that was drawn just now.
    #[derive(Serialize)]
    pub(in crate::api) struct Rotated as "RotatedSecret" {
        id: String,
        /// The new signing secret, shown this once.
        secret: String,
        /// Until then the one before signs, too.
        previous_valid_until: Timestamp,
    }
}

described! {
    /// What came of a test.
    #[derive(Serialize)]
    pub(in crate::api) struct Tested as "Test" {
        success: bool,
        /// The answer's status, if there was one.
        status_code: Option<u16>,
        duration_ms: u64,
        /// The beginning of the answer.
        response: Option<String>,
        /// What went wrong.
        error: Option<String>,
    }
}

impl View {
    fn of(subscription: Subscription, endpoint: &Endpoint, webhooks: &Webhooks, now: Timestamp) -> Self {
        let schedule = subscription.retry_schedule.as_ref().unwrap_or(&webhooks.retry_schedule);
        let disabled = subscription.disabled.as_ref();
        Self {
            active: subscription.active(),
            disabled_at: disabled.map(|disabled| disabled.at),
            disabled_reason: disabled.map(|disabled| disabled.reason.clone()),
            headers: subscription.headers.keys().map(|name| (name.clone(), MASKED.to_owned())).collect(),
            timeout: subscription.timeout().as_secs(),
            retry_schedule: schedule.waits().to_vec(),
            signatures: if subscription.has_pairs() { vec![Signing::V1, Signing::V1a] } else { vec![Signing::V1] },
            public_keys: subscription.public_keys(now).map(str::to_owned).collect(),
            endpoint: EndpointView {
                state: endpoint.state(now),
                failures: endpoint.failures,
                failing_since: endpoint.failing_since,
                paused_until: endpoint.paused_until,
                reason: endpoint.reason.clone(),
            },
            id: subscription.id,
            url: subscription.url,
            event_types: subscription.event_types,
            description: subscription.description,
            tenant: subscription.tenant,
            owner_email: subscription.owner_email,
            rate_limit: subscription.rate_limit,
            created_at: subscription.created_at,
            updated_at: subscription.updated_at,
        }
    }
}

async fn shown(api: &Api, subscriptions: Vec<Subscription>) -> Result<Vec<View>, Problem> {
    let webhooks = on(api)?;
    let keys: Vec<_> = subscriptions.iter().map(|subscription| Endpoint::key(&subscription.id)).collect();
    let endpoints = if keys.is_empty() { Vec::new() } else { api.store.get(&keys).await? };
    let now = api.clock.now();
    let view = |(subscription, endpoint): (Subscription, Option<Stored>)| {
        let known = endpoint.as_ref().map(Endpoint::from_stored).transpose()?;
        let endpoint = known.unwrap_or_else(|| Endpoint::new(&subscription.id));
        Ok(View::of(subscription, &endpoint, webhooks, now))
    };
    Ok(subscriptions.into_iter().zip(endpoints).map(view).collect::<Result<_, PortError>>()?)
}

/// A subscription that the caller sees.
pub(super) async fn found(api: &Api, caller: &Caller, id: &str) -> Result<Subscription, Problem> {
    let found = api.store.get(&[Subscription::key(id)]).await?.pop().flatten();
    let found = Subscription::from_stored(&found.ok_or_else(missing)?)?;
    if caller.sees(found.tenant.as_deref()) { Ok(found) } else { Err(missing()) }
}

fn missing() -> Problem {
    Problem::not_found("subscription")
}

async fn answer(api: &Api, caller: &Caller, id: &str) -> Result<View, Problem> {
    shown(api, vec![found(api, caller, id).await?]).await?.pop().ok_or_else(missing)
}

/// Changes a subscription that is there.
async fn change<T>(
    api: &Api,
    caller: &Caller,
    id: &str,
    mut make: impl FnMut(&Subscription, Option<&Stored>) -> Result<Made<T>, Problem>,
) -> Result<T, Problem> {
    let webhooks = on(api)?;
    let around = (&*api.store, &*api.clock, &*api.ids, &*webhooks.interest);
    change_subscription(around, id, &[Endpoint::key(id)], |before, others| {
        let seen = before.filter(|before| caller.sees(before.tenant.as_deref()));
        let Some(before) = seen else { return Ok(Made::Nothing(Err(missing()))) };
        let endpoint = others.first().and_then(Option::as_ref);
        Ok(match make(before, endpoint) {
            Ok(Made::Store(after, writes, told)) => Made::Store(after, writes, Ok(told)),
            Ok(Made::Remove(writes, told)) => Made::Remove(writes, Ok(told)),
            Ok(Made::Nothing(told)) => Made::Nothing(Ok(told)),
            Err(problem) => Made::Nothing(Err(problem)),
        })
    })
    .await?
}

pub(super) async fn create(
    State(api): State<Arc<Api>>,
    caller: Caller,
    WholeBody(body): WholeBody,
) -> Result<(StatusCode, Json<NewSubscription>), Problem> {
    let webhooks = on(&api)?;
    let fields = object_if_any(&body)?;
    let now = api.clock.now();
    let mut subscription = Subscription {
        id: fresh("sub_", &*api.ids),
        url: String::new(),
        event_types: Vec::new(),
        description: String::new(),
        tenant: None,
        owner_email: None,
        headers: BTreeMap::new(),
        rate_limit: None,
        timeout: None,
        retry_schedule: None,
        signatures: Vec::new(),
        disabled: None,
        secrets: Vec::new(),
        created_at: now,
        updated_at: now,
    };
    input::read(&input::of_caller(fields, &caller)?, Fields::All, &webhooks.rules, &mut subscription)?;
    subscription.seal_headers(&webhooks.keyring, &*api.ids).ok_or_else(no_key)?;
    let (id, secret) = (subscription.id.clone(), fresh_secret(&*api.ids));
    let sealed = webhooks.keyring.seal(&secret, &id, &*api.ids).ok_or_else(no_key)?;
    subscription.secrets.push(SigningSecret { sealed, pair: None, since: now, until: None });
    subscription.complete_pair(&webhooks.keyring, &*api.ids).ok_or_else(no_key)?;
    let around = (&*api.store, &*api.clock, &*api.ids, &*webhooks.interest);
    change_subscription(around, &id, &[], |_, _| Ok(Made::Store(Box::new(subscription.clone()), Vec::new(), ()))).await?;
    tracing::info!(subscription = id, "made");
    Ok((StatusCode::CREATED, Json(NewSubscription { view: answer(&api, &caller, &id).await?, secret })))
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Parameters(paging): Parameters<Paging>,
) -> Result<Json<PageOf<View>>, Problem> {
    let keyring = &on(&api)?.keyring;
    let (after, limit) = (cursor::open(paging.cursor()?, &caller, keyring)?, paging.limit()?);
    let keep = |stored: &Stored| Subscription::from_stored(stored).is_ok_and(|found| caller.sees(found.tenant.as_deref()));
    let listed = listing::list(&*api.store, Index::List, Subscription::KIND, after, limit, keep).await?;
    let subscriptions = listed.items.iter().map(Subscription::from_stored).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(PageOf::new(shown(&api, subscriptions).await?, cursor::seal(listed.next, &caller, keyring, &*api.ids)?)))
}

pub(super) async fn read(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Result<Json<View>, Problem> {
    Ok(Json(answer(&api, &caller, &id).await?))
}

pub(super) async fn patch(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    WholeBody(body): WholeBody,
) -> Result<Json<View>, Problem> {
    let (webhooks, fields, key) = (on(&api)?, object_if_any(&body)?, fresh("", &*api.ids));
    let job = change(&api, &caller, &id, |before, endpoint| {
        let (mut after, now) = (before.clone(), api.clock.now());
        input::read(&fields, Fields::Changes, &webhooks.rules, &mut after)?;
        after.seal_headers(&webhooks.keyring, &*api.ids).ok_or_else(no_key)?;
        after.complete_pair(&webhooks.keyring, &*api.ids).ok_or_else(no_key)?;
        after.updated_at = now;
        // How the one before was doing says nothing of another URL.
        let moved = after.url != before.url;
        let limited = after.rate_limit != before.rate_limit;
        if !moved && !limited {
            return Ok(Made::Store(Box::new(after), Vec::new(), None));
        }
        // Nothing waits longer than by the new limit, or for another URL.
        let job = jobs::of_what_waits(if limited { What::Limited } else { What::Waiting }, before, &key, now);
        let mut writes = changed(&id, endpoint, |endpoint| {
            if limited {
                endpoint.begin_slots_anew();
            }
            if moved {
                endpoint.begin_anew();
            }
        })?;
        writes.push(Write::Put { document: job.document(), condition: Condition::Absent });
        Ok(Made::Store(Box::new(after), writes, Some(job.id)))
    })
    .await?;
    if let Some(job) = job {
        jobs::send_on(&api, &job).await;
    }
    Ok(Json(answer(&api, &caller, &id).await?))
}

pub(super) async fn delete(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    change(&api, &caller, &id, |_, endpoint| {
        let mut writes = forget(&id, endpoint);
        let deleted = DeletedSubscription { id: id.clone(), deleted_at: api.clock.now() };
        writes.push(Write::Put { document: deleted.document(), condition: Condition::Absent });
        Ok(Made::Remove(writes, ()))
    })
    .await?;
    tracing::info!(subscription = id, "deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets how the endpoint was doing.
fn forget(id: &str, endpoint: Option<&Stored>) -> Vec<Write> {
    let delete = |stored: &Stored| Write::Delete { key: Endpoint::key(id), condition: Condition::Version(stored.version) };
    endpoint.map(delete).into_iter().collect()
}

/// Changes the endpoint's state, if there is one, and forgets it where nothing is left in it.
fn changed(id: &str, endpoint: Option<&Stored>, change: impl FnOnce(&mut Endpoint)) -> Result<Vec<Write>, PortError> {
    let Some(stored) = endpoint else { return Ok(Vec::new()) };
    let mut state = Endpoint::from_stored(stored)?;
    change(&mut state);
    if state == Endpoint::new(id) {
        return Ok(forget(id, endpoint));
    }
    Ok(vec![Write::Put { document: state.document(), condition: Condition::Version(stored.version) }])
}

/// Serves it again, whatever its endpoint's state, and begins the job that has tried what waits for that.
pub(super) async fn enable(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Result<Json<Enabled>, Problem> {
    let key = fresh("", &*api.ids);
    let job = change(&api, &caller, &id, |before, endpoint| {
        let (mut after, now) = (before.clone(), api.clock.now());
        (after.disabled, after.updated_at) = (None, now);
        let job = jobs::of_what_waits(What::Waiting, before, &key, now);
        let mut writes = changed(&id, endpoint, Endpoint::begin_anew)?;
        writes.push(Write::Put { document: job.document(), condition: Condition::Absent });
        Ok(Made::Store(Box::new(after), writes, job.id))
    })
    .await?;
    jobs::send_on(&api, &job).await;
    tracing::info!(subscription = id, job, "enabled");
    Ok(Json(Enabled { view: answer(&api, &caller, &id).await?, job }))
}

pub(super) async fn disable(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Result<Json<View>, Problem> {
    change(&api, &caller, &id, |before, _| {
        if !before.active() {
            return Ok(Made::Nothing(()));
        }
        let (mut after, at) = (before.clone(), api.clock.now());
        after.disabled = Some(Disabled::new(at, "disabled by hand"));
        after.updated_at = at;
        Ok(Made::Store(Box::new(after), Vec::new(), ()))
    })
    .await?;
    Ok(Json(answer(&api, &caller, &id).await?))
}

pub(super) async fn rotate(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    WholeBody(body): WholeBody,
) -> Result<Json<Rotated>, Problem> {
    let webhooks = on(&api)?;
    let overlap = input::overlap(&object_if_any(&body)?)?;
    let secret = fresh_secret(&*api.ids);
    let sealed = webhooks.keyring.seal(&secret, &id, &*api.ids).ok_or_else(no_key)?;
    let until = change(&api, &caller, &id, |before, _| {
        let (mut after, now) = (before.clone(), api.clock.now());
        after.forget_lost_secrets(&webhooks.keyring);
        let until = if after.secrets.is_empty() { now } else { now + overlap };
        after.rotate(sealed.clone(), overlap, now);
        after.seal_headers(&webhooks.keyring, &*api.ids).ok_or_else(no_key)?;
        after.complete_pair(&webhooks.keyring, &*api.ids).ok_or_else(no_key)?;
        after.updated_at = now;
        Ok(Made::Store(Box::new(after), Vec::new(), until))
    })
    .await?;
    tracing::info!(subscription = id, "its secret was rotated");
    Ok(Json(Rotated { id, secret, previous_valid_until: until }))
}

fn no_test(why: NoTest) -> Problem {
    match why {
        NoTest::UnderWay => Problem::new(StatusCode::CONFLICT, "a test of this subscription is under way; ask again when it has ended"),
        NoTest::TooMany => Problem::new(StatusCode::TOO_MANY_REQUESTS, "as many tests are under way as may be; ask again in a few seconds"),
    }
}

/// Posts an event of type `webhook.test`, now, whatever the endpoint's state, and tells what came of it. It is no delivery.
pub(super) async fn test(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Result<Json<Tested>, Problem> {
    let webhooks = on(&api)?;
    let subscription = found(&api, &caller, &id).await?;
    let _testing = webhooks.under_test.begin(&id, subscription.tenant.as_deref()).map_err(no_test)?;
    let now = api.clock.now();
    let event = fresh("evt_", &*api.ids);
    let data = json!({ "subscription_id": id, "message": "This is a test." });
    let body = to_json(&json!({ "id": event, "type": TEST, "timestamp": now, "data": data }));
    let closed = |error: CannotOpen, what: &str, remedy: &str| {
        tracing::error!(subscription = id, %error, what, "what is kept under the master key can't be opened");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{what} can't be opened, the log says why; {remedy}"))
    };
    let secrets = subscription.signing(&webhooks.keyring, now);
    let secrets = secrets.map_err(|error| closed(error, "its secret", "if the key is lost, rotate-secret makes a new one"))?;
    let own = subscription.own_headers(&webhooks.keyring);
    let own = own.map_err(|error| closed(error, "a header's value", "if the key is lost, set its headers anew with PATCH"))?;
    let (delivery, tenant) = (fresh("dlv_", &*api.ids), subscription.tenant.as_deref());
    let attempted = Attempted { event: &event, kind: TEST, tenant, delivery: &delivery };
    let headers = attempt_headers(attempted, &own, &body, &Signers::new(secrets), now);
    let headers = headers.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let within = subscription.timeout().min(TEST_DEADLINE);
    let outcome = webhooks.poster.post(&Post { url: subscription.url, headers, body: Bytes::from(body), within }).await;
    let ended = api.clock.now();
    let (status, response) = match &outcome {
        Ok(answered) => (Some(answered.status), Some(String::from_utf8_lossy(&answered.excerpt).into_owned())),
        Err(failure) => (failure.status, None),
    };
    Ok(Json(Tested {
        success: verdict::judge(&outcome, ended) == verdict::Verdict::Delivered,
        status_code: status,
        duration_ms: u64::try_from(ended.since(now).as_millis()).unwrap_or(u64::MAX),
        response: response.filter(|text| !text.is_empty()),
        error: verdict::error_text(&outcome),
    }))
}
