//! The reader of JSON beside serde_json: both accept the same texts, and read the same in them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use sluice_core::json::{Repeats, Value, entries, fields, insist};

/// Places that small texts have, too.
const PLACES: [&str; 7] = ["a", "b", "b.a", "b.b", "c.b.a", "id", "data.object.id"];

/// A text. Whether it is JSON.
pub(crate) fn json(data: &[u8]) -> bool {
    let expected = serde_json::from_slice::<IgnoredAny>(data).is_ok();
    assert_eq!(insist(data).is_ok(), expected);
    let names = serde_json::from_slice::<Names>(data);
    let Ok(read) = entries(data) else {
        assert!(names.is_err(), "serde_json reads the object");
        assert!(fields(data, PLACES, Repeats::Last).is_err(), "nor are places found in it");
        return expected;
    };
    assert_eq!(read.iter().map(|(name, _)| name.as_ref()).collect::<Vec<_>>(), names.expect("it is an object").0);
    read.iter().for_each(|(_, value)| check(*value));
    check_places(data);
    expected
}

/// What is said of a value is what serde_json reads.
fn check(value: Value<'_>) {
    let written = value.as_written();
    if let Ok(text) = std::str::from_utf8(written) {
        assert_eq!(serde_json::from_str::<&RawValue>(text).expect("a value").get(), text, "it begins and ends where serde_json says");
    }
    assert_eq!(value.text().map(String::from), serde_json::from_slice::<String>(written).ok());
    assert_eq!(value.integer(), serde_json::from_slice::<i64>(written).ok());
    assert_eq!(value.is_null(), serde_json::from_slice::<()>(written).is_ok());
    assert!(value.is_object() || serde_json::from_slice::<Names>(written).is_err());
}

/// What is found in one pass is what is found by reading each object on the way by itself.
fn check_places(data: &[u8]) {
    let mut slow = Slow { found: [None; PLACES.len()], repeated: false };
    let read = slow.read(data, "");
    let last = fields(data, PLACES, Repeats::Last);
    assert_eq!(last.is_ok(), read.is_some());
    if let Ok(last) = last {
        assert_eq!(last, slow.found);
        let once = fields(data, PLACES, Repeats::Refused);
        assert_eq!(once.ok(), (!slow.repeated).then_some(last));
    }
}

struct Slow<'a> {
    found: [Option<Value<'a>>; PLACES.len()],
    repeated: bool,
}

impl<'a> Slow<'a> {
    /// Reads an object to which the path leads, which ends with a full stop unless it is empty. `None` if it can't be read.
    fn read(&mut self, object: &'a [u8], path: &str) -> Option<()> {
        let mut before = Vec::new();
        for (name, value) in entries(object).ok()? {
            let here = PLACES.iter().position(|place| *place == format!("{path}{name}"));
            let within = |place: &str| place.starts_with(&format!("{path}{name}."));
            if name.contains('.') || here.is_none() && !PLACES.iter().any(|place| within(place)) {
                continue;
            }
            if before.contains(&name) {
                self.repeated = true;
                PLACES.iter().zip(&mut self.found).filter(|(place, _)| within(place)).for_each(|(_, found)| *found = None);
            }
            if value.is_object() && PLACES.iter().any(|place| within(place)) {
                self.read(value.as_written(), &format!("{path}{name}."))?;
            }
            if let Some(here) = here {
                self.found[here] = Some(value);
            }
            before.push(name);
        }
        Some(())
    }
}

/// The names of an object, in their order.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Names;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = object.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}
