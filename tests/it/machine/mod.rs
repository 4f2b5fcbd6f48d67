//! What only a process on a machine can show: how it starts and ends, what it does with bad connections, and what a crash leaves.

use sluice_tests::machine::Setup;

/// `sluice dev`.
pub(crate) fn dev() -> Setup {
    Setup::dev(env!("CARGO_BIN_EXE_sluice-under-test"))
}

/// `sluice serve` without settings.
fn serve() -> Setup {
    Setup::serve(env!("CARGO_BIN_EXE_sluice-under-test"))
}
