//! Which calls are tried again, when, and for how long.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::{Either, select};
use sluice_core::{
    ports::{Clock, Ids},
    time::Timestamp,
};

use crate::failure::{Failed, Fate};

/// The first wait; each further one may be twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(25);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How long calls are tried again: for so long at most, and never past the end of the current invocation.
///
/// Waits are drawn between zero and a bound that doubles, so that those who ran into each other don't meet again
/// ([full jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)).
pub struct Patience {
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    longest: Duration,
    /// Milliseconds since the epoch; `i64::MAX` without a deadline.
    deadline: AtomicI64,
}

/// What a call does when it takes effect twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// No harm: a read, a write that the service recognises, a message that its receiver recognises.
    Harmless,
    /// Something else than once: tried again only if it surely was not taken.
    Harmful,
}

impl Patience {
    /// How long one call of a port is tried unless set otherwise.
    pub const LONGEST: Duration = Duration::from_secs(8);

    /// Tries for `longest` at most.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, ids: Arc<dyn Ids>, longest: Duration) -> Self {
        Self { clock, ids, longest, deadline: AtomicI64::new(i64::MAX) }
    }

    /// Sets when the current invocation ends: no call is waited for past it. For hosts that handle one invocation at a time, at the beginning of each.
    pub fn end_at(&self, deadline: Timestamp) {
        self.deadline.store(deadline.millis(), Ordering::Relaxed);
    }

    /// Calls until it succeeds, fails in a way that may not be tried again, or time runs out; then returns the last failure.
    pub(crate) async fn call<T, E, F>(&self, repeat: Repeat, call: impl Fn() -> F) -> Result<T, E>
    where
        E: Failed,
        F: Future<Output = Result<T, E>>,
    {
        let deadline = Timestamp::from_millis(self.deadline.load(Ordering::Relaxed));
        let end = deadline.min(self.clock.now() + self.longest);
        let mut bound = FIRST_WAIT;
        loop {
            let left = end.since(self.clock.now());
            let failure = match select(pin!(call()), self.clock.sleep(left)).await {
                Either::Left((Ok(answer), _)) => return Ok(answer),
                Either::Left((Err(failure), _)) => failure,
                Either::Right(((), _)) => return Err(E::out_of_time()),
            };
            let wait = self.jitter(bound);
            let again = match failure.fate() {
                Fate::NotTaken => true,
                Fate::Unknown => repeat == Repeat::Harmless,
                Fate::Refused => false,
            };
            if !again || self.clock.now() + wait >= end {
                return Err(failure);
            }
            self.clock.sleep(wait).await;
            bound = (bound * 2).min(LONGEST_WAIT);
        }
    }

    fn jitter(&self, bound: Duration) -> Duration {
        let bound = bound.as_millis().max(1);
        Duration::from_millis(u64::try_from(self.ids.random() % bound).unwrap_or(0) + 1)
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("longest", &self.longest).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use sluice_core::testing::{CountingIds, ManualClock};

    use super::*;
    use crate::failure::Failure;

    const START: Timestamp = Timestamp::MIN;

    fn patience() -> (Patience, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::auto_advancing(START));
        // A sleep that is only watched ends at once on this clock, so that calls in these tests never wait.
        (Patience::new(Arc::clone(&clock) as Arc<dyn Clock>, Arc::new(CountingIds::new()), Duration::from_secs(2)), clock)
    }

    async fn tries(patience: &Patience, repeat: Repeat, fate: Fate) -> u32 {
        let calls = AtomicU32::new(0);
        let answer: Result<(), Failure> = patience
            .call(repeat, || {
                calls.fetch_add(1, Ordering::Relaxed);
                std::future::ready(Err(Failure::reported(fate, "", String::new())))
            })
            .await;
        assert_eq!(answer.expect_err("it always fails").fate, fate);
        calls.into_inner()
    }

    #[tokio::test]
    async fn what_was_not_taken_is_tried_until_time_runs_out() {
        let (patience, clock) = patience();
        assert!(tries(&patience, Repeat::Harmful, Fate::NotTaken).await > 5);
        assert!(clock.now().since(START) < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn what_is_in_doubt_is_tried_again_only_where_that_does_no_harm() {
        let (patience, _) = patience();
        assert!(tries(&patience, Repeat::Harmless, Fate::Unknown).await > 5);
        assert_eq!(tries(&patience, Repeat::Harmful, Fate::Unknown).await, 1);
        assert_eq!(tries(&patience, Repeat::Harmless, Fate::Refused).await, 1);
    }

    #[tokio::test]
    async fn nothing_goes_on_past_the_end_of_the_invocation() {
        let (patience, clock) = patience();
        patience.end_at(START + Duration::from_millis(10));
        tries(&patience, Repeat::Harmless, Fate::NotTaken).await;
        assert!(clock.now() < START + Duration::from_millis(10));

        let held = Arc::new(ManualClock::at(START));
        let patience = Patience::new(Arc::clone(&held) as Arc<dyn Clock>, Arc::new(CountingIds::new()), Duration::from_secs(2));
        let hanging = async { patience.call::<(), Failure, _>(Repeat::Harmless, std::future::pending).await };
        let (answer, ()) = futures_util::future::join(hanging, async {
            while held.next_wake().is_none() {
                tokio::task::yield_now().await;
            }
            held.advance(Duration::from_secs(2));
        })
        .await;
        assert_eq!(answer, Err(Failure::out_of_time()));
    }

    #[tokio::test]
    async fn a_success_ends_it() {
        let (patience, _) = patience();
        let calls = AtomicU32::new(0);
        let answer: Result<u32, Failure> = patience
            .call(Repeat::Harmful, || {
                let number = calls.fetch_add(1, Ordering::Relaxed);
                std::future::ready(if number < 3 { Err(Failure::reported(Fate::NotTaken, "", String::new())) } else { Ok(number) })
            })
            .await;
        assert_eq!(answer, Ok(3));
    }
}
