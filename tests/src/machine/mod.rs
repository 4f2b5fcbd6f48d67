//! The home on one machine: the built command as a process of its own, over a data folder of its own.

mod data;
mod process;
mod setup;
mod spawned;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use rustix::process::{Resource, Rlimit, Signal};
use sluice_core::{
    provider,
    secrets::DEFAULT_SOURCE,
    settings::{DEV_API_KEY, DEV_SECRET},
};

use self::{data::check_database, process::Process};
pub use self::{
    data::{Leftovers, bury, leftovers},
    setup::{Refusal, Setup},
    spawned::Spawned,
};
use crate::{Channel, Client, Home, LONG, Sent, wait::until_or};

/// A gateway on this machine.
///
/// When it is dropped it is stopped as an operator would stop it, and the world must be clean: it ends with success, its database is whole, and
/// nothing is left in it that was not allowed to be. A test that has failed already is not held to that; its log is shown.
pub struct Machine {
    setup: Setup,
    process: Option<Process>,
    client: Client,
    allowed: Leftovers,
    log_at_end: String,
}

impl Machine {
    fn started(setup: Setup, process: Process) -> Self {
        let client = Client::new(&process.url(), Some(setup.api_key()));
        Self { setup, process: Some(process), client, allowed: Leftovers::default(), log_at_end: String::new() }
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.setup.folder()
    }

    /// `http://host:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.process().url()
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        self.process().address.clone()
    }

    /// What it has logged and printed since it was started, line by line.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.process().log()
    }

    /// What may be left when the test ends.
    pub fn may_leave(&mut self, leftovers: Leftovers) {
        self.allowed = leftovers;
    }

    /// Kills the process, as a power cut would end it but for what the system has not written to the disk yet.
    pub fn kill(&mut self) {
        self.process.take().expect("it runs").kill();
    }

    /// Asks it to stop, and waits until it has.
    ///
    /// # Panics
    /// If it does not end with success.
    #[track_caller]
    pub fn stop(&mut self) {
        let process = self.process.take().expect("it runs");
        let (code, log) = process.stop();
        assert_eq!(code, Some(0), "it was asked to stop and did not end with success:\n{log}");
        self.log_at_end = log;
    }

    /// Asks it to stop, and does not wait.
    pub fn ask_to_stop(&self) {
        self.process().ask_to_stop();
    }

    /// What it had logged and printed when it was last stopped.
    #[must_use]
    pub fn log_at_end(&self) -> &str {
        &self.log_at_end
    }

    /// Starts it again on the same data.
    ///
    /// # Panics
    /// If it runs, or does not start.
    #[track_caller]
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let process = self.setup.spawn().unwrap_or_else(|refusal| panic!("it did not start again:\n{}", refusal.stderr));
        self.client = Client::new(&process.url(), Some(self.setup.api_key()));
        self.process = Some(process);
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, setting: &str, value: &str) {
        self.setup.change(setting, value);
    }

    /// Runs the same command with other arguments beside it, with the same settings.
    ///
    /// # Panics
    /// If it can't be run.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.setup.binary());
        command.args(arguments).env_clear().envs(self.setup.settings()).stdin(Stdio::null());
        command.output().expect("the command can be run")
    }

    /// Starts a command of the same binary with the same settings, that runs until it is interrupted.
    ///
    /// # Panics
    /// If it can't be run.
    #[must_use]
    pub fn spawn(&self, arguments: &[&str]) -> Spawned {
        let mut command = Command::new(self.setup.binary());
        command.args(arguments).env_clear().envs(self.setup.settings()).stdin(Stdio::null()).stdout(Stdio::piped());
        Spawned::of(command.spawn().expect("the command can be run"))
    }

    /// Lets no file grow beyond `bytes` any more, or any file again. What is written beyond fails as on a disk that is full.
    ///
    /// # Panics
    /// If the system does not allow it.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        rustix::process::prlimit(Some(self.process().pid()), Resource::Fsize, limit).expect("this user's own process");
    }

    /// Waits until nothing is left to do that does not wait for a time.
    #[track_caller]
    pub fn quiet(&self) {
        let mut last = Leftovers::default();
        let quiet = until_or("all to be quiet", LONG, || {
            last = leftovers(self.folder());
            (last == self.allowed).then_some(())
        });
        if let Err(in_vain) = quiet {
            panic!("{in_vain}; what is left: {last:?}");
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }
}

impl Home for Machine {
    fn client(&self) -> Client {
        self.client.clone()
    }

    fn secret(&self) -> &str {
        self.setup.secret(DEFAULT_SOURCE).unwrap_or(DEV_SECRET)
    }

    fn secret_of(&self, provider: &str) -> String {
        let provider = provider::by_name(provider).expect("a provider");
        self.setup.settings().get(provider.secret_setting()).map_or(provider.dev_secret(), String::as_str).to_owned()
    }

    fn public_url(&self) -> String {
        let (_, port) = self.process().address.rsplit_once(':').expect("host and port");
        format!("http://localhost:{port}")
    }

    /// What `dev` captured.
    fn sent(&self) -> Vec<Sent> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let entries = self.client.list("/api/v1/dev/outbox");
        let newest_first = entries.iter().map(|entry| Sent {
            channel: if entry["channel"] == "sms" { Channel::Text } else { Channel::Mail },
            to: text(&entry["to"]),
            subject: text(&entry["subject"]),
            text: text(&entry["text"]),
            event: entry["event"].as_str().map(str::to_owned),
        });
        newest_first.rev().collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            if let Some(process) = self.process.take() {
                process.show_log();
                process.kill();
            }
            return;
        }
        if self.process.is_some() {
            self.quiet();
            self.stop();
        }
        check_database(self.folder());
        assert_eq!(leftovers(self.folder()), self.allowed, "what is left when all is done");
    }
}

fn signal(pid: rustix::process::Pid, signal: Signal) {
    // Fails on a process that has ended meanwhile, which is what was wanted.
    let _ = rustix::process::kill_process(pid, signal);
}

/// The name of the database within a data folder.
pub const DATABASE: &str = "sluice.db";

fn database(folder: &Path) -> PathBuf {
    folder.join(DATABASE)
}

/// The API key of a [`Machine`] unless set otherwise.
pub const API_KEY: &str = DEV_API_KEY;
