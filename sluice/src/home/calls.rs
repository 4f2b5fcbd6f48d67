use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sluice_core::time::Timestamp;

/// More requests at once than this make a crowd.
const CROWD: usize = 16;
/// How long a crowd is taken to be still there. One commit answers many requests: for a moment nobody waits, and the next ones are on their way.
const LINGERING: Duration = Duration::from_millis(250);

/// The requests that wait for their answers.
#[derive(Clone, Default)]
pub(super) struct Calls(Arc<Inner>);

#[derive(Default)]
struct Inner {
    count: AtomicUsize,
    /// When there was a crowd last, in milliseconds since 1970.
    crowd_at: AtomicI64,
}

/// One of them, until it is dropped.
pub(super) struct Call(Calls);

impl Calls {
    /// One more waits.
    pub(super) fn begin(&self, now: Timestamp) -> Call {
        if self.0.count.fetch_add(1, Ordering::Relaxed) >= CROWD {
            self.0.crowd_at.store(now.millis(), Ordering::Relaxed);
        }
        Call(self.clone())
    }

    /// Whether there is a crowd of them, or was a moment ago.
    pub(super) fn are_many(&self, now: Timestamp) -> bool {
        // One in the future shows that the clock was set back.
        let passed = now.millis() - self.0.crowd_at.load(Ordering::Relaxed);
        u128::try_from(passed).is_ok_and(|passed| passed < LINGERING.as_millis())
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_one_for_a_moment_longer() {
        let (calls, now) = (Calls::default(), Timestamp::from_seconds(1_800_000_000));
        let few: Vec<_> = (0..CROWD).map(|_| calls.begin(now)).collect();
        assert!(!calls.are_many(now));
        let one_more = calls.begin(now);
        assert!(calls.are_many(now));
        drop((few, one_more));
        assert!(calls.are_many(now + LINGERING / 2) && !calls.are_many(now + LINGERING));
        let later = now + Duration::from_secs(1);
        let _few: Vec<_> = (0..CROWD).map(|_| calls.begin(later)).collect();
        assert!(!calls.are_many(later), "those that were answered count no more");
        assert!(!calls.are_many(now - Duration::from_secs(1)), "the clock was set back");
    }
}
