//! Planning: what an event changes and causes, decided from the event, the records and the time alone.
//!
//! A plan is a pure function. It asks for records through [`View::read`]; one that has not been loaded yet stops the function
//! with [`Stop::Need`], the caller loads it and starts the function again. So a rule reads like straight code, and the plan
//! knows every record that it depends on: each is written on the version read, or checked to be still at it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{
    effect::{Effect, EffectKind},
    event::Change,
    ports::{Condition, Document, Key, PortError, Stored, Write},
    record::Record,
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

/// Why a plan was not finished.
#[derive(Debug)]
pub enum Stop {
    /// These records must be loaded first.
    Need(Vec<Key>),
    /// The event can't be processed as it is; to be parked with this reason. The code groups alerts.
    Park {
        /// A short name of the reason, the same for all events that fail alike.
        code: String,
        /// The reason, for people.
        reason: String,
    },
    /// The event changes nothing here, for this reason.
    Ignore(String),
    /// Nothing is to be done, and nothing need be recorded: a timer that came before its time.
    Nothing,
    /// A stored record can't be read.
    Failed(PortError),
}

/// The records that have been loaded for a plan; absent ones are known to be absent.
#[derive(Debug, Default)]
pub struct Loaded(BTreeMap<Key, Option<Stored>>);

impl Loaded {
    /// Adds what was read under `key`.
    pub fn insert(&mut self, key: Key, stored: Option<Stored>) {
        self.0.insert(key, stored);
    }
}

/// What rules see and write while they plan.
pub struct View<'a> {
    /// The time of the plan.
    pub now: Timestamp,
    /// The settings that decide something.
    pub policy: &'a Policy,
    loaded: &'a Loaded,
    event: &'a str,
    read: BTreeSet<Key>,
    writes: BTreeMap<Key, Document>,
    effects: Vec<Effect>,
    summary: String,
    unmatched: bool,
}

impl<'a> View<'a> {
    /// A view for planning the event `event` on what has been loaded.
    #[must_use]
    pub fn new(event: &'a str, loaded: &'a Loaded, policy: &'a Policy, now: Timestamp) -> Self {
        Self {
            now,
            policy,
            loaded,
            event,
            read: BTreeSet::new(),
            writes: BTreeMap::new(),
            effects: Vec::new(),
            summary: String::new(),
            unmatched: false,
        }
    }

    /// The record `id` as it is, or as this plan has already changed it.
    ///
    /// # Errors
    /// [`Stop::Need`] if it has not been loaded, [`Stop::Failed`] if it can't be read.
    pub fn read<R: Record>(&mut self, id: &str) -> Result<Option<R>, Stop> {
        let key = R::key(id);
        if let Some(document) = self.writes.get(&key) {
            return crate::record::from_json(document).map(Some).map_err(Stop::Failed);
        }
        let Some(found) = self.loaded.0.get(&key) else { return Err(Stop::Need(vec![key])) };
        self.read.insert(key);
        found.as_ref().map(R::from_stored).transpose().map_err(Stop::Failed)
    }

    /// Asks for several records at once, before they are read one by one.
    ///
    /// # Errors
    /// [`Stop::Need`] if some of them have not been loaded.
    pub fn want<const N: usize>(&self, keys: [Key; N]) -> Result<(), Stop> {
        let missing: Vec<_> = keys.into_iter().filter(|key| !self.loaded.0.contains_key(key)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Stop::Need(missing)) }
    }

    /// Writes a record that was read before.
    pub fn write<R: Record>(&mut self, record: &R) {
        let document = record.document();
        debug_assert!(self.read.contains(&document.key), "{} is written without having been read", document.key);
        self.writes.insert(document.key.clone(), document);
    }

    /// Plans an effect.
    pub fn effect(&mut self, kind: EffectKind, template: MailTemplate, about: crate::effect::Announcement) {
        self.effects.push(Effect::new(self.event, kind, template.name(), about));
    }

    /// Says in one line what the event is about.
    pub fn summarize(&mut self, summary: impl Into<String>) {
        self.summary = summary.into();
    }

    /// Notes that the event belongs to no record that is known yet.
    pub fn mark_unmatched(&mut self) {
        self.unmatched = true;
    }

    /// The finished plan.
    #[must_use]
    pub fn into_plan(self) -> Plan {
        let Self { loaded, read, writes, effects, summary, unmatched, .. } = self;
        let mut steps = Vec::new();
        let mut changes = Vec::new();
        for key in read {
            let before = loaded.0.get(&key).and_then(Option::as_ref);
            let condition = Condition::unchanged(before);
            match writes.get(&key) {
                Some(document) if before.is_none_or(|before| before.document != *document) => {
                    changes.push(Change { kind: key.kind.to_string(), id: key.id.clone() });
                    steps.push(Write::Put { document: document.clone(), condition });
                }
                // Even a record that stays as it is must still be so when the event counts as applied.
                _ => steps.push(Write::Check { key, condition }),
            }
        }
        Plan { writes: steps, effects, changes, summary, unmatched }
    }
}

/// What an event changes and causes.
#[derive(Debug)]
pub struct Plan {
    /// The changes, each on the version read, and a check on everything else that was read.
    pub writes: Vec<Write>,
    /// What is to be sent.
    pub effects: Vec<Effect>,
    /// The records that change.
    pub changes: Vec<Change>,
    /// One line for people.
    pub summary: String,
    /// The event belongs to no record that is known yet.
    pub unmatched: bool,
}
