//! What only a process on a machine can show: how it starts and ends, what it does with bad connections, and what a crash leaves.

mod connections;
mod crash;
mod disk;
mod hold;
mod hosts;
mod journey;
mod operate;
mod outgoing;
mod processes;
mod providers;
mod routes;
mod start;
mod webhooks;
mod webhooks_crash;

use sluice_tests::machine::Setup;

/// `sluice dev`.
pub(crate) fn dev() -> Setup {
    Setup::dev(binary())
}

/// `sluice serve` without settings.
fn serve() -> Setup {
    Setup::serve(binary())
}

/// The command: the one that cargo built for these tests, or one that was built otherwise and is to be tested as it is.
#[expect(clippy::disallowed_methods, reason = "the tests' own setting, not one of the gateway")]
fn binary() -> std::path::PathBuf {
    std::env::var_os("SLUICE_TEST_BINARY").map_or_else(|| env!("CARGO_BIN_EXE_sluice-under-test").into(), Into::into)
}
