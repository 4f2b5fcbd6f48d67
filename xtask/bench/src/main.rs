//! Measures Sluice as its users meet it: a server of its own as a child process, real HTTP, a real disk.

mod clock;
mod disk;
mod figures;
mod growth;
mod http;
mod inbound;
mod isolation;
mod latency;
mod load;
mod outbound;
mod process;
mod records;
mod requests;
mod server;
mod sink;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures a Sluice of its own on this machine.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Signed webhooks, until every one is processed and its message has gone out
    Inbound(inbound::Options),
    /// The usual calls and events with few records, and with a million
    Records(growth::Options),
    /// Published events, until every delivery has come and is written down
    Outbound(outbound::Options),
    /// Verifying and naming a webhook of every scheme, beside the official Node SDKs
    Verify(verify::Options),
}

#[expect(clippy::print_stderr, reason = "a command talks to the terminal")]
fn main() -> ExitCode {
    let done = match Cli::parse().bench {
        Bench::Inbound(options) => inbound::run(&options),
        Bench::Records(options) => growth::run(&options),
        Bench::Outbound(options) => outbound::run(&options),
        Bench::Verify(options) => verify::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
