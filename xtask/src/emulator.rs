//! The AWS emulator, and the tests that run on it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// ministack is the emulator that knows all of what the adapters use; only DynamoDB is wanted of others.
const EMULATOR: &str = "ministack";
/// Its version, on PyPI. Another one may differ from AWS in other places: run the tests before changing it.
const VERSION: &str = "1.5.33";

/// Runs the tests of the AWS adapters on an emulator of their own.
pub(crate) fn test() -> Result<String, String> {
    let emulator = installed()?;
    let mut tests = Command::new(env!("CARGO"));
    tests.args(["test", "--package", "sluice-aws", "--features", "emulator", "--test", "emulator"]);
    run("the tests", tests.current_dir(root()).env("SLUICE_EMULATOR", &emulator))?;
    Ok(format!("the AWS adapters keep their contracts on {EMULATOR} {VERSION}"))
}

/// The emulator's program, installed under `target/tools` if it isn't there yet.
pub(crate) fn installed() -> Result<PathBuf, String> {
    let folder = root().join("target/tools").join(format!("{EMULATOR}-{VERSION}"));
    let program = folder.join("bin").join(EMULATOR);
    if program.exists() {
        return Ok(program);
    }
    run("python3 -m venv", Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    // pip writes the program last, so an installation that was interrupted is begun anew.
    let package = format!("{EMULATOR}=={VERSION}");
    run(
        "pip install",
        Command::new(folder.join("bin/python")).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package]),
    )?;
    Ok(program)
}

fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

fn run(name: &str, command: &mut Command) -> Result<(), String> {
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| format!("{name}: {} can't be run: {error}", command.get_program().display()))?;
    if status.success() { Ok(()) } else { Err(format!("{name}: {status}")) }
}
