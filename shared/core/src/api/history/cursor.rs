use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::strand::Strand;
use crate::{api::Problem, ports::Key, record::to_json, records::Earlier, time::Timestamp};

/// Where the next page of a history begins.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    /// The record whose history it is.
    of: String,
    /// All of this moment and later ones has been told.
    pub(super) until: Option<Timestamp>,
    /// How far each strand has been told that has left its record, or is over.
    strands: BTreeMap<String, Option<(Earlier, usize)>>,
}

/// How far a strand has been told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// Not beyond what lies with its record, which changes: how far is known by the moment alone.
    Unsaid,
    /// So many entries of this page.
    Page(Earlier, usize),
    /// All of it.
    End,
}

impl Cursor {
    /// Reads the cursor of a request.
    ///
    /// # Errors
    /// A problem if it is none of this record's history.
    pub(super) fn read(text: Option<String>, of: &Key) -> Result<Self, Problem> {
        let Some(text) = text else { return Ok(Self::default()) };
        let cursor: Self = serde_json::from_str(&text).map_err(|_| wrong())?;
        if cursor.of == of.to_string() { Ok(cursor) } else { Err(wrong()) }
    }

    /// Where the strands are now.
    pub(super) fn at(of: &Key, until: Option<Timestamp>, strands: &[Strand]) -> Self {
        let reached = |strand: &Strand| match strand.reached() {
            Reached::Unsaid => None,
            Reached::Page(page, told) => Some((strand.name().to_owned(), Some((page, told)))),
            Reached::End => Some((strand.name().to_owned(), None)),
        };
        Self { of: of.to_string(), until, strands: strands.iter().filter_map(reached).collect() }
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(to_json(self)).unwrap_or_default()
    }

    /// How far the strand was told.
    ///
    /// # Errors
    /// A problem if that is a page of something else.
    pub(super) fn reached(&self, strand: &str) -> Result<Reached, Problem> {
        let of = |page: &Earlier| {
            let record = page.page.rsplit_once('/').map_or("", |(record, _)| record);
            record == strand || strand.rsplit_once('/').is_some_and(|(of, _)| of == record && of.contains('/'))
        };
        match self.strands.get(strand) {
            None => Ok(Reached::Unsaid),
            Some(None) => Ok(Reached::End),
            Some(Some((page, told))) if of(page) => Ok(Reached::Page(page.clone(), *told)),
            Some(Some(_)) => Err(wrong()),
        }
    }
}

fn wrong() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "cursor is not one that this list gave: take it from `next`")
}
