//! What rules read out of JSON whose shape has changed over the years: each field on its own, and what is not as expected counts as missing.

use serde_json::Value;

use crate::time::Timestamp;

/// A JSON object.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(&'a Value);

impl<'a> Fields<'a> {
    pub(super) fn new(value: &'a Value) -> Self {
        Self(value)
    }

    /// The field of that name; something without fields if it is missing.
    pub(super) fn at(self, name: &str) -> Self {
        Self(&self.0[name])
    }

    /// Whether there is a field of that name, and not only `null`.
    pub(super) fn has(self, name: &str) -> bool {
        !self.0[name].is_null()
    }

    /// A text that is not empty.
    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.0[name].as_str().filter(|text| !text.is_empty())
    }

    /// The same, or the first of several.
    pub(super) fn first_text(self, name: &str) -> Option<&'a str> {
        self.text(name).or_else(|| self.0[name].as_array()?.first()?.as_str().filter(|text| !text.is_empty()))
    }

    /// The same, or all of several.
    pub(super) fn texts(self, name: &str) -> Vec<&'a str> {
        let several = self.0[name].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.text(name).into_iter().chain(several).filter(|text| !text.trim().is_empty()).collect()
    }

    /// The same as [`text`](Self::text), of its own.
    pub(super) fn owned(self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A number that names something, or a text of digits.
    pub(super) fn id(self, name: &str) -> Option<String> {
        id(&self.0[name])
    }

    /// The numbers that name several things.
    pub(super) fn ids(self, name: &str) -> Vec<String> {
        self.0[name].as_array().into_iter().flatten().filter_map(id).collect()
    }

    pub(super) fn number(self, name: &str) -> Option<u64> {
        self.0[name].as_u64()
    }

    pub(super) fn is(self, name: &str) -> bool {
        self.0[name].as_bool().unwrap_or_default()
    }

    pub(super) fn count(self, name: &str) -> usize {
        self.0[name].as_array().map_or(0, Vec::len)
    }

    /// A time: RFC 3339, or seconds since 1970.
    pub(super) fn time(self, name: &str) -> Option<Timestamp> {
        let value = &self.0[name];
        value.as_i64().map(Timestamp::from_seconds).or_else(|| value.as_str()?.parse().ok())
    }
}

fn id(value: &Value) -> Option<String> {
    let digits = |text: &&str| !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    value.as_u64().map(|number| number.to_string()).or_else(|| value.as_str().filter(digits).map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_as_expected_is_missing() {
        let value = json!({ "id": 820_982_911_946_154_508_u64, "text": "7", "none": null, "at": 1_795_328_196, "then": "2026-11-22T04:00:00-08:00" });
        let fields = Fields::new(&value);
        assert_eq!(fields.id("id").as_deref(), Some("820982911946154508"));
        assert_eq!((fields.id("text").as_deref(), fields.id("then"), fields.text("id")), (Some("7"), None, None));
        assert!(fields.has("id") && !fields.has("none") && !fields.at("none").has("x"));
        assert_eq!(fields.time("then").map(|at| at.to_string()).as_deref(), Some("2026-11-22T12:00:00Z"));
        assert_eq!(fields.time("at").map(Timestamp::seconds), Some(1_795_328_196));
    }
}
