//! Everything about the code that can be said without running it.

use crate::{
    steps::{Steps, cargo},
    tool,
};

/// Checks formatting, lints, documentation and dependencies.
pub(crate) fn run() -> Result<String, String> {
    let mut steps = Steps::default();
    steps.run("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    steps
        .run("clippy", &mut cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "--deny", "warnings"]))?;
    steps.run(
        "documentation",
        cargo(&["doc", "--workspace", "--no-deps", "--all-features", "--locked"]).env("RUSTDOCFLAGS", "--deny warnings"),
    )?;
    let mut deny = tool::cargo_deny(&mut steps)?;
    steps.run(
        "licences, duplicates and sources of dependencies",
        deny.args(["--locked", "--log-level", "warn", "check", "bans", "licenses", "sources"]),
    )?;
    Ok(format!("\n{}\n\nall checks passed", steps.report()))
}
