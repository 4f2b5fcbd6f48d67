//! Which events changed a record, and in what way.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    envelope::digest,
    event::Change,
    ports::Place,
    record::{Record, to_json},
    schema::{Described, Named, described},
    state::State,
    time::Timestamp,
};

/// How many entries lie with the record itself. Most records have fewer in all their life, and so pay for no document besides.
const MOST: usize = 10;
/// How many of the oldest ones are moved to a page of their own when there are more.
const PAGE: usize = 8;
/// The longest text whose new value is kept; of a longer one it is only known that it changed.
const LONGEST: usize = 64;

/// What changed a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The id of the event's record.
    pub event: String,
    /// What happened, in the provider's words, or `booking.put` for a put.
    pub kind: String,
    /// Whether the event has a record in any case. A put has one only if it causes a message.
    pub recorded: bool,
    /// The records that have it in their histories since it was planned before.
    pub told: Vec<Change>,
}

impl Cause {
    /// Whether somebody puts a record.
    #[must_use]
    pub fn is_put(&self) -> bool {
        is_put(&self.kind)
    }
}

/// Whether a type is that of a put.
fn is_put(kind: &str) -> bool {
    kind.ends_with(".put")
}

/// One event's change of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When it was applied, in milliseconds since 1970.
    #[serde(rename = "t")]
    at: i64,
    /// The id of the event's record; none for a put that caused no message.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// What happened.
    #[serde(rename = "k")]
    kind: String,
    /// The states that changed, with what they became.
    #[serde(rename = "s", default, skip_serializing_if = "Map::is_empty")]
    states: Map<String, Value>,
    /// The other fields that changed. Their values are in the record, and may be personal: they are not kept here.
    #[serde(rename = "f", default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
}

/// What changed a record, newest last, beyond a bound on pages of their own. Its short names are paid for with every write of the record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    #[serde(rename = "n", default, skip_serializing_if = "Vec::is_empty")]
    recent: Vec<HistoryEntry>,
    /// The page with the entries before those.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    earlier: Option<String>,
    /// Which of that page, and of those before it, are this record's.
    #[serde(rename = "w", default, skip_serializing_if = "Entries::are_all")]
    which: Entries,
    /// Pages of another record that was taken for this one for a while.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    elsewhere: Vec<Earlier>,
}

/// Older entries of a record's history. Written once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    id: String,
    entries: Vec<HistoryEntry>,
    earlier: Option<String>,
    /// Which of the page before, and of those before that, belong to whoever reads on from here.
    #[serde(rename = "which", default, skip_serializing_if = "Entries::are_all")]
    which: Entries,
}

/// Where a history goes on: a page, and which entries of it and of those before it count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The page's id.
    #[serde(rename = "p")]
    pub page: String,
    /// Which of its entries.
    #[serde(rename = "w")]
    pub which: Entries,
}

/// Some of the entries of a history, by who made the change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Entries(u8);

impl Entries {
    /// Puts.
    const PUTS: Self = Self(1);
    /// Events of a booking, which found that the message is about it.
    const MATCHES: Self = Self(2);
    /// Events that said something of the record.
    const SAID: Self = Self(4);
    /// All of them.
    pub const ALL: Self = Self(1 | 2 | 4);
    /// Those of events, without the puts.
    pub const EVENTS: Self = Self(2 | 4);
    /// What a record keeps that gives back all that was said of it under an id of another.
    const KEPT: Self = Self(1 | 2);

    fn are_all(&self) -> bool {
        *self == Self::ALL
    }

    /// Those that are in both; `None` if there can't be any.
    #[must_use]
    pub fn and(self, other: Self) -> Option<Self> {
        Some(Self(self.0 & other.0)).filter(|both| both.0 != 0)
    }

    /// Whether the entry is one of them.
    #[must_use]
    pub fn have(self, entry: &HistoryEntry) -> bool {
        self.and(entry.of()).is_some()
    }
}

impl Default for Entries {
    fn default() -> Self {
        Self::ALL
    }
}

impl HistoryEntry {
    /// Nothing changed yet.
    #[must_use]
    pub fn new(event: Option<&str>, kind: &str, at: Timestamp) -> Self {
        Self { at: at.millis(), event: event.map(str::to_owned), kind: kind.to_owned(), states: Map::new(), fields: Vec::new() }
    }

    /// With the change from one state to the next, of which those called `states` are kept with their values.
    #[must_use]
    pub fn changing(mut self, before: &State, after: &State, states: &[&str]) -> Self {
        for (field, value) in after.fields() {
            let was = &before[field];
            let same = was == value || is_nothing(was) && is_nothing(value);
            if same || ["id", "created_at", "updated_at"].contains(&field) {
                continue;
            }
            if states.contains(&field) && value.as_str().is_none_or(|text| text.len() <= LONGEST) {
                self.states.insert(field.to_owned(), value.clone());
            } else {
                self.fields.push(field.to_owned());
            }
        }
        self
    }

    /// When it was applied.
    #[must_use]
    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at)
    }

    /// The event that made the change; `None` for a put.
    #[must_use]
    pub(crate) fn told_by(&self) -> Option<&str> {
        self.event.as_deref().filter(|_| self.of() != Entries::PUTS)
    }

    /// What happened, in the provider's words.
    #[must_use]
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// Whether it says that the field changed.
    #[must_use]
    pub(crate) fn names(&self, field: &str) -> bool {
        self.states.contains_key(field) || self.fields.iter().any(|named| named == field)
    }

    /// Whether it changed nothing that is shown.
    #[must_use]
    pub(crate) fn changes_nothing(&self) -> bool {
        self.states.is_empty() && self.fields.is_empty()
    }

    /// The same change as another record shows it: each of these fields under the name that it has there, and no value, because that may be another one.
    #[must_use]
    pub(crate) fn seen_as(&self, names: &[(&str, &str)]) -> Self {
        let mut fields: Vec<String> = names.iter().filter(|(here, _)| self.names(here)).map(|(_, there)| (*there).to_owned()).collect();
        fields.dedup();
        Self { states: Map::new(), fields, ..self.clone() }
    }

    /// Without the field.
    #[must_use]
    pub(crate) fn without(mut self, field: &str) -> Self {
        self.states.remove(field);
        self.fields.retain(|named| named != field);
        self
    }

    /// Who made the change.
    fn of(&self) -> Entries {
        let matched = self.fields.is_empty() && self.states.keys().eq(["booking_id"]);
        match (is_put(&self.kind), matched) {
            (true, _) => Entries::PUTS,
            (false, true) => Entries::MATCHES,
            (false, false) => Entries::SAID,
        }
    }

    /// As the API shows it, with a link to the event or without.
    #[must_use]
    pub(crate) fn shown(&self, links: Links) -> ShownHistoryEntry {
        let states = self.states.iter().map(|(field, to)| Changed { field: field.clone(), to: Some(to.clone()) });
        let fields = self.fields.iter().map(|field| Changed { field: field.clone(), to: None });
        ShownHistoryEntry {
            at: Timestamp::from_millis(self.at),
            r#type: self.kind.clone(),
            event_id: self.event.clone(),
            event: self.event.as_ref().filter(|_| links == Links::ToEvents).map(|id| format!("/api/v1/inbound/{id}")),
            changed: states.chain(fields).collect(),
        }
    }
}

/// Where an entry leads whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// To the events that came in.
    ToEvents,
    /// Nowhere: those are not there for the caller.
    None,
}

described! {
    /// A change of a record, and what caused it.
    #[derive(Debug, Serialize)]
    pub(crate) struct ShownHistoryEntry as "HistoryEntry" {
        /// When it was applied.
        at: Timestamp,
        /// What happened, in the provider's words.
        r#type: String,
        /// The event that caused it; null for a put that caused no message.
        event_id: Option<String>,
        /// Where that event is read; null for the key of a tenant, which can't read it.
        event: Option<String>,
        changed: Vec<Changed>,
    }
}

/// A field that changed.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    field: String,
    /// What a state became. What other fields became is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Value>,
}

impl Described for Changed {
    fn schema(_: &mut Named) -> Value {
        let to = json!({ "description": "What a state became; of other fields it is only known that they changed." });
        json!({ "type": "object", "properties": { "field": { "type": "string" }, "to": to }, "required": ["field"] })
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(true) | Value::String(_) => false,
    }
}

impl History {
    /// Whether nothing changed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recent.is_empty() && self.earlier.is_none() && self.elsewhere.is_empty()
    }

    /// Notes one more change of the record `of`, and returns the page that is to be written with it, if one is full. What an event changes later by what came
    /// of it is added to what it changed at first, unless a state became another one: that is told with its time.
    #[must_use]
    pub fn note(&mut self, of: &crate::ports::Key, entry: HistoryEntry) -> Option<HistoryPage> {
        let same = |known: &&mut HistoryEntry| known.event.is_some() && known.event == entry.event;
        if let Some(known) = self.recent.iter_mut().rev().find(same).filter(|_| entry.states.is_empty()) {
            for field in entry.fields.into_iter().filter(|field| !known.names(field)).collect::<Vec<_>>() {
                known.fields.push(field);
            }
            return None;
        }
        self.recent.push(entry);
        if self.recent.len() <= MOST {
            return None;
        }
        let entries: Vec<_> = self.recent.drain(..PAGE).collect();
        // By what it holds: a record that was deleted and begins anew meets no page of its first life.
        let text = String::from_utf8(to_json(&entries)).unwrap_or_default();
        let (earlier, which) = (self.earlier.take(), std::mem::take(&mut self.which));
        let page = HistoryPage { id: format!("{of}/{}", digest(&[&text])), entries, earlier, which };
        self.earlier = Some(page.id.clone());
        Some(page)
    }

    /// Gives away what events said of the record under an id that turned out to be another's. No page is read for it: of those that are full each of both reads
    /// its own entries from then on.
    #[must_use]
    pub(crate) fn give_away(&mut self) -> Self {
        let (kept, given) = std::mem::take(&mut self.recent).into_iter().partition(|entry| Entries::KEPT.have(entry));
        self.recent = kept;
        let mut elsewhere = std::mem::take(&mut self.elsewhere);
        if let Some(page) = &self.earlier {
            elsewhere.extend(self.which.and(Entries::SAID).map(|which| Earlier { page: page.clone(), which }));
            match self.which.and(Entries::KEPT) {
                Some(which) => self.which = which,
                None => (self.earlier, self.which) = (None, Entries::ALL),
            }
        }
        Self { recent: given, elsewhere, ..Self::default() }
    }

    /// Takes over what another one holds.
    pub(crate) fn join(&mut self, other: Self) {
        self.recent.extend(other.recent);
        self.recent.sort_by_key(|entry| entry.at);
        self.elsewhere.extend(other.elsewhere);
        match (other.earlier, &self.earlier) {
            (Some(page), None) => (self.earlier, self.which) = (Some(page), other.which),
            (Some(page), Some(_)) => self.elsewhere.push(Earlier { page, which: other.which }),
            (None, _) => {}
        }
    }

    /// The entries that lie with the record, newest first.
    pub fn recent(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.recent.iter().rev()
    }

    /// Where the entries before those are.
    #[must_use]
    pub fn earlier(&self) -> Option<Earlier> {
        self.earlier.clone().map(|page| Earlier { page, which: self.which })
    }

    /// Where entries are that were noted with another record.
    #[must_use]
    pub fn elsewhere(&self) -> &[Earlier] {
        &self.elsewhere
    }
}

impl HistoryPage {
    /// The entries, newest first.
    pub fn entries(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.entries.iter().rev()
    }

    /// Where the entries before these are.
    #[must_use]
    pub fn earlier(&self) -> Option<Earlier> {
        self.earlier.clone().map(|page| Earlier { page, which: self.which })
    }
}

impl Record for HistoryPage {
    const KIND: &'static str = "history";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}
