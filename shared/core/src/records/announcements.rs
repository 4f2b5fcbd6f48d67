use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many announcements a record has made on each subject. A later number supersedes the earlier ones that have not left yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Announcements(BTreeMap<String, u32>);

impl Announcements {
    /// Counts one more announcement on `subject` and returns its number, from 1.
    pub fn next(&mut self, subject: &str) -> u32 {
        let number = self.0.entry(subject.to_owned()).or_default();
        *number += 1;
        *number
    }

    /// Takes back the latest announcement on `subject`, of which nobody was told: its number is given again.
    pub fn take_back(&mut self, subject: &str) {
        self.take_back_to(subject, self.latest(subject).saturating_sub(1));
    }

    /// Takes back all announcements on `subject` after the one of this number, of which nobody was told: their numbers are given again.
    pub fn take_back_to(&mut self, subject: &str, number: u32) {
        if number == 0 {
            self.0.remove(subject);
        } else {
            self.0.insert(subject.to_owned(), number);
        }
    }

    /// The number of the latest announcement on `subject`; 0 if there was none.
    #[must_use]
    pub fn latest(&self, subject: &str) -> u32 {
        self.0.get(subject).copied().unwrap_or_default()
    }

    /// Joins what the same record has announced elsewhere.
    pub fn join(&mut self, other: &Self) {
        for (subject, number) in &other.0 {
            let known = self.0.entry(subject.clone()).or_default();
            *known = (*known).max(*number);
        }
    }

    /// Whether nothing was announced yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
