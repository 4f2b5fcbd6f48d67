//! The functions' programs, laid out as Lambda wants them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    functions,
    steps::{Steps, cargo, target},
};

/// Builds them as quickly as can be, and puts each into a folder of its own as `bootstrap`. Returns the folder of these folders.
///
/// They are built with all else, as the tests are, so that both share their dependencies. The emulator runs what this machine runs, whatever the template
/// says of processors.
pub(super) fn build(steps: &mut Steps, folder: &Path) -> Result<PathBuf, String> {
    steps.run("building the functions", &mut cargo(&["build", "--workspace", "--bins", "--locked"]))?;
    let programs = target()?.join("debug");
    for name in functions::names()? {
        let own = folder.join("functions").join(&name);
        fs::create_dir_all(&own).map_err(|error| format!("{} can't be made: {error}", own.display()))?;
        // Without what a debugger wants it is a tenth of the size, and is uploaded and unpacked as quickly.
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(own.join("bootstrap")).arg(programs.join(&name)).stdin(Stdio::null());
        steps.run("making a function small", &mut strip)?;
    }
    Ok(folder.join("functions"))
}
