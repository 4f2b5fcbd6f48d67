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
/// How long a delivery waits at least whose subscription is quick and has all its places taken.
const SOON: Duration = Duration::from_millis(50);
/// How long one waits at most before it looks again.
const LONGEST_LOOK: Duration = Duration::from_secs(10);
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
    /// How long its attempts take, about.
    takes: Duration,
    /// When the next one that finds no place is to look again: behind all that look before.
    next_look: Option<Timestamp>,
}

impl State {
    /// When one that found all `places` taken is to look again: about when as many have left as look before it, so that thousands that wait don't keep looking.
    fn look_again(&mut self, places: usize, quick: bool, now: Timestamp) -> Timestamp {
        let soonest = now + if quick { SOON } else { QUICK };
        let look = self.next_look.map_or(soonest, |next| next.max(soonest)).min(now + LONGEST_LOOK);
        // Sooner than it should take: a place that is free for long is worse than a look in vain.
        let takes = if quick { self.takes } else { self.takes.max(QUICK) };
        self.next_look = Some(look + takes / u32::try_from(places * 2).unwrap_or(u32::MAX));
        look
    }
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
    /// When to look again.
    pub(super) until: Timestamp,
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
            let until = state.look_again(most, quick, now);
            if state.under_way.is_empty() && !state.was_quick {
                inside.by_subscription.remove(subscription);
            }
            return Err(NoPlace { until });
        }
        if state.under_way.len() * 2 < most {
            state.next_look = None;
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
            let took = ended.since(self.since);
            state.was_quick = took < QUICK;
            state.takes = if state.takes.is_zero() { took } else { (state.takes * 7 + took) / 8 };
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
        assert_eq!(crowd.enter("slow", at(0)).err(), Some(NoPlace { until: at(1_000) }));
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
        assert_eq!(crowd.enter("new99", at(1)).err(), Some(NoPlace { until: at(1_001) }), "the rest is not for them");
        places.extend((0..MOST_IN_A_CROWD).map(|_| crowd.enter("fast", at(1)).expect("its places")));
        assert_eq!(crowd.enter("fast", at(2)).err(), Some(NoPlace { until: at(52) }));
        // One that was quick, and hangs now, is slow before it has ended.
        places.push(crowd.enter("tired", at(2)).expect("it was quick"));
        assert!(crowd.enter("tired", at(900)).is_ok());
        assert_eq!(crowd.enter("tired", at(1_500)).err(), Some(NoPlace { until: at(2_500) }));
        drop(places);
        let inside = crowd.inside();
        assert_eq!((inside.all, inside.by_subscription.len()), (0, 2), "the quick ones are remembered");
    }

    /// Attempts of 200 ms, with 64 places: 320 a second.
    #[test]
    fn thousands_that_wait_for_one_endpoint_look_a_few_times_each() {
        let crowd = Crowd::new(1_000);
        let (mut waiting, mut under_way) = (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
        for number in 0..10_000_u64 {
            waiting.insert((at(0), number), ());
        }
        let (mut looks, mut last) = (0, at(0));
        while let Some(((now, number), ())) = waiting.pop_first() {
            // What has ended by now makes room first.
            while let Some(entry) = under_way
                .first_entry()
                .filter(|entry: &std::collections::btree_map::OccupiedEntry<'_, (Timestamp, u64), Place>| entry.key().0 <= now)
            {
                let ((ended, _), mut place) = entry.remove_entry();
                place.ended(ended);
            }
            looks += 1;
            match crowd.enter("one", now) {
                Ok(place) => {
                    last = now;
                    under_way.insert((now + Duration::from_millis(200), number), place);
                }
                Err(NoPlace { until }) => {
                    waiting.insert((until, number), ());
                }
            }
        }
        assert!(looks < 60_000, "{looks} looks for 10,000 deliveries");
        let took = last.since(at(0)).as_secs();
        assert!((30..45).contains(&took), "{took} s, where 31 are enough");
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
