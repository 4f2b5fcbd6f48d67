//! Measures Sluice as its users meet it: a server of its own as a child process, real HTTP, a real disk.

mod clock;
mod disk;
mod figures;
mod http;
mod inbound;
mod latency;
mod load;
mod process;
mod records;
mod requests;
mod server;

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
}

#[expect(clippy::print_stderr, reason = "a command talks to the terminal")]
fn main() -> ExitCode {
    let Cli { bench: Bench::Inbound(options) } = Cli::parse();
    match inbound::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
