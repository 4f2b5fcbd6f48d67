//! A commit made outside the consumer: it never runs effects itself. It writes them down in an event record of provider `sluice` with a
//! place in the due index, in the same transaction, and then sends that record's id to the consumer; should that be lost, the sweeper
//! sends it again.

use std::time::Duration;

use crate::{
    api::Api,
    envelope::{Envelope, InboundMessage, event_id},
    event::EventRecord,
    ids::fresh,
    plan::{Loaded, Plan, Stop, View},
    ports::{Commit, Committed, Condition, Key, Message, PortError, QueueName, Stored, Write},
    records::Cause,
    refusal::Refusal,
    rules::{API, SLUICE, own_event, own_key},
    sweep::GRACE,
    webhooks::{publish_news, wanted},
};

/// How often a change that lost to another one of its records is made again before the caller is told to.
const ROUNDS: u32 = 16;
/// The wait between rounds.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of a change.
pub(crate) enum Changed<U> {
    /// It is stored.
    Stored {
        /// What was there before.
        before: Option<Stored>,
    },
    /// The record is not what the change is to be made on.
    Unmet(U),
    /// What the records say is against it.
    Refused(Refusal),
}

/// Changes a record as `plan` says, with what it causes, if nothing is `unmet` of what is stored of it.
pub(crate) async fn change<U>(
    api: &Api,
    key: Key,
    kind: &str,
    unmet: impl Fn(Option<&Stored>) -> Result<Option<U>, PortError>,
    plan: impl Fn(&mut View<'_>) -> Result<(), Stop>,
) -> Result<Changed<U>, PortError> {
    // Drawn for this very change, and not derived from the version: two changes of the same version must not share an event.
    let event_key = own_key(&key, &fresh("", &*api.ids));
    let id = event_id(SLUICE, API, &event_key);
    let cause = Cause { event: id.clone(), kind: kind.to_owned(), recorded: false, told: Vec::new() };
    let mut lost: Option<Lost> = None;
    let mut loaded = Loaded::default();
    for round in 0..ROUNDS {
        if round > 0 {
            api.clock.sleep(PAUSE * round).await;
        }
        let found = api.store.get(std::slice::from_ref(&key)).await?.pop().flatten();
        if let Some(lost) = lost.take() {
            match lost.fate(found.as_ref()) {
                Fate::Applied => return Ok(Changed::Stored { before: lost.before }),
                Fate::NotApplied => {}
                // Made again, it might undo what somebody else changed meanwhile: only the caller can decide.
                Fate::Unknown => return Err(lost.error),
            }
        }
        if let Some(unmet) = unmet(found.as_ref())? {
            return Ok(Changed::Unmet(unmet));
        }
        let before = found.clone();
        loaded.forget_records();
        loaded.insert(key.clone(), found);
        let mut planned = match planned(api, &cause, &mut loaded, &plan).await? {
            Ok(planned) => planned,
            Err(refusal) => return Ok(Changed::Refused(refusal)),
        };
        let published = published(api, &mut planned, &id).await?;
        let effects = !planned.effects.is_empty();
        let mut writes = writes(api, planned, &key, kind, &event_key);
        writes.extend(published);
        let written = writes.iter().find_map(|write| match write {
            Write::Put { document, .. } if document.key == key => Some(document.data.clone()),
            _ => None,
        });
        match api.store.commit(Commit { token: fresh("", &*api.ids), writes }).await {
            Ok(Committed::Applied) => {
                if effects {
                    send_on(api, id).await;
                }
                return Ok(Changed::Stored { before });
            }
            Ok(Committed::Refused(_)) => {}
            Err(error) => lost = Some(Lost { error, written, before }),
        }
    }
    Err(lost.map_or_else(|| PortError::Temporary(format!("{key} kept changing")), |lost| lost.error))
}

/// A commit whose answer was lost.
struct Lost {
    error: PortError,
    written: Option<Vec<u8>>,
    before: Option<Stored>,
}

/// What became of it.
enum Fate {
    Applied,
    NotApplied,
    Unknown,
}

impl Lost {
    fn fate(&self, found: Option<&Stored>) -> Fate {
        let version = |stored: Option<&Stored>| stored.map_or(0, |stored| stored.version);
        if found.is_some_and(|found| Some(&found.document.data) == self.written.as_ref()) {
            // What it caused is in the due index; the sweeper sends it on.
            Fate::Applied
        } else if version(found) == version(self.before.as_ref()) {
            Fate::NotApplied
        } else {
            Fate::Unknown
        }
    }
}

async fn planned(
    api: &Api,
    cause: &Cause,
    loaded: &mut Loaded,
    plan: impl Fn(&mut View<'_>) -> Result<(), Stop>,
) -> Result<Result<Plan, Refusal>, PortError> {
    loop {
        let mut view = View::new(cause.clone(), loaded, &api.policy, api.clock.now());
        match plan(&mut view).and_then(|()| view.into_plan()) {
            Ok(plan) => return Ok(Ok(plan)),
            Err(Stop::Refuse(refusal)) => return Ok(Err(refusal)),
            Err(Stop::Need(keys) | Stop::NeedLatest(keys)) => {
                let found = api.store.get(&keys).await?;
                keys.into_iter().zip(found).for_each(|(key, stored)| loaded.insert(key, stored));
            }
            Err(Stop::Failed(error)) => return Err(error),
            Err(stop @ (Stop::Ask(_) | Stop::Park { .. } | Stop::Ignore { .. } | Stop::Nothing)) => {
                return Err(PortError::Permanent(format!("a change can't be planned: {stop:?}")));
            }
        }
    }
}

/// Plans that what the change tells is fanned out, as far as anybody may want it. Returns what is written with it.
async fn published(api: &Api, plan: &mut Plan, event: &str) -> Result<Vec<Write>, PortError> {
    let Some(webhooks) = &api.webhooks else { return Ok(Vec::new()) };
    let (now, news) = (api.clock.now(), std::mem::take(&mut plan.news));
    let wanted = wanted(news, &webhooks.interest, &*api.store, &*api.clock).await?;
    let (effects, writes): (Vec<_>, Vec<_>) = wanted.iter().map(|news| publish_news(event, news, now, now)).unzip();
    plan.effects.extend(effects);
    Ok(writes)
}

/// The plan's writes, and the event record if there are effects.
fn writes(api: &Api, plan: Plan, record: &Key, kind: &str, event_key: &str) -> Vec<Write> {
    let mut writes = plan.writes;
    if plan.effects.is_empty() {
        return writes;
    }
    let now = api.clock.now();
    let envelope = Envelope::own(API, event_key.to_owned(), kind, now, &own_event(record.clone(), None));
    let tenant = api.store.space().map(|space| space.tenant().to_owned());
    let mut event = EventRecord::new(Envelope { tenant, ..envelope });
    event.summary = format!("{kind} {}", record.id);
    event.effects = plan.effects;
    event.changes = plan.changes;
    event.due_at = Some(now + GRACE);
    writes.insert(0, Write::Put { document: event.document(), condition: Condition::Absent });
    writes
}

async fn send_on(api: &Api, id: String) {
    let message = Message { body: InboundMessage::Resume { id: id.clone() }.to_text(), group: None };
    if let Err(error) = api.queue.send(QueueName::Inbound, vec![message], None).await {
        tracing::warn!(event = id, %error, "what a change caused could not be queued; the sweeper will");
    }
}
