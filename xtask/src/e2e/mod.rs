//! The functions as they are deployed: built, described by `template.yaml`, run by an AWS emulator, and tested from outside.

pub(crate) mod built;
mod functions;
pub(crate) mod running;
pub(crate) mod stack;

use std::{fs, net::TcpListener, path::PathBuf};

use serde_json::{Map, Value, json};

use self::{running::Emulator, stack::Stack};
use crate::{
    emulator,
    steps::{Steps, cargo, target},
    tally::{Ended, Tally},
    template::Tools,
};

/// What the names of all these tests begin with.
pub(crate) const ALL: &str = "aws::";

/// Deploys, tests and removes everything again. Only the tests whose names contain `filter` are run.
pub(crate) fn run(steps: &mut Steps, filter: &str) -> Result<(Tally, Ended), String> {
    let tools = Tools::installed(steps)?;
    let program = emulator::installed(steps)?;
    let folder = folder()?;
    let functions = functions::build(steps, &folder)?;
    let emulator = Emulator::start(&program, &folder)?;
    // Texts go to the tests, whose process does not run yet.
    let texts = free_address()?;
    let mut facts = Map::new();
    let mut stacks = Vec::new();
    for variant in built::VARIANTS {
        let template = built::write(variant, |name| functions.zip(name), Some(&texts), &folder)?;
        let stack = Stack::deploy(steps, &tools, &emulator, variant, &template)?;
        facts.insert(variant.name.to_owned(), stack.outputs()?);
        stacks.push(stack);
    }
    let facts: Value = json!({
        "endpoint": emulator.url(),
        "texts": texts,
        "functions": functions.unpacked(),
        "interface_emulator": tools.interface_emulator()?,
        "stacks": facts,
    });
    let list = folder.join("stacks.json");
    fs::write(&list, facts.to_string()).map_err(|error| format!("{} can't be written: {error}", list.display()))?;
    let mut tests = cargo(&["test", "--workspace", "--test", "it", "--no-fail-fast", "--", "--ignored", "--test-threads", "8", filter]);
    let ended = steps.run_as("the tests of the deployed stacks", tests.env("SLUICE_TEST_STACKS", &list), Tally::of)?;
    for stack in stacks {
        stack.delete(steps)?;
    }
    emulator.stop()?;
    Ok(ended)
}

/// Where what is deployed is put together. The emulator's log is there, too, when something has gone wrong.
fn folder() -> Result<PathBuf, String> {
    let folder = target()?.join("e2e");
    fs::create_dir_all(&folder).map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
    Ok(folder)
}

/// An address on this machine that nobody listens on.
pub(crate) fn free_address() -> Result<String, String> {
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    address.map(|address| address.to_string()).map_err(|error| format!("there is no free port: {error}"))
}
