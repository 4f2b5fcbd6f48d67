//! Runs the tests.

use crate::{
    aws, e2e, emulator,
    steps::{Steps, cargo},
    tally::{Ended, Tally},
};

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All there is.
    Everything,
    /// All but the tests of the built binary, those on the AWS emulator, and the examples in the documentation.
    Quick,
}

/// A part of the tests: what it counted, and how it ended.
type Part = Box<dyn FnOnce(&mut Steps) -> Result<(Tally, Ended), String>>;

/// Runs every part, also after one that failed, so that one run tells of every failure.
pub(crate) fn run(extent: Extent) -> Result<String, String> {
    // One call builds for all members together: their features add up, and what one member needs is not built again for another.
    const ALL: &[&str] = &["test", "--workspace", "--all-targets", "--no-fail-fast"];
    const QUICK: &[&str] = &["test", "--workspace", "--exclude", "sluice-tests", "--all-targets", "--no-fail-fast"];
    const EXAMPLES: &[&str] = &["test", "--workspace", "--doc", "--no-fail-fast"];
    let of_cargo = |name, arguments: &'static [&str]| -> (&str, Part) {
        (name, Box::new(move |steps: &mut Steps| steps.run_as(name, &mut cargo(arguments), Tally::of)))
    };
    let parts = match extent {
        Extent::Everything => vec![
            of_cargo("tests", ALL),
            of_cargo("examples in the documentation", EXAMPLES),
            ("AWS adapters", Box::new(emulator::test)),
            ("cargo lambda watch", Box::new(aws::test)),
            ("deployed functions", Box::new(|steps: &mut Steps| e2e::run(steps, e2e::ALL))),
        ],
        Extent::Quick => vec![of_cargo("tests", QUICK)],
    };
    let mut steps = Steps::default();
    let mut tally = Tally::default();
    let mut failed = Vec::new();
    for (name, part) in parts {
        let (counted, ended) = part(&mut steps)?;
        tally += counted;
        if ended == Ended::Badly {
            failed.push(name);
        }
    }
    told(&steps, tally, &failed)
}

/// Runs one part alone.
pub(crate) fn part(part: impl FnOnce(&mut Steps) -> Result<(Tally, Ended), String>) -> Result<String, String> {
    let mut steps = Steps::default();
    let (tally, ended) = part(&mut steps)?;
    told(&steps, tally, if ended == Ended::Badly { &["see above"] } else { &[] })
}

fn told(steps: &Steps, tally: Tally, failed: &[&str]) -> Result<String, String> {
    let report = format!("\n{}\n\ntests: {tally}", steps.report());
    if failed.is_empty() { Ok(report) } else { Err(format!("{report}\nfailed: {}", failed.join(", "))) }
}
