//! Prints what an event costs on AWS. Fails if a kind costs more than it is to.

use std::process::ExitCode;

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the terminal")]
fn main() -> ExitCode {
    match sluice_cost::all() {
        Ok(bills) => {
            println!("{}", sluice_cost::report(&bills));
            let held = bills.iter().all(|(case, bill)| case.aim.is_none_or(|aim| bill.dollars() <= aim));
            if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}
