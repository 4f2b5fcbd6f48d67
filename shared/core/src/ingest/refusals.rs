//! How many webhooks were refused for which reason, and which of them get a line in the log. Anyone can send nonsense as fast as they like: the first few
//! of a kind say what is wrong, and of the rest only their number is told.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::time::Timestamp;

/// How many lines there are for one reason in each [`WINDOW`].
const LINES: u64 = 5;
/// The time after which the lines are counted anew.
const WINDOW: Duration = Duration::from_mins(1);

/// Counts refusals by provider, source and reason: noise at one source hides nothing of another. Providers and reasons are of the program's own making and
/// sources are those that have a secret, so that nobody can make it remember more.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<BTreeMap<Refused, Count>>);

/// What was refused: provider, source (empty where it is none that is known), reason.
type Refused = (&'static str, String, &'static str);

#[derive(Debug)]
struct Count {
    /// When the first of the current window came.
    since: Timestamp,
    in_window: u64,
    left_out: u64,
    /// When those that were left out were told last.
    told_at: Timestamp,
    total: u64,
}

/// Refusals that had no line of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Whom they claim to be from.
    pub provider: &'static str,
    /// To which of the provider's sources they came; empty if to none that is known.
    pub source: String,
    /// Why they were refused.
    pub code: &'static str,
    /// How many, since that was told last.
    pub count: u64,
    /// How many were refused for this reason since the start, those with a line included.
    pub total: u64,
}

impl Refusals {
    /// Counts one, and says whether it gets a line.
    pub(super) fn count(&self, provider: &'static str, source: &str, code: &'static str, now: Timestamp) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let none = Count { since: now, in_window: 0, left_out: 0, told_at: now, total: 0 };
        let count = counts.entry((provider, source.to_owned(), code)).or_insert(none);
        if now >= count.since + WINDOW || now < count.since {
            (count.since, count.in_window) = (now, 0);
        }
        count.in_window += 1;
        count.total += 1;
        let has_line = count.in_window <= LINES;
        count.left_out += u64::from(!has_line);
        has_line
    }

    /// Those that had no line, by provider, source and reason; of each at most once a minute.
    pub fn take_left_out(&self, now: Timestamp) -> Vec<LeftOut> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = |count: &Count| count.left_out > 0 && (now >= count.told_at + WINDOW || now < count.told_at);
        let due = counts.iter_mut().filter(|(_, count)| due(count));
        due.map(|((provider, source, code), count)| {
            count.told_at = now;
            LeftOut { provider, source: source.clone(), code, count: std::mem::take(&mut count.left_out), total: count.total }
        })
        .collect()
    }

    /// Writes the numbers of those that had no line into the log.
    pub fn log_left_out(&self, now: Timestamp) {
        for LeftOut { provider, source, code, count, total } in self.take_left_out(now) {
            tracing::warn!(provider, source, code, count, total, "further webhooks were refused for the same reason");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_of_each_kind_have_a_line_and_the_rest_are_numbered() {
        let refusals = Refusals::default();
        let now = Timestamp::from_seconds(1_000);
        let lines = |code: &'static str, now: Timestamp| (0..100).filter(|_| refusals.count("stripe", "default", code, now)).count();
        assert_eq!(lines("no_match", now), 5);
        assert_eq!(lines("missing_header", now), 5);
        assert_eq!(lines("no_match", now + Duration::from_secs(59)), 0);
        assert_eq!(refusals.take_left_out(now + Duration::from_secs(59)), []);
        let told = refusals.take_left_out(now + WINDOW);
        assert_eq!(told.len(), 2);
        let source = "default".to_owned();
        assert_eq!(told[1], LeftOut { provider: "stripe", source, code: "no_match", count: 195, total: 200 });
        assert_eq!(refusals.take_left_out(now + WINDOW * 2), []);
        assert_eq!(lines("no_match", now + WINDOW), 5);
        // A clock that is set back silences nobody.
        assert_eq!(lines("no_match", now), 5);
    }

    #[test]
    fn noise_at_one_source_hides_nothing_of_another() {
        let refusals = Refusals::default();
        let now = Timestamp::from_seconds(1_000);
        assert_eq!((0..100).filter(|_| refusals.count("stripe", "acme", "no_match", now)).count(), 5);
        assert!(refusals.count("stripe", "default", "no_match", now));
    }
}
