//! The fields of a record that is put, checked one by one; every mistake is told with its field.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{address::is_mail_address, ids::record_id, money::Currency, time::Timestamp};

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// The fields that were put.
#[derive(Debug)]
pub struct Form<'a> {
    fields: &'a Map<String, Value>,
    errors: Vec<FieldError>,
}

impl<'a> Form<'a> {
    /// A form with these fields, of which only the `known` ones (and `id`) can be put.
    #[must_use]
    pub fn new(fields: &'a Map<String, Value>, known: &[&str]) -> Self {
        let unknown = fields.keys().filter(|field| *field != "id" && !known.contains(&field.as_str()));
        let error = |field: &String| FieldError { field: field.clone(), message: "is not a field that can be put".to_owned() };
        Self { fields, errors: unknown.map(error).collect() }
    }

    /// Every mistake that was found.
    #[must_use]
    pub fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }

    /// Notes a mistake.
    pub fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.to_owned(), message: message.into() });
    }

    /// A field that may be left out, or be `null`.
    pub fn optional<T>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.fields.get(field).filter(|value| !value.is_null())?;
        read(value).map_err(|message| self.wrong(field, message)).ok()
    }

    /// Notes that a field is missing, unless something is wrong with it already.
    pub fn required_once(&mut self, field: &str) {
        if !self.errors.iter().any(|error| error.field == field) {
            self.wrong(field, "is missing");
        }
    }

    /// A field that must be there.
    pub fn required<T: Default>(&mut self, field: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> T {
        if self.fields.get(field).is_none_or(Value::is_null) {
            self.wrong(field, "is missing");
        }
        self.optional(field, read).unwrap_or_default()
    }
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| "must be a text".to_owned())
}

/// A text of one line, not empty, of at most `most` characters; blanks around it are taken off.
///
/// # Errors
/// What is wrong with it; so for all readers here.
pub fn line(most: usize) -> impl Fn(&Value) -> Result<String, String> {
    move |value| {
        let text = text(value)?.trim();
        match text.chars().count() {
            0 => Err("must not be empty".to_owned()),
            length if length > most => Err(format!("must have at most {most} characters")),
            _ if text.chars().any(char::is_control) => Err("must have no control characters".to_owned()),
            _ => Ok(text.to_owned()),
        }
    }
}

/// One of a few words, which `words` lists for people.
pub fn one_of<T: DeserializeOwned>(words: &str) -> impl Fn(&Value) -> Result<T, String> {
    move |value| serde_json::from_value(Value::String(text(value)?.to_owned())).map_err(|_| format!("must be {words}"))
}

/// A mail address.
///
/// # Errors
/// If it is none.
pub fn email(value: &Value) -> Result<String, String> {
    let text = line(254)(value)?;
    if is_mail_address(&text) { Ok(text) } else { Err("must be a mail address, such as ana@example.com".to_owned()) }
}

/// E.164 (ITU-T): a plus and 7 to 15 digits. Blanks, dots, hyphens and brackets between them are taken out.
///
/// # Errors
/// If it is none.
pub fn phone(value: &Value) -> Result<String, String> {
    crate::address::phone(text(value)?).ok_or_else(|| "must be a phone number with its country code, such as +15005550006".to_owned())
}

/// An amount in a currency's smallest unit.
///
/// # Errors
/// If it is none.
pub fn amount(value: &Value) -> Result<i64, String> {
    let amount = value.as_i64().filter(|amount| (0..=99_999_999_999).contains(amount));
    amount.ok_or_else(|| "must be a whole number of the currency's smallest unit, such as 6000 for $60.00".to_owned())
}

/// The code of a currency that there is, in lower case.
///
/// # Errors
/// If it is none.
pub fn currency(value: &Value) -> Result<String, String> {
    Currency::existing(text(value)?).map(|currency| currency.code().to_owned()).map_err(|error| error.to_string())
}

/// A time.
///
/// # Errors
/// If it is none.
pub fn time(value: &Value) -> Result<Timestamp, String> {
    let time = Timestamp::parse_exactly(text(value)?);
    time.ok_or_else(|| "must be an RFC 3339 time of the years 1 to 9999, such as 2026-11-22T18:00:00Z".to_owned())
}

/// How far ahead of the clock here a time may be at which something has happened: clocks differ, and zones are mistaken for each other.
const AHEAD: Duration = Duration::from_hours(24);

/// A time at which something has happened, by `now`.
pub fn past_time(now: Timestamp) -> impl Fn(&Value) -> Result<Timestamp, String> {
    move |value| {
        let at = time(value)?;
        if at <= now + AHEAD { Ok(at) } else { Err("is when something has happened: it can't be more than a day ahead".to_owned()) }
    }
}

/// The id of a record.
///
/// # Errors
/// If it can't be one.
pub fn id(value: &Value) -> Result<String, String> {
    record_id(text(value)?).map(str::to_owned).map_err(|error| error.to_string())
}

/// A switch.
///
/// # Errors
/// If it is none.
pub fn switch(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// The owner's own notes: a few short texts.
///
/// # Errors
/// If they are too many, too long or no texts.
pub fn metadata(value: &Value) -> Result<BTreeMap<String, String>, String> {
    let wrong = || "must be an object of at most 50 texts of at most 500 characters, with names of at most 40".to_owned();
    let fields = value.as_object().filter(|fields| fields.len() <= 50).ok_or_else(wrong)?;
    let read = |(name, value): (&String, &Value)| {
        let value = value.as_str().filter(|value| value.chars().count() <= 500)?;
        (name.chars().count() <= 40).then(|| (name.clone(), value.to_owned()))
    };
    fields.iter().map(|field| read(field).ok_or_else(wrong)).collect()
}
