//! A message of the queue `outbound`: one attempt to deliver, at most, whatever crashes.
//!
//! A lease is taken (by a process that is alone with the data in its own memory, else in the store), the attempt made, and what came of it written down; each
//! write is conditional on the version held. Whoever finds a lease that has run out makes the attempt again, under the same `webhook-id`. What may not go yet gets
//! a new due time and its message is done with: no attempt and no receive is counted for it.
//!
//! An attempt that was cut short is in the log, too. It is known by a lease that has run out; where the lease is in memory, by the message, which has been
//! received before.

mod attempt;
mod crowd;
mod known;
mod outcome;

use std::{sync::Arc, time::Duration};

pub use self::{crowd::Crowd, known::Known};
use self::{
    crowd::{NoPlace, Place},
    known::{Served, Told},
};
use super::{Asked, Delivery, Endpoint, OutboundMessage, Published, Subscription, WaitsFor, Webhooks, endpoint::Admission, in_hand::Taken};
use crate::{
    event::Lease,
    ids::fresh,
    ports::{Clock, Commit, Committed, Condition, Ids, Measure, Metrics, PortError, Queue, QueueName, Store, Stored, Write},
    process::{Disposition, Incarnation, Outcome, Received, backoff},
    record::Record,
    time::Timestamp,
};

/// How long past a handling's deadline its lease lasts.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// What must be left of a handling's time to look at a delivery again: the longest timeout of an attempt, and some to write down what came of it.
const LONG_ENOUGH: Duration = Duration::from_secs(35);
/// How often a delivery that changed under its handling is looked at anew.
const ROUNDS: u32 = 8;
/// How long a message waits whose delivery is in other hands.
const SOON: Duration = Duration::from_millis(50);
/// How long a delivery waits that nothing can be done for until the operator has mended something.
const UNTIL_MENDED: Duration = Duration::from_mins(5);

/// Why a delivery is given up whose data has been erased. The answers of its receiver, which may repeat the data, are not kept either.
const DATA_ERASED: &str = "the data of its event was erased";

/// Delivers.
pub struct Deliverer {
    /// The records.
    pub store: Arc<dyn Store>,
    /// Where deliveries wait, and where what they cause is handled.
    pub queue: Arc<dyn Queue>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random ids.
    pub ids: Arc<dyn Ids>,
    /// What is counted.
    pub metrics: Arc<dyn Metrics>,
    /// What webhooks out stand on.
    pub webhooks: Arc<Webhooks>,
    /// Which process this is.
    pub incarnation: Incarnation,
    /// How many attempts are under way, by subscription.
    pub crowd: Crowd,
    /// What is remembered of the last attempts.
    pub known: Known,
}

/// Why a handling stopped short.
enum Trouble {
    /// No attempt began.
    Port(PortError),
    /// An attempt was made, and what came of it could not be written down.
    Lost(PortError),
    /// Not now, and no attempt has been cut short: somebody else makes one, or changes the delivery, or there is no time left for another.
    Busy(Timestamp),
}

impl From<PortError> for Trouble {
    fn from(error: PortError) -> Self {
        Self::Port(error)
    }
}

/// A delivery with everything that it needs.
struct Held {
    delivery: Delivery,
    version: u64,
    served: Arc<Served>,
    subscription: Arc<Subscription>,
    endpoint: Endpoint,
    endpoint_stored: Option<Stored>,
    told: Arc<Told>,
}

/// What was found of a delivery.
enum Found {
    Nothing,
    Leased(Timestamp),
    /// Nothing can be delivered any more, for this reason.
    Hopeless(Box<(Delivery, u64)>, &'static str),
    Held(Box<Held>),
}

impl Deliverer {
    /// Handles one message, and returns before its deadline.
    pub async fn handle(&self, message: Received<'_>) -> Disposition {
        let disposition = Box::pin(self.dispose(message)).await;
        self.metrics.record(match disposition {
            Disposition::Done(outcome) => Measure::Handled { outcome },
            Disposition::Later { .. } => Measure::PutOff,
        });
        disposition
    }

    async fn dispose(&self, message: Received<'_>) -> Disposition {
        let later = |reason: String| Disposition::Later { at: self.clock.now() + backoff(message.receives, &*self.ids), reason };
        let parsed = match serde_json::from_str::<OutboundMessage>(message.body) {
            Ok(parsed) => parsed,
            Err(error) => {
                tracing::error!(
                    %error,
                    receives = message.receives,
                    "a message on the queue outbound can't be read; it is tried again, and is a dead letter after {} receives",
                    message.max_receives
                );
                return later(format!("the message can't be read: {error}"));
            }
        };
        let in_hand = &self.webhooks.in_hand;
        let error = match self.deliver(&parsed, message.receives, message.deadline).await {
            Ok(outcome) => return Disposition::Done(outcome),
            Err(Trouble::Busy(until)) => {
                in_hand.left_untouched(&parsed.delivery);
                return Disposition::Later { at: until, reason: "it is in other hands, or needs more time than is left".to_owned() };
            }
            Err(Trouble::Port(error)) => {
                in_hand.left_untouched(&parsed.delivery);
                error
            }
            Err(Trouble::Lost(error)) => error,
        };
        tracing::warn!(delivery = parsed.delivery, %error, receives = message.receives, "a delivery could not be handled and will be tried again");
        later(error.to_string())
    }

    /// A message that comes while another one of the same delivery is handled here is done with at once: whoever has the delivery in hand looks again.
    async fn deliver(&self, message: &OutboundMessage, receives: u32, deadline: Timestamp) -> Result<Outcome, Trouble> {
        let mut hold = match self.webhooks.in_hand.take(&message.delivery, message.due_at) {
            Ok(hold) => hold,
            Err(Taken::Asked) => return Ok(Outcome::Nothing),
            Err(Taken::Busy) => return Err(Trouble::Busy(self.clock.now() + SOON)),
        };
        let mut outcome = self.deliver_held(message, message.due_at, receives, deadline).await?;
        while let Some(due_at) = hold.let_go() {
            if deadline.since(self.clock.now()) < LONG_ENOUGH {
                // Handled anew, with time for a whole attempt.
                return Err(Trouble::Busy(self.clock.now()));
            }
            // What may have been cut short before is in the log by now.
            outcome = self.deliver_held(message, due_at, 1, deadline).await?;
        }
        self.webhooks.in_hand.forget(&message.delivery);
        Ok(outcome)
    }

    async fn deliver_held(
        &self,
        message: &OutboundMessage,
        due_at: Timestamp,
        receives: u32,
        deadline: Timestamp,
    ) -> Result<Outcome, Trouble> {
        for _ in 0..ROUNDS {
            let now = self.clock.now().max(due_at);
            match self.find(message, receives, now).await? {
                Found::Nothing => return Ok(Outcome::Nothing),
                Found::Leased(until) => return Err(Trouble::Busy(until)),
                Found::Hopeless(found, reason) => {
                    let (mut delivery, version) = *found;
                    if reason == DATA_ERASED {
                        delivery.forget_answers();
                    }
                    delivery.give_up(Some(reason.to_owned()));
                    if self.put(&delivery, version, Vec::new()).await?.is_some() {
                        tracing::info!(delivery = delivery.id, reason, "given up");
                        return Ok(Outcome::Applied);
                    }
                }
                Found::Held(held) => {
                    if let Some(outcome) = self.with(held, now, deadline).await? {
                        return Ok(outcome);
                    }
                }
            }
        }
        Err(PortError::Temporary(format!("the delivery {} kept changing", message.delivery)).into())
    }

    async fn find(&self, message: &OutboundMessage, receives: u32, now: Timestamp) -> Result<Found, PortError> {
        let OutboundMessage { delivery, subscription, event, .. } = message;
        let keys = [Delivery::key(delivery), Subscription::key(subscription), Endpoint::key(subscription), Published::key(event)];
        let mut found = self.store.get(&keys).await?.into_iter();
        let (stored, subscription) = (found.next().flatten(), found.next().flatten());
        let (endpoint, event) = (found.next().flatten(), found.next().flatten());
        let Some(stored) = stored else { return Ok(Found::Nothing) };
        let (mut delivery, version) = (Delivery::from_stored(&stored)?, stored.version);
        // Done, or put off: there is another message for then.
        if !delivery.unfinished() || delivery.due_at.is_none_or(|due_at| due_at > now) {
            return Ok(Found::Nothing);
        }
        if let Some(lease) = delivery.lease.as_ref().filter(|lease| self.incarnation.is_alive(lease, self.clock.now())) {
            return Ok(Found::Leased(lease.until));
        }
        delivery.note_cut_short(self.cut_short(&delivery, receives));
        let hopeless = |delivery, reason| Ok(Found::Hopeless(Box::new((delivery, version)), reason));
        let told = event.map(|stored| self.known.event(&stored)).transpose()?;
        // Before all else: whyever it ends, what its receiver has answered before is forgotten, too.
        if told.as_ref().is_some_and(|told| told.event.erased_at.is_some()) {
            return hopeless(delivery, DATA_ERASED);
        }
        let keyring = &self.webhooks.keyring;
        let served = subscription.map(|stored| self.known.subscription(&stored, keyring, self.clock.now())).transpose()?;
        let Some(served) = served else {
            return hopeless(delivery, "the subscription is gone");
        };
        let subscription = Arc::clone(&served.subscription);
        if !subscription.active() {
            return hopeless(delivery, "the subscription is disabled");
        }
        let Some(told) = told else {
            return hopeless(delivery, "the event is no longer kept");
        };
        let state = endpoint.as_ref().map(Endpoint::from_stored).transpose()?;
        let state = state.unwrap_or_else(|| Endpoint::new(&subscription.id));
        let held = Held { delivery, version, served, subscription, endpoint: state, endpoint_stored: endpoint, told };
        Ok(Found::Held(Box::new(held)))
    }

    /// How many attempts of a delivery that nobody has in hand may have been cut short.
    fn cut_short(&self, delivery: &Delivery, receives: u32) -> u32 {
        let leased = u32::from(delivery.lease.is_some());
        match self.incarnation {
            Incarnation::Sole(_) => self.webhooks.in_hand.cut_short(&delivery.id, receives).max(leased),
            // A message comes again here for other reasons, too; a lease is there before every attempt.
            Incarnation::OneOfMany => leased,
        }
    }

    /// Makes the attempt, or puts it off. `None` if somebody else has changed something that decides.
    async fn with(&self, mut held: Box<Held>, now: Timestamp, deadline: Timestamp) -> Result<Option<Outcome>, Trouble> {
        let mut place = match self.crowd.enter(&held.subscription.id, self.clock.now()) {
            Ok(place) => place,
            Err(NoPlace { until }) => return Ok(self.wait(held, until, WaitsFor::Capacity, Vec::new()).await?),
        };
        let probe = held.subscription.timeout() + LEASE_MARGIN;
        let (rate_limit, slot) = (held.subscription.rate_limit, held.delivery.slot);
        let admission = match held.delivery.asked {
            Some(Asked::ByHand) => held.endpoint.admit_asked_for(now, rate_limit, slot),
            None => held.endpoint.admit(now, rate_limit, slot, probe),
        };
        let endpoint = || Write::Put { document: held.endpoint.document(), condition: Condition::unchanged(held.endpoint_stored.as_ref()) };
        let further = match admission {
            Admission::Go => Vec::new(),
            Admission::GoOnceStored => vec![endpoint()],
            Admission::Wait(until) => return Ok(self.put_off(held, until, WaitsFor::Pause).await?),
            Admission::WaitForTurn(turn) => return Ok(self.wait(held, turn, WaitsFor::RateLimit, Vec::new()).await?),
            Admission::WaitForSlot(slot) => {
                let writes = vec![endpoint()];
                held.delivery.slot = Some(slot);
                return Ok(self.wait(held, slot, WaitsFor::RateLimit, writes).await?);
            }
        };
        // Alone with the data, to have the delivery in hand is enough.
        if !matches!(self.incarnation, Incarnation::Sole(_)) || !further.is_empty() {
            let owner = self.incarnation.owner(&*self.ids);
            held.delivery.lease = Some(Lease { owner, until: deadline + LEASE_MARGIN });
            let Some(version) = self.put(&held.delivery, held.version, further).await? else { return Ok(None) };
            held.version = version;
        }
        let outcome = self.attempt(held, deadline, &mut place).await;
        outcome.map(Some)
    }

    /// Waits until `until` and a little longer.
    async fn put_off(&self, held: Box<Held>, until: Timestamp, why: WaitsFor) -> Result<Option<Outcome>, PortError> {
        let spread = held.endpoint.spread() * u32::try_from(self.ids.random() % 1_000).unwrap_or(0) / 1_000;
        self.wait(held, until + spread, why, Vec::new()).await
    }

    async fn wait(&self, mut held: Box<Held>, until: Timestamp, why: WaitsFor, writes: Vec<Write>) -> Result<Option<Outcome>, PortError> {
        held.delivery.wait(until, Some(why), self.clock.now());
        held.delivery.reason = held.endpoint.reason.take().filter(|_| why == WaitsFor::Pause);
        let stored = self.put(&held.delivery, held.version, writes).await?;
        Ok(stored.map(|_| Outcome::Nothing))
    }

    /// Puts the delivery on the version read, with further writes, and sends the message of one that waits. The new version; `None` if something has
    /// changed meanwhile. A refusal by our own earlier try, whose answer was lost, counts as applied. A message that is lost is made good by the due
    /// index, five minutes later.
    async fn put(&self, delivery: &Delivery, version: u64, further: Vec<Write>) -> Result<Option<u64>, PortError> {
        let token = fresh("", &*self.ids);
        // Made anew for a second try, which there seldom is.
        let commit = || {
            let mut writes = Vec::with_capacity(1 + further.len());
            writes.push(Write::Put { document: delivery.document(), condition: Condition::Version(version) });
            writes.extend_from_slice(&further);
            Commit { token: token.clone(), writes }
        };
        let due_at = delivery.due_at.filter(|_| delivery.queued && delivery.lease.is_none());
        let messages = || due_at.map(|due_at| OutboundMessage::of(delivery, due_at)).into_iter().collect::<Vec<_>>();
        let unsent = |sent: Result<(), PortError>| {
            if let Err(error) = sent {
                tracing::warn!(delivery = delivery.id, %error, "the next attempt could not be queued; the sweeper will");
            }
        };
        let try_once = async |commit| self.store.commit_and_send(commit, &*self.queue, QueueName::Outbound, messages(), due_at).await;
        let mut error = match try_once(commit()).await {
            Ok((Committed::Applied, sent)) => {
                unsent(sent);
                return Ok(Some(version + 1));
            }
            Ok((Committed::Refused(_), _)) => return Ok(None),
            Err(error) => error,
        };
        if matches!(error, PortError::Temporary(_)) {
            match try_once(commit()).await {
                Ok((Committed::Applied, sent)) => {
                    unsent(sent);
                    return Ok(Some(version + 1));
                }
                Ok((Committed::Refused(refusals), _)) => {
                    let found = refusals.into_iter().find(|refusal| refusal.write == 0).and_then(|refusal| refusal.found);
                    let ours = found.is_some_and(|found| found.version == version + 1 && found.document.data == delivery.document().data);
                    if ours && due_at.is_some() {
                        unsent(self.queue.send(QueueName::Outbound, messages(), due_at).await.map_err(|error| error.cause));
                    }
                    return Ok(ours.then_some(version + 1));
                }
                Err(again) => error = again,
            }
        }
        Err(error)
    }
}
