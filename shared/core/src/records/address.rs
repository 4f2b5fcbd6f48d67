use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{HistoryEntry, ToldBy};
use crate::{ports::Place, record::Record, state::State, time::Timestamp};

/// A mail address that bounced, or whose reader complained. There is none of any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressMark {
    /// The address, in lower case.
    pub id: String,
    /// When a mail to it first came back for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bounced_at: Option<Timestamp>,
    /// When its reader first reported a mail as unwanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complained_at: Option<Timestamp>,
    /// The events that said so first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    told: BTreeMap<AddressState, ToldBy>,
}

/// Why an address is left out. A complaint weighs more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AddressState {
    /// A mail to it came back for good.
    Bounced,
    /// Its reader reported a mail as unwanted.
    Complained,
}

crate::schema::described_words!(AddressState: Bounced, Complained);

impl AddressMark {
    /// An unmarked address.
    #[must_use]
    pub fn new(address: &str) -> Self {
        Self { id: Self::id_of(address), bounced_at: None, complained_at: None, told: BTreeMap::new() }
    }

    /// The id of the mark of an address. Hardly any mailbox tells capital letters apart.
    #[must_use]
    pub fn id_of(address: &str) -> String {
        address.trim().to_lowercase()
    }

    /// Joins what was heard of it.
    pub fn join(&mut self, state: AddressState, by: ToldBy) {
        let at = by.at;
        let first = match state {
            AddressState::Bounced => &mut self.bounced_at,
            AddressState::Complained => &mut self.complained_at,
        };
        // What an older version marked without its event was not said first by one that came later.
        if first.is_some_and(|known| known < at) {
            return;
        }
        *first = Some(at);
        let told = self.told.entry(state).or_insert_with(|| by.clone());
        if by < *told {
            *told = by;
        }
    }

    /// Which events changed why it is left out, the oldest first, as far as that is known.
    #[must_use]
    pub fn history(&self) -> Vec<HistoryEntry> {
        let shown = |state: Option<AddressState>| State::from_iter([("email_state", json!(state))]);
        let mut told: Vec<_> = self.told.iter().map(|(state, by)| (by, *state)).collect();
        told.sort_unstable();
        let mut known = None;
        let mut entries = Vec::new();
        for (by, state) in told {
            let before = known;
            known = known.max(Some(state));
            if before != known {
                entries.push(by.entry().changing(&shown(before), &shown(known), &["email_state"]));
            }
        }
        entries
    }

    /// Why it is left out; `None` if it is not.
    #[must_use]
    pub fn state(&self) -> Option<AddressState> {
        let complained = self.complained_at.map(|_| AddressState::Complained);
        complained.or(self.bounced_at.map(|_| AddressState::Bounced))
    }
}

impl AddressState {
    /// Why no mail goes there, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Bounced => "an earlier mail to this address came back",
            Self::Complained => "its reader reported an earlier mail as unwanted",
        }
    }
}

impl Record for AddressMark {
    const KIND: &'static str = "address";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}
