//! The short way of a message: one that may be received at once goes to a worker of this process that waits for it with the commit that queues it, instead of
//! lying in the database until it is looked for.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{Receipt, receive::Received};

/// Messages that one commit has queued, as a worker gets them.
pub(crate) type Handed = Vec<(Receipt, Received)>;

/// The free hands of the worker of one queue. It holds them out only while it has found nothing that waits, so that nothing is overtaken that it could have
/// taken before.
#[derive(Default)]
pub(crate) struct Hands {
    worker: Mutex<Option<Waiting>>,
}

/// A worker that waits.
struct Waiting {
    give: UnboundedSender<Handed>,
    visibility: Duration,
    /// How many messages it takes at the moment.
    free: usize,
    /// How many were promised to it, or are on the way to it.
    promised: usize,
}

impl Hands {
    /// A worker begins, and holds out no hand yet. What is returned brings what it is handed.
    pub(crate) fn begin(&self, visibility: Duration) -> UnboundedReceiver<Handed> {
        let (give, handed) = unbounded_channel();
        *self.worker() = Some(Waiting { give, visibility, free: 0, promised: 0 });
        handed
    }

    /// The worker ends: nothing more is handed to it.
    pub(crate) fn end(&self) {
        *self.worker() = None;
    }

    /// The worker has room for so many messages, those that are on the way to it included, and holds out a hand for each but those that it keeps for what it
    /// looks for itself: as many as `keep` says of the room that is left. Returns that room.
    pub(crate) fn hold_out(&self, room: usize, keep: impl FnOnce(usize) -> usize) -> usize {
        let mut worker = self.worker();
        let Some(worker) = &mut *worker else { return room };
        let left = room.saturating_sub(worker.promised);
        worker.free = left.saturating_sub(keep(left));
        left
    }

    /// So many messages have arrived.
    pub(crate) fn arrived(&self, count: usize) {
        if let Some(worker) = &mut *self.worker() {
            worker.promised = worker.promised.saturating_sub(count);
        }
    }

    /// Promises up to so many messages, which are handed once their commit is durable. Returns how many, and how long each is invisible to others.
    pub(super) fn promise(&self, wanted: usize) -> (usize, Duration) {
        let mut worker = self.worker();
        let Some(worker) = &mut *worker else { return (0, Duration::ZERO) };
        let count = wanted.min(worker.free);
        worker.free -= count;
        worker.promised += count;
        (count, worker.visibility)
    }

    /// So many messages that were promised do not come.
    pub(super) fn take_back(&self, count: usize) {
        if let Some(worker) = &mut *self.worker() {
            worker.promised = worker.promised.saturating_sub(count);
            worker.free += count;
        }
    }

    /// Hands over what was promised. Where the worker has ended, it is received again after its visibility timeout, or at the next start.
    pub(super) fn hand(&self, messages: Handed) {
        if let Some(worker) = &*self.worker() {
            let _ = worker.give.send(messages);
        }
    }

    fn worker(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_promised_than_there_is_room_for() {
        let hands = Hands::default();
        assert_eq!(hands.promise(3).0, 0, "nobody waits");
        let mut handed = hands.begin(Duration::from_secs(9));
        assert_eq!(hands.promise(3).0, 0, "no hand is held out yet");
        assert_eq!(hands.hold_out(4, |_| 0), 4);
        assert_eq!(hands.promise(3), (3, Duration::from_secs(9)));
        assert_eq!(hands.promise(3).0, 1);
        // What is on the way counts as taken, until it has arrived.
        assert_eq!(hands.hold_out(5, |_| 0), 1);
        assert_eq!(hands.promise(3).0, 1);
        hands.take_back(1);
        assert_eq!(hands.promise(3).0, 1);
        hands.arrived(5);
        assert_eq!(hands.hold_out(3, |left| left - 1), 3);
        assert_eq!(hands.promise(3).0, 1);
        assert_eq!(hands.hold_out(3, |left| left), 2);
        hands.hand(Vec::new());
        assert_eq!(handed.try_recv().map(|messages| messages.len()), Ok(0));
        assert_eq!(hands.promise(1).0, 0);
        hands.end();
        assert_eq!(hands.hold_out(4, |_| 0), 4);
        assert_eq!(hands.promise(1).0, 0);
    }
}
