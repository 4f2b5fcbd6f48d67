//! How many calls to the outside run at the same time.

use std::{
    pin::pin,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::sync::Notify;

use super::Performed;
use crate::{effect::EffectKind, ports::Clock};

/// The most calls of one channel at the same time. Whoever handles events has more hands than all channels together may take, or does not count those that
/// wait for a channel ([`Gates::calls`]), so that a mail server that hangs keeps no event from being applied.
const MOST: usize = 64;
/// The most jobs at the same time: each goes through pages for as long as it may.
const MOST_JOBS: usize = 8;
/// The same while the last call has failed: enough to notice that the other side is back.
const MOST_WHILE_FAILING: usize = 4;
/// How long a call waits for its turn while the other side answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// One gate for each channel.
#[derive(Debug)]
pub struct Gates {
    mail: Gate,
    sms: Gate,
    publish: Gate,
    catch_up: Gate,
    erase: Gate,
    /// Look-ups under way. They have no gate: each ends by itself, after seconds at most.
    look_ups: AtomicUsize,
}

impl Default for Gates {
    fn default() -> Self {
        Self {
            mail: Gate::of(MOST),
            sms: Gate::of(MOST),
            publish: Gate::of(MOST),
            catch_up: Gate::of(MOST_JOBS),
            erase: Gate::of(MOST),
            look_ups: AtomicUsize::new(0),
        }
    }
}

impl Gates {
    /// How many calls to mail and text servers and to Stripe's API are under way.
    #[must_use]
    pub fn calls(&self) -> usize {
        [&self.mail.running, &self.sms.running, &self.look_ups].into_iter().map(|running| running.load(Ordering::Relaxed)).sum()
    }

    /// Counts a look-up until what this returns is dropped.
    pub(crate) fn looking_up(&self) -> LookingUp<'_> {
        self.look_ups.fetch_add(1, Ordering::Relaxed);
        LookingUp(&self.look_ups)
    }

    /// The gate of a channel.
    pub(crate) fn of(&self, kind: EffectKind) -> &Gate {
        match kind {
            EffectKind::Mail => &self.mail,
            EffectKind::Sms => &self.sms,
            // No calls to the outside; but jobs, of which anybody may ask for many, keep no event from being fanned out.
            EffectKind::Publish => &self.publish,
            EffectKind::CatchUp => &self.catch_up,
            EffectKind::Erase => &self.erase,
        }
    }
}

/// Lets so many calls pass at the same time.
#[derive(Debug)]
pub(crate) struct Gate {
    most: usize,
    running: AtomicUsize,
    failing: AtomicBool,
    /// Rings for one who waits when a call has ended.
    ended: Notify,
}

impl Gate {
    fn of(most: usize) -> Self {
        Self { most, running: AtomicUsize::new(0), failing: AtomicBool::new(false), ended: Notify::new() }
    }

    /// Waits for a turn, not for long. `None` if there was none: the call is to be made later.
    pub(crate) async fn enter(&self, clock: &dyn Clock) -> Option<Pass<'_>> {
        let turn = async {
            loop {
                // Made before the look, so that no end between both is missed.
                let ended = self.ended.notified();
                let failing = self.failing.load(Ordering::Relaxed);
                let most = if failing { MOST_WHILE_FAILING } else { self.most };
                let one_more = |running: usize| (running < most).then_some(running + 1);
                if self.running.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok() {
                    return Some(Pass(self));
                }
                if failing {
                    return None;
                }
                ended.await;
            }
        };
        match select(pin!(turn), pin!(clock.sleep(PATIENCE))).await {
            Either::Left((turn, _)) => turn,
            Either::Right(_) => None,
        }
    }
}

/// A look-up under way.
#[derive(Debug)]
pub(crate) struct LookingUp<'a>(&'a AtomicUsize);

impl Drop for LookingUp<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Pass<'a>(&'a Gate);

impl Pass<'_> {
    /// The call has ended like this.
    pub(crate) fn ended(self, performed: &Performed) {
        match performed {
            Performed::Later(_) => self.0.failing.store(true, Ordering::Relaxed),
            // A no is an answer, too.
            Performed::Sent | Performed::TextTaken(_) | Performed::Failed(_) | Performed::TextUnsent(_) | Performed::LeftOut(_) => {
                self.0.failing.store(false, Ordering::Relaxed);
            }
            Performed::Superseded | Performed::Untrue | Performed::OtherNumber(_) | Performed::Waits(..) => {}
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
        self.0.ended.notify_one();
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::{testing::ManualClock, time::Timestamp};

    fn later() -> Performed {
        Performed::Later("no answer".to_owned())
    }

    #[tokio::test]
    async fn a_channel_that_hangs_takes_so_many_and_no_more() {
        let (gate, clock) = (Gate::of(MOST), ManualClock::auto_advancing(Timestamp::MIN));
        let mut passes = Vec::new();
        for _ in 0..MOST {
            passes.push(gate.enter(&clock).await.expect("there is room"));
        }
        assert!(gate.enter(&clock).await.is_none());
        assert_eq!(clock.now().since(Timestamp::MIN), PATIENCE, "it waited for a turn");
        passes.pop();
        assert!(gate.enter(&clock).await.is_some());
    }

    #[tokio::test]
    async fn calls_under_way_are_counted_until_they_end() {
        let (gates, clock) = (Gates::default(), ManualClock::auto_advancing(Timestamp::MIN));
        let (mail, look_up) = (gates.of(EffectKind::Mail).enter(&clock).await.expect("there is room"), gates.looking_up());
        assert_eq!(gates.calls(), 2);
        drop(look_up);
        assert_eq!(gates.calls(), 1);
        drop(mail);
        assert_eq!(gates.calls(), 0);
    }

    #[tokio::test]
    async fn while_it_fails_few_try_and_nobody_waits() {
        let (gate, clock) = (Gate::of(MOST), ManualClock::auto_advancing(Timestamp::MIN));
        gate.enter(&clock).await.expect("there is room").ended(&later());
        let mut passes = Vec::new();
        for _ in 0..MOST_WHILE_FAILING {
            passes.push(gate.enter(&clock).await.expect("some look whether it is back"));
        }
        assert!(gate.enter(&clock).await.is_none());
        assert_eq!(clock.now(), Timestamp::MIN);
        passes.pop().expect("one").ended(&Performed::Sent);
        assert!(gate.enter(&clock).await.is_some(), "it is back");
        drop(passes);
        for _ in 0..MOST {
            std::mem::forget(gate.enter(&clock).await.expect("all may pass again"));
        }
    }
}
