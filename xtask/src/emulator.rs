//! The AWS emulator, and the tests of the adapters that run on it.

use std::path::PathBuf;

use crate::{
    python::Packages,
    steps::{Steps, cargo},
    tally::{Ended, Tally},
};

/// ministack is the emulator that knows all of what Sluice uses; `aws-sam-translator` is AWS's own, with which it reads a SAM template.
const EMULATOR: Packages<'static> =
    Packages { folder: "emulator", packages: &["ministack", "aws-sam-translator"], versions: "xtask/emulator-tools.txt" };

/// The emulator's program, installed if it isn't there yet.
pub(crate) fn installed(steps: &mut Steps) -> Result<PathBuf, String> {
    Ok(EMULATOR.installed(steps)?.join("ministack"))
}

/// Runs the tests of the AWS adapters on an emulator of their own.
pub(crate) fn test(steps: &mut Steps) -> Result<(Tally, Ended), String> {
    let emulator = installed(steps)?;
    let mut tests = cargo(&["test", "--workspace", "--features", "sluice-aws/emulator", "--test", "emulator"]);
    steps.run_as("the AWS adapters on the emulator", tests.env("SLUICE_EMULATOR", &emulator), Tally::of)
}
