use serde::{Deserialize, Serialize};

use super::{Cause, HistoryEntry};
use crate::time::Timestamp;

/// The event that said something of a number or an address, for whoever asks why. In the order of their times.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ToldBy {
    /// When it was said.
    pub at: Timestamp,
    /// The id of the event's record.
    pub event: String,
    /// What happened, in the provider's words.
    #[serde(rename = "type")]
    pub kind: String,
}

impl ToldBy {
    /// Said at `at` by the event that is the cause.
    #[must_use]
    pub fn new(at: Timestamp, cause: &Cause) -> Self {
        Self { at, event: cause.event.clone(), kind: cause.kind.clone() }
    }

    /// The entry of a history for it, with nothing changed yet.
    #[must_use]
    pub(super) fn entry(&self) -> HistoryEntry {
        HistoryEntry::new(Some(&self.event), &self.kind, self.at)
    }
}
