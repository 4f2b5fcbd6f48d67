use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The owner's word on a record, as it was put last. It stands beside what events said, and neither overwrites the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word<T> {
    /// When it was put.
    pub at: Timestamp,
    /// What was put.
    #[serde(flatten)]
    pub said: T,
}

impl<T> Word<T> {
    /// Joins a put: the latest one stands.
    pub fn join(known: &mut Option<Self>, at: Timestamp, said: T) {
        if known.as_ref().is_none_or(|known| known.at <= at) {
            *known = Some(Self { at, said });
        }
    }
}

/// A field that is put as it is shown was read and not said: what its owner said of it before stays, also if that was nothing. So whoever reads a record,
/// changes a field and puts the whole makes no word of his own of what events said.
pub(super) fn keep_unsaid(put: &mut Option<String>, shown: Option<&str>, said: Option<&String>) {
    if put.is_some() && put.as_deref() == shown {
        *put = said.cloned();
    }
}

/// What one of several events said, with the time and the event that decide which of them stands.
///
/// Two are joined by [`Told::latest`] or by [`Told::first`], one and the same way for a fact: commutative, associative, idempotent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Told<T> {
    /// When, by the provider.
    pub at: Timestamp,
    /// The provider's id of the event.
    pub event: String,
    /// What.
    pub what: T,
}

impl<T: Ord> Told<T> {
    /// Keeps the latest; of two of the same time the one of the greater id.
    pub fn latest(known: &mut Option<Self>, other: Self) {
        if known.as_ref().is_none_or(|known| *known < other) {
            *known = Some(other);
        }
    }

    /// Keeps the first; of two of the same time the one of the smaller id.
    pub fn first(known: &mut Option<Self>, other: Self) {
        if known.as_ref().is_none_or(|known| other < *known) {
            *known = Some(other);
        }
    }
}
