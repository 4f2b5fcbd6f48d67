//! The commands, run within this process.

mod help;
mod samples;
mod send;
mod server;
mod verify;

use std::cell::Cell;

use clap::Parser;
use sluice::cli::{Cli, Error, Exit, Surroundings, run};

/// The time of every run.
const NOW: i64 = 1_795_176_000;

/// What a command answered.
struct Ran {
    exit: Exit,
    output: String,
    remarks: String,
}

/// Runs a command line that clap accepts, with these settings and this standard input.
fn try_sluice(arguments: &[&str], settings: &[(&str, &str)], input: &[u8]) -> Result<Ran, Error> {
    let cli = Cli::try_parse_from(["sluice"].iter().chain(arguments)).expect("clap accepts the arguments");
    let drawn = Cell::new(0_u128);
    let mut input = input;
    let (mut output, mut remarks) = (Vec::new(), Vec::new());
    let exit = run(
        cli,
        &mut Surroundings {
            now: &|| NOW,
            random: &|| {
                drawn.set(drawn.get() + 1);
                drawn.get()
            },
            setting: &|name| settings.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned()),
            environment: &std::collections::BTreeMap::new,
            input: &mut input,
            output: &mut output,
            remarks: &mut remarks,
        },
    )?;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ok(Ran { exit, output: text(output), remarks: text(remarks) })
}

fn sluice(arguments: &[&str]) -> Ran {
    try_sluice(arguments, &[], b"").expect("the command does its work")
}

/// What clap says to arguments that it refuses, and to `--help`.
fn refused(arguments: &[&str]) -> clap::Error {
    Cli::try_parse_from(["sluice"].iter().chain(arguments)).expect_err("clap refuses the arguments")
}
