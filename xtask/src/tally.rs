//! Counts tests by what their programs say at their ends.

use std::{
    fmt,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use crate::steps::cannot_run;

/// How many tests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    programs: usize,
    passed: usize,
    failed: usize,
    ignored: usize,
}

impl Tally {
    /// Runs a command that runs tests, passes on what it says, and adds up its summaries.
    pub(crate) fn of(command: &mut Command) -> Result<(Self, Ended), String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_run(command, &error))?;
        let said = child.stdout.take().expect("it was asked for");
        let mut tally = Self::default();
        let mut terminal = std::io::stdout();
        for line in BufReader::new(said).split(b'\n') {
            let line = line.map_err(|error| format!("what the tests say can't be read: {error}"))?;
            tally.add(&String::from_utf8_lossy(&line));
            // Whoever reads may have had enough; the tests go on.
            let _ = terminal.write_all(&line).and_then(|()| terminal.write_all(b"\n"));
        }
        let status = child.wait().map_err(|error| cannot_run(command, &error))?;
        Ok((tally, if status.success() { Ended::Well } else { Ended::Badly }))
    }

    /// Takes in a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|result| result.split_once(". ")) else { return };
        self.programs += 1;
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let sum = match what {
                "passed" => &mut self.passed,
                "failed" => &mut self.failed,
                "ignored" => &mut self.ignored,
                _ => continue,
            };
            *sum += number.parse::<usize>().unwrap_or(0);
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With exit status 0.
    Well,
    /// With another.
    Badly,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.programs += other.programs;
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { programs, passed, failed, ignored } = self;
        write!(f, "{passed} passed, {failed} failed, {ignored} ignored, in {programs} test programs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_added_up_and_nothing_else_is() {
        let mut tally = Tally::default();
        for line in [
            "running 13 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test the_result ... ok",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.5s",
            "the test result: ok. 99 passed",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { programs: 2, passed: 15, failed: 2, ignored: 1 });
    }
}
