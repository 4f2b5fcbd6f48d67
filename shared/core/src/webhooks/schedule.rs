//! When a delivery that failed is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ports::Ids, time::Timestamp};

/// By how much at most an answer can put off the next attempt.
pub const MOST_PUT_OFF: Duration = Duration::from_hours(24);
/// The most retries that a schedule may have.
pub const MOST_RETRIES: usize = 20;
/// The longest wait between two attempts.
pub const LONGEST_WAIT: Duration = Duration::from_hours(72);

/// The waits between attempts, in seconds. After the last retry a delivery has failed permanently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RetrySchedule(Vec<u64>);

impl Default for RetrySchedule {
    /// 1 m, 5 m, 25 m, 2 h, 10 h.
    fn default() -> Self {
        Self(vec![60, 300, 1_500, 7_200, 36_000])
    }
}

impl RetrySchedule {
    /// A schedule; `None` if it has too many retries, or a wait that is none or too long.
    #[must_use]
    pub fn new(waits: Vec<u64>) -> Option<Self> {
        let fits = waits.len() <= MOST_RETRIES && waits.iter().all(|wait| (1..=LONGEST_WAIT.as_secs()).contains(wait));
        fits.then_some(Self(waits))
    }

    /// The waits, in seconds.
    #[must_use]
    pub fn waits(&self) -> &[u64] {
        &self.0
    }

    /// The wait after so many attempts of the schedule have failed; `None` if that was the last. What the receiver asked for (`hint`) only lengthens it.
    #[must_use]
    pub fn wait(&self, failed: usize, hint: Option<Duration>, ids: &dyn Ids) -> Option<Duration> {
        let base = Duration::from_secs(*self.0.get(failed.checked_sub(1)?)?);
        let jittered = jitter(base, ids);
        Some(hint.map_or(jittered, |hint| jittered.max(hint.min(base + MOST_PUT_OFF))))
    }
}

/// A length of time, longer or shorter by up to a fifth at random: those who failed together don't come back together.
#[must_use]
pub fn jitter(length: Duration, ids: &dyn Ids) -> Duration {
    let permille = u32::try_from(ids.random() % 401).unwrap_or(200);
    length * (800 + permille) / 1_000
}

/// Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
#[must_use]
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_millis(date.as_millisecond()).since(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Ids that are all this number.
    struct Always(u128);

    impl Ids for Always {
        fn random(&self) -> u128 {
            self.0
        }
    }

    #[test]
    fn the_usual_waits() {
        let (schedule, exact) = (RetrySchedule::default(), Always(200));
        let waits: Vec<_> = (1..=6).map(|failed| schedule.wait(failed, None, &exact).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(60), Some(300), Some(1_500), Some(7_200), Some(36_000), None]);
        assert_eq!(schedule.wait(1, None, &Always(0)), Some(Duration::from_secs(48)));
        assert_eq!(schedule.wait(1, None, &Always(400)), Some(Duration::from_secs(72)));
    }

    #[test]
    fn schedules_that_are_none() {
        assert!(RetrySchedule::new(vec![0]).is_none());
        assert!(RetrySchedule::new(vec![259_201]).is_none());
        assert!(RetrySchedule::new(vec![1; 21]).is_none());
        assert_eq!(RetrySchedule::new(vec![]).unwrap().wait(1, None, &Always(0)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-22T06:00:00Z".parse().unwrap();
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 06:10:00 GMT", now), Some(Duration::from_secs(600)));
        assert_eq!(retry_after("Sun, 22 Nov 2026 05:00:00 GMT", now), Some(Duration::ZERO));
        for nothing in ["", "soon", "-5", "1.5", "99999999999999999999999"] {
            assert_eq!(retry_after(nothing, now), None, "{nothing}");
        }
    }

    proptest! {
        #[test]
        fn a_hint_only_lengthens_and_by_a_day_at_most(failed in 1_usize..6, hint in 0_u64..10_000_000, random: u128) {
            let (schedule, ids) = (RetrySchedule::default(), Always(random));
            let without = schedule.wait(failed, None, &ids).unwrap();
            let with = schedule.wait(failed, Some(Duration::from_secs(hint)), &ids).unwrap();
            let base = Duration::from_secs(schedule.waits()[failed - 1]);
            prop_assert!(base * 4 / 5 <= without && without <= base * 6 / 5);
            prop_assert!(with >= without && with <= (base * 6 / 5).max(base + MOST_PUT_OFF));
        }
    }
}
