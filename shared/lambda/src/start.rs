//! How a function starts.

use std::{collections::BTreeMap, process::ExitCode};

use sluice_core::{
    ports::PortError,
    settings::{LogSettings, Mode, Reader},
};

use crate::log;

/// The environment variables, as a function is started with them.
pub type Environment = BTreeMap<String, String>;

/// Why a function did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings, all that is wrong with them.
    #[error("{}", list(.0))]
    Settings(Vec<String>),
    /// The records can't be used.
    #[error("the records can't be used: {0}")]
    Store(#[from] PortError),
    /// Lambda's runtime API can't be used.
    #[error(
        "Lambda's runtime API can't be used: {0}; outside of Lambda, run the function under `cargo lambda watch` or `sam local invoke`"
    )]
    Runtime(String),
}

fn list(problems: &[String]) -> String {
    let lines: Vec<_> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    let count = problems.len();
    format!("{count} setting{} wrong:{}", if count == 1 { " is" } else { "s are" }, lines.concat())
}

/// Runs a function for as long as Lambda lets it. What keeps it from starting is logged.
pub fn run<F>(room: impl FnOnce(Environment) -> F) -> ExitCode
where
    F: Future<Output = Result<(), StartError>>,
{
    let environment = environment();
    // What is wrong with them is told with all the rest.
    log::init(LogSettings::read(&mut Reader::new(&environment), Mode::Lambda));
    // One invocation at a time: a second thread would only cost its start.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(_) if !environment.contains_key("AWS_LAMBDA_RUNTIME_API") => Err(StartError::Runtime("its address is not known".to_owned())),
        Ok(runtime) => runtime.block_on(room(environment)),
        Err(error) => Err(StartError::Runtime(error.to_string())),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function could not start");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where settings are read, once, at start")]
fn environment() -> Environment {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}
