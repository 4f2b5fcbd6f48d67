use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::time::Timestamp;

/// The deliveries that this process has in hand, each with what its holder was asked meanwhile.
///
/// Where it is the only process that holds the data this is all the lease that a delivery needs: it ends with the process, and so does everybody who
/// could have made the attempt. Elsewhere it keeps two messages of one batch from meeting in the store.
///
/// It also remembers which deliveries it has let go of before an attempt began, so that no attempt is suspected where there was none.
#[derive(Clone, Default)]
pub struct InHand {
    deliveries: Arc<Mutex<HashMap<String, For>>>,
    untouched: Arc<Mutex<HashMap<String, u32>>>,
}

/// What a delivery is in hand for.
enum For {
    /// Its message is handled. If the holder was asked to look at it again: as of when.
    Message { asked: Option<Timestamp> },
    /// Somebody changes it, which takes one write.
    Change,
}

/// Why a message's delivery can't be taken in hand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Another message of it is handled, and whoever handles that looks at it again: this one is done with.
    Asked,
    /// Somebody changes it.
    Busy,
}

/// Of so many deliveries it is remembered that no attempt began. Beyond, one may be suspected that was not.
const MOST_REMEMBERED: usize = 10_000;

/// A delivery in hand, until this is dropped or has let go.
pub(crate) struct Hold {
    in_hand: InHand,
    delivery: String,
    let_go: bool,
}

impl InHand {
    /// Takes a delivery in hand for one of its messages. To be called before it is read, so that what is read stays true.
    ///
    /// # Errors
    /// [`Taken`] if it is in hand.
    pub(crate) fn take(&self, delivery: &str, due_at: Timestamp) -> Result<Hold, Taken> {
        match self.lock().entry(delivery.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(For::Message { asked: None });
                Ok(self.hold(delivery))
            }
            Entry::Occupied(mut held) => match held.get_mut() {
                For::Message { asked } => {
                    *asked = (*asked).max(Some(due_at));
                    Err(Taken::Asked)
                }
                For::Change => Err(Taken::Busy),
            },
        }
    }

    /// Takes a delivery in hand to change it; `None` if it is in hand.
    pub(crate) fn take_to_change(&self, delivery: &str) -> Option<Hold> {
        match self.lock().entry(delivery.to_owned()) {
            Entry::Vacant(free) => {
                free.insert(For::Change);
                Some(self.hold(delivery))
            }
            Entry::Occupied(_) => None,
        }
    }

    fn hold(&self, delivery: &str) -> Hold {
        Hold { in_hand: self.clone(), delivery: delivery.to_owned(), let_go: false }
    }

    /// A message of this delivery comes again, and no attempt was cut short by that.
    pub(crate) fn left_untouched(&self, delivery: &str) {
        let mut untouched = self.untouched();
        if untouched.len() < MOST_REMEMBERED || untouched.contains_key(delivery) {
            *untouched.entry(delivery.to_owned()).or_default() += 1;
        }
    }

    /// How many attempts may have been cut short, of a delivery whose message has been received so often. Each receive but this one ended without an outcome:
    /// its process died, or could not write it down, unless it is known that no attempt began.
    pub(crate) fn cut_short(&self, delivery: &str, receives: u32) -> u32 {
        match receives.saturating_sub(1) {
            0 => 0,
            before => before.saturating_sub(self.untouched().get(delivery).copied().unwrap_or(0)),
        }
    }

    /// The message is done with: what was remembered of it is not needed any more.
    pub(crate) fn forget(&self, delivery: &str) {
        self.untouched().remove(delivery);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, For>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn untouched(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.untouched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    /// Lets go, unless asked meanwhile to look again: then it stays in hand, to be read anew, as of the time returned.
    pub(crate) fn let_go(&mut self) -> Option<Timestamp> {
        let mut deliveries = self.in_hand.lock();
        let asked = match deliveries.get_mut(&self.delivery) {
            Some(For::Message { asked }) => asked.take(),
            Some(For::Change) | None => None,
        };
        if asked.is_none() {
            deliveries.remove(&self.delivery);
            self.let_go = true;
        }
        asked
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !self.let_go {
            self.in_hand.lock().remove(&self.delivery);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    #[test]
    fn a_delivery_is_in_one_hand_until_it_is_let_go() {
        let in_hand = InHand::default();
        let hold = in_hand.take_to_change("dlv_1").expect("it is free");
        assert!(in_hand.clone().take_to_change("dlv_1").is_none() && in_hand.take_to_change("dlv_2").is_some());
        assert_eq!(in_hand.take("dlv_1", at(0)).err(), Some(Taken::Busy));
        drop(hold);
        assert!(in_hand.take("dlv_1", at(0)).is_ok());
        assert!(in_hand.lock().is_empty());
    }

    #[test]
    fn whoever_is_asked_looks_again_before_letting_go() {
        let in_hand = InHand::default();
        let mut hold = in_hand.take("dlv_1", at(0)).expect("it is free");
        for due_at in [at(2), at(1)] {
            assert_eq!(in_hand.take("dlv_1", due_at).err(), Some(Taken::Asked));
        }
        assert!(in_hand.take_to_change("dlv_1").is_none());
        assert_eq!(hold.let_go(), Some(at(2)));
        assert!(in_hand.take_to_change("dlv_1").is_none(), "still in hand");
        assert_eq!(hold.let_go(), None);
        let next = in_hand.take("dlv_1", at(3)).expect("it was let go");
        drop(hold);
        assert!(in_hand.take_to_change("dlv_1").is_none(), "what the next one holds is its own");
        drop(next);
        assert!(in_hand.lock().is_empty());
    }

    #[test]
    fn a_receive_without_an_attempt_makes_nobody_suspicious() {
        let in_hand = InHand::default();
        assert_eq!((in_hand.cut_short("dlv_1", 1), in_hand.cut_short("dlv_1", 3)), (0, 2));
        in_hand.left_untouched("dlv_1");
        assert_eq!((in_hand.cut_short("dlv_1", 2), in_hand.cut_short("dlv_1", 3), in_hand.cut_short("dlv_2", 2)), (0, 1, 1));
        in_hand.forget("dlv_1");
        assert_eq!(in_hand.cut_short("dlv_1", 2), 1);
        (0..MOST_REMEMBERED + 10).for_each(|number| in_hand.left_untouched(&number.to_string()));
        assert_eq!(in_hand.untouched().len(), MOST_REMEMBERED);
    }
}
