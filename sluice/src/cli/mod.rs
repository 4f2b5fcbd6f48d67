//! The command line.

mod backup;
mod client;
mod listen;
mod operate;
mod post;
mod print;
pub mod send;
mod serve;
pub mod verify;
mod webhooks;

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand, builder::PossibleValuesParser};

use sluice_core::{
    ids::is_source,
    provider::{self, Provider},
    secrets::DEFAULT_SOURCE,
};

use crate::home::HomeError;
use sluice_core::settings::Mode;

/// A webhook gateway: verified, applied exactly once, passed on until delivered.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `sluice` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve on this machine for development: everything has a default, mails and texts are captured
    Dev(serve::ServeArgs),
    /// Serve in production on this machine: settings only, see the README's table
    Serve(serve::ServeArgs),
    /// Sign a sample event and post it, as the provider would
    Send(send::Args),
    /// Explain a signature: which secret fits, how old it is, what probably went wrong
    Verify(verify::Args),
    /// Have events planned again from their stored bodies
    Replay(operate::ReplayArgs),
    /// Say of parked events that nothing is to come of them
    Dismiss(operate::DismissArgs),
    /// Look after the messages that killed or outlived every try to handle them
    #[command(subcommand)]
    Dlq(operate::DlqCommand),
    /// Look after who is sent webhooks
    #[command(subcommand)]
    Subscriptions(webhooks::SubscriptionsCommand),
    /// Look after the webhooks that are sent to them
    #[command(subcommand)]
    Deliveries(webhooks::DeliveriesCommand),
    /// Publish an event to whoever subscribed to it
    Publish(webhooks::PublishArgs),
    /// Receive here what a gateway on this machine would deliver, show it, and pass it on to a receiver that is being developed
    ///
    /// It makes a subscription for as long as it runs, to an address of this machine. No gateway but one on this machine can reach that, and only where webhooks
    /// may go to loopback, as in `sluice dev`. For a gateway elsewhere, let a tunnel lead to your receiver, and subscribe the tunnel's URL with `sluice
    /// subscriptions create`.
    Listen(listen::ListenArgs),
    /// Copy a data folder consistently, also while Sluice runs on it
    Backup(backup::BackupArgs),
}

/// How a command ended, where it could do its work at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is so. Exit code 0.
    Success,
    /// It is not so: a signature does not fit, an answer was no 2xx. Exit code 1.
    Failure,
}

/// Why a command could not do its work. Exit code 2, as for what clap refuses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The arguments or the settings do not go together, or name something that is not there.
    #[error("{0}")]
    Usage(String),
    /// The gateway could not start.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The answer could not be written to where it was to go.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
}

/// What a command has around it, handed in so that tests can set it.
pub struct Surroundings<'a> {
    /// The time, in seconds since the Unix epoch.
    pub now: &'a dyn Fn() -> i64,
    /// A number that nobody can guess and that never comes twice.
    pub random: &'a dyn Fn() -> u128,
    /// The setting of that name, if it is there and not empty.
    pub setting: &'a dyn Fn(&str) -> Option<String>,
    /// All settings.
    pub environment: &'a dyn Fn() -> BTreeMap<String, String>,
    /// Where a body is read from if no file is named.
    pub input: &'a mut dyn Read,
    /// Where the answer goes.
    pub output: &'a mut dyn Write,
    /// Where remarks go, which are no part of the answer.
    pub remarks: &'a mut dyn Write,
}

/// Runs the command of this process's arguments.
#[must_use]
#[expect(clippy::print_stderr, reason = "this is where errors reach the person at the terminal")]
pub fn main() -> ExitCode {
    let mut input = io::stdin();
    let mut output = io::stdout();
    let mut remarks = io::stderr();
    let mut surroundings = Surroundings {
        now: &system_time,
        random: &system_random,
        setting: &system_setting,
        environment: &system_environment,
        input: &mut input,
        output: &mut output,
        remarks: &mut remarks,
    };
    match run(Cli::parse(), &mut surroundings) {
        Ok(Exit::Success) => ExitCode::SUCCESS,
        Ok(Exit::Failure) => ExitCode::FAILURE,
        // Whoever reads has had enough (`| head`).
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs a command.
///
/// # Errors
/// [`Error`], if it could not do its work.
pub fn run(cli: Cli, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    match cli.command {
        Command::Send(args) => send::run(&args, surroundings),
        Command::Verify(args) => verify::run(&args, surroundings),
        Command::Dev(args) => serve::run(Mode::Dev, &args, (surroundings.environment)()),
        Command::Serve(args) => serve::run(Mode::Serve, &args, (surroundings.environment)()),
        Command::Replay(args) => operate::replay(&args, surroundings),
        Command::Dismiss(args) => operate::dismiss(&args, surroundings),
        Command::Dlq(command) => operate::dlq(&command, surroundings),
        Command::Subscriptions(command) => webhooks::subscriptions(&command, surroundings),
        Command::Deliveries(command) => webhooks::deliveries(&command, surroundings),
        Command::Publish(args) => webhooks::publish(&args, surroundings),
        Command::Listen(args) => listen::run(&args, surroundings),
        Command::Backup(args) => backup::run(&args, surroundings),
    }
}

fn provider_names() -> PossibleValuesParser {
    PossibleValuesParser::new(provider::ALL.iter().map(|provider| provider.name()))
}

/// Reads the name of a source.
fn source(text: &str) -> Result<String, String> {
    if is_source(text) { Ok(text.to_owned()) } else { Err("a source has 1 to 32 characters out of a-z 0-9 _".to_owned()) }
}

/// The setting that holds the secrets of a provider's source.
fn secret_setting(provider: &dyn Provider, source: &str) -> String {
    match source {
        DEFAULT_SOURCE => provider.secret_setting().to_owned(),
        _ => format!("{}__{}", provider.secret_setting(), source.to_ascii_uppercase()),
    }
}

/// Reads a header as a person writes it.
fn header(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once(':') {
        Some((name, value)) if http::HeaderName::from_bytes(name.as_bytes()).is_ok() => Ok((name.to_owned(), value.trim().to_owned())),
        _ => Err("write it as 'Name: value'"),
    }
}

fn usage(problem: impl Into<String>) -> Error {
    Error::Usage(problem.into())
}

#[expect(clippy::disallowed_methods, reason = "the command is where the wall clock comes in")]
fn system_time() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "the command is where randomness comes in")]
fn system_random() -> u128 {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    u128::from_le_bytes(bytes)
}

#[expect(clippy::disallowed_methods, reason = "these commands need one secret, not the settings of a running gateway")]
fn system_setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::disallowed_methods, reason = "this is where the settings come in, read once")]
fn system_environment() -> BTreeMap<String, String> {
    std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())).collect()
}
