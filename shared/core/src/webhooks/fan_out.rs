//! From one event to the delivery of each of its subscribers, in pages.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use super::{
    Delivery, Entry, InterestBoard, OutboundMessage, Pattern, Published,
    interest::{Moment, Subscriber, Subscribers},
    tally::Job,
};
use crate::{
    ids::fresh,
    ports::{Clock, Commit, Committed, Condition, Ids, Index, Order, Page, PortError, Query, Queue, QueueName, Store, Write},
    record::Record,
    time::Timestamp,
};

/// How many subscribers are taken in hand at once: as many as one commit has room for.
const PAGE: usize = 100;

/// So many subscribers are few: their deliveries are noted down in the commit that publishes.
const FEW: usize = 20;

/// What a fan-out stands on.
pub(crate) struct FanOut<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) queue: &'a dyn Queue,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) ids: &'a dyn Ids,
}

impl FanOut<'_> {
    /// Notes down the deliveries to the subscribers behind `cursor`, and sends their messages, up to a full page. Returns where to go on; `None` at
    /// the end. Repeating it adds nothing: each delivery is put only if there is none, and one that is still to be made gets another message.
    pub(crate) async fn page(
        &self,
        interest: &InterestBoard,
        event: &Published,
        cursor: Option<&str>,
    ) -> Result<Option<String>, PortError> {
        let patterns = interest.covering_now(&event.kind, self.store, self.clock).await?;
        let (begun, mut after) = match cursor.and_then(|cursor| cursor.split_once('\n')) {
            Some((list, sort)) => (list, Some(sort.to_owned())),
            None => ("", None),
        };
        for list in lists(event.tenant.as_deref(), &patterns).into_iter().filter(|list| list.as_str() >= begun) {
            // Where the list that was begun is gone meanwhile, the next one begins at its beginning.
            let from = after.take().filter(|_| list == begun);
            let page = self.subscribers(&list, from, PAGE).await?;
            self.note_down(self.deliveries(event, &page)?, None).await?;
            if let Some((last, _)) = page.items.last().filter(|_| page.more) {
                return Ok(Some(format!("{list}\n{}", last.sort)));
            }
        }
        Ok(None)
    }

    /// The deliveries of an event that is about to be published and that these patterns cover, as they were at that moment or later, if its subscribers are
    /// few; `None` if they are to be reached in pages.
    pub(crate) async fn few(
        &self,
        interest: &InterestBoard,
        (patterns, moment): (&[Pattern], Moment),
        event: &Published,
    ) -> Result<Option<Vec<Delivery>>, PortError> {
        let tenant = event.tenant.as_deref();
        let subscribers = match interest.subscribers(tenant, &event.kind) {
            Some(known) => known,
            None => {
                let found = self.few_subscribers(tenant, patterns).await?;
                interest.note(moment, tenant, &event.kind, &found);
                found
            }
        };
        let Subscribers::Few(few) = subscribers else { return Ok(None) };
        let now = self.clock.now();
        Ok(Some(few.iter().map(|one| Delivery::new(event, &one.subscription, one.tenant.clone(), now)).collect()))
    }

    async fn few_subscribers(&self, tenant: Option<&str>, patterns: &[Pattern]) -> Result<Subscribers, PortError> {
        // A subscription that several patterns lead to gets the event once.
        let mut few = BTreeMap::new();
        for list in lists(tenant, patterns) {
            let page = self.subscribers(&list, None, FEW).await?;
            for (_, stored) in &page.items {
                let entry = Entry::from_stored(stored)?;
                few.insert(entry.subscription, entry.tenant);
            }
            if page.more || few.len() > FEW {
                return Ok(Subscribers::Many);
            }
        }
        Ok(Subscribers::Few(few.into_iter().map(|(subscription, tenant)| Subscriber { subscription, tenant }).collect()))
    }

    async fn subscribers(&self, list: &str, after: Option<String>, limit: usize) -> Result<Page, PortError> {
        let query = Query {
            index: Index::Group,
            partition: list.to_owned(),
            from: after.map_or(Bound::Unbounded, Bound::Excluded),
            to: Bound::Unbounded,
            order: Order::Ascending,
            limit,
        };
        self.store.query(&query).await
    }

    fn deliveries(&self, event: &Published, subscribers: &Page) -> Result<Vec<Delivery>, PortError> {
        let now = self.clock.now();
        let entries = subscribers.items.iter().map(|(_, stored)| Entry::from_stored(stored));
        entries.map(|entry| entry.map(|entry| Delivery::new(event, &entry.subscription, entry.tenant, now))).collect()
    }

    /// Puts each delivery that is not there yet, and sends the messages of all that are still to be made. Those that are put are counted for the `job`.
    pub(crate) async fn note_down(&self, deliveries: Vec<Delivery>, job: Option<Job<'_>>) -> Result<(), PortError> {
        let mut missing: BTreeMap<String, Delivery> = deliveries.into_iter().map(|delivery| (delivery.id.clone(), delivery)).collect();
        let mut messages = Vec::new();
        let message = |delivery: &Delivery, due_at: Timestamp| OutboundMessage::of(delivery, due_at);
        while !missing.is_empty() {
            let put = |delivery: &Delivery| Write::Put { document: delivery.document(), condition: Condition::Absent };
            let mut writes: Vec<_> = missing.values().map(put).collect();
            if let Some(job) = job {
                writes.push(job.add(missing.len(), self.store, self.clock.now()).await?);
            }
            let sent = missing.values().map(|delivery| message(delivery, delivery.created_at)).collect();
            let commit = Commit { token: fresh("", self.ids), writes };
            match self.store.commit_and_send(commit, self.queue, QueueName::Outbound, sent, None).await? {
                (Committed::Applied, sent) => {
                    sent?;
                    break;
                }
                (Committed::Refused(refusals), _) => {
                    let ids: Vec<_> = missing.keys().cloned().collect();
                    for refusal in refusals {
                        // Behind them stands the count, which is read again.
                        let Some(id) = ids.get(refusal.write) else { continue };
                        missing.remove(id);
                        let known = refusal.found.as_ref().map(Delivery::from_stored).transpose()?;
                        // One that nobody has begun with: its message may have been lost with the process that noted it down.
                        if let Some(known) = known.filter(|known| known.attempted == 0 && known.lease.is_none()) {
                            messages.extend(known.due_at.map(|due_at| message(&known, due_at)));
                        }
                    }
                }
            }
        }
        if messages.is_empty() {
            return Ok(());
        }
        self.queue.send(QueueName::Outbound, messages, None).await.map_err(|error| error.cause)
    }

    /// Sends the messages of deliveries that have just been stored. If they are lost, the due index has the deliveries five minutes later.
    pub(crate) async fn send(&self, deliveries: &[Delivery]) {
        let messages: Vec<_> = deliveries.iter().map(|delivery| OutboundMessage::of(delivery, delivery.created_at)).collect();
        if !messages.is_empty()
            && let Err(error) = self.queue.send(QueueName::Outbound, messages, None).await
        {
            tracing::warn!(event = deliveries[0].event_id, %error, "deliveries could not be queued; the sweeper will");
        }
    }
}

/// The lists in which the subscribers of an event stand, in a fixed order: those of its tenant, and the operator's.
fn lists(tenant: Option<&str>, patterns: &[Pattern]) -> BTreeSet<String> {
    let scopes = BTreeSet::from([tenant, None]);
    scopes.into_iter().flat_map(|scope| patterns.iter().map(move |pattern| Entry::list(scope, pattern))).collect()
}
