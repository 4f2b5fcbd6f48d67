use std::sync::atomic::{AtomicU64, Ordering};

use crate::ports::Ids;

/// Ids that count up, so that a run can be repeated exactly.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl CountingIds {
    /// Counts from 1.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts from the one after `last`, so that two sources in one test never meet.
    #[must_use]
    pub fn after(last: u64) -> Self {
        Self(AtomicU64::new(last))
    }

    /// Goes on from the one after `last`.
    pub fn go_on_after(&self, last: u64) {
        self.0.store(last, Ordering::Relaxed);
    }
}

impl Ids for CountingIds {
    fn random(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_up_from_where_it_was_told() {
        let ids = CountingIds::after(41);
        assert_eq!((ids.random(), ids.random()), (42, 43));
        assert_eq!(CountingIds::new().random(), 1);
    }
}
