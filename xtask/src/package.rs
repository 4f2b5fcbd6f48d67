//! The functions as they are deployed: small, quick to start, and zipped.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    functions,
    python::Packages,
    steps::{Steps, cargo, target},
};

/// What builds for Lambda: the system that functions run on has older libraries than a developer's machine, and other processors.
pub(crate) const TOOLS: Packages<'static> =
    Packages { folder: "lambda", packages: &["cargo-lambda", "ziglang"], versions: "xtask/lambda-tools.txt" };

/// How it differs from the quick release build: slow to make, and half the size.
const PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
];

/// The same of functions that nobody waits for: smaller still. Their time goes by waiting for services.
const OPT_LEVEL_OF_OTHERS: &str = "z";

/// The largest zip of a function that takes webhooks in, bytes: Lambda fetches it at every cold start.
const MOST_OF_INGEST: u64 = 2_500_000;
/// The same for all others.
const MOST: u64 = 4_000_000;

/// The processors that functions run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Processor {
    /// What the template takes unless told otherwise.
    Arm64,
    /// The other one.
    X86_64,
}

impl Processor {
    /// The one that this runs on.
    pub(crate) const fn of_this_machine() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 }
    }

    const fn option(self) -> &'static str {
        match self {
            Self::Arm64 => "--arm64",
            Self::X86_64 => "--x86-64",
        }
    }

    const fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

/// Builds every function for `processor`, and fails if a zip has become too large.
pub(crate) fn run(processor: Processor) -> Result<String, String> {
    let mut steps = Steps::default();
    let names = functions::names()?;
    let zips = target()?.join("package");
    let (ingest, others): (Vec<_>, Vec<_>) = names.iter().cloned().partition(|name| takes_webhooks_in(name));
    build(&mut steps, processor, &ingest, &zips, "zip")?;
    build(&mut steps, processor, &others, &zips, "zip")?;

    let mut lines = Vec::new();
    let mut too_large = Vec::new();
    for name in &names {
        let zip = zips.join(name).join("bootstrap.zip");
        let size = fs::metadata(&zip).map_err(|error| format!("{} can't be read: {error}", zip.display()))?.len();
        let most = if takes_webhooks_in(name) { MOST_OF_INGEST } else { MOST };
        let verdict = if size <= most { "fits" } else { "TOO LARGE" };
        lines.push(format!("{name:<10} {:>5.2} MB   at most {:.1} MB: {verdict}", megabytes(size), megabytes(most)));
        if size > most {
            too_large.push(name.as_str());
        }
    }
    let report = format!("\n{}\n\n{}\nin {}", steps.report(), lines.join("\n"), zips.display());
    if too_large.is_empty() { Ok(report) } else { Err(format!("{report}\ntoo large: {}", too_large.join(", "))) }
}

/// Builds one function for `processor`, and returns its program.
pub(crate) fn program(steps: &mut Steps, processor: Processor, name: &str, folder: &Path) -> Result<PathBuf, String> {
    build(steps, processor, &[name.to_owned()], folder, "binary")?;
    Ok(folder.join(name).join("bootstrap"))
}

/// Builds functions into folders under `folder`.
fn build(steps: &mut Steps, processor: Processor, names: &[String], folder: &Path, format: &str) -> Result<(), String> {
    let tools = TOOLS.installed(steps)?;
    // A folder of its own: a build with other settings in the usual one would throw away each other's work.
    let built = target()?.join("package-build");
    let mut rustup = std::process::Command::new("rustup");
    steps.run("the processor's standard library", rustup.args(["target", "add", processor.target()]))?;
    let mut build = cargo(&["lambda", "build", "--release", "--locked", "--output-format", format, processor.option()]);
    build.arg("--lambda-dir").arg(folder).envs(PROFILE).env("CARGO_TARGET_DIR", &built).env("PATH", before_path(&tools)?);
    if !names.iter().any(|name| takes_webhooks_in(name)) {
        build.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", OPT_LEVEL_OF_OTHERS);
    }
    for name in names {
        build.arg("--package").arg(format!("sluice-fn-{name}"));
    }
    steps.run("building the functions", &mut build)
}

fn takes_webhooks_in(function: &str) -> bool {
    !matches!(function, "consumer" | "sweeper" | "api" | "deliver")
}

/// The search path with a folder in front, for what cargo and cargo-lambda call by name.
#[expect(clippy::disallowed_methods, reason = "the developer's own, not a setting of the gateway")]
pub(crate) fn before_path(folder: &Path) -> Result<std::ffi::OsString, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(PathBuf::from(folder)).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).map_err(|error| format!("PATH can't be put together: {error}"))
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
