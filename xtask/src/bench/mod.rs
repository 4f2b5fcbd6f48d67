//! Builds what is measured and what measures it, optimised, and hands over to the latter.

mod function;
pub(crate) mod lambda;

use std::process::Command;

use crate::steps::{Steps, cannot_run, cargo, root, target};

/// Prints what an event costs. Nothing is timed, so the build is the quick one.
pub(crate) fn cost() -> Result<String, String> {
    let mut steps = Steps::default();
    steps.run("the bill", &mut cargo(&["run", "--quiet", "--locked", "--package", "sluice-cost"]))?;
    Ok(String::new())
}

/// Runs the program `sluice-bench` with these options, beside a freshly built `sluice` unless only functions are measured.
pub(crate) fn run(options: &[&str]) -> Result<String, String> {
    let mut steps = Steps::default();
    let mut build = cargo(&["build", "--release", "--locked", "--package", "sluice-bench"]);
    if options.first() != Some(&"verify") {
        build.args(["--package", "sluice"]);
    }
    steps.run("building", &mut build)?;
    // Nothing is between the bench and its terminal, and nothing else runs while it measures.
    let mut bench = Command::new(target()?.join("release/sluice-bench"));
    bench.args(options).current_dir(root());
    let status = bench.status().map_err(|error| cannot_run(&bench, &error))?;
    if status.success() { Ok(String::new()) } else { Err(format!("the bench has failed: {status}")) }
}
