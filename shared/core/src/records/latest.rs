use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What was said last of something, by the provider's own time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Latest<T> {
    /// When, by the provider.
    pub at: Timestamp,
    /// What.
    pub fact: T,
}

impl<T: Ord> Latest<T> {
    /// Joins what was said at `at`: the later one stays, and of two of the same time the greater one.
    pub fn join(known: &mut Option<Self>, at: Timestamp, fact: T) {
        *known = known.take().max(Some(Self { at, fact }));
    }
}

/// Joins the time of something that happens once: the first that is told stands.
pub(super) fn first(known: &mut Option<Timestamp>, at: Timestamp) {
    *known = Some(known.map_or(at, |known| known.min(at)));
}

/// Joins the time of something that may happen again: the last that is told stands.
pub(super) fn last(known: &mut Option<Timestamp>, at: Timestamp) {
    *known = Some(known.map_or(at, |known| known.max(at)));
}
