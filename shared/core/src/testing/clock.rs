use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;

use crate::{ports::Clock, time::Timestamp};

/// A clock that stands still until it is told otherwise.
///
/// A sleep ends once the clock has been set or advanced past its end. In the auto-advance mode ([`ManualClock::auto_advancing`]) a sleep moves the clock
/// on by its length and ends at once.
#[derive(Debug)]
pub struct ManualClock(Mutex<State>);

#[derive(Debug)]
struct State {
    now: Timestamp,
    pace: Pace,
    sleepers: BTreeMap<u64, Sleeper>,
    next_sleeper: u64,
}

#[derive(Debug)]
struct Sleeper {
    end: Timestamp,
    waker: Waker,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    Held,
    AutoAdvance,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self::with_pace(now, Pace::Held)
    }

    /// A clock that stands at `now`, and that every sleep moves on by its length.
    #[must_use]
    pub fn auto_advancing(now: Timestamp) -> Self {
        Self::with_pace(now, Pace::AutoAdvance)
    }

    fn with_pace(now: Timestamp, pace: Pace) -> Self {
        Self(Mutex::new(State { now, pace, sleepers: BTreeMap::new(), next_sleeper: 0 }))
    }

    /// Sets the time, also back, and ends the sleeps that it has passed.
    pub fn set(&self, now: Timestamp) {
        let mut state = self.state();
        state.now = now;
        for sleeper in state.sleepers.values().filter(|sleeper| sleeper.end <= now) {
            sleeper.waker.wake_by_ref();
        }
    }

    /// Moves the time on by `length`, and ends the sleeps that it has passed.
    pub fn advance(&self, length: Duration) {
        let end = self.now() + length;
        self.set(end);
    }

    /// When the next of the current sleeps ends; `None` if nobody sleeps.
    #[must_use]
    pub fn next_wake(&self) -> Option<Timestamp> {
        self.state().sleepers.values().map(|sleeper| sleeper.end).min()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic of another test thread leaves nothing half done here.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    async fn sleep(&self, length: Duration) {
        let end = {
            let mut state = self.state();
            let end = state.now + length;
            if state.pace == Pace::AutoAdvance {
                state.now = end;
                return;
            }
            end
        };
        Sleep { clock: self, end, id: None }.await;
    }
}

/// A sleep; it is known to the clock from its first poll until it ends or is dropped.
struct Sleep<'a> {
    clock: &'a ManualClock,
    end: Timestamp,
    id: Option<u64>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.now >= self.end {
            return Poll::Ready(());
        }
        let id = self.id.unwrap_or(state.next_sleeper);
        if self.id.is_none() {
            state.next_sleeper += 1;
        }
        let sleeper = Sleeper { end: self.end, waker: context.waker().clone() };
        state.sleepers.insert(id, sleeper);
        drop(state);
        self.id = Some(id);
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.clock.state().sleepers.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::*;

    const START: Timestamp = Timestamp::MIN;

    #[tokio::test]
    async fn a_sleep_ends_when_the_clock_has_passed_it_and_not_before() {
        let clock = Arc::new(ManualClock::at(START));
        let sleeping = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep(Duration::from_secs(10)).await }
        });
        while clock.next_wake().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(clock.next_wake(), Some(START + Duration::from_secs(10)));

        clock.advance(Duration::from_secs(9));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!sleeping.is_finished());

        clock.advance(Duration::from_secs(1));
        sleeping.await.expect("no panic");
        assert_eq!(clock.next_wake(), None, "an ended sleep is forgotten");
    }

    #[tokio::test]
    async fn a_dropped_sleep_is_forgotten() {
        let clock = ManualClock::at(START);
        let mut sleep = Box::pin(clock.sleep(Duration::from_secs(1)));
        assert!((&mut sleep).now_or_never().is_none());
        assert!(clock.next_wake().is_some());
        drop(sleep);
        assert_eq!(clock.next_wake(), None);
    }

    #[tokio::test]
    async fn auto_advance_moves_on_by_each_sleep() {
        let clock = ManualClock::auto_advancing(START);
        clock.sleep(Duration::from_secs(3)).await;
        clock.sleep(Duration::from_secs(4)).await;
        assert_eq!(clock.now().since(START), Duration::from_secs(7));
    }
}
