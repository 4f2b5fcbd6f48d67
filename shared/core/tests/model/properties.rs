//! The invariants of exactly once, asked of a state of the model.

use sluice_core::testing::invariants::{self as rules, Broken, Recorded};
use stateright::{Model, Property};

use crate::{
    protocol::Scenario,
    state::{CHANGES, Change, EFFECTS, Put, State},
};

/// The promises, under the names that the tests use.
pub(crate) fn promises() -> Vec<Property<Scenario>> {
    vec![
        Property::always("changes apply once", |_, state| each_event(state, rules::changes_apply_once)),
        Property::always("acknowledged is done", |_, state| each_event(state, rules::acknowledged_is_done)),
        Property::always("answered is applied", answered_is_applied),
        Property::always("repeats are excused", |_, state| each_effect(state, rules::repeats_are_excused)),
        Property::always("marked never runs again", |_, state| each_effect(state, rules::marked_never_runs_again)),
        Property::always("only the owner writes", |_, state| each_event(state, rules::only_the_owner_writes)),
        Property::always("own commit is recognised", |_, state| each_event(state, rules::own_commit_is_recognised)),
        Property::always("receives are explained", receives_are_explained),
        Property::always("nothing is lost", |scenario, state| !quiet(scenario, state) || nothing_is_lost(scenario, state)),
        Property::always("last is announced", |scenario, state| !quiet(scenario, state) || last_is_announced(state)),
    ]
}

/// What must be able to happen, or the promises would say little.
pub(crate) fn possibilities() -> Vec<Property<Scenario>> {
    vec![
        Property::sometimes("an event is taken over", |_, state: &State| state.history.takeovers),
        Property::sometimes("an effect is repeated", |_, state: &State| state.history.calls.iter().flatten().any(|calls| calls.made > 1)),
        Property::sometimes("an announcement is superseded", |_, state: &State| {
            let effects = state.events.iter().flat_map(|(_, event)| event.effects.iter().flatten());
            effects.into_iter().any(|effect| effect.state == rules::EffectState::Superseded)
        }),
        // Between the last look at the record and the call there is a gap that no lease closes.
        Property::sometimes("an announcement goes out after a later one", |_, state: &State| state.history.told_out_of_order),
    ]
}

/// What the world and the store know of one change, laid out for the invariants.
struct Account {
    event: rules::Event<'static>,
    effects: [rules::Effect; EFFECTS],
    count: usize,
}

impl Account {
    fn of(state: &State, change: Change) -> Self {
        let at = usize::from(change);
        let bit = 1 << change;
        let history = &state.history;
        let stored = state.events.iter().map(|(_, event)| event).find(|event| event.change == change);
        let absent = rules::Effect { announcement: None, state: rules::EffectState::Pending, calls: 0, excuses: 0, calls_after_mark: 0 };
        let mut effects = [absent; EFFECTS];
        let mut count = 0;
        for (effect, calls) in stored.iter().flat_map(|event| event.effects.iter().flatten()).zip(&history.calls[at]) {
            effects[count] = rules::Effect {
                announcement: effect.announcement.map(u32::from),
                state: effect.state,
                calls: u32::from(calls.made),
                excuses: u32::from(calls.excuses),
                calls_after_mark: u32::from(calls.after_mark),
            };
            count += 1;
        }
        let event = rules::Event {
            recorded: match stored {
                None => Recorded::Absent,
                Some(event) if event.done => Recorded::Done,
                Some(_) => Recorded::Processing,
            },
            applied: u32::from(history.applied[at]),
            visible: state.record.facts & bit != 0,
            acknowledged: history.acknowledged & bit != 0,
            foreign_writes: u32::from(history.foreign_writes[at]),
            plans_after_commit: u32::from(history.plans_after_commit[at]),
            effects: &[],
        };
        Self { event, effects, count }
    }

    fn event(&self) -> rules::Event<'_> {
        rules::Event { effects: self.effects(), ..self.event }
    }

    fn effects(&self) -> &[rules::Effect] {
        &self.effects[..self.count]
    }
}

fn accounts(state: &State) -> impl Iterator<Item = Account> {
    (0..).take(CHANGES).map(|change| Account::of(state, change))
}

fn each_event(state: &State, rule: fn(&rules::Event<'_>) -> Result<(), Broken>) -> bool {
    accounts(state).all(|account| rule(&account.event()).is_ok())
}

fn each_effect(state: &State, rule: fn(&rules::Effect) -> Result<(), Broken>) -> bool {
    accounts(state).all(|account| account.effects().iter().all(|effect| rule(effect).is_ok()))
}

fn answered_is_applied(scenario: &Scenario, state: &State) -> bool {
    (scenario.webhook_count()..scenario.changes()).all(|change| {
        let account = Account::of(state, change);
        let acknowledged = state.history.answered & 1 << change != 0;
        let event = rules::Event { acknowledged, ..account.event() };
        rules::acknowledged_is_applied(&event).is_ok()
    })
}

fn receives_are_explained(scenario: &Scenario, state: &State) -> bool {
    let faults = u32::from(scenario.faults - state.faults);
    let held = state.handlings.iter().map(|handling| &handling.message);
    state.queue.iter().chain(held).all(|message| rules::receives_are_explained(u32::from(message.receives), faults).is_ok())
}

/// Whether nothing at all can happen any more.
fn quiet(scenario: &Scenario, state: &State) -> bool {
    if !state.handlings.is_empty() || !state.late.is_empty() || state.puts.iter().any(|put| *put != Put::Over) {
        return false;
    }
    let mut actions = Vec::new();
    scenario.actions(state, &mut actions);
    actions.is_empty()
}

fn nothing_is_lost(scenario: &Scenario, state: &State) -> bool {
    let accounts: Vec<_> = (0..scenario.changes())
        .filter(|change| {
            let queued = *change < scenario.webhook_count();
            let answered = state.history.answered & 1 << change != 0;
            let stored = state.events.iter().any(|(_, event)| event.change == *change);
            queued || answered || stored
        })
        .map(|change| Account::of(state, change))
        .collect();
    let events: Vec<_> = accounts.iter().map(Account::event).collect();
    state.queue.is_empty() && rules::nothing_is_lost(&events).is_ok()
}

fn last_is_announced(state: &State) -> bool {
    let accounts: Vec<_> = accounts(state).collect();
    let events: Vec<_> = accounts.iter().map(Account::event).collect();
    rules::last_is_announced(u32::from(state.record.announced), &events).is_ok()
}
