use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::time::Timestamp;

/// The most attempts of one subscription at the same time.
const MOST_OF_ONE: usize = 64;
/// The same of a quick one while there is a crowd.
const MOST_IN_A_CROWD: usize = 16;
/// An attempt that takes longer is slow.
const QUICK: Duration = Duration::from_secs(1);
/// One of so many places is kept free for those who are known to be quick.
const KEPT_FREE: usize = 4;
/// Of so many subscriptions it is remembered how quick they were.
const MOST_REMEMBERED: usize = 10_000;

/// Counts the attempts under way in this process. While more than half of the places are taken, a subscription that is slow, or of which nothing is known,
/// has one place, and all of these together leave some free: so one slow endpoint, or thousands of them, leave room for the others.
#[derive(Clone)]
pub struct Crowd {
    places: usize,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    all: usize,
    by_subscription: HashMap<String, State>,
}

#[derive(Default)]
struct State {
    /// When its attempts under way began, the earliest first.
    under_way: Vec<Timestamp>,
    /// Whether the last attempt that has ended was quick.
    was_quick: bool,
}

/// A place in the crowd, until it is dropped.
pub(super) struct Place {
    crowd: Crowd,
    subscription: String,
    since: Timestamp,
    ended: Option<Timestamp>,
}

/// Whoever finds no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoPlace {
    /// Whether it is quick, so that a place of its own soon is free again.
    pub(super) quick: bool,
}

impl Crowd {
    /// Room for so many attempts: as many as messages are handled at the same time.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { places, inside: Arc::default() }
    }

    pub(super) fn enter(&self, subscription: &str, now: Timestamp) -> Result<Place, NoPlace> {
        let mut inside = self.inside();
        let all = inside.all;
        if inside.by_subscription.len() >= MOST_REMEMBERED && !inside.by_subscription.contains_key(subscription) {
            inside.by_subscription.retain(|_, state| !state.under_way.is_empty());
        }
        let state = inside.by_subscription.entry(subscription.to_owned()).or_default();
        let quick = state.was_quick && state.under_way.first().is_none_or(|since| now.since(*since) < QUICK);
        let crowded = all * 2 >= self.places;
        let most = match (crowded, quick) {
            (false, _) => MOST_OF_ONE,
            (true, true) => MOST_IN_A_CROWD,
            (true, false) => 1,
        };
        let room = if quick { self.places } else { self.places - self.places / KEPT_FREE };
        if state.under_way.len() >= most || all >= room {
            if state.under_way.is_empty() && !state.was_quick {
                inside.by_subscription.remove(subscription);
            }
            return Err(NoPlace { quick });
        }
        state.under_way.push(now);
        inside.all += 1;
        Ok(Place { crowd: self.clone(), subscription: subscription.to_owned(), since: now, ended: None })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Notes that an attempt was made, and when it ended.
    pub(super) fn ended(&mut self, now: Timestamp) {
        self.ended = Some(now);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.crowd.inside();
        inside.all -= 1;
        let Some(state) = inside.by_subscription.get_mut(&self.subscription) else { return };
        if let Some(at) = state.under_way.iter().position(|since| *since == self.since) {
            state.under_way.remove(at);
        }
        if let Some(ended) = self.ended {
            state.was_quick = ended.since(self.since) < QUICK;
        }
        if state.under_way.is_empty() && !state.was_quick {
            inside.by_subscription.remove(&self.subscription);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000) + Duration::from_millis(millis)
    }

    /// Makes an attempt that takes no time.
    fn quickly(crowd: &Crowd, subscription: &str, now: Timestamp) {
        crowd.enter(subscription, now).expect("there is room").ended(now);
    }

    #[test]
    fn one_endpoint_gets_its_share_and_no_more() {
        let crowd = Crowd::new(1_000);
        let mut places: Vec<_> = (0..MOST_OF_ONE).map(|_| crowd.enter("slow", at(0)).expect("there is room")).collect();
        assert_eq!(crowd.enter("slow", at(0)).err(), Some(NoPlace { quick: false }));
        places.push(crowd.enter("other", at(0)).expect("there is room"));
        places.remove(0);
        assert!(crowd.enter("slow", at(0)).is_ok());
    }

    #[test]
    fn in_a_crowd_the_slow_have_one_place_each_and_leave_some_to_the_quick() {
        let crowd = Crowd::new(100);
        quickly(&crowd, "fast", at(0));
        quickly(&crowd, "tired", at(0));
        let mut places: Vec<_> = (0..50).map(|number| crowd.enter(&format!("slow{}", number % 5), at(0)).expect("room")).collect();
        assert!(crowd.enter("slow1", at(1)).is_err());
        places.extend((0..25).map(|number| crowd.enter(&format!("new{number}"), at(1)).expect("one place for each")));
        assert_eq!(crowd.enter("new99", at(1)).err(), Some(NoPlace { quick: false }), "the rest is not for them");
        places.extend((0..MOST_IN_A_CROWD).map(|_| crowd.enter("fast", at(1)).expect("its places")));
        assert_eq!(crowd.enter("fast", at(2)).err(), Some(NoPlace { quick: true }));
        // One that was quick, and hangs now, is slow before it has ended.
        places.push(crowd.enter("tired", at(2)).expect("it was quick"));
        assert!(crowd.enter("tired", at(900)).is_ok());
        assert_eq!(crowd.enter("tired", at(1_500)).err(), Some(NoPlace { quick: false }));
        drop(places);
        let inside = crowd.inside();
        assert_eq!((inside.all, inside.by_subscription.len()), (0, 2), "the quick ones are remembered");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let crowd = Crowd::new(10);
        for number in 0..MOST_REMEMBERED + 10 {
            quickly(&crowd, &number.to_string(), at(0));
        }
        assert!(crowd.inside().by_subscription.len() <= MOST_REMEMBERED);
    }
}
