use std::{borrow::Cow, fmt::Display};

use http::StatusCode;
use sluice_signature::explain::{Explained, Layout};

use super::{Answer, Malformed, Named, RECEIVED, Renewal, is_name};
use crate::{
    body::{self, Dictionary},
    json::{self, Repeats, Value},
};

/// What is the same for all events of a provider.
#[derive(Clone, Copy)]
pub struct Profile {
    /// Its name in paths, settings and records.
    pub name: &'static str,
    /// Its name as people write it.
    pub title: &'static str,
    /// The setting that holds its signing secrets.
    pub secret_setting: &'static str,
    /// The secret that `dev` and `send` use unless told otherwise. Everybody knows it.
    pub dev_secret: &'static str,
    /// How it signs.
    pub scheme: &'static dyn Explained,
    /// How it lays out its JSON.
    pub layout: Layout,
    /// What its bodies have in common, so that they pack small.
    pub dictionary: &'static Dictionary,
    /// What differs between two of its events.
    pub renewals: &'static [Renewal],
    /// The request headers worth keeping, in lower case.
    pub kept_headers: &'static [&'static str],
    /// The status of the answer to a missing or wrong signature.
    pub refused: StatusCode,
    /// The answer to an accepted event.
    pub accepted: &'static Answer,
}

impl Profile {
    /// A provider that sends compact JSON and wants to be answered as most do.
    pub(super) const fn new(
        name: &'static str,
        title: &'static str,
        secret_setting: &'static str,
        dev_secret: &'static str,
        scheme: &'static dyn Explained,
    ) -> Self {
        Self {
            name,
            title,
            secret_setting,
            dev_secret,
            scheme,
            layout: Layout::Compact,
            dictionary: &body::NONE,
            renewals: &[],
            kept_headers: &["content-type", "user-agent"],
            refused: StatusCode::UNAUTHORIZED,
            accepted: &RECEIVED,
        }
    }

    /// Finds these places in the JSON object that it sends, each of them once at most.
    pub(super) fn fields<'a, const N: usize>(&self, body: &'a [u8], places: [&str; N]) -> Result<[Option<Value<'a>>; N], Malformed> {
        json::fields(body, places, Repeats::Refused).map_err(|error| self.malformed(error))
    }

    /// A text that may be missing, or `null`, and may not be anything else.
    pub(super) fn text<'a>(&self, field: Option<Value<'a>>) -> Result<Option<Cow<'a, str>>, Malformed> {
        let field = field.filter(|value| !value.is_null());
        field.map(|value| value.text().ok_or_else(|| self.malformed("what should be a text is none"))).transpose()
    }

    /// A whole number, likewise.
    pub(super) fn integer(&self, field: Option<Value<'_>>) -> Result<Option<i64>, Malformed> {
        let field = field.filter(|value| !value.is_null());
        field.map(|value| value.integer().ok_or_else(|| self.malformed("what should be a whole number is none"))).transpose()
    }

    /// An event of this identity and type, if they can name something.
    pub(super) fn named(&self, key: impl Into<String>, kind: impl Into<String>) -> Result<Named, Malformed> {
        let (key, kind) = (key.into(), kind.into());
        if !is_name(&key) || !is_name(&kind) {
            return Err(self.malformed("its identity or type is missing, too long, or not of ASCII letters"));
        }
        Ok(Named { key, kind, occurred_at: None, account: None })
    }

    /// Why it can't have sent this.
    pub(super) fn malformed(&self, why: impl Display) -> Malformed {
        Malformed(format!("no event of {}: {why}", self.title))
    }
}
