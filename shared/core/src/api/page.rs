use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Problem, parameters::Known};
use crate::schema::{Described, Named};

/// How many items a page has unless asked otherwise.
const DEFAULT: usize = 50;
/// The most that a page can have.
const MOST: usize = 1_000;

/// The part of a list's query that pages it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Paging {
    limit: Option<String>,
    cursor: Option<String>,
}

impl Known for Paging {
    const NAMES: &'static [&'static str] = &["limit", "cursor"];
}

impl Paging {
    pub(super) fn new(limit: Option<String>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = &self.limit else { return Ok(DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        limit.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, format!("limit is a whole number from 1 to {MOST}")))
    }

    pub(super) fn cursor(&self) -> Result<Option<String>, Problem> {
        let Some(text) = &self.cursor else { return Ok(None) };
        let sort = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        sort.map(Some).ok_or_else(no_such_cursor)
    }
}

pub(super) fn no_such_cursor() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "cursor is not one that this list gave: take it from `next`")
}

/// A page of a list.
#[derive(Debug, Serialize)]
pub(super) struct PageOf<T> {
    items: Vec<T>,
    next: Option<String>,
}

impl<T: Described> Described for PageOf<T> {
    fn schema(named: &mut Named) -> Value {
        json!({
            "type": "object",
            "properties": {
                "items": Vec::<T>::schema(named),
                "next": { "type": ["string", "null"], "description": "The cursor of the next page; null at the end." },
            },
            "required": ["items", "next"],
        })
    }
}

impl<T> PageOf<T> {
    pub(super) fn new(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next: next.map(|sort| URL_SAFE_NO_PAD.encode(sort)) }
    }
}

/// Reads a switch of a list's query, such as `?unmatched=true`.
pub(super) fn switch(name: &str, value: Option<&str>) -> Result<bool, Problem> {
    match value {
        None | Some("false") => Ok(false),
        Some("true" | "") => Ok(true),
        Some(_) => Err(Problem::new(StatusCode::BAD_REQUEST, format!("{name} is true or false"))),
    }
}
