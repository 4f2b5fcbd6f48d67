//! Events about one record, one after the other: whose plan lost to another change of a record takes turns with all who change it in this process, instead of
//! losing to each of them once more.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

use crate::ports::{Clock, Key};

/// How long somebody waits for a turn. After that they try without.
const PATIENCE: Duration = Duration::from_secs(2);

/// The records that are changed by one at a time at the moment.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<Key, Arc<Queue<()>>>>>);

/// A turn at changing one record, until it is dropped.
pub(super) struct Turn {
    key: Key,
    turns: Turns,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for a turn at the record; `None` if that takes too long.
    pub(super) async fn take(&self, key: &Key, clock: &dyn Clock) -> Option<Turn> {
        let queue = Arc::clone(self.queues().entry(key.clone()).or_default());
        // Made before the wait, so that whoever gives up leaves no queue behind.
        let mut turn = Turn { key: key.clone(), turns: self.clone(), guard: None };
        match select(pin!(queue.lock_owned()), pin!(clock.sleep(PATIENCE))).await {
            Either::Left((guard, _)) => turn.guard = Some(guard),
            Either::Right(_) => return None,
        }
        Some(turn)
    }

    /// The first of these records that somebody has a turn at.
    pub(super) fn wanted<'a>(&self, mut keys: impl Iterator<Item = &'a Key>) -> Option<Key> {
        let queues = self.queues();
        if queues.is_empty() {
            return None;
        }
        keys.find(|key| queues.contains_key(key)).cloned()
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<Key, Arc<Queue<()>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Which record it is a turn at.
    pub(super) fn at(&self) -> &Key {
        &self.key
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.guard = None;
        let mut queues = self.turns.queues();
        // Whoever waits holds it, too.
        if queues.get(&self.key).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.key);
        }
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{testing::ManualClock, time::Timestamp};

    #[tokio::test]
    async fn each_has_its_turn_and_nothing_is_left_behind() {
        let (turns, clock) = (Turns::default(), ManualClock::at(Timestamp::MIN));
        let (key, other) = (Key::new("booking", "1"), Key::new("booking", "2"));
        assert_eq!(turns.wanted([&key].into_iter()), None);
        let first = turns.take(&key, &clock).await.expect("nobody else wants it");
        assert_eq!(first.at(), &key);
        assert_eq!(turns.wanted([&other, &key].into_iter()), Some(key.clone()));
        assert!(turns.take(&other, &clock).now_or_never().flatten().is_some(), "another record");
        let mut second = Box::pin(turns.take(&key, &clock));
        let mut third = Box::pin(turns.take(&key, &clock));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        drop(first);
        assert!(third.as_mut().now_or_never().is_none(), "the second is before it");
        drop(second.await.expect("its turn"));
        drop(third.await.expect("its turn"));
        assert!(turns.queues().is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_too_long_goes_on_without() {
        let (turns, clock) = (Turns::default(), ManualClock::auto_advancing(Timestamp::MIN));
        let key = Key::new("booking", "1");
        let first = turns.take(&key, &clock).await.expect("nobody else wants it");
        assert!(turns.take(&key, &clock).await.is_none());
        assert_eq!(clock.now().since(Timestamp::MIN), PATIENCE);
        drop(first);
        assert!(turns.queues().is_empty());
    }
}
