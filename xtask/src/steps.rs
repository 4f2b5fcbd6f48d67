//! Commands run one after the other: each is shown before it runs and timed, and the first that fails ends it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// The cargo that runs this, in the workspace's folder. It asks no questions.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Where cargo builds to, which may be set in several places.
pub(crate) fn target() -> Result<PathBuf, String> {
    let mut command = cargo(&["metadata", "--format-version", "1", "--no-deps", "--offline"]);
    let output = command.output().map_err(|error| cannot_run(&command, &error))?;
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo's metadata can't be read: {error}"))?;
    let target = metadata["target_directory"].as_str().ok_or("cargo's metadata names no target folder")?;
    Ok(target.into())
}

/// What has been run so far, and how long it took.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    /// Runs a command with its output on the terminal.
    pub(crate) fn run(&mut self, name: &'static str, command: &mut Command) -> Result<(), String> {
        self.run_as(name, command, |command| {
            let status = command.status().map_err(|error| cannot_run(command, &error))?;
            if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
        })
    }

    /// Runs a command that says more than anybody wants to read, unless it fails.
    pub(crate) fn run_quietly(&mut self, name: &'static str, command: &mut Command) -> Result<(), String> {
        self.run_as(name, command, |command| {
            let output = command.output().map_err(|error| cannot_run(command, &error))?;
            let said = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
            if output.status.success() {
                return Ok(());
            }
            Err(format!("{}{}\n{name}: {}", said(&output.stdout), said(&output.stderr), output.status))
        })
    }

    /// Has `work` run the command, whichever way.
    #[expect(clippy::disallowed_methods, reason = "what a developer waits for is told in wall time")]
    pub(crate) fn run_as<T>(
        &mut self,
        name: &'static str,
        command: &mut Command,
        work: impl FnOnce(&mut Command) -> Result<T, String>,
    ) -> Result<T, String> {
        announce(name, command);
        let start = Instant::now();
        let done = work(command)?;
        self.done.push((name, start.elapsed()));
        Ok(done)
    }

    /// One line for each part, and their sum.
    pub(crate) fn report(&self) -> String {
        let line = |name: &str, time: Duration| format!("{:>7.1} s  {name}\n", time.as_secs_f64());
        let parts: String = self.done.iter().map(|(name, time)| line(name, *time)).collect();
        parts + line("in all", self.done.iter().map(|(_, time)| *time).sum()).trim_end()
    }
}

/// Why a program did not start.
pub(crate) fn cannot_run(command: &Command, error: &std::io::Error) -> String {
    format!("{} can't be run: {error}", command.get_program().display())
}

/// To standard error, where cargo speaks, too.
#[expect(clippy::print_stderr, reason = "a command talks to the terminal")]
fn announce(name: &str, command: &Command) {
    let settings = command.get_envs().filter_map(|(name, value)| Some(format!("{}={:?} ", name.display(), value?)));
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| format!(" {}", argument.display()));
    eprintln!("\n== {name}: {}{program}{}", settings.collect::<String>(), arguments.collect::<String>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_step_that_fails_ends_it_and_is_named() {
        let mut steps = Steps::default();
        steps.run("tells its version", &mut cargo(&["--version"])).expect("cargo runs");
        let problem = steps.run("is no command", &mut cargo(&["no-such-command"])).expect_err("cargo has no such command");
        assert!(problem.starts_with("is no command: exit status"), "{problem}");
        let report = steps.report();
        assert!(report.contains("s  tells its version\n") && !report.contains("is no command") && report.ends_with("in all"), "{report}");
    }
}
