//! How an endpoint is doing: what keeps a slow or dead one from taking capacity, and its owner's limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{schedule::MOST_PUT_OFF, verdict::Strain};
use crate::{ports::Place, record::Record, time::Timestamp};

/// After so many attempts in a row that it did not answer nothing is sent for a while.
pub const OPENS_AFTER: u32 = 5;
/// How long nothing is sent at first; it doubles each time a probe fails.
pub const FIRST_PAUSE: Duration = Duration::from_secs(30);
/// The longest that nothing is sent, unless the receiver asked for more.
pub const LONGEST_PAUSE: Duration = Duration::from_mins(15);
/// A delivery that comes so much later than its turn went on waiting for something else. Less is chance, as of a queue's own delay.
pub const MOST_LATE: Duration = Duration::from_secs(3);
/// While a probe is under way the others look after so long whether it has ended, and after as many times that long as it has been left alone in a row.
pub const PROBE_LOOK: Duration = Duration::from_secs(5);
/// An endpoint that only fails for so long is disabled.
pub const DISABLED_AFTER: Duration = Duration::from_hours(5 * 24);
/// Its owner is told so half-way.
pub const WARNED_AFTER: Duration = Duration::from_hours(60);

/// At least so long before it is disabled.
pub const LEFT_AFTER_WARNING: Duration = Duration::from_hours(24);
/// The spread of those who wait for the end of the first pause, and the longest.
const SPREAD: Duration = Duration::from_secs(2);
const LONGEST_SPREAD: Duration = Duration::from_mins(1);

/// The state of an endpoint: one document for each subscription, written only when something changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The subscription's id.
    pub id: String,
    /// How many attempts have failed in a row.
    #[serde(default)]
    pub failures: u32,
    /// How many attempts in a row it has not answered.
    #[serde(default)]
    pub unanswered: u32,
    /// Since when every attempt has failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// The breaker is open: until then nothing is sent, and then one probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Timestamp>,
    /// How often in a row the breaker has opened.
    #[serde(default)]
    pub pauses: u32,
    /// A probe is under way: nothing else is sent until it has ended, or this time has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probing_until: Option<Timestamp>,
    /// Why it is paused, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With a rate limit: the next free slot, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_slot: Option<i64>,
    /// When the owner was told half-way to being disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warned_at: Option<Timestamp>,
}

/// Whether a delivery may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may, and nothing need be written.
    Go,
    /// It may, once the changed state is stored.
    GoOnceStored,
    /// Not before then; nothing need be written.
    Wait(Timestamp),
    /// Not before its turn: this slot is its own once the changed state is stored.
    WaitForSlot(Timestamp),
    /// Not before then, which is its turn; nothing need be written.
    WaitForTurn(Timestamp),
}

/// What the owner is to be told, or is done to the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// Nothing.
    Nothing,
    /// It has failed half-way to being disabled.
    Warn,
    /// It has failed for so long that it is disabled.
    Disable,
}

impl Endpoint {
    /// An endpoint of which nothing is known yet.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Asks whether a delivery may go. `slot`: the time that it was given before. `probe`: how long a probe may take.
    pub fn admit(&mut self, now: Timestamp, rate_limit: Option<u32>, slot: Option<Timestamp>, probe: Duration) -> Admission {
        let Some(until) = self.paused_until else { return self.admit_asked_for(now, rate_limit, slot) };
        if now < until {
            return Admission::Wait(until);
        }
        if let Some(probing) = self.probing_until.filter(|probing| now < *probing) {
            return Admission::Wait(probing.min(now + PROBE_LOOK * self.pauses.max(1)));
        }
        match self.admit_asked_for(now, rate_limit, slot) {
            Admission::Go | Admission::GoOnceStored => {
                self.probing_until = Some(now + probe);
                Admission::GoOnceStored
            }
            // The probe is somebody else's, or a later one's.
            wait @ (Admission::Wait(_) | Admission::WaitForSlot(_) | Admission::WaitForTurn(_)) => {
                self.probing_until = None;
                wait
            }
        }
    }

    /// The same of a delivery that somebody has asked for by hand, whatever the endpoint's state: only the owner's limit stands.
    pub fn admit_asked_for(&mut self, now: Timestamp, rate_limit: Option<u32>, slot: Option<Timestamp>) -> Admission {
        let Some(rate) = rate_limit else { return Admission::Go };
        match slot {
            Some(slot) if now < slot => Admission::WaitForTurn(slot),
            Some(slot) if now.since(slot) <= MOST_LATE => Admission::Go,
            // Its turn has passed while nothing could go: it gets another one, so that those who had theirs meanwhile don't all go at once.
            _ => self.give_slot(now, rate),
        }
    }

    fn give_slot(&mut self, now: Timestamp, rate: u32) -> Admission {
        let now_micros = now.millis().saturating_mul(1_000);
        let at = self.next_slot.map_or(now_micros, |next| next.max(now_micros));
        self.next_slot = Some(at + 1_000_000 / i64::from(rate.max(1)));
        if at > now_micros {
            // Rounded up: never before its time.
            let at = Timestamp::from_millis(at.div_euclid(1_000) + i64::from(at.rem_euclid(1_000) > 0));
            return Admission::WaitForSlot(at);
        }
        Admission::GoOnceStored
    }

    /// An attempt has delivered. Whether something changed.
    pub fn succeeded(&mut self) -> bool {
        if self.failures == 0 && self.failing_since.is_none() && self.paused_until.is_none() {
            return false;
        }
        self.begin_anew();
        true
    }

    /// How it was doing is forgotten, and what its rate limit has promised stays.
    pub fn begin_anew(&mut self) {
        let (id, next_slot) = (std::mem::take(&mut self.id), self.next_slot);
        *self = Self { id, next_slot, ..Self::default() };
    }

    /// What its rate limit has promised is forgotten: there is another limit.
    pub fn begin_slots_anew(&mut self) {
        self.next_slot = None;
    }

    /// An attempt has failed. `hint`: how long the receiver wants to be left alone.
    pub fn failed(&mut self, now: Timestamp, hint: Option<Duration>, strain: Strain, reason: &str) -> Consequence {
        self.failures = self.failures.saturating_add(1);
        let since = *self.failing_since.get_or_insert(now);
        let probe_failed = self.probing_until.take().is_some();
        self.unanswered = if strain == Strain::Unreachable { self.unanswered.saturating_add(1) } else { 0 };
        if strain == Strain::None {
            // Whoever answers, if only with a no, takes nobody's capacity: each delivery is tried by its own schedule.
            (self.paused_until, self.pauses, self.reason) = (None, 0, None);
        } else if strain == Strain::Overloaded || probe_failed || self.unanswered >= OPENS_AFTER {
            let asked = hint.filter(|_| strain == Strain::Overloaded).unwrap_or_default().min(MOST_PUT_OFF);
            // Several may have been under way when it began to fail: one pause is enough for them.
            let pause = if probe_failed || self.paused_until.is_none_or(|known| known <= now) {
                let pause = FIRST_PAUSE.saturating_mul(1 << self.pauses.min(10)).min(LONGEST_PAUSE);
                self.pauses = self.pauses.saturating_add(1);
                pause
            } else {
                Duration::ZERO
            };
            self.paused_until = self.paused_until.max(Some(now + pause.max(asked)));
            self.reason = Some(reason.to_owned());
        }
        match self.warned_at {
            None if now.since(since) >= WARNED_AFTER => {
                self.warned_at = Some(now);
                Consequence::Warn
            }
            Some(_) if self.disabled_from().is_some_and(|from| now >= from) => Consequence::Disable,
            _ => Consequence::Nothing,
        }
    }

    /// From when on another failure disables it, once its owner was told: with nothing to deliver between two failures, some time is left to do something.
    #[must_use]
    pub fn disabled_from(&self) -> Option<Timestamp> {
        Some((self.failing_since? + DISABLED_AFTER).max(self.warned_at? + LEFT_AFTER_WARNING))
    }

    /// By how much a delivery that waits for the end of a pause comes later at most, so that those who wait for the same moment don't all come at it. Where it
    /// was left alone again and again many may wait, and there is no haste.
    #[must_use]
    pub fn spread(&self) -> Duration {
        SPREAD.saturating_mul(1 << self.pauses.saturating_sub(1).min(10)).min(LONGEST_SPREAD)
    }

    /// The state in a word, for people.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.paused_until {
            None => "closed",
            Some(until) if now < until => "open",
            Some(_) => "half_open",
        }
    }
}

impl Record for Endpoint {
    const KIND: &'static str = "webhook_endpoint";

    fn id(&self) -> &str {
        &self.id
    }

    fn places(&self) -> Vec<Place> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PROBE: Duration = Duration::from_secs(35);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn fail(endpoint: &mut Endpoint, seconds: i64) -> Consequence {
        endpoint.failed(at(seconds), None, Strain::Unreachable, "no connection")
    }

    #[test]
    fn a_healthy_endpoint_costs_no_write() {
        let mut endpoint = Endpoint::new("sub_1");
        assert_eq!(endpoint.admit(at(0), None, None, PROBE), Admission::Go);
        assert!(!endpoint.succeeded());
        assert_eq!(endpoint, Endpoint::new("sub_1"));
    }

    #[test]
    fn the_breaker_opens_lets_one_probe_through_and_closes() {
        let mut endpoint = Endpoint::new("sub_1");
        for second in 0..4 {
            fail(&mut endpoint, second);
            assert_eq!(endpoint.admit(at(second), None, None, PROBE), Admission::Go);
        }
        fail(&mut endpoint, 4);
        assert_eq!((endpoint.admit(at(5), None, None, PROBE), endpoint.state(at(5))), (Admission::Wait(at(34)), "open"));
        assert_eq!((endpoint.admit(at(34), None, None, PROBE), endpoint.state(at(34))), (Admission::GoOnceStored, "half_open"));
        assert_eq!(endpoint.admit(at(35), None, None, PROBE), Admission::Wait(at(40)), "one probe at a time");
        fail(&mut endpoint, 36);
        assert_eq!(endpoint.admit(at(37), None, None, PROBE), Admission::Wait(at(96)), "twice as long");
        assert_eq!(endpoint.admit(at(96), None, None, PROBE), Admission::GoOnceStored);
        assert!(endpoint.succeeded());
        assert_eq!((endpoint.admit(at(97), None, None, PROBE), endpoint.state(at(97))), (Admission::Go, "closed"));
    }

    #[test]
    fn an_endpoint_that_answers_is_not_paused() {
        let mut endpoint = Endpoint::new("sub_1");
        for second in 0..4 {
            fail(&mut endpoint, second);
        }
        for second in 4..20 {
            endpoint.failed(at(second), None, Strain::None, "500");
        }
        assert_eq!((endpoint.admit(at(20), None, None, PROBE), endpoint.failures), (Admission::Go, 20));
        fail(&mut endpoint, 20);
        assert_eq!(endpoint.admit(at(21), None, None, PROBE), Admission::Go, "it begins to count anew");
    }

    #[test]
    fn a_probe_that_never_ended_makes_way_for_the_next() {
        let mut endpoint = Endpoint::new("sub_1");
        for second in 0..5 {
            fail(&mut endpoint, second);
        }
        assert_eq!(endpoint.admit(at(40), None, None, PROBE), Admission::GoOnceStored);
        assert_eq!(endpoint.admit(at(75), None, None, PROBE), Admission::GoOnceStored);
    }

    #[test]
    fn an_overloaded_endpoint_is_left_alone_as_long_as_it_asks() {
        let mut endpoint = Endpoint::new("sub_1");
        endpoint.failed(at(0), Some(Duration::from_secs(600)), Strain::Overloaded, "429");
        assert_eq!(endpoint.admit(at(1), None, None, PROBE), Admission::Wait(at(600)));
        let mut endpoint = Endpoint::new("sub_1");
        endpoint.failed(at(0), None, Strain::Overloaded, "503");
        assert_eq!(endpoint.admit(at(1), None, None, PROBE), Admission::Wait(at(30)));
    }

    #[test]
    fn what_is_asked_for_by_hand_goes_though_the_endpoint_is_paused() {
        let mut endpoint = Endpoint::new("sub_1");
        endpoint.failed(at(0), Some(Duration::from_secs(600)), Strain::Overloaded, "503");
        assert_eq!(endpoint.admit(at(1), None, None, PROBE), Admission::Wait(at(600)));
        assert_eq!(endpoint.admit_asked_for(at(1), None, None), Admission::Go);
        assert_eq!(endpoint.admit_asked_for(at(1), Some(1), None), Admission::GoOnceStored);
        assert_eq!(endpoint.admit_asked_for(at(1), Some(1), None), Admission::WaitForSlot(at(2)), "the owner's limit is kept");
    }

    #[test]
    fn an_endpoint_that_begins_anew_keeps_its_limit() {
        let mut endpoint = Endpoint::new("sub_1");
        for _ in 0..3 {
            endpoint.admit(at(0), Some(1), None, PROBE);
        }
        endpoint.failed(at(0), Some(Duration::from_secs(600)), Strain::Overloaded, "503");
        endpoint.begin_anew();
        assert_eq!((endpoint.state(at(0)), endpoint.failures, endpoint.failing_since), ("closed", 0, None));
        assert_eq!(endpoint.admit(at(0), Some(1), None, PROBE), Admission::WaitForSlot(at(3)));
    }

    #[test]
    fn failing_for_days_warns_once_and_then_disables() {
        let mut endpoint = Endpoint::new("sub_1");
        let hour = 3_600;
        assert_eq!(fail(&mut endpoint, 0), Consequence::Nothing);
        assert_eq!(fail(&mut endpoint, 59 * hour), Consequence::Nothing);
        assert_eq!(fail(&mut endpoint, 60 * hour), Consequence::Warn);
        assert_eq!(fail(&mut endpoint, 61 * hour), Consequence::Nothing);
        assert_eq!(fail(&mut endpoint, 120 * hour - 1), Consequence::Nothing);
        assert_eq!(fail(&mut endpoint, 120 * hour), Consequence::Disable);
        endpoint.succeeded();
        assert_eq!(fail(&mut endpoint, 121 * hour), Consequence::Nothing, "one success begins anew");
    }

    #[test]
    fn two_failures_with_days_between_them_warn_before_they_disable() {
        let mut endpoint = Endpoint::new("sub_1");
        let hour = 3_600;
        fail(&mut endpoint, 0);
        assert_eq!(fail(&mut endpoint, 130 * hour), Consequence::Warn);
        assert_eq!(endpoint.disabled_from(), Some(at(154 * hour)));
        assert_eq!(fail(&mut endpoint, 140 * hour), Consequence::Nothing);
        assert_eq!(fail(&mut endpoint, 154 * hour), Consequence::Disable);
    }

    #[test]
    fn the_longer_it_was_left_alone_the_less_those_who_wait_come_together() {
        let mut endpoint = Endpoint::new("sub_1");
        let mut spreads = Vec::new();
        for number in 0..8 {
            endpoint.failed(at(number * 10_000), None, Strain::Overloaded, "503");
            spreads.push(endpoint.spread().as_secs());
        }
        assert_eq!(spreads, [2, 4, 8, 16, 32, 60, 60, 60]);
    }

    #[test]
    fn a_slot_is_waited_for_once() {
        let mut endpoint = Endpoint::new("sub_1");
        assert_eq!(endpoint.admit(at(0), Some(5), None, PROBE), Admission::GoOnceStored);
        let Admission::WaitForSlot(slot) = endpoint.admit(at(0), Some(5), None, PROBE) else { panic!("no slot") };
        assert_eq!(slot, at(0) + Duration::from_millis(200));
        assert_eq!(endpoint.admit(slot, Some(5), Some(slot), PROBE), Admission::Go);
    }

    #[test]
    fn who_comes_before_its_turn_keeps_its_slot() {
        let mut endpoint = Endpoint::new("sub_1");
        endpoint.admit(at(0), Some(1), None, PROBE);
        assert_eq!(endpoint.admit(at(0), Some(1), None, PROBE), Admission::WaitForSlot(at(1)));
        let before = endpoint.clone();
        assert_eq!(endpoint.admit(at(0), Some(1), Some(at(1)), PROBE), Admission::WaitForTurn(at(1)));
        assert_eq!(endpoint, before);
    }

    #[test]
    fn what_had_its_turn_while_nothing_could_go_does_not_go_together() {
        let mut endpoint = Endpoint::new("sub_1");
        endpoint.admit(at(0), Some(1), None, PROBE);
        let slots: Vec<_> = (1..100).map(at).collect();
        for slot in &slots {
            assert_eq!(endpoint.admit(at(0), Some(1), None, PROBE), Admission::WaitForSlot(*slot));
        }
        endpoint.failed(at(0), Some(Duration::from_secs(60)), Strain::Overloaded, "503");
        assert_eq!(endpoint.admit(at(1), Some(1), Some(slots[0]), PROBE), Admission::Wait(at(60)));
        assert_eq!(endpoint.admit(at(61), Some(1), Some(slots[0]), PROBE), Admission::WaitForSlot(at(100)), "its turn has passed");
        assert_eq!(endpoint.admit(at(61), Some(1), Some(slots[60]), PROBE), Admission::GoOnceStored, "the probe");
        endpoint.succeeded();
        for slot in &slots[61..] {
            assert_eq!(endpoint.admit(at(61), Some(1), Some(*slot), PROBE), Admission::WaitForTurn(*slot));
            assert_eq!(endpoint.admit(*slot, Some(1), Some(*slot), PROBE), Admission::Go);
        }
        assert_eq!(endpoint.admit(at(70), Some(1), Some(slots[1]), PROBE), Admission::WaitForSlot(at(101)));
    }

    #[test]
    fn a_standstill_is_no_reason_for_another_one() {
        let mut endpoint = Endpoint::new("sub_1");
        let slots: Vec<_> = (0..10)
            .filter_map(|_| match endpoint.admit(at(0), Some(1), None, PROBE) {
                Admission::WaitForSlot(slot) => Some(slot),
                _ => None,
            })
            .collect();
        endpoint.failed(at(0), Some(Duration::from_secs(600)), Strain::Overloaded, "429");
        assert_eq!(endpoint.admit(at(600), Some(1), None, PROBE), Admission::GoOnceStored, "published meanwhile: the probe");
        endpoint.succeeded();
        for (slot, next) in slots.iter().zip(601..) {
            assert_eq!(endpoint.admit(at(600), Some(1), Some(*slot), PROBE), Admission::WaitForSlot(at(next)));
        }
        assert_eq!(endpoint.admit(at(605), Some(1), None, PROBE), Admission::WaitForSlot(at(610)), "behind those nine");
    }

    #[test]
    fn another_limit_begins_at_once() {
        let mut endpoint = Endpoint::new("sub_1");
        for _ in 0..1_000 {
            endpoint.admit(at(0), Some(1), None, PROBE);
        }
        endpoint.begin_slots_anew();
        assert_eq!(endpoint.admit(at(1), Some(100), None, PROBE), Admission::GoOnceStored);
    }

    proptest! {
        /// Nothing goes for a while again and again, and then what has waited comes in the order of its slots.
        #[test]
        fn never_more_than_the_limit_after_a_standstill(rate in 1_u32..20, standstills in prop::collection::vec(1_u64..200, 1..6)) {
            let mut endpoint = Endpoint::new("sub_1");
            let (mut now, mut waiting, mut sent) = (at(0), std::collections::VecDeque::new(), Vec::new());
            for seconds in standstills {
                for _ in 0..100 {
                    match endpoint.admit(now, Some(rate), None, PROBE) {
                        Admission::GoOnceStored => sent.push(now),
                        Admission::WaitForSlot(slot) => waiting.push_back(slot),
                        other => panic!("{other:?}"),
                    }
                }
                now = now + Duration::from_secs(seconds);
                for _ in 0..50 {
                    let Some(slot) = waiting.pop_front() else { break };
                    match endpoint.admit(now, Some(rate), Some(slot), PROBE) {
                        Admission::Go | Admission::GoOnceStored => sent.push(now),
                        Admission::WaitForSlot(later) => waiting.push_back(later),
                        Admission::WaitForTurn(turn) => {
                            now = turn;
                            prop_assert_eq!(endpoint.admit(now, Some(rate), Some(slot), PROBE), Admission::Go);
                            sent.push(now);
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            // What may come together is what was late by chance.
            let most = rate as usize * (1 + usize::try_from(MOST_LATE.as_secs()).unwrap()) + 2;
            for window in sent.windows(most + 1) {
                prop_assert!(window[most].since(window[0]) >= Duration::from_secs(1), "{:?}", window);
            }
        }

        #[test]
        fn never_more_than_the_limit_in_any_second(rate in 1_u32..50, arrivals in prop::collection::vec(0_u64..400, 1..200)) {
            let mut endpoint = Endpoint::new("sub_1");
            let (mut now, mut sent) = (at(0), Vec::new());
            for pause in arrivals {
                now = now + Duration::from_millis(pause);
                sent.push(match endpoint.admit(now, Some(rate), None, PROBE) {
                    Admission::GoOnceStored => now,
                    Admission::WaitForSlot(slot) => slot,
                    other => panic!("{other:?}"),
                });
            }
            sent.sort();
            let rate = rate as usize;
            for pair in sent.windows(rate + 1) {
                // Slots lie on whole milliseconds.
                prop_assert!(pair[rate].since(pair[0]) >= Duration::from_millis(999 - 1), "{:?}", pair);
            }
        }
    }
}
