//! Whether every run comes to an end. The checker looks at single states; a circle of states without an end would escape it.

use std::collections::HashMap;

use stateright::Model;

use crate::{protocol::Scenario, state::State};

/// How far the search has come with a state.
#[derive(PartialEq, Eq)]
enum Visit {
    OnThePath,
    Over,
}

/// Looks for a state that can come back to itself; `None` if every run ends.
pub(crate) fn find_circle(scenario: &Scenario) -> Option<State> {
    let mut visits = HashMap::new();
    let mut path = Vec::new();
    for state in scenario.init_states() {
        let next = scenario.next_states(&state);
        visits.insert(state.clone(), Visit::OnThePath);
        path.push((state, next));
    }
    while let Some((state, next)) = path.last_mut() {
        let Some(state_after) = next.pop() else {
            visits.insert(state.clone(), Visit::Over);
            path.pop();
            continue;
        };
        match visits.get(&state_after) {
            Some(Visit::OnThePath) => return Some(state_after),
            Some(Visit::Over) => {}
            None => {
                visits.insert(state_after.clone(), Visit::OnThePath);
                let next = scenario.next_states(&state_after);
                path.push((state_after, next));
            }
        }
    }
    None
}
