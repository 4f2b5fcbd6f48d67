use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};

use super::{cursor, on, subscriptions::found};
use crate::{
    api::{
        Api, Problem,
        key::Caller,
        page::{PageOf, Paging},
        parameters::{Known, Parameters},
    },
    ids::fresh,
    listing,
    ports::{Commit, Committed, Condition, Index, Key, PortError, QueueName, Store, Stored, Write},
    record::Record,
    schema::described,
    time::Timestamp,
    webhooks::{Attempt, Delivery, DeliveryStatus, Hold, InHand, OutboundMessage, Published, Subscription, WaitsFor, keys_of_event},
};

/// How often a delivery that changes under a resend is looked at anew.
const ROUNDS: u32 = 8;
/// How many are read together for a list. What receivers answered, the most of them, is not shown there, and so not kept.
const AT_ONCE: usize = 100;
/// How long a resend waits for a delivery to be let go.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it looks.
const PAUSE: Duration = Duration::from_millis(10);

described! {
    /// One event on its way to one subscriber.
    #[derive(Serialize)]
    pub(in crate::api) struct View as "Delivery" {
        id: String,
        subscription_id: String,
        /// The event, the same for every subscriber: the `webhook-id`.
        event_id: String,
        event_type: String,
        status: DeliveryStatus,
        /// What the next attempt waits for until `next_attempt_at`; null where it is made as soon as can be.
        waits_for: Option<WaitsFor>,
        /// Why it waits, or why there will be no other attempt, where no attempt says so.
        reason: Option<String>,
        /// The latest attempts, oldest first, up to 20.
        attempts: Vec<Attempt>,
        /// How many attempts there were in all.
        attempted: u32,
        /// When it was noted down.
        created_at: Timestamp,
        /// When the receiver took it first.
        delivered_at: Option<Timestamp>,
        /// When it is tried next.
        next_attempt_at: Option<Timestamp>,
    }
}

impl View {
    /// As it is shown in lists.
    fn in_list(stored: &Stored) -> Result<Self, PortError> {
        let mut delivery = Delivery::from_stored(stored)?;
        delivery.forget_answers();
        Ok(delivery.into())
    }
}

impl From<Delivery> for View {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id,
            subscription_id: delivery.subscription_id,
            event_id: delivery.event_id,
            event_type: delivery.event_type,
            status: delivery.status,
            waits_for: delivery.waits_for,
            reason: delivery.reason,
            attempts: delivery.attempts,
            attempted: delivery.attempted,
            created_at: delivery.created_at,
            delivered_at: delivery.delivered_at,
            next_attempt_at: delivery.due_at,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Filter {
    subscription_id: Option<String>,
    event_id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    status: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl Known for Filter {
    const NAMES: &'static [&'static str] = &["subscription_id", "event_id", "type", "status", "limit", "cursor"];
}

pub(super) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<PageOf<View>>, Problem> {
    page(&api, &caller, filter).await
}

pub(super) async fn list_of(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
    Parameters(filter): Parameters<Filter>,
) -> Result<Json<PageOf<View>>, Problem> {
    found(&api, &caller, &id).await?;
    page(&api, &caller, Filter { subscription_id: Some(id), ..filter }).await
}

async fn page(api: &Api, caller: &Caller, filter: Filter) -> Result<Json<PageOf<View>>, Problem> {
    let keyring = &on(api)?.keyring;
    let (mut after, limit) = (cursor::open(filter.paging.cursor()?, caller, keyring)?, filter.paging.limit()?);
    let status: Option<DeliveryStatus> = match &filter.status {
        None => None,
        Some(text) => {
            let read = serde_json::from_value(serde_json::Value::String(text.clone()));
            let words = "status is pending, delivered, failed or permanently_failed";
            Some(read.map_err(|_| Problem::new(StatusCode::BAD_REQUEST, words))?)
        }
    };
    let (index, name) = match &filter.subscription_id {
        None => (Index::List, Delivery::KIND.to_owned()),
        Some(id) if status == Some(DeliveryStatus::PermanentlyFailed) => (Index::Flag, Delivery::failed_list(id)),
        Some(id) => (Index::Group, Delivery::list_of(id)),
    };
    let keep = |stored: &Stored| {
        Delivery::from_stored(stored).is_ok_and(|delivery| {
            caller.sees(delivery.tenant.as_deref())
                && status.is_none_or(|status| delivery.status == status)
                && filter.kind.as_ref().is_none_or(|kind| delivery.event_type == *kind)
        })
    };
    if let Some(event) = &filter.event_id {
        let keys = match &filter.subscription_id {
            Some(subscription) => vec![Delivery::key(&Delivery::id_of(event, subscription))],
            None => keys_of_event(&*api.store, event).await?,
        };
        let (views, next) = of_keys(&*api.store, &keys, after, limit, keep).await?;
        return Ok(Json(PageOf::new(views, cursor::seal(next, caller, keyring, &*api.ids)?)));
    }
    let mut views = Vec::new();
    loop {
        let want = (limit - views.len()).min(AT_ONCE);
        let listed = listing::list(&*api.store, index, &name, after, want, keep).await?;
        let found = listed.items.len();
        for stored in &listed.items {
            views.push(View::in_list(stored)?);
        }
        after = listed.next;
        if after.is_none() || found < want || views.len() >= limit {
            return Ok(Json(PageOf::new(views, cursor::seal(after, caller, keyring, &*api.ids)?)));
        }
    }
}

/// A page of those of `keys` that are there and that `keep` keeps, newest first, and where the next one begins. They are read in portions, so that what
/// receivers answered never lies here of all of them.
async fn of_keys(
    store: &dyn Store,
    keys: &[Key],
    after: Option<String>,
    limit: usize,
    keep: impl Fn(&Stored) -> bool,
) -> Result<(Vec<View>, Option<String>), PortError> {
    let (mut page, mut more) = (Vec::new(), false);
    for keys in keys.chunks(AT_ONCE) {
        for stored in store.get(keys).await?.into_iter().flatten().filter(|stored| keep(stored)) {
            let listed = listing::sort_of(&stored).filter(|sort| after.as_deref().is_none_or(|after| *sort < after));
            if let Some(sort) = listed {
                page.push((sort.to_owned(), View::in_list(&stored)?));
            }
        }
        page.sort_by(|(one, _), (other, _)| other.cmp(one));
        more |= page.len() > limit;
        page.truncate(limit);
    }
    let next = page.last().map(|(sort, _)| sort.clone()).filter(|_| more);
    Ok((page.into_iter().map(|(_, view)| view).collect(), next))
}

pub(super) async fn read(State(api): State<Arc<Api>>, caller: Caller, Path(id): Path<String>) -> Result<Json<View>, Problem> {
    Ok(Json(find(&api, &caller, &id).await?.0.into()))
}

/// A delivery that the caller sees, with its version.
async fn find(api: &Api, caller: &Caller, id: &str) -> Result<(Delivery, u64), Problem> {
    on(api)?;
    let missing = || Problem::not_found("delivery");
    let stored = api.store.get(&[Delivery::key(id)]).await?.pop().flatten().ok_or_else(missing)?;
    let delivery = Delivery::from_stored(&stored)?;
    if caller.sees(delivery.tenant.as_deref()) { Ok((delivery, stored.version)) } else { Err(missing()) }
}

/// Takes a delivery in hand. One whose attempt has just ended is let go in a moment, once its endpoint's state is written down.
async fn taken_in_hand(api: &Api, in_hand: &InHand, id: &str) -> Option<Hold> {
    let until = api.clock.now() + PATIENCE;
    loop {
        let hold = in_hand.take_to_change(id);
        if hold.is_some() || api.clock.now() >= until {
            return hold;
        }
        api.clock.sleep(PAUSE).await;
    }
}

/// Has a delivery made once more, at once and with all its retries, whatever became of it and however its endpoint is doing.
pub(super) async fn resend(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<View>), Problem> {
    let webhooks = on(&api)?;
    let under_way = || Problem::new(StatusCode::CONFLICT, "an attempt is under way; ask again when it has ended");
    for _ in 0..ROUNDS {
        let (mut delivery, version) = find(&api, &caller, &id).await?;
        let subscription = api.store.get(&[Subscription::key(&delivery.subscription_id)]).await?.pop().flatten();
        let subscription = subscription.as_ref().map(Subscription::from_stored).transpose()?;
        let conflict = |detail: &str| Problem::new(StatusCode::CONFLICT, detail);
        if !subscription.ok_or_else(|| conflict("its subscription is gone"))?.active() {
            return Err(conflict("its subscription is disabled; enable it first"));
        }
        let event = api.store.get(&[Published::key(&delivery.event_id)]).await?.pop().flatten();
        if event.as_ref().map(Published::from_stored).transpose()?.is_some_and(|event| event.erased_at.is_some()) {
            return Err(conflict("the data of its event was erased"));
        }
        let now = api.clock.now();
        if delivery.lease.as_ref().is_some_and(|lease| now < lease.until) {
            return Err(under_way());
        }
        let hold = taken_in_hand(&api, &webhooks.in_hand, &id).await.ok_or_else(under_way)?;
        // Nobody else will find the lease that has run out.
        delivery.note_cut_short(u32::from(delivery.lease.is_some()));
        delivery.begin_anew_by_hand(now);
        let write = Write::Put { document: delivery.document(), condition: Condition::Version(version) };
        let committed = api.store.commit(Commit { token: fresh("", &*api.ids), writes: vec![write] }).await?;
        drop(hold);
        if committed == Committed::Applied {
            let message = OutboundMessage::of(&delivery, now);
            if let Err(error) = api.queue.send(QueueName::Outbound, vec![message], None).await {
                tracing::warn!(delivery = id, %error, "a resend could not be queued; the sweeper will");
            }
            return Ok((StatusCode::ACCEPTED, Json(delivery.into())));
        }
    }
    Err(Problem::new(StatusCode::CONFLICT, "the delivery kept changing; ask again"))
}
