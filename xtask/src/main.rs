//! What a developer of Sluice runs. Each step of the continuous integration is one of these commands, so that it can be run by hand.

mod aws;
mod bench;
mod check;
mod dictionary;
mod e2e;
mod emulator;
mod functions;
mod package;
mod python;
mod steps;
mod tally;
mod template;
mod test;
mod tool;

use std::{env, process::ExitCode};

const USAGE: &str = "\
usage: cargo xtask <command>

  test [--quick]          run all tests; --quick leaves out those of the built binary, on the AWS emulator, and the examples in the documentation
  aws-tests               run the contracts and tests of the AWS adapters on an emulator, which is installed first
  aws up                  keep an AWS emulator running with the template's table, queues and secrets, for functions under cargo lambda watch or sam
  aws test                have cargo lambda watch build and run a function on such an emulator, and send it webhooks
  e2e [filter]            deploy the template to the emulator and test the functions from outside; only the tests whose names contain the filter
  check                   formatting, clippy, documentation, licences and duplicate dependencies
  template                check the SAM template: sam validate, cfn-lint, checkov
  bench inbound [...]     measure the way of an event through a server of its own; --help tells the options
  bench records [...]     measure the usual calls and events with few records and with a million; --help tells the options
  bench outbound [...]    measure the way of a webhook to its subscribers, over HTTP; --help tells the options
  bench verify            measure verifying and naming of every scheme, beside the official Node SDKs (needs Node 20)
  bench cost              compute what an event costs on AWS, by kind and item, and hold it to its bounds
  bench lambda [program]  measure Stripe's function as it is packaged (or one packaged before) beside the same job in Node; needs npm and openssl
  package [arm64|x86_64]  build the functions as they are deployed, zipped, and hold them to their sizes; slow
  dictionary <provider>   train the dictionary that a provider's bodies are compressed with";

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to the terminal")]
fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["test"] => test::run(test::Extent::Everything),
        ["test", "--quick"] => test::run(test::Extent::Quick),
        ["check"] => check::run(),
        ["template"] => template::check(),
        ["bench", "cost"] => bench::cost(),
        ["bench", "lambda"] => bench::lambda::run(None),
        ["bench", "lambda", built] if !built.starts_with('-') => bench::lambda::run(Some(built)),
        ["bench", "cost" | "lambda", ..] => Err(USAGE.to_owned()),
        ["bench", ref options @ ..] => bench::run(options),
        ["package"] | ["package", "arm64"] => package::run(package::Processor::Arm64),
        ["package", "x86_64"] => package::run(package::Processor::X86_64),
        ["dictionary", provider] => dictionary::write(provider),
        ["aws", "up"] => aws::up(),
        ["aws", "test"] => test::part(aws::test),
        ["aws-tests"] => test::part(emulator::test),
        ["e2e"] => test::part(|steps| e2e::run(steps, e2e::ALL)),
        ["e2e", filter] => test::part(|steps| e2e::run(steps, filter)),
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
