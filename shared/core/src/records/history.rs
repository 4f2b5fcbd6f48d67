//! Which events changed a record, and in what way.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    envelope::digest,
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
}

/// Older entries of a record's history. Written once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    id: String,
    entries: Vec<HistoryEntry>,
    earlier: Option<String>,
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
        self.recent.is_empty() && self.earlier.is_none()
    }

    /// Notes one more change of the record `of`, and returns the page that is to be written with it, if one is full.
    #[must_use]
    pub fn note(&mut self, of: &crate::ports::Key, entry: HistoryEntry) -> Option<HistoryPage> {
        self.recent.push(entry);
        if self.recent.len() <= MOST {
            return None;
        }
        let entries: Vec<_> = self.recent.drain(..PAGE).collect();
        // By what it holds: a record that was deleted and begins anew meets no page of its first life.
        let text = String::from_utf8(to_json(&entries)).unwrap_or_default();
        let page = HistoryPage { id: format!("{of}/{}", digest(&[&text])), entries, earlier: self.earlier.take() };
        self.earlier = Some(page.id.clone());
        Some(page)
    }

    /// The entries that lie with the record, newest first.
    pub fn recent(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.recent.iter().rev()
    }

    /// The page with the entries before those.
    #[must_use]
    pub fn earlier(&self) -> Option<&str> {
        self.earlier.as_deref()
    }
}

impl HistoryPage {
    /// The entries, newest first.
    pub fn entries(&self) -> impl Iterator<Item = &HistoryEntry> {
        self.entries.iter().rev()
    }

    /// The page with the entries before these.
    #[must_use]
    pub fn earlier(&self) -> Option<&str> {
        self.earlier.as_deref()
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
