use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    envelope::digest,
    event::{Lease, RETENTION},
    ports::{Index, Place},
    record::{Record, due_place, place},
    schema::{described, described_words},
    sweep::GRACE,
    time::Timestamp,
};

/// The most attempts that are kept, the latest ones.
const MOST_ATTEMPTS: usize = 20;
/// What the log says of an attempt whose outcome nobody could write down.
const CUT_SHORT: &str = "what came of this attempt is not known: it was cut short, maybe before anything was sent";
/// As much of an answer is kept in an attempt, bytes.
pub const EXCERPT: usize = 4 << 10;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// Nothing was tried yet.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// The last attempt failed, and there will be another one.
    Failed,
    /// There will be no other attempt, unless somebody asks for it.
    PermanentlyFailed,
}

described_words!(DeliveryStatus: Pending, Delivered, Failed, PermanentlyFailed);

/// Why a delivery is not attempted before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// The last attempt failed, and the schedule or the receiver says when the next one is.
    Retry,
    /// The endpoint is left alone for a while.
    Pause,
    /// The subscription's limit of deliveries a second.
    RateLimit,
    /// As many attempts as may be are under way.
    Capacity,
    /// The operator: it can't be signed as things are set up.
    Operator,
}

described_words!(WaitsFor: Retry, Pause, RateLimit, Capacity, Operator);

/// Why an attempt is made although the endpoint is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// Somebody has asked for this very delivery.
    ByHand,
}

described! {
    /// One attempt.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Attempt as "Attempt" {
        /// When it began; of one that was cut short, when it was due.
        pub at: Timestamp,
        /// The answer's status, if there was one.
        pub status_code: Option<u16>,
        /// How long it took, milliseconds.
        pub duration_ms: u64,
        /// The beginning of the answer. Lists leave it out.
        pub response: Option<String>,
        /// What went wrong.
        pub error: Option<String>,
    }
}

/// One event on its way to one subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `dlv_…`, derived from event and subscription.
    pub id: String,
    /// The subscription.
    pub subscription_id: String,
    /// The event, `evt_…`.
    pub event_id: String,
    /// What happened.
    pub event_type: String,
    /// Whose subscription it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// The latest attempts, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// How many attempts there were in all.
    #[serde(default)]
    pub attempted: u32,
    /// How many attempts of the retry schedule have failed; a resend begins anew.
    #[serde(default)]
    pub failed: usize,
    /// When it was noted down.
    pub created_at: Timestamp,
    /// When the receiver took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    /// When the next attempt is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// A message for that time is in the queue: the due index is only the net under it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// The slot that the endpoint's rate limit has given it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Timestamp>,
    /// What it waits for, where it had to be put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
    /// Why it waits, or why there will be no other attempt, where no attempt says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who is making an attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Who asked for the next attempt, which therefore does not wait for the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// The job that asked for it last: asking once more is nothing new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

impl Delivery {
    /// The list of those of one subscription that have failed for good.
    #[must_use]
    pub fn failed_list(subscription: &str) -> String {
        format!("delivery/failed/{subscription}")
    }

    /// The list of those of one subscription that wait, and not only for a free place.
    #[must_use]
    pub fn waiting_list(subscription: &str) -> String {
        format!("delivery/waiting/{subscription}")
    }

    /// The list of those of one subscription.
    #[must_use]
    pub fn list_of(subscription: &str) -> String {
        format!("delivery/{subscription}")
    }

    /// The id of the delivery of an event to a subscription.
    #[must_use]
    pub fn id_of(event: &str, subscription: &str) -> String {
        format!("dlv_{}", digest(&[event, subscription]))
    }

    /// A delivery that is due now, with its message about to be sent.
    #[must_use]
    pub fn new(event: &super::Published, subscription: &str, tenant: Option<String>, now: Timestamp) -> Self {
        Self {
            id: Self::id_of(&event.id, subscription),
            subscription_id: subscription.to_owned(),
            event_id: event.id.clone(),
            event_type: event.kind.clone(),
            tenant,
            status: DeliveryStatus::Pending,
            attempts: Vec::new(),
            attempted: 0,
            failed: 0,
            created_at: now,
            delivered_at: None,
            due_at: Some(now),
            queued: true,
            slot: None,
            waits_for: None,
            reason: None,
            lease: None,
            asked: None,
            job: None,
        }
    }

    /// Whether there will be another attempt.
    #[must_use]
    pub fn unfinished(&self) -> bool {
        matches!(self.status, DeliveryStatus::Pending | DeliveryStatus::Failed)
    }

    /// Notes an attempt.
    pub fn note(&mut self, attempt: Attempt) {
        self.attempted = self.attempted.saturating_add(1);
        self.attempts.push(attempt);
        if self.attempts.len() > MOST_ATTEMPTS {
            self.attempts.remove(0);
        }
        (self.lease, self.slot, self.asked) = (None, None, None);
        (self.waits_for, self.reason) = (None, None);
    }

    /// Notes so many attempts of which nobody could write down what came of them. The receiver may have seen each of them.
    pub fn note_cut_short(&mut self, attempts: u32) {
        let at = self.due_at.unwrap_or(self.created_at);
        for _ in 0..attempts {
            self.note(Attempt { at, status_code: None, duration_ms: 0, response: None, error: Some(CUT_SHORT.to_owned()) });
        }
    }

    /// Forgets what the receiver answered: it may have repeated data that is to be erased. Whether there was something to forget.
    pub fn forget_answers(&mut self) -> bool {
        self.attempts.iter_mut().filter_map(|attempt| attempt.response.take()).count() > 0
    }

    /// The receiver has taken it.
    pub fn delivered(&mut self, now: Timestamp) {
        self.status = DeliveryStatus::Delivered;
        self.delivered_at.get_or_insert(now);
        (self.due_at, self.queued) = (None, false);
    }

    /// There will be no other attempt. `reason`: why, where no attempt says so.
    pub fn give_up(&mut self, reason: Option<String>) {
        (self.waits_for, self.reason) = (None, reason);
        self.status = DeliveryStatus::PermanentlyFailed;
        (self.due_at, self.queued) = (None, false);
        (self.lease, self.slot, self.asked) = (None, None, None);
    }

    /// It is due at `at`, because of `why`. A message is sent for it if that is soon; beyond, the due index alone keeps it.
    pub fn wait(&mut self, at: Timestamp, why: Option<WaitsFor>, now: Timestamp) {
        (self.waits_for, self.reason) = (why, None);
        self.due_at = Some(at);
        self.queued = at.since(now) <= super::LONGEST_DELAY;
        self.lease = None;
    }

    /// It is to be delivered once more, with all its retries, from now on.
    pub fn begin_anew(&mut self, job: Option<String>, now: Timestamp) {
        self.status = DeliveryStatus::Pending;
        (self.failed, self.slot, self.asked, self.job) = (0, None, None, job);
        self.wait(now, None, now);
    }

    /// The same, because somebody has asked for this very delivery: its first attempt waits for no endpoint.
    pub fn begin_anew_by_hand(&mut self, now: Timestamp) {
        self.begin_anew(None, now);
        self.asked = Some(Asked::ByHand);
    }

    /// Whether it waits for more than a free place.
    fn waits(&self) -> bool {
        self.unfinished() && self.waits_for.is_some_and(|what| what != WaitsFor::Capacity)
    }

    /// Whether it waits for its endpoint, for its next retry or for the operator, by what was known at `then`: no attempt has ended since.
    pub(super) fn waits_since(&self, then: Timestamp) -> bool {
        let ended = self.attempts.last().map(|last| last.at + Duration::from_millis(last.duration_ms));
        self.waits() && !self.waits_for_its_turn() && ended.is_none_or(|ended| ended <= then)
    }

    /// Whether its subscription's limit is what it waits for.
    pub(super) fn waits_for_its_turn(&self) -> bool {
        self.unfinished() && self.waits_for == Some(WaitsFor::RateLimit)
    }

    /// Its next attempt is made now, by what is left of its schedule, because this job has asked for it.
    pub(super) fn hasten(&mut self, job: &str, now: Timestamp) {
        (self.job, self.slot) = (Some(job.to_owned()), None);
        self.wait(now, None, now);
    }
}

impl Record for Delivery {
    const KIND: &'static str = "delivery";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        let mut places = vec![
            place(Index::List, Self::KIND, self.created_at, &self.id),
            place(Index::Group, &Self::list_of(&self.subscription_id), self.created_at, &self.id),
        ];
        let flag = match self.status {
            DeliveryStatus::PermanentlyFailed => Some(Self::failed_list(&self.subscription_id)),
            _ => self.waits().then(|| Self::waiting_list(&self.subscription_id)),
        };
        places.extend(flag.map(|list| place(Index::Flag, &list, self.created_at, &self.id)));
        if let Some(due_at) = self.due_at {
            let looked_after = if self.queued { GRACE } else { Duration::ZERO };
            places.push(due_place(&Self::key(&self.id), due_at + looked_after));
        }
        places
    }

    fn expires_at(&self) -> Option<Timestamp> {
        let last = self.attempts.last().map_or(self.created_at, |attempt| attempt.at);
        (!self.unfinished()).then(|| last + RETENTION)
    }
}
