//! Programs of PyPI, each set of them in a Python environment of its own under `target/tools`.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::steps::{Steps, root};

/// Says hardly anything for minutes.
const PIP: [&str; 6] = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"];

/// What an environment holds.
pub(crate) struct Packages<'a> {
    /// The name of its folder.
    pub(crate) folder: &'a str,
    /// What is installed.
    pub(crate) packages: &'a [&'a str],
    /// A file in the workspace with the versions of all that is installed, and of what that needs.
    pub(crate) versions: &'a str,
}

impl Packages<'_> {
    /// The folder of the programs, installed if these versions aren't there yet.
    pub(crate) fn installed(&self, steps: &mut Steps) -> Result<PathBuf, String> {
        let folder = root().join("target/tools").join(self.folder);
        let programs = folder.join("bin");
        // Written last, so that an installation that was interrupted is begun anew.
        let mark = folder.join("installed");
        let versions = root().join(self.versions);
        let wanted = fs::read_to_string(&versions).map_err(|error| format!("{} can't be read: {error}", self.versions))?;
        if fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
            return Ok(programs);
        }
        let mut python = Command::new("python3");
        steps.run("making a Python environment", python.args(["-m", "venv", "--clear"]).arg(&folder).stdin(Stdio::null()))?;
        let mut pip = Command::new(programs.join("python"));
        pip.args(PIP).arg("--constraint").arg(self.versions).args(self.packages).current_dir(root()).stdin(Stdio::null());
        steps.run("installing programs of PyPI", &mut pip)?;
        fs::write(&mark, wanted).map_err(|error| format!("{} can't be written: {error}", mark.display()))?;
        Ok(programs)
    }
}
