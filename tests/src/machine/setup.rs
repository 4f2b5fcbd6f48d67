use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use tempfile::TempDir;

use super::{API_KEY, Machine, process::Process};

/// How a machine is set up before it starts.
#[derive(Clone)]
pub struct Setup {
    binary: PathBuf,
    mode: &'static str,
    settings: BTreeMap<String, String>,
    folder: PathBuf,
    // Removed with the last that uses it.
    _kept: Arc<TempDir>,
}

/// A start that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Setup {
    /// `sluice dev` as it is, but for a free port and a log that can be read.
    ///
    /// # Panics
    /// If there is no place for its data.
    #[must_use]
    pub fn dev(binary: impl AsRef<Path>) -> Self {
        let kept = TempDir::with_prefix("sluice-test-").expect("a temporary folder");
        let folder = kept.path().join("data");
        let setup = Self { binary: binary.as_ref().to_owned(), mode: "dev", settings: BTreeMap::new(), folder, _kept: Arc::new(kept) };
        setup.set("SLUICE_LOG_FORMAT", "json").set("RUST_BACKTRACE", "1")
    }

    /// `sluice serve` without any setting but those for a free port and a log that can be read.
    #[must_use]
    pub fn serve(binary: impl AsRef<Path>) -> Self {
        Self { mode: "serve", ..Self::dev(binary) }
    }

    /// The same with a setting.
    #[must_use]
    pub fn set(mut self, setting: &str, value: impl Into<String>) -> Self {
        self.settings.insert(setting.to_owned(), value.into());
        self
    }

    /// The same over an existing data folder.
    #[must_use]
    pub fn over(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Machine {
        match self.spawn() {
            Ok(process) => Machine::started(self, process),
            Err(refusal) => panic!("it did not start ({:?}):\n{}", refusal.code, refusal.stderr),
        }
    }

    /// Tries to start it, which must be refused.
    ///
    /// # Panics
    /// If it starts.
    #[must_use]
    #[track_caller]
    pub fn refused(&self) -> Refusal {
        match self.spawn() {
            Ok(process) => {
                process.kill();
                panic!("it started, and should have refused to");
            }
            Err(refusal) => refusal,
        }
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn change(&mut self, setting: &str, value: &str) {
        self.settings.insert(setting.to_owned(), value.to_owned());
    }

    pub(super) fn binary(&self) -> &Path {
        &self.binary
    }

    pub(super) fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    pub(super) fn api_key(&self) -> &str {
        self.settings.get("SLUICE_API_KEY").map_or(API_KEY, |keys| keys.split(',').next().unwrap_or_default())
    }

    pub(super) fn secret(&self, source: &str) -> Option<&str> {
        let setting = match source {
            "default" => "STRIPE_WEBHOOK_SECRET".to_owned(),
            source => format!("STRIPE_WEBHOOK_SECRET__{}", source.to_uppercase()),
        };
        self.settings.get(&setting)?.split(',').next()
    }

    pub(super) fn spawn(&self) -> Result<Process, Refusal> {
        // A write beyond the limit of `Machine::limit_files` is to fail, not to end the process.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#]).arg(&self.binary).args([self.mode, "--port", "0", "--data"]);
        command.arg(&self.folder).env_clear().envs(&self.settings);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Process::start(command)
    }
}
