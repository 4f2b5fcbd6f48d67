use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::time::Timestamp;

/// The deliveries that this process has in hand, each with the time by which it has let go of it.
///
/// Where it is the only process that holds the data this is all the lease that a delivery needs: it ends with the process, and so does everybody who
/// could have made the attempt. Elsewhere it keeps two messages of one batch from meeting in the store.
#[derive(Clone, Default)]
pub struct InHand {
    deliveries: Arc<Mutex<HashMap<String, Timestamp>>>,
}

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

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
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
}
