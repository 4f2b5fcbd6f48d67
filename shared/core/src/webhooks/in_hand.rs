use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::time::Timestamp;

/// The deliveries that this process has in hand, each with the time by which it has let go of it.
///
/// Where it is the only process that holds the data this is all the lease that a delivery needs: it ends with the process, and so does everybody who
/// could have made the attempt. Elsewhere it keeps two messages of one batch from meeting in the store.
///
/// It also remembers which deliveries it has let go of before an attempt began, so that no attempt is suspected where there was none.
#[derive(Clone, Default)]
pub struct InHand {
    deliveries: Arc<Mutex<HashMap<String, Timestamp>>>,
    untouched: Arc<Mutex<HashMap<String, u32>>>,
}

/// Of so many deliveries it is remembered that no attempt began. Beyond, one may be suspected that was not.
const MOST_REMEMBERED: usize = 10_000;

/// A delivery in hand, until this is dropped.
pub(crate) struct Hold {
    in_hand: InHand,
    delivery: String,
}

impl InHand {
    /// Takes a delivery in hand. To be called before it is read, so that what is read stays true.
    ///
    /// # Errors
    /// When it will have been let go, if it is in hand.
    pub(crate) fn take(&self, delivery: &str, until: Timestamp) -> Result<Hold, Timestamp> {
        let mut deliveries = self.lock();
        if let Some(until) = deliveries.get(delivery) {
            return Err(*until);
        }
        deliveries.insert(delivery.to_owned(), until);
        Ok(Hold { in_hand: self.clone(), delivery: delivery.to_owned() })
    }

    /// A message of this delivery comes again, and no attempt began.
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

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn untouched(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.untouched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.in_hand.lock().remove(&self.delivery);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_in_one_hand_until_it_is_let_go() {
        let (in_hand, until) = (InHand::default(), Timestamp::from_seconds(1_800_000_000));
        let hold = in_hand.take("dlv_1", until).expect("it is free");
        assert_eq!(in_hand.clone().take("dlv_1", until + std::time::Duration::from_secs(1)).err(), Some(until));
        assert!(in_hand.take("dlv_2", until).is_ok());
        drop(hold);
        assert!(in_hand.take("dlv_1", until).is_ok());
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
