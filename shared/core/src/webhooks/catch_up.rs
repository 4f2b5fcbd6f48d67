//! What a subscription has missed: deliveries that failed for good, and events that were published before it was there; and those deliveries that its endpoint
//! keeps waiting. Done in pages, each delivery once for each job.

use std::{collections::BTreeMap, ops::Bound, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Delivery, DeliveryStatus, FanOut, OutboundMessage, Published, Subscription, tally::Job};
use crate::{
    event::EventRecord,
    ids::fresh,
    ports::{Commit, Committed, Condition, Index, Order, PortError, Query, QueueName, Stored, Write},
    record::Record,
    rules::SLUICE,
    schema::described_words,
    time::Timestamp,
};

/// How many are taken in hand at once: as many as one commit has room for, beside the count.
const PAGE: usize = 99;

/// What is due within this goes at its own time. By then somebody may have it in hand, which no document tells where one process holds the data; so this is
/// longer than it takes from reading a page to changing it.
const JUST_AHEAD: Duration = Duration::from_secs(30);

/// As much is written in one commit, bytes of JSON, unless one delivery alone is more. DynamoDB takes 4 MB in a transaction, and answers that pack badly are
/// hardly less there.
const LOAD: usize = 2 << 20;

/// Takes as many out of `all` as one commit has room for.
fn take_a_load(all: &mut BTreeMap<String, (Delivery, u64)>) -> BTreeMap<String, (Delivery, u64)> {
    let (mut load, mut bytes) = (BTreeMap::new(), 0);
    while let Some((id, held)) = all.pop_first() {
        bytes += held.0.document().data.len();
        if bytes > LOAD && !load.is_empty() {
            all.insert(id, held);
            break;
        }
        load.insert(id, held);
    }
    load
}

/// What is to be caught up on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Deliveries that have failed for good.
    Failed,
    /// Events for which there is no delivery.
    Missing,
    /// Deliveries that wait for the endpoint, for their next retry or for the operator.
    Waiting,
    /// Deliveries that wait for their turn, by a limit that is no more.
    Limited,
}

described_words!(What: Failed, Missing, Waiting, Limited);

/// A job: what is to be caught up on, for which subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUp {
    /// The subscription.
    pub subscription_id: String,
    /// What.
    pub what: What,
    /// From the deliveries, or events, of this time on.
    pub since: Timestamp,
    /// To those of this time.
    pub until: Timestamp,
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// How many deliveries it has set going.
    pub count: u64,
    list: String,
    after: String,
}

impl Progress {
    /// Reads it as it is stored.
    #[must_use]
    pub fn read(cursor: Option<&str>) -> Self {
        let mut parts = cursor.unwrap_or_default().splitn(3, '\n');
        let mut part = || parts.next().unwrap_or_default();
        let count = part().parse().unwrap_or(0);
        Self { count, list: part().to_owned(), after: part().to_owned() }
    }

    /// As it is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}", self.count, self.list, self.after)
    }
}

/// Whether a page was the last.
pub(crate) enum Page {
    More(Progress),
    Last(Progress),
}

impl CatchUp {
    /// The lists that are gone through, one after the other, each in an index.
    fn lists(&self) -> Vec<(Index, String)> {
        match self.what {
            What::Failed => vec![(Index::Flag, Delivery::failed_list(&self.subscription_id))],
            What::Waiting | What::Limited => vec![(Index::Flag, Delivery::waiting_list(&self.subscription_id))],
            // Webhooks that nobody wanted when they came were not published: they stand among the events alone.
            What::Missing => vec![(Index::List, Published::KIND.to_owned()), (Index::List, EventRecord::LIST.to_owned())],
        }
    }

    /// The next page of a list behind `after`, oldest first.
    async fn read(&self, out: &FanOut<'_>, index: Index, list: &str, after: &str) -> Result<crate::ports::Page, PortError> {
        let from = if after.is_empty() { Bound::Included(self.since.sortable()) } else { Bound::Excluded(after.to_owned()) };
        // No id begins with a character above this one.
        let to = Bound::Included(format!("{}/\u{10ffff}", self.until.sortable()));
        out.store.query(&Query { index, partition: list.to_owned(), from, to, order: Order::Ascending, limit: PAGE }).await
    }

    /// How many deliveries the job would set going, and whether that are all: it is counted until `deadline`.
    pub(crate) async fn count(&self, out: &FanOut<'_>, subscription: &Subscription, deadline: Timestamp) -> Result<(u64, bool), PortError> {
        let mut count = 0;
        for (index, list) in self.lists() {
            let mut after = String::new();
            loop {
                let page = self.read(out, index, &list, &after).await?;
                let stored: Vec<_> = page.items.iter().map(|(_, stored)| stored).collect();
                count += match self.what {
                    What::Failed | What::Waiting | What::Limited => self.ready(&stored, "", out.clock.now())?.len() as u64,
                    What::Missing => {
                        let missing = self.missing(out, subscription, &stored).await?;
                        self.uncounted(out, &list, missing).await?
                    }
                };
                match page.items.last().filter(|_| page.more) {
                    Some(_) if out.clock.now() >= deadline => return Ok((count, false)),
                    Some((last, _)) => after.clone_from(&last.sort),
                    None => break,
                }
            }
        }
        Ok((count, true))
    }

    /// How many of these the lists before `list` have not shown: the job itself finds the deliveries that it has made of those.
    async fn uncounted(&self, out: &FanOut<'_>, list: &str, missing: Vec<Published>) -> Result<u64, PortError> {
        if list == Published::KIND || missing.is_empty() {
            return Ok(missing.len() as u64);
        }
        let keys: Vec<_> = missing.iter().map(|event| Published::key(&event.id)).collect();
        let mut count = 0;
        for known in out.store.get(&keys).await? {
            let published = known.as_ref().map(Published::from_stored).transpose()?;
            let shown = published.is_some_and(|published| (self.since..=self.until).contains(&published.published_at));
            count += u64::from(!shown);
        }
        Ok(count)
    }

    /// Takes the next page in hand. `job`: what marks a delivery as set going by this job.
    pub(crate) async fn page(&self, out: &FanOut<'_>, subscription: &Subscription, job: &str, from: Progress) -> Result<Page, PortError> {
        let lists = self.lists();
        let at = lists.iter().position(|(_, list)| *list == from.list).unwrap_or(0);
        let (index, list) = &lists[at];
        let page = self.read(out, *index, list, &from.after).await?;
        let stored: Vec<_> = page.items.iter().map(|(_, stored)| stored).collect();
        let job = Job { id: job, counted: from.count };
        match self.what {
            What::Failed | What::Waiting | What::Limited => self.resend(out, job, &stored).await?,
            What::Missing => self.replay(out, subscription, job, &stored).await?,
        }
        let count = job.count(out.store).await?;
        let last = page.items.last().filter(|_| page.more).map(|(last, _)| last.sort.clone());
        Ok(match (last, lists.get(at + 1)) {
            (Some(after), _) => Page::More(Progress { count, list: list.clone(), after }),
            (None, Some((_, next))) => Page::More(Progress { count, list: next.clone(), after: String::new() }),
            (None, None) => Page::Last(Progress { count, list: list.clone(), after: String::new() }),
        })
    }

    /// A delivery as the job has it made, with the version that it was read at; `None` if it is not to be, or this job has begun with it already.
    fn again(&self, stored: &Stored, job: &str, now: Timestamp) -> Result<Option<(Delivery, u64)>, PortError> {
        let mut delivery = Delivery::from_stored(stored)?;
        if delivery.job.as_deref() == Some(job) {
            return Ok(None);
        }
        let goes_soon = delivery.due_at.is_none_or(|due_at| due_at <= now + JUST_AHEAD);
        match self.what {
            What::Failed if delivery.status == DeliveryStatus::PermanentlyFailed => delivery.begin_anew(Some(job.to_owned()), now),
            // What has failed since it was asked for waits for good reason.
            What::Waiting if !goes_soon && delivery.waits_since(self.until) => delivery.hasten(job, now),
            What::Limited if !goes_soon && delivery.waits_for_its_turn() => delivery.hasten(job, now),
            What::Failed | What::Waiting | What::Limited | What::Missing => return Ok(None),
        }
        Ok(Some((delivery, stored.version)))
    }

    /// Those of what was found that the job has made, by their ids.
    fn ready(&self, found: &[&Stored], job: &str, now: Timestamp) -> Result<BTreeMap<String, (Delivery, u64)>, PortError> {
        let again = found.iter().filter_map(|stored| self.again(stored, job, now).transpose());
        again.map(|again| again.map(|(delivery, version)| (delivery.id.clone(), (delivery, version)))).collect()
    }

    /// Has those made that failed for good or wait, and that this job has not begun with.
    async fn resend(&self, out: &FanOut<'_>, job: Job<'_>, found: &[&Stored]) -> Result<(), PortError> {
        let now = out.clock.now();
        let mut all = self.ready(found, job.id, now)?;
        let mut ready = BTreeMap::new();
        loop {
            // What was refused stays in hand, and more is taken when all of it is done.
            if ready.is_empty() {
                ready = take_a_load(&mut all);
            }
            if ready.is_empty() {
                return Ok(());
            }
            let put = |(delivery, version): &(Delivery, u64)| Write::Put {
                document: delivery.document(),
                condition: Condition::Version(*version),
            };
            let mut writes: Vec<_> = ready.values().map(put).collect();
            writes.push(job.add(ready.len(), out.store, now).await?);
            let messages = ready.values().map(|(delivery, _)| OutboundMessage::of(delivery, delivery.due_at.unwrap_or(now))).collect();
            let commit = Commit { token: fresh("", out.ids), writes };
            match out.store.commit_and_send(commit, out.queue, QueueName::Outbound, messages, None).await? {
                (Committed::Applied, sent) => {
                    if let Err(error) = sent {
                        tracing::warn!(job = job.id, %error, "deliveries to be made once more could not be queued; the sweeper will");
                    }
                    ready.clear();
                }
                (Committed::Refused(refusals), _) => {
                    let ids: Vec<_> = ready.keys().cloned().collect();
                    for refusal in refusals {
                        // Behind them stands the count, which is read again.
                        let Some(id) = ids.get(refusal.write) else { continue };
                        let again = |stored| self.again(stored, job.id, out.clock.now());
                        let changed = refusal.found.as_ref().map(again).transpose()?.flatten();
                        match changed {
                            Some(changed) => drop(ready.insert(id.clone(), changed)),
                            None => drop(ready.remove(id)),
                        }
                    }
                }
            }
        }
    }

    /// Notes down the deliveries that are missing.
    async fn replay(&self, out: &FanOut<'_>, subscription: &Subscription, job: Job<'_>, found: &[&Stored]) -> Result<(), PortError> {
        let now = out.clock.now();
        let missing = self.missing(out, subscription, found).await?;
        for event in &missing {
            // Those that nobody wanted are published now; the others are there already.
            let write = Write::Put { document: event.document(), condition: Condition::Absent };
            out.store.commit(Commit { token: fresh("", out.ids), writes: vec![write] }).await?;
        }
        let delivery = |event: &Published| Delivery::new(event, &subscription.id, subscription.tenant.clone(), now);
        out.note_down(missing.iter().map(delivery).collect(), Some(job)).await
    }

    /// The events among these that the subscription wants and has no delivery of.
    async fn missing(&self, out: &FanOut<'_>, subscription: &Subscription, found: &[&Stored]) -> Result<Vec<Published>, PortError> {
        let mut wanted = Vec::new();
        for stored in found {
            let event = if stored.document.key.kind == Published::KIND {
                Published::from_stored(stored)?
            } else {
                let event = EventRecord::from_stored(stored)?;
                if event.provider == SLUICE || event.is_untold() || event.erased_at.is_some() {
                    continue;
                }
                Published::caught_up_on(&event, out.clock.now())
            };
            if event.erased_at.is_some() {
                continue;
            }
            let for_it = subscription.tenant.is_none() || subscription.tenant == event.tenant;
            if for_it && subscription.event_types.iter().any(|pattern| pattern.matches(&event.kind)) {
                wanted.push(event);
            }
        }
        if wanted.is_empty() {
            return Ok(wanted);
        }
        let keys: Vec<_> = wanted.iter().map(|event| Delivery::key(&Delivery::id_of(&event.id, &subscription.id))).collect();
        let known = out.store.get(&keys).await?;
        Ok(wanted.into_iter().zip(known).filter(|(_, known)| known.is_none()).map(|(event, _)| event).collect())
    }
}
