use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// The state of one of the provider's objects, as the latest of its events tells it.
///
/// Stripe's times are whole seconds, and an object is often created and updated within one. So all events of the latest second are kept, and of
/// these the one stands that no other says it came after: an event's `previous_attributes` are the values of the one before it. Where that
/// decides nothing, the greater id does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    at: Timestamp,
    told: BTreeMap<String, Version>,
}

/// What one event tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The fields.
    #[serde(rename = "now")]
    pub fields: BTreeMap<String, Value>,
    /// Those that it changed, as they were before; only of fields that are kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub previous: BTreeMap<String, Value>,
}

impl Version {
    /// Whether this is what `later` says it came after.
    fn comes_before(&self, later: &Self) -> bool {
        let was = |(field, value): (&String, &Value)| self.fields.get(field).unwrap_or(&Value::Null) == value;
        !later.previous.is_empty() && self.fields != later.fields && later.previous.iter().all(was)
    }
}

impl Versions {
    /// Joins what the event `event` tells.
    pub fn join(known: &mut Option<Self>, at: Timestamp, event: &str, version: Version) {
        match known {
            Some(known) if known.at > at => {}
            Some(known) if known.at == at => {
                known.told.entry(event.to_owned()).or_insert(version);
            }
            _ => *known = Some(Self { at, told: BTreeMap::from([(event.to_owned(), version)]) }),
        }
    }

    /// The state that stands.
    #[must_use]
    pub fn latest(&self) -> Option<&Version> {
        let last = |version: &&Version| !self.told.values().any(|other| version.comes_before(other));
        self.told.values().rev().find(last).or_else(|| self.told.values().next_back())
    }

    /// A field of the state that stands, if it is a text.
    #[must_use]
    pub fn text(&self, field: &str) -> Option<&str> {
        self.latest()?.fields.get(field)?.as_str()
    }

    /// A field of the state that stands, if it is a time in whole seconds.
    #[must_use]
    pub fn time(&self, field: &str) -> Option<Timestamp> {
        Some(Timestamp::from_seconds(self.latest()?.fields.get(field)?.as_i64()?))
    }

    /// When it was told.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(status: &str, previous: Option<&str>) -> Version {
        let field = |status: &str| BTreeMap::from([("status".to_owned(), Value::from(status))]);
        Version { fields: field(status), previous: previous.map(field).unwrap_or_default() }
    }

    #[test]
    fn of_one_second_the_one_stands_that_came_after_the_others() {
        let events = [
            ("evt_3", version("incomplete", None)),
            ("evt_1", version("active", Some("incomplete"))),
            ("evt_2", version("past_due", Some("active"))),
        ];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut known = None;
            for number in order {
                let (event, version) = &events[number];
                Versions::join(&mut known, Timestamp::from_seconds(5), event, version.clone());
            }
            let known = known.expect("joined");
            assert_eq!(known.text("status"), Some("past_due"), "{order:?}");
        }
    }

    #[test]
    fn a_later_second_stands_and_an_earlier_one_is_no_news() {
        let mut known = None;
        for (second, status) in [(5, "active"), (9, "canceled"), (7, "past_due")] {
            Versions::join(&mut known, Timestamp::from_seconds(second), "evt", version(status, None));
        }
        assert_eq!(known.and_then(|known| known.text("status").map(str::to_owned)).as_deref(), Some("canceled"));
    }
}
