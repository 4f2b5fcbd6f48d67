//! What a tenant's own sources may have sent in an hour. Whoever holds the secret of one can sign what he likes, and so have mails and texts sent from the
//! operator's sender, to whomever he likes; so each space has an allowance of them. What goes over it waits, and goes later.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{event::RETENTION, ports::Place, record::Record, time::Timestamp};

/// How long one allowance lasts.
const EACH: Duration = Duration::from_hours(1);

/// How much of a tenant's allowance is given away: that of one hour after the other, in the order in which it is asked for. It lies in the tenant's space.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Always the same: a tenant has one.
    id: String,
    /// The beginning of the latest hour of which something is given away.
    hour: Timestamp,
    /// How much of it is.
    given: u32,
}

impl Allowance {
    /// The id of each tenant's.
    pub const ID: &'static str = "messages";

    /// One of which nothing is given away yet.
    #[must_use]
    pub fn new() -> Self {
        Self { id: Self::ID.to_owned(), hour: Timestamp::MIN, given: 0 }
    }

    /// Gives the next message the time from which on it may go: at once while something is left of this hour, else in the first hour of which something is.
    /// There they go evenly, so that not all that waits goes in one moment.
    #[must_use]
    pub fn give(&mut self, an_hour: NonZeroU32, now: Timestamp) -> Timestamp {
        let this = beginning(now);
        if self.hour < this {
            (self.hour, self.given) = (this, 0);
        }
        // A setting that was lowered meanwhile counts from here on, and what was given stays given.
        if self.given >= an_hour.get() {
            (self.hour, self.given) = (self.hour + EACH, 0);
        }
        let at = if self.hour == this { now } else { self.hour + EACH * self.given / an_hour.get() };
        self.given += 1;
        at
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self::new()
    }
}

/// The beginning of the hour.
fn beginning(at: Timestamp) -> Timestamp {
    let each = i64::try_from(EACH.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(at.millis() - at.millis().rem_euclid(each))
}

impl Record for Allowance {
    const KIND: &'static str = "allowance";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }

    /// Kept as long as the events that it was given to: once its last hour is over it decides nothing any more.
    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.hour + RETENTION)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        "2026-11-22T06:00:00Z"
            .parse::<Timestamp>()
            .map_or(Timestamp::MIN, |start| Timestamp::from_millis(start.millis() + minutes * 60_000))
    }

    #[test]
    fn each_hour_has_its_own_and_what_goes_over_comes_in_the_next_that_has_some_left() {
        let (mut allowance, two) = (Allowance::new(), NonZeroU32::MIN.saturating_add(1));
        let mut given = |now: i64| allowance.give(two, at(now));
        assert_eq!([given(10), given(20)], [at(10), at(20)]);
        // The third to the seventh, two an hour and half an hour apart.
        assert_eq!([given(20), given(20), given(20), given(59), given(59)], [60, 90, 120, 150, 180].map(at));
        // The hours that are given away are so also once they are there.
        assert_eq!([given(61), given(190), given(190)], [210, 240, 270].map(at));
        assert_eq!([given(900), given(901), given(902)], [900, 901, 960].map(at));
    }

    #[test]
    fn a_clock_that_is_behind_takes_nothing_twice() {
        let (mut allowance, one) = (Allowance::new(), NonZeroU32::MIN);
        assert_eq!([allowance.give(one, at(60)), allowance.give(one, at(59))], [at(60), at(120)]);
    }

    #[test]
    fn one_that_is_lowered_counts_from_then_on() {
        let mut allowance = Allowance::new();
        let three = NonZeroU32::MIN.saturating_add(2);
        let given: Vec<_> = (0..4).map(|_| allowance.give(three, at(0))).collect();
        assert_eq!(given, [0, 0, 0, 60].map(at));
        assert_eq!([allowance.give(NonZeroU32::MIN, at(1)), allowance.give(NonZeroU32::MIN, at(1))], [at(120), at(180)]);
    }
}
