//! The functions' programs, zipped as Lambda wants them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    functions,
    steps::{Steps, cargo, target},
};

/// The most that a zip may come to here, bytes: far more than one of `cargo xtask package`, because nothing is done to make it small, and yet little enough
/// to show when a function takes in what it has no use for.
const MOST: u64 = 14_000_000;

/// What zips and unpacks.
const ZIPS: &str = include_str!("zips.py");

/// The functions in a folder: each as it is deployed, `NAME.zip`, and `unpacked/NAME/bootstrap` out of it.
pub(super) struct Built(PathBuf);

impl Built {
    /// The zip of a function.
    pub(super) fn zip(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.zip"))
    }

    /// The folder of what they hold.
    pub(super) fn unpacked(&self) -> PathBuf {
        self.0.join("unpacked")
    }
}

/// Builds them as quickly as can be.
///
/// They are built with all else, as the tests are, so that both share their dependencies. The emulator runs what this machine runs, whatever the template
/// says of processors.
pub(super) fn build(steps: &mut Steps, folder: &Path) -> Result<Built, String> {
    steps.run("building the functions", &mut cargo(&["build", "--workspace", "--bins", "--locked"]))?;
    let programs = target()?.join("debug");
    let folder = folder.join("functions");
    let names = functions::names()?;
    for name in &names {
        let own = folder.join(name);
        fs::create_dir_all(&own).map_err(|error| format!("{} can't be made: {error}", own.display()))?;
        // Without what a debugger wants it is a tenth of the size, and is uploaded and unpacked as quickly.
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(own.join("bootstrap")).arg(programs.join(name)).stdin(Stdio::null());
        steps.run("making a function small", &mut strip)?;
    }
    let mut zip = Command::new("python3");
    steps.run("zipping the functions", zip.args(["-c", ZIPS]).arg(&folder).args(&names).stdin(Stdio::null()))?;
    let built = Built(folder);
    for name in &names {
        let zip = built.zip(name);
        let size = fs::metadata(&zip).map_err(|error| format!("{} can't be read: {error}", zip.display()))?.len();
        if size > MOST {
            return Err(format!("{} has {size} bytes, more than {MOST}: see what has come into it with `cargo tree`", zip.display()));
        }
    }
    Ok(built)
}
