//! A model of "exactly once": commit, effects, lease and redelivery, with every interleaving of a few workers and every place of a few faults.
//!
//! `SLUICE_TEST_SIZE=large` checks bigger scenarios; it takes minutes instead of seconds.

mod outside;
mod properties;
mod protocol;
mod state;
mod store;
mod worker;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model};

use crate::{
    protocol::{Mutation, Scenario},
    state::Faults,
};

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    lost_answers: 0,
    stalls: 0,
    not_taken: 0,
    refused: 0,
    early_sweeps: 0,
};

fn scenario(webhooks: &[u8], puts: u8, faults: Faults) -> Scenario {
    Scenario {
        webhooks: webhooks.to_vec(),
        puts,
        workers: 2,
        faults,
        mutation: Mutation::None,
    }
}

fn check(name: &str, scenario: Scenario) {
    let start = std::time::Instant::now();
    let checker = scenario.checker().threads(2).spawn_bfs().join();
    eprintln!(
        "{name}: {} states, {} transitions, depth {}, {:?}",
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        start.elapsed()
    );
    checker.assert_properties();
}

#[test]
fn probe() {
    let one = Faults { crashes: 1, lost_answers: 1, stalls: 1, not_taken: 1, refused: 0, early_sweeps: 0 };
    check("dup", scenario(&[2], 0, one));
    check("dup2", scenario(&[2,1], 0, NO_FAULTS));
    check("put", scenario(&[], 1, one));
    check("put+1", scenario(&[1], 1, Faults{crashes:1, ..NO_FAULTS}));
    check("conflict", scenario(&[1,1], 0, one));
    check("all1", scenario(&[2,1], 1, Faults { crashes: 1, ..NO_FAULTS}));
}
