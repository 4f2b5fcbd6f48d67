//! `sluice dev` and `sluice serve`.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use clap::Args;
use sluice_core::settings::{Mode, Settings};

use super::{Error, Exit};
use crate::home::{self, HomeError};

/// What `dev` and `serve` take besides the settings.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The port to listen on, on the address of SLUICE_LISTEN (127.0.0.1 unless set)
    #[arg(long)]
    port: Option<u16>,
    /// The folder that holds the data, in place of SLUICE_DATA
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// Serves until it is asked to stop.
pub(super) fn run(mode: Mode, args: &ServeArgs, mut environment: BTreeMap<String, String>) -> Result<Exit, Error> {
    if let Some(data) = &args.data {
        environment.insert("SLUICE_DATA".to_owned(), data.to_string_lossy().into_owned());
    }
    if let Some(port) = args.port {
        let listen = environment.get("SLUICE_LISTEN").map_or("127.0.0.1:0", String::as_str);
        // One that is malformed is left as it is, to be refused with the other mistakes.
        if let Ok(mut address) = listen.trim().parse::<SocketAddr>() {
            address.set_port(port);
            environment.insert("SLUICE_LISTEN".to_owned(), address.to_string());
        }
    }
    let settings = Settings::read_and_check(mode, &environment, home::problems)
        .map_err(|problems| Error::Home(HomeError::Settings(problems.iter().map(ToString::to_string).collect())))?;
    home::init_log(settings.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build()?;
    // On one of the runtime's threads: on this one, every step of the queue's worker would have to wake another thread.
    match runtime.block_on(runtime.spawn(home::run(mode, settings))) {
        Ok(served) => served?,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
    Ok(Exit::Success)
}

/// One core is left to the thread that writes: it and these share the work, and one thread too many costs more switches than it gains.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).clamp(1, 8))
}
