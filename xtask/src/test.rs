//! Runs the tests.

use crate::{
    steps::{Steps, cargo},
    tally::{Ended, Tally},
};

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All there is.
    Everything,
    /// All but the tests of the built binary and the examples in the documentation.
    Quick,
}

/// Runs every part, also after one that failed, so that one run tells of every failure.
pub(crate) fn run(extent: Extent) -> Result<String, String> {
    // One call builds for all members together: their features add up, and what one member needs is not built again for another.
    const ALL: (&str, &[&str]) = ("tests", &["test", "--workspace", "--all-targets", "--no-fail-fast"]);
    const QUICK: (&str, &[&str]) = ("tests", &["test", "--workspace", "--exclude", "sluice-tests", "--all-targets", "--no-fail-fast"]);
    const EXAMPLES: (&str, &[&str]) = ("examples in the documentation", &["test", "--workspace", "--doc", "--no-fail-fast"]);
    let parts: &[_] = match extent {
        Extent::Everything => &[ALL, EXAMPLES],
        Extent::Quick => &[QUICK],
    };
    let mut steps = Steps::default();
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for (name, arguments) in parts {
        let (part, ended) = steps.run_as(name, &mut cargo(arguments), Tally::of)?;
        tally += part;
        if ended == Ended::Badly {
            failed.push(*name);
        }
    }
    let report = format!("\n{}\n\ntests: {tally}", steps.report());
    if failed.is_empty() { Ok(report) } else { Err(format!("{report}\nfailed: {}", failed.join(", "))) }
}
