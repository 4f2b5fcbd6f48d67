//! Planning: what an event changes and causes, decided from the event, the records and the time alone.
//!
//! A plan is a pure function. It asks for records through [`View::read`]; one that has not been loaded yet stops the function
//! with [`Stop::Need`], the caller loads it and starts the function again. So a rule reads like straight code, and the plan
//! knows every record that it depends on: each is written on the version read, or checked to be still at it. What Stripe's API says is asked for
//! the same way, through [`View::look_up`]; a later question may depend on an earlier answer.

mod written;

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::de::DeserializeOwned;

use self::written::{Hears, Noted, Step, Written};

use crate::{
    effect::{Announcement, Effect, EffectKind},
    event::{Change, EventRecord, Publishing},
    news::News,
    ports::{Condition, Key, PortError, Stored, StripeAnswer, StripeLookup, StripeObject, Write},
    record::Record,
    records::Cause,
    refusal::Refusal,
    space::Space,
    template::MailTemplate,
    time::Timestamp,
};

/// The settings that decide something.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How long a booking is held after its first failed payment.
    pub hold: Duration,
    /// Whether Stripe's test-mode events change records.
    pub stripe_test_mode: bool,
    /// Whether mail goes out.
    pub mail: bool,
    /// Whether text messages go out.
    pub sms: bool,
    /// How many mails and texts what happens in the space of a tenant may have sent in an hour; `None` for any number.
    pub messages_of_a_tenant: Option<NonZeroU32>,
    /// Of which texts that did not arrive support is told.
    pub failed_texts: FailedTexts,
}

/// Of which texts that did not arrive support is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailedTexts {
    /// Of all.
    #[default]
    All,
    /// Of those that Sluice sent and those that were put: in a space, whose sources may tell of any number of others.
    KnownOnes,
}

impl Policy {
    /// The same for what happens in a space, or outside of all.
    #[must_use]
    pub fn within(&self, space: Option<&Space>) -> Self {
        let failed_texts = if space.is_some() { FailedTexts::KnownOnes } else { FailedTexts::All };
        Self { failed_texts, ..self.clone() }
    }
}

/// The event as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The id of its record.
    pub id: &'a str,
    /// Who sent it.
    pub provider: &'a str,
    /// Which of several accounts of the provider.
    pub source: &'a str,
    /// What happened, in the provider's words.
    pub kind: &'a str,
    /// When it happened, by the provider.
    pub occurred_at: Option<Timestamp>,
    /// When Sluice accepted it.
    pub received_at: Timestamp,
    /// Whose event it is, by the provider.
    pub account: Option<&'a str>,
    /// The query of the URL, where it belongs to what the event says.
    pub query: &'a str,
    /// The body, exact.
    pub body: &'a [u8],
}

impl Event<'_> {
    /// What to ask Stripe's API for `object` in the account of the event; `livemode` as the event says.
    #[must_use]
    pub fn in_stripe(&self, livemode: bool, object: StripeObject) -> StripeLookup {
        StripeLookup { source: self.source.to_owned(), account: self.account.map(str::to_owned), livemode, object }
    }
}

/// Why a plan was not finished.
#[derive(Debug)]
pub enum Stop {
    /// These records must be loaded first. The commit checks their versions, so that they may have been read with [`Store::get_lagging`].
    ///
    /// [`Store::get_lagging`]: crate::ports::Store::get_lagging
    Need(Vec<Key>),
    /// The same of records that no commit checks, so that they must be read as they are now.
    NeedLatest(Vec<Key>),
    /// Stripe's API must be asked for this first.
    Ask(Box<StripeLookup>),
    /// The event can't be processed as it is; to be parked with this reason. The code groups alerts.
    Park {
        /// A short name of the reason, the same for all events that fail alike.
        code: String,
        /// The reason, for people.
        reason: String,
    },
    /// The event changes nothing here.
    Ignore {
        /// Why.
        reason: String,
        /// The event record that tells the same, if there is one.
        twin: Option<String>,
        /// Whether it is published all the same. What another record covers is published with that.
        publishing: Publishing,
    },
    /// Nothing is to be done, and nothing need be recorded: a timer that came before its time.
    Nothing,
    /// The put is refused.
    Refuse(Refusal),
    /// A stored record can't be read.
    Failed(PortError),
}

/// What has been loaded for a plan: records, of which absent ones are known to be absent, and what Stripe's API answered.
#[derive(Debug, Default)]
pub struct Loaded {
    records: BTreeMap<Key, Option<Stored>>,
    /// Which of them may be as they were some moments ago.
    lagging: BTreeSet<Key>,
    answers: BTreeMap<StripeLookup, StripeAnswer>,
    /// What bodies were read as: the event's own, and that of a snapshot in its place.
    bodies: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
    /// Whether a plan on what was presumed has been refused.
    presumes_nothing: bool,
}

impl Loaded {
    /// Adds what was read under `key`.
    pub fn insert(&mut self, key: Key, stored: Option<Stored>) {
        self.lagging.remove(&key);
        self.records.insert(key, stored);
    }

    /// Adds what was read under `key`, and may be as it was some moments ago.
    pub fn insert_lagging(&mut self, key: Key, stored: Option<Stored>) {
        self.lagging.insert(key.clone());
        self.records.insert(key, stored);
    }

    /// Adds what Stripe's API answered.
    pub fn answer(&mut self, lookup: StripeLookup, answer: StripeAnswer) {
        self.answers.insert(lookup, answer);
    }

    /// Whether something was asked of Stripe's API for which there is no key.
    #[must_use]
    pub fn lacks_answers(&self) -> bool {
        self.answers.values().any(|answer| *answer == StripeAnswer::NotKnown)
    }

    /// What is stored under `key` now.
    fn latest(&self, key: Key) -> Result<Option<&Stored>, Stop> {
        match self.records.get(&key) {
            Some(found) if !self.lagging.contains(&key) => Ok(found.as_ref()),
            _ => Err(Stop::NeedLatest(vec![key])),
        }
    }

    /// Whether records may be read as they were some moments ago. Not any more once a plan on such has been refused.
    #[must_use]
    pub fn may_lag(&self) -> bool {
        !self.presumes_nothing
    }

    /// Whether any of the records was read so.
    #[must_use]
    pub fn lags(&self) -> bool {
        !self.lagging.is_empty()
    }

    /// Forgets the records, because one of them is not as it was loaded or presumed. What Stripe answered moments ago stays.
    pub fn forget_records(&mut self) {
        self.records.clear();
        self.lagging.clear();
        self.presumes_nothing = true;
    }
}

/// What rules see and write while they plan.
pub struct View<'a> {
    /// The time of the plan.
    pub now: Timestamp,
    /// The settings that decide something.
    pub policy: &'a Policy,
    loaded: &'a Loaded,
    cause: Cause,
    read: BTreeSet<Key>,
    writes: BTreeMap<Key, Box<dyn Written>>,
    told: BTreeSet<Key>,
    effects: Vec<Effect>,
    summary: String,
    unmatched: bool,
    erase_body: bool,
    twin: Option<String>,
}

impl<'a> View<'a> {
    /// A view for planning an event on what has been loaded.
    #[must_use]
    pub fn new(cause: Cause, loaded: &'a Loaded, policy: &'a Policy, now: Timestamp) -> Self {
        Self {
            now,
            policy,
            loaded,
            cause,
            read: BTreeSet::new(),
            writes: BTreeMap::new(),
            told: BTreeSet::new(),
            effects: Vec::new(),
            summary: String::new(),
            unmatched: false,
            erase_body: false,
            twin: None,
        }
    }

    /// The record `id` as it is, or as this plan has already changed it.
    ///
    /// # Errors
    /// [`Stop::Need`] if it has not been loaded, [`Stop::Failed`] if it can't be read.
    pub fn read<R: Record>(&mut self, id: &str) -> Result<Option<R>, Stop> {
        let key = R::key(id);
        if let Some(written) = self.writes.get(&key) {
            let other = || Stop::Failed(PortError::Permanent(format!("{key} was written as another type than it is read as")));
            return written.record().downcast_ref::<R>().cloned().map(Some).ok_or_else(other);
        }
        let Some(found) = self.loaded.records.get(&key) else { return Err(Stop::Need(vec![key])) };
        self.read.insert(key);
        found.as_ref().map(R::from_stored).transpose().map_err(Stop::Failed)
    }

    /// The record `id`, which hardly ever is there before the plan that begins it: it is not looked for, but taken to be absent. If it is there, the
    /// commit is refused, and the plan made again on what is stored.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_presumed_absent<R: Record>(&mut self, id: &str) -> Result<Option<R>, Stop> {
        let key = R::key(id);
        if self.loaded.presumes_nothing || self.loaded.records.contains_key(&key) || self.writes.contains_key(&key) {
            return self.read(id);
        }
        self.read.insert(key);
        Ok(None)
    }

    /// The body of an event as `read` reads it. That is done once, however often the plan is begun again.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn body<T: Send + Sync + 'static>(&self, read: impl FnOnce() -> Result<T, Stop>) -> Result<Arc<T>, Stop> {
        let bodies = || self.loaded.bodies.lock().unwrap_or_else(PoisonError::into_inner);
        let known = bodies().iter().find_map(|body| Arc::clone(body).downcast::<T>().ok());
        if let Some(known) = known {
            return Ok(known);
        }
        let body = Arc::new(read()?);
        bodies().push(body.clone());
        Ok(body)
    }

    /// Asks for several records at once, before they are read one by one.
    ///
    /// # Errors
    /// [`Stop::Need`] if some of them have not been loaded.
    pub fn want(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), Stop> {
        let missing: Vec<_> = keys.into_iter().filter(|key| !self.loaded.records.contains_key(key)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Need(missing)) }
    }

    /// The record `id` as it was loaded, without relying on it: whoever changes it meanwhile does not make this plan be made again. For what only saves work,
    /// or can't matter any more by the time it changes.
    ///
    /// # Errors
    /// [`Stop::NeedLatest`] if it has not been loaded, [`Stop::Failed`] if it can't be read.
    pub fn peek<R: Record>(&self, id: &str) -> Result<Option<R>, Stop> {
        let found = self.loaded.latest(R::key(id))?;
        found.map(R::from_stored).transpose().map_err(Stop::Failed)
    }

    /// The record of another event as it was loaded, without relying on it.
    ///
    /// # Errors
    /// As [`peek`](Self::peek).
    pub fn peek_event(&self, id: &str) -> Result<Option<EventRecord>, Stop> {
        let found = self.loaded.latest(EventRecord::key_of(id))?;
        found.map(EventRecord::from_stored).transpose().map_err(Stop::Failed)
    }

    /// Writes the record of another event, on the version that was loaded.
    pub fn write_event(&mut self, record: &EventRecord) {
        let document = record.document();
        debug_assert!(document.key.id != self.cause.event, "an event's own record is written by whoever handles it");
        self.read.insert(document.key.clone());
        self.writes.insert(document.key.clone(), Box::new(document));
    }

    /// The event's own body is not to be kept.
    pub fn erase_body(&mut self) {
        self.erase_body = true;
    }

    /// What Stripe's API says, read as `T`.
    ///
    /// # Errors
    /// [`Stop::Ask`] if it has not been asked yet, [`Stop::Park`] if its answer is no `T`.
    pub fn look_up<T: DeserializeOwned>(&self, lookup: StripeLookup) -> Result<StripeAnswer<T>, Stop> {
        match self.loaded.answers.get(&lookup) {
            None => Err(Stop::Ask(Box::new(lookup))),
            Some(StripeAnswer::NotThere) => Ok(StripeAnswer::NotThere),
            Some(StripeAnswer::NotKnown) => Ok(StripeAnswer::NotKnown),
            Some(StripeAnswer::Found(json)) => serde_json::from_slice(json).map(StripeAnswer::Found).map_err(|error| Stop::Park {
                code: "unexpected_answer:stripe".to_owned(),
                reason: format!("what Stripe's API answered is not what it promises: {error}, asked for {:?}", lookup.object),
            }),
        }
    }

    /// Writes a record that was read before. What it changes is noted in its history once the plan is finished.
    ///
    /// # Errors
    /// [`Stop::Failed`] if it was not read: a change of what nobody looked at would undo what others have changed.
    pub fn write<R: Record>(&mut self, record: &R) -> Result<(), Stop> {
        let key = R::key(record.id());
        if !self.read.contains(&key) {
            return Err(Stop::Failed(PortError::Permanent(format!("{key} is written without having been read"))));
        }
        self.writes.insert(key, Box::new(record.clone()));
        Ok(())
    }

    /// How many documents the plan relies on so far, those that it writes included.
    #[must_use]
    pub fn relies_on(&self) -> usize {
        self.read.len()
    }

    /// The event says something of the record `id`, which this plan writes: it stands in the record's history also if all of that was known by then. So no
    /// history depends on what came first. A put says something of the record alone that is put.
    pub fn tell<R: Record>(&mut self, id: &str) {
        if !self.cause.is_put() {
            self.told.insert(R::key(id));
        }
    }

    /// The record `id` is put.
    pub(crate) fn tell_put<R: Record>(&mut self, id: &str) {
        self.told.insert(R::key(id));
    }

    /// Whether the event says something of the record `id`.
    #[must_use]
    pub(crate) fn tells<R: Record>(&self, id: &str) -> bool {
        self.told.contains(&R::key(id))
    }

    /// Plans a message, and returns the effect's id.
    pub fn effect(&mut self, kind: EffectKind, template: MailTemplate, about: Announcement) -> String {
        self.plan_effect(Effect::new(&self.cause.event, kind, template.name(), about))
    }

    /// Plans that the personal data of what `about` names is erased wherever it is stored.
    pub fn erase(&mut self, about: Announcement) {
        self.plan_effect(Effect::new(&self.cause.event, EffectKind::Erase, EffectKind::Erase.name(), about));
    }

    fn plan_effect(&mut self, effect: Effect) -> String {
        let id = effect.id.clone();
        self.effects.push(effect);
        id
    }

    /// The id of the event that is planned.
    #[must_use]
    pub fn event_id(&self) -> &str {
        &self.cause.event
    }

    /// What causes the plan's changes.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }

    /// Says in one line what the event is about.
    pub fn summarize(&mut self, summary: impl Into<String>) {
        self.summary = summary.into();
    }

    /// Notes that the event belongs to no record that is known yet.
    pub fn mark_unmatched(&mut self) {
        self.unmatched = true;
    }

    /// Notes that the event record `id` tells the same, if it is there.
    pub fn link_twin(&mut self, id: String) {
        self.twin = Some(id);
    }

    /// The finished plan.
    ///
    /// # Errors
    /// [`Stop::Failed`] if a record as it was can't be read.
    pub fn into_plan(self) -> Result<Plan, Stop> {
        let Self { now, loaded, cause, read, writes, told, effects, summary, unmatched, erase_body, twin, .. } = self;
        let event = (cause.recorded || !effects.is_empty()).then_some(cause.event.as_str());
        let step = Step { event, kind: &cause.kind, now };
        let mut pages = Vec::new();
        let mut steps = Vec::new();
        let mut changes = Vec::new();
        let mut news = Vec::new();
        for key in read {
            let before = loaded.records.get(&key).and_then(Option::as_ref);
            let condition = Condition::unchanged(before);
            let change = || Change { kind: key.kind.to_string(), id: key.id.clone() };
            // What it said of anybody when it was planned before is known to have been said: it stands there, whatever was joined since.
            let hears = if told.contains(&key) && cause.told.is_empty() { Hears::Something } else { Hears::Nothing };
            let noted = writes.get(&key).map(|written| written.noted(before, step, hears)).transpose().map_err(Stop::Failed)?;
            match noted {
                Some(Noted::Changed { document, page, shown, told }) => {
                    news.extend(told);
                    pages.extend(page.map(|document| Write::Put { document, condition: Condition::Absent }));
                    if shown {
                        changes.push(change());
                    }
                    steps.push(Write::Put { document, condition });
                }
                // Even a record that stays as it is must still be so when the event counts as applied.
                Some(Noted::Unchanged) | None => steps.push(Write::Check { key, condition }),
            }
        }
        pages.extend(steps);
        Ok(Plan { writes: pages, effects, news, changes, summary, unmatched, erase_body, twin })
    }
}

/// What an event changes and causes.
#[derive(Debug)]
pub struct Plan {
    /// The changes, each on the version read, and a check on everything else that was read.
    pub writes: Vec<Write>,
    /// What is to be sent.
    pub effects: Vec<Effect>,
    /// What the changes tell those who have subscribed.
    pub news: Vec<News>,
    /// The records that it says something of, and those that show something else because of that.
    pub changes: Vec<Change>,
    /// One line for people.
    pub summary: String,
    /// The event belongs to no record that is known yet.
    pub unmatched: bool,
    /// The event's own body is not to be kept.
    pub erase_body: bool,
    /// The event record that tells the same.
    pub twin: Option<String>,
}
