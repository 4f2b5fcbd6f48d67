//! A model of "exactly once": commit, effects, lease and redelivery, with every interleaving of a few workers and every place of a few faults.
//!
//! `SLUICE_TEST_SIZE=large` checks bigger scenarios; it takes minutes instead of seconds. `--nocapture` shows how many states each has.

mod endings;
mod outside;
mod properties;
mod protocol;
mod state;
mod store;
mod worker;

use std::{collections::BTreeSet, num::NonZero, thread::available_parallelism};

use stateright::{Checker, HasDiscoveries, Model};

use crate::protocol::{Mutation, Scenario};

/// How much a run of the tests covers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    Small,
    Large,
}

impl Size {
    #[expect(clippy::disallowed_methods, reason = "the size of a test run is no setting of the gateway")]
    fn read() -> Self {
        match std::env::var("SLUICE_TEST_SIZE").as_deref() {
            Ok("large") => Self::Large,
            Ok("small" | "") | Err(_) => Self::Small,
            Ok(other) => panic!("SLUICE_TEST_SIZE is small or large, not {other}"),
        }
    }
}

/// Two workers on these webhooks (how often each is queued) and puts, with this many faults.
fn scenario(webhooks: &[u8], puts: u8, faults: u8) -> Scenario {
    Scenario { webhooks: webhooks.to_vec(), puts, workers: 2, faults, mutation: Mutation::None, questions: properties::promises }
}

fn run(scenario: Scenario, finish: HasDiscoveries) -> impl Checker<Scenario> {
    let threads = available_parallelism().map_or(1, NonZero::get);
    scenario.checker().threads(threads).finish_when(finish).spawn_bfs().join()
}

#[expect(clippy::print_stderr, reason = "the number of states is part of the result")]
fn holds(small: Scenario, large: Scenario) {
    let scenario = if Size::read() == Size::Large { large } else { small };
    let checker = run(scenario.clone(), HasDiscoveries::AnyFailures);
    eprintln!(
        "{:?} + {} put(s), {} workers, {} fault(s): {} states, {} transitions, at most {} steps",
        scenario.webhooks,
        scenario.puts,
        scenario.workers,
        scenario.faults,
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth()
    );
    checker.assert_properties();
}

#[test]
fn one_event_delivered_twice() {
    holds(scenario(&[2], 0, 2), scenario(&[2], 0, 3));
}

#[test]
fn two_events_on_one_record() {
    holds(scenario(&[1, 1], 0, 1), scenario(&[1, 1], 0, 2));
}

#[test]
fn two_events_one_of_them_twice() {
    holds(scenario(&[2, 1], 0, 1), scenario(&[2, 1], 0, 2));
}

#[test]
fn an_event_and_a_put() {
    holds(scenario(&[1], 1, 1), scenario(&[1], 1, 2));
}

#[test]
fn two_puts_at_once() {
    holds(scenario(&[], 2, 0), scenario(&[], 2, 1));
}

#[test]
fn two_events_and_a_put() {
    holds(scenario(&[2, 1], 1, 0), scenario(&[2, 1], 1, 1));
}

#[test]
fn three_workers() {
    let three = |scenario| Scenario { workers: 3, ..scenario };
    holds(three(scenario(&[3], 0, 1)), three(scenario(&[2, 1], 0, 1)));
}

#[test]
fn three_workers_on_everything() {
    let three = |scenario| Scenario { workers: 3, ..scenario };
    holds(three(scenario(&[1], 1, 0)), three(scenario(&[2, 1], 1, 0)));
}

#[test]
fn every_run_ends() {
    for scenario in [scenario(&[2], 0, 1), scenario(&[1, 1], 0, 1), scenario(&[], 2, 0)] {
        assert_eq!(endings::find_circle(&scenario), None, "{scenario:?}");
    }
}

#[test]
fn takeover_repetition_and_supersession_happen() {
    let questions = properties::possibilities;
    let scenario = Scenario { questions, ..scenario(&[1, 1], 0, 1) };
    run(scenario, HasDiscoveries::All).assert_properties();
}

/// The known gap, kept in view: the record may change between the last look at it and the call, and no lease closes that. The last announcement is
/// always sent, but it need not arrive last.
#[test]
fn an_announcement_can_be_overtaken_without_any_fault() {
    let questions = properties::possibilities;
    let scenario = Scenario { questions, ..scenario(&[1, 1], 0, 0) };
    let overtaken = "an announcement goes out after a later one";
    let found = run(scenario, HasDiscoveries::AnyOf(BTreeSet::from([overtaken])));
    assert!(found.discovery(overtaken).is_some(), "the gap is closed: say so in the documents");
}

/// Asserts that a protocol with one thing done differently breaks these promises (and perhaps more).
fn breaks(mutation: Mutation, within: Scenario, promises: &[&'static str]) {
    let scenario = Scenario { mutation, ..within };
    let found = run(scenario, HasDiscoveries::AllOf(promises.iter().copied().collect::<BTreeSet<_>>()));
    for promise in promises {
        assert!(found.discovery(promise).is_some(), "{mutation:?} went unnoticed by: {promise}");
    }
}

#[test]
fn marks_need_a_fence() {
    breaks(Mutation::MarkUnfenced, scenario(&[2], 0, 1), &["only the owner writes", "marked never runs again"]);
}

#[test]
fn an_owner_is_drawn_for_each_message() {
    breaks(Mutation::OwnerIsBatch, scenario(&[2], 0, 1), &["repeats are excused"]);
}

#[test]
fn effects_are_those_stored() {
    breaks(Mutation::RunPlannedEffects, scenario(&[2], 0, 1), &["nothing is lost", "last is announced"]);
}

#[test]
fn effects_come_before_the_acknowledgement() {
    breaks(Mutation::AcknowledgeFirst, scenario(&[1], 0, 1), &["acknowledged is done", "nothing is lost"]);
}

#[test]
fn unfinished_events_are_taken_over() {
    breaks(Mutation::NeverTakeOver, scenario(&[2], 0, 1), &["acknowledged is done", "nothing is lost", "last is announced"]);
}

#[test]
fn a_lease_is_waited_for() {
    breaks(Mutation::TakeOverLiveLease, scenario(&[2], 0, 0), &["repeats are excused"]);
}

#[test]
fn a_message_comes_back_with_the_end_of_the_lease() {
    breaks(Mutation::ReturnAtOnce, scenario(&[2], 0, 0), &["receives are explained"]);
}

#[test]
fn the_event_record_is_looked_at_first() {
    breaks(Mutation::RecordVersionFirst, scenario(&[1], 0, 1), &["own commit is recognised"]);
}

#[test]
fn event_record_and_change_are_one_commit() {
    breaks(Mutation::CommitInTwoWrites, scenario(&[1, 1], 0, 0), &["changes apply once"]);
}

#[test]
fn an_event_record_is_put_once() {
    breaks(Mutation::EventPutUnconditionally, scenario(&[2], 0, 0), &["changes apply once"]);
}

#[test]
fn a_record_is_put_on_the_version_read() {
    breaks(Mutation::RecordPutUnconditionally, scenario(&[1, 1], 0, 0), &["changes apply once"]);
}

#[test]
fn an_effect_is_marked_after_its_call() {
    breaks(Mutation::MarkFirst, scenario(&[1], 0, 1), &["nothing is lost", "last is announced"]);
}

#[test]
fn the_lease_is_looked_at_before_a_call() {
    breaks(Mutation::CallWithoutLease, scenario(&[2], 0, 1), &["repeats are excused"]);
}

#[test]
fn only_later_announcements_supersede() {
    breaks(Mutation::SupersedeAll, scenario(&[1, 1], 0, 0), &["nothing is lost", "last is announced"]);
}

#[test]
fn a_put_trusts_the_record_alone() {
    breaks(Mutation::PutTrustsEventRecord, scenario(&[], 2, 0), &["answered is applied"]);
}
