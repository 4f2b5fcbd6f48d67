use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Some fields of a JSON object, of whatever type. The others are passed over without being kept.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(&'static str, &'a RawValue)>);

/// A text, borrowed where nothing is escaped in it.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'a> Fields<'a> {
    /// Reads those of these names.
    ///
    /// # Errors
    /// If this is no JSON object.
    pub(super) fn read(json: &'a [u8], names: &'static [&'static str]) -> serde_json::Result<Self> {
        let mut reader = serde_json::Deserializer::from_slice(json);
        let fields = Wanted(names).deserialize(&mut reader)?;
        reader.end()?;
        Ok(fields)
    }

    /// The field of that name; the last, where there are several.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The first of these fields that is a text.
    pub(super) fn text(&self, names: &[&str]) -> Option<Cow<'a, str>> {
        names.iter().find_map(|name| serde_json::from_str::<Text<'a>>(self.get(name)?.get()).ok()).map(|text| text.0)
    }
}

struct Wanted(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for Wanted {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Wanted {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Vec::with_capacity(self.0.len());
        while let Some(Text(name)) = object.next_key()? {
            match self.0.iter().find(|known| **known == name) {
                Some(known) => fields.push((*known, object.next_value()?)),
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_are_wanted_of_whatever_type() {
        let json = br#"{"a": "first", "b": [1], "x": {"a": "within"}, "a": "l\u0061st", "c": null}"#;
        let fields = Fields::read(json, &["a", "b", "d"]).expect("an object");
        assert_eq!(fields.text(&["d", "b", "a"]).as_deref(), Some("last"));
        assert_eq!((fields.get("b").map(RawValue::get), fields.get("c").is_none()), (Some("[1]"), true));
        for wrong in ["", "[]", "7", r#"{"a":}"#, r#"{} {}"#, r#"{"a":1"#] {
            assert!(Fields::read(wrong.as_bytes(), &["a"]).is_err(), "{wrong}");
        }
    }
}
