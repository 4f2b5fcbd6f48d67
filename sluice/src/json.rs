//! JSON that keeps the order of its keys and the writing of its numbers, for changing a sample in one place and nowhere else.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A JSON document.
#[derive(Clone, Debug)]
pub(crate) enum Json {
    Object(Vec<(String, Json)>),
    Array(Vec<Json>),
    /// A number, a string, `true`, `false` or `null`, as it was written.
    Scalar(Box<RawValue>),
}

/// Why a place in a document cannot be set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadPath {
    #[error("a parameter has no name: write it before the equals sign, such as Body=Hello")]
    NoName,
    #[error("{path:?} has an empty part: write keys separated by single dots, such as data.object.amount")]
    EmptyPart { path: String },
    #[error("{part:?} in {path:?} is no index into an array of {length}: give a number from 0 to one less")]
    BadIndex { path: String, part: String, length: usize },
    #[error("{part:?} in {path:?} cannot be reached: what stands before it is a single value, not an object")]
    NotAnObject { path: String, part: String },
}

impl Json {
    /// Reads a value as a person types it: JSON where it is JSON, else text.
    pub(crate) fn typed(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self::text(text))
    }

    /// A string.
    pub(crate) fn text(text: &str) -> Self {
        Self::Scalar(raw(&text))
    }

    /// A number.
    pub(crate) fn number(number: i64) -> Self {
        Self::Scalar(raw(&number))
    }

    /// Sets the value at a path of keys and indexes, separated by dots. Objects that are missing on the way, or null, are created.
    ///
    /// A number or a boolean that takes the place of a string, or that becomes a member of an object called `metadata`, is written as a string:
    /// there providers send nothing else.
    pub(crate) fn set(&mut self, path: &str, value: Self) -> Result<(), BadPath> {
        let mut place = self;
        let mut before = "";
        let mut in_metadata = false;
        for part in path.split('.') {
            if part.is_empty() {
                return Err(BadPath::EmptyPart { path: path.to_owned() });
            }
            in_metadata = before == "metadata";
            place = place.member(path, part)?;
            before = part;
        }
        let wants_text = in_metadata || place.is_text();
        *place = if wants_text { value.into_text() } else { value };
        Ok(())
    }

    /// Whether there is anything at a path, be it null.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.get(path).is_some()
    }

    /// Whether there is a number at a path.
    pub(crate) fn is_number(&self, path: &str) -> bool {
        matches!(self.get(path), Some(Self::Scalar(raw)) if raw.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()))
    }

    fn get(&self, path: &str) -> Option<&Self> {
        let mut place = Some(self);
        for part in path.split('.') {
            place = match place {
                Some(Self::Object(members)) => members.iter().find(|(key, _)| key == part).map(|(_, value)| value),
                Some(Self::Array(items)) => part.parse().ok().and_then(|at: usize| items.get(at)),
                _ => None,
            };
        }
        place
    }

    fn member(&mut self, path: &str, part: &str) -> Result<&mut Self, BadPath> {
        if self.is_null() {
            *self = Self::Object(Vec::new());
        }
        match self {
            Self::Object(members) => {
                let at = members.iter().position(|(key, _)| key == part).unwrap_or_else(|| {
                    members.push((part.to_owned(), Self::Scalar(RawValue::NULL.to_owned())));
                    members.len() - 1
                });
                Ok(&mut members[at].1)
            }
            Self::Array(items) => {
                let length = items.len();
                let at = part.parse().ok().filter(|at: &usize| *at < length);
                at.map(|at| &mut items[at]).ok_or_else(|| BadPath::BadIndex { path: path.to_owned(), part: part.to_owned(), length })
            }
            Self::Scalar(_) => Err(BadPath::NotAnObject { path: path.to_owned(), part: part.to_owned() }),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::Scalar(raw) if raw.get() == "null")
    }

    fn is_text(&self) -> bool {
        matches!(self, Self::Scalar(raw) if raw.get().starts_with('"'))
    }

    fn into_text(self) -> Self {
        match self {
            Self::Scalar(raw) if !raw.get().starts_with(['"', 'n']) => Self::text(raw.get()),
            other => other,
        }
    }
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("texts and numbers are JSON")
}

impl fmt::Display for Json {
    /// On one line, with nothing between.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(members) => serializer.collect_map(members.iter().map(|(key, value)| (key, value))),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Scalar(raw) => raw.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        match raw.get().as_bytes().first() {
            Some(b'{') => Members::read(&raw).map_err(D::Error::custom),
            Some(b'[') => serde_json::from_str(raw.get()).map(Self::Array).map_err(D::Error::custom),
            _ => Ok(Self::Scalar(raw)),
        }
    }
}

struct Members;

impl Members {
    fn read(raw: &RawValue) -> Result<Json, serde_json::Error> {
        serde_json::Deserializer::from_str(raw.get()).deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(document: &str, path: &str, value: &str) -> Result<String, BadPath> {
        let mut json: Json = serde_json::from_str(document).expect("JSON");
        json.set(path, Json::typed(value)).map(|()| json.to_string())
    }

    #[test]
    fn order_and_numbers_stay_as_written() {
        let text = r#"{"z":1.50,"a":[820982911946154508123,{"y":null,"b":true}],"k":"é\u003c"}"#;
        assert_eq!(serde_json::from_str::<Json>(text).expect("JSON").to_string(), text);
    }

    #[test]
    fn values_are_json_where_they_parse() {
        assert_eq!(set("{}", "a", "1").expect("set"), r#"{"a":1}"#);
        assert_eq!(set("{}", "a", "one two").expect("set"), r#"{"a":"one two"}"#);
        assert_eq!(set("{}", "a", r#"{"b":[]}"#).expect("set"), r#"{"a":{"b":[]}}"#);
        assert_eq!(set("{}", "a", "").expect("set"), r#"{"a":""}"#);
    }

    #[test]
    fn a_text_stays_a_text() {
        assert_eq!(set(r#"{"a":"1"}"#, "a", "2").expect("set"), r#"{"a":"2"}"#);
        assert_eq!(set(r#"{"a":"1"}"#, "a", "true").expect("set"), r#"{"a":"true"}"#);
        assert_eq!(set(r#"{"a":"1"}"#, "a", "null").expect("set"), r#"{"a":null}"#);
        assert_eq!(set(r#"{"a":"1"}"#, "a", "[1]").expect("set"), r#"{"a":[1]}"#);
        assert_eq!(set(r#"{"metadata":{}}"#, "metadata.n", "7").expect("set"), r#"{"metadata":{"n":"7"}}"#);
        assert_eq!(set(r#"{"a":1}"#, "a", "2").expect("set"), r#"{"a":2}"#);
    }

    #[test]
    fn missing_objects_are_created() {
        assert_eq!(set(r#"{"a":null}"#, "a.b.c", "1").expect("set"), r#"{"a":{"b":{"c":1}}}"#);
        assert_eq!(set(r#"{"a":[{}]}"#, "a.0.b", "1").expect("set"), r#"{"a":[{"b":1}]}"#);
    }

    #[test]
    fn what_is_there() {
        let json: Json = serde_json::from_str(r#"{"a":[{"b":null}],"c":1}"#).expect("JSON");
        assert!(json.has("a.0.b") && json.has("c"));
        assert!(!json.has("a.1") && !json.has("c.d") && !json.has(""));
    }

    #[test]
    fn places_that_cannot_be_set() {
        for path in ["", ".", "a.", ".a", "a..b"] {
            assert!(matches!(set("{}", path, "1"), Err(BadPath::EmptyPart { .. })), "{path}");
        }
        for path in ["a.1", "a.-1", "a.x"] {
            assert!(matches!(set(r#"{"a":[1]}"#, path, "1"), Err(BadPath::BadIndex { length: 1, .. })), "{path}");
        }
        assert!(matches!(set(r#"{"a":1}"#, "a.b", "1"), Err(BadPath::NotAnObject { .. })));
    }
}
