use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What was heard of a charge's refunds at one time. Of one second the first of these came first: a refund is made before it fails.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// So much was refunded in all.
    InAll(i64),
    /// A refund of so much failed.
    Failed(i64),
}

/// What is known of one charge's refunds. Stripe's `amount_refunded` is cumulative, so the largest seen is the latest, but for refunds that failed
/// afterwards: their money came back, and what is refunded later is counted without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeFact {
    /// The charge's amount, in the currency's smallest unit; 0 while it is not known.
    pub amount: i64,
    /// The currency, lower case.
    pub currency: String,
    /// The largest amount that was refunded in all, failed refunds included.
    refunded: i64,
    /// When that amount was first reached, by the provider's time.
    at: Timestamp,
    /// The other amounts that were seen, with their times: when each part of it was refunded, and what was before a refund that failed.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    seen: BTreeSet<(Timestamp, i64)>,
    /// The refunds that failed, by their id: since when, and how much.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    failed: BTreeMap<String, (Timestamp, i64)>,
}

impl ChargeFact {
    /// So much of a charge had been refunded in all at `at`.
    #[must_use]
    pub fn refunded_in_all(amount: i64, currency: &str, refunded: i64, at: Timestamp) -> Self {
        Self { amount, currency: currency.to_owned(), refunded, at, seen: BTreeSet::new(), failed: BTreeMap::new() }
    }

    /// A refund of a charge failed at `at`.
    #[must_use]
    pub fn refund_failed(refund: &str, amount: i64, currency: &str, at: Timestamp) -> Self {
        Self { failed: BTreeMap::from([(refund.to_owned(), (at, amount))]), ..Self::refunded_in_all(0, currency, 0, at) }
    }

    /// Every amount that was seen, with its time.
    fn observed(&self) -> BTreeSet<(Timestamp, i64)> {
        let largest = (self.refunded > 0).then_some((self.at, self.refunded));
        self.seen.iter().copied().chain(largest).collect()
    }

    /// Joins what another event says of the same charge: all that was seen of it, the larger refunded amount first; for the same amount, the
    /// earlier time.
    pub fn join(&mut self, other: Self) {
        let mut observed: BTreeSet<_> = self.observed().union(&other.observed()).copied().collect();
        if let Some((at, refunded)) = observed.iter().copied().max_by_key(|(at, refunded)| (*refunded, std::cmp::Reverse(*at))) {
            observed.remove(&(at, refunded));
            (self.at, self.refunded) = (at, refunded);
        } else {
            self.at = self.at.min(other.at);
        }
        self.seen = observed;
        if (other.amount, &other.currency) > (self.amount, &self.currency) {
            (self.amount, self.currency) = (other.amount, other.currency);
        }
        for (refund, failure) in other.failed {
            let known = self.failed.entry(refund).or_insert_with(|| failure);
            *known = failure.min(*known);
        }
    }

    /// What has been refunded and stayed so, with the time when it was. Stripe's times are whole seconds: what failed in the second in which an amount was
    /// reached is a part of that amount, since a refund is made before it fails.
    fn lasting(&self) -> (i64, Timestamp) {
        let back_after = |at: Timestamp| {
            self.failed.values().filter(|(failed, _)| *failed >= at).map(|(_, amount)| *amount).fold(0, i64::saturating_add)
        };
        let left = self.observed().into_iter().map(|(at, refunded)| (refunded.saturating_sub(back_after(at)).max(0), at));
        left.max_by_key(|(refunded, at)| (*refunded, std::cmp::Reverse(*at))).unwrap_or((0, self.at))
    }

    /// What left with each refund (more than 0) and came back with each that failed (less than 0), by when it did; what is told with an earlier time than
    /// `since` happened then. It follows from all that was seen, in whichever order that was heard, and its sum is [`Self::refunded`]. Stripe's times are
    /// whole seconds: of what left and came back in one, only the rest moved.
    #[must_use]
    pub fn moved_since(&self, since: Timestamp) -> BTreeMap<Timestamp, i64> {
        let seen = self.observed().into_iter().map(|(at, refunded)| (at, Step::InAll(refunded)));
        let mut steps: Vec<_> = seen.chain(self.failed.values().map(|(at, amount)| (*at, Step::Failed(*amount)))).collect();
        steps.sort();
        let (mut moved, mut sum) = (BTreeMap::new(), 0i64);
        for (at, step) in steps {
            let now = match step {
                Step::InAll(refunded) => sum.max(refunded),
                Step::Failed(amount) => sum.saturating_sub(amount).max(0),
            };
            *moved.entry(at.max(since)).or_default() += now - sum;
            sum = now;
        }
        moved
    }

    /// Since when some of it has been given back, by the provider's time; `None` if nothing was, or all of that came back with refunds that failed.
    #[must_use]
    pub fn given_back_since(&self) -> Option<Timestamp> {
        let (mut sum, mut since) = (0i64, None);
        for (at, amount) in self.moved_since(Timestamp::MIN) {
            sum = sum.saturating_add(amount);
            since = since.or(Some(at)).filter(|_| sum > 0);
        }
        since
    }

    /// When a refund of it was seen first, by the provider's time.
    #[must_use]
    pub fn first_refunded_at(&self) -> Timestamp {
        self.observed().first().map_or(self.at, |(at, _)| *at)
    }

    /// How much came back of refunds that failed.
    #[must_use]
    pub fn failed(&self) -> i64 {
        self.failed.values().map(|(_, amount)| *amount).fold(0, i64::saturating_add)
    }

    /// How much of the charge has been refunded in all, without refunds that failed.
    #[must_use]
    pub fn refunded(&self) -> i64 {
        self.lasting().0
    }

    /// When that amount was reached.
    #[must_use]
    pub fn refunded_at(&self) -> Timestamp {
        self.lasting().1
    }
}

/// Joins one charge into a set of charges.
pub(crate) fn join_charge(charges: &mut BTreeMap<String, ChargeFact>, id: &str, fact: ChargeFact) {
    match charges.get_mut(id) {
        Some(known) => known.join(fact),
        None => {
            charges.insert(id.to_owned(), fact);
        }
    }
}

/// How much was charged in `currency`, as far as it is known.
pub(crate) fn charged(charges: &BTreeMap<String, ChargeFact>, currency: &str) -> i64 {
    charges.values().filter(|charge| charge.currency == currency).map(|charge| charge.amount).fold(0, i64::saturating_add)
}

/// How much of it has been refunded.
pub(crate) fn refunded(charges: &BTreeMap<String, ChargeFact>, currency: &str) -> i64 {
    charges.values().filter(|charge| charge.currency == currency).map(ChargeFact::refunded).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_seconds(minute * 60)
    }

    fn joined(facts: &[ChargeFact]) -> ChargeFact {
        let mut all = facts[0].clone();
        facts[1..].iter().for_each(|fact| all.join(fact.clone()));
        all
    }

    /// All orders of a few facts.
    fn orders(facts: &[ChargeFact]) -> Vec<Vec<ChargeFact>> {
        match facts {
            [] => vec![Vec::new()],
            _ => (0..facts.len())
                .flat_map(|first| {
                    let mut rest = facts.to_vec();
                    let fact = rest.remove(first);
                    orders(&rest).into_iter().map(move |mut order| {
                        order.insert(0, fact.clone());
                        order
                    })
                })
                .collect(),
        }
    }

    #[test]
    fn a_failed_refund_is_taken_back_and_one_made_after_it_counts() {
        let facts = [
            ChargeFact::refunded_in_all(6000, "usd", 1000, at(1)),
            ChargeFact::refunded_in_all(6000, "usd", 3000, at(2)),
            ChargeFact::refund_failed("re_2", 2000, "usd", at(3)),
            ChargeFact::refunded_in_all(6000, "usd", 2500, at(4)),
        ];
        assert_eq!(joined(&facts[..2]).refunded(), 3000);
        let at_once = [facts[1].clone(), ChargeFact::refund_failed("re_2", 3000, "usd", at(2))];
        assert_eq!(orders(&at_once).iter().map(|order| joined(order).refunded()).collect::<Vec<_>>(), [0, 0]);
        assert_eq!(joined(&facts[..3]).refunded(), 1000);
        let all = joined(&facts);
        assert_eq!((all.refunded(), all.refunded_at(), all.amount), (2500, at(4), 6000));
        let moved = [(at(1), 1000), (at(2), 2000), (at(3), -2000), (at(4), 1500)];
        assert_eq!(all.moved_since(at(0)), BTreeMap::from(moved), "each when it was");
        assert_eq!(all.moved_since(at(2)), BTreeMap::from([(at(2), 3000), (at(3), -2000), (at(4), 1500)]));
        assert_eq!(joined(&at_once).moved_since(at(0)), BTreeMap::from([(at(2), 0)]));
        for order in orders(&facts) {
            let mut repeated = joined(&order);
            repeated.join(order[0].clone());
            assert_eq!(repeated, all);
        }
    }

    #[test]
    fn it_is_given_back_since_the_first_refund_of_those_that_stayed() {
        let refunded = |in_all: i64, minute: i64| ChargeFact::refunded_in_all(6000, "usd", in_all, at(minute));
        let failed = |amount: i64, minute: i64| ChargeFact::refund_failed("re_1", amount, "usd", at(minute));
        for (facts, since) in [
            (vec![failed(500, 1)], None),
            (vec![refunded(1000, 1), refunded(6000, 3)], Some(at(1))),
            (vec![refunded(3000, 1), failed(1000, 2)], Some(at(1))),
            (vec![refunded(3000, 1), failed(3000, 2)], None),
            (vec![refunded(3000, 1), failed(3000, 2), refunded(500, 3)], Some(at(3))),
        ] {
            for order in orders(&facts) {
                assert_eq!(joined(&order).given_back_since(), since, "{order:?}");
            }
        }
    }
}
