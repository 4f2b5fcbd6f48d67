use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use serde_json::json;

use super::{HistoryEntry, ToldBy};
use crate::{ports::Place, record::Record, state::State, time::Timestamp};

/// The most bookings of one number that a text is matched to: the newest.
const MOST_BOOKINGS: usize = 20;
/// The most texts that wait for a booking of one number.
const MOST_WAITING: usize = 50;
/// As many of the words on texts are kept, with the events that said them: the last ones.
const MOST_WORDS: usize = 8;

/// What is known of a phone number: its bookings, the texts that wait for one, and whether it takes texts at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    /// The number, E.164.
    pub id: String,
    /// The bookings that were put with it, by when it was heard of each first. Another number may have been put since.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    bookings: BTreeMap<String, Timestamp>,
    /// Texts to it that belong to no booking yet.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub waiting: BTreeSet<String>,
    /// The last that was said about texts: when, and whether to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opt_out: Option<(Timestamp, bool)>,
    /// What had been said last when no events were kept with it yet, by an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unattributed: Option<(Timestamp, bool)>,
    /// The last words on texts, each with the event that said it and whether to stop.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    words: BTreeSet<(ToldBy, bool)>,
}

impl Phone {
    /// A number of which nothing is known.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            bookings: BTreeMap::new(),
            waiting: BTreeSet::new(),
            opt_out: None,
            unattributed: None,
            words: BTreeSet::new(),
        }
    }

    /// Joins a booking that was put with the number, heard of at `first`.
    pub fn join_booking(&mut self, id: &str, first: Timestamp) {
        self.bookings.insert(id.to_owned(), first);
        if self.bookings.len() > MOST_BOOKINGS {
            let oldest = self.bookings.iter().min_by_key(|(id, first)| (**first, id.as_str())).map(|(id, _)| id.clone());
            oldest.map(|oldest| self.bookings.remove(&oldest));
        }
    }

    /// The bookings that were put with the number, newest first.
    #[must_use]
    pub fn bookings(&self) -> Vec<&str> {
        let mut bookings: Vec<_> = self.bookings.iter().map(|(id, first)| (*first, id.as_str())).collect();
        bookings.sort_unstable_by(|one, other| other.cmp(one));
        bookings.into_iter().map(|(_, id)| id).collect()
    }

    /// Keeps a text until there is a booking that it can belong to. With too many, the first of them by id is no longer waited for.
    pub fn keep(&mut self, message: &str) {
        self.waiting.insert(message.to_owned());
        if self.waiting.len() > MOST_WAITING {
            self.waiting.pop_first();
        }
    }

    /// Joins that texts are to stop, or may come again. The last word counts; of two of the same time, the stop.
    pub fn join_opt_out(&mut self, by: ToldBy, stop: bool) {
        if self.words.is_empty() {
            self.unattributed = self.opt_out;
        }
        self.opt_out = self.opt_out.max(Some((by.at, stop)));
        self.words.insert((by, stop));
        if self.words.len() > MOST_WORDS {
            self.words.pop_first();
        }
    }

    /// Which events changed whether its owner wants texts, the oldest first, as far as that is known.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryEntry> {
        let shown = |stop: bool| State::from_iter([("sms_opt_out", json!(stop))]);
        let (mut out, mut unattributed) = (false, self.unattributed);
        let mut entries = Vec::new();
        for (by, stop) in &self.words {
            if let Some((_, known)) = unattributed.take_if(|(at, _)| *at < by.at) {
                out = known;
            }
            let before = std::mem::replace(&mut out, *stop);
            if before != out {
                entries.push(by.entry().changing(&shown(before), &shown(out), &["sms_opt_out"]));
            }
        }
        entries
    }

    /// Whether its owner wants no texts.
    #[must_use]
    pub fn has_opted_out(&self) -> bool {
        self.opt_out.is_some_and(|(_, stop)| stop)
    }

    /// Whether no text goes to a number, by what is known of it in a space, and outside of all: there all of it was said to the one number that texts come
    /// from. Of a stop that Twilio told of when it refused a text of the space the newer of both counts; a stop outside is lifted outside alone, because in a
    /// space whoever holds the secret of a source can say what he likes.
    #[must_use]
    pub fn refuses_texts(in_space: Option<&Self>, outside: Option<&Self>) -> bool {
        let said = |phone: Option<&Self>| phone.and_then(|phone| phone.opt_out);
        match (said(in_space), said(outside)) {
            (_, Some((_, true))) => true,
            (Some((at, true)), Some((lifted, false))) => at >= lifted,
            (Some((_, stop)), None) => stop,
            (Some((_, false)) | None, _) => false,
        }
    }

    /// Whether a text is a number that can be normalised: E.164 with its plus.
    #[must_use]
    pub fn is_number(text: &str) -> bool {
        let digits = text.strip_prefix('+').unwrap_or_default();
        (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
    }
}

impl Record for Phone {
    const KIND: &'static str = "phone";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}
