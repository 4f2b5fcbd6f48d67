//! What a developer of Sluice runs.

mod dictionary;
mod emulator;

use std::{env, process::ExitCode};

const USAGE: &str = "usage: cargo xtask dictionary <provider> | aws-tests";

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the terminal")]
fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["dictionary", provider] => dictionary::write(provider),
        ["aws-tests"] => emulator::test(),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
