//! Alarms: what an operator is told of, at most once an hour for each reason.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    ports::{Place, Stored},
    record::Record,
    time::Timestamp,
};

/// How long an alarm is silent after it rang.
pub const SILENCE: Duration = Duration::from_hours(1);

/// When the alarm for one reason rang last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The reason's code.
    pub id: String,
    /// When it rang.
    pub rang_at: Timestamp,
    /// How often it has rung.
    pub count: u64,
}

impl Alarm {
    /// The alarm for `code` as it is to be stored when it rings now; `None` if it rang less than [`SILENCE`] ago.
    #[must_use]
    pub fn ring(code: &str, before: Option<&Stored>, now: Timestamp) -> Option<Self> {
        let before = before.and_then(|stored| Self::from_stored(stored).ok());
        match before {
            Some(alarm) if now < alarm.rang_at + SILENCE => None,
            Some(alarm) => Some(Self { rang_at: now, count: alarm.count + 1, ..alarm }),
            None => Some(Self { id: code.to_owned(), rang_at: now, count: 1 }),
        }
    }
}

impl Record for Alarm {
    const KIND: &'static str = "alarm";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.rang_at + crate::event::RETENTION)
    }
}
