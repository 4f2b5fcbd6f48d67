//! Builds what is measured and what measures it, optimised, and hands over to the latter.

use std::process::Command;

use crate::steps::{Steps, cannot_run, cargo, root, target};

/// Runs the program `sluice-bench` with these options beside a freshly built `sluice`.
pub(crate) fn run(options: &[&str]) -> Result<String, String> {
    let mut steps = Steps::default();
    steps.run("building", &mut cargo(&["build", "--release", "--locked", "--package", "sluice", "--package", "sluice-bench"]))?;
    // Nothing is between the bench and its terminal, and nothing else runs while it measures.
    let mut bench = Command::new(target()?.join("release/sluice-bench"));
    bench.args(options).current_dir(root());
    let status = bench.status().map_err(|error| cannot_run(&bench, &error))?;
    if status.success() { Ok(String::new()) } else { Err(format!("the bench has failed: {status}")) }
}
