//! Checks the SAM template, without an account.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::steps::{Steps, root};

/// What checks it, of PyPI.
const TOOLS: [&str; 3] = ["aws-sam-cli", "cfn-lint", "checkov"];

/// The versions of these and of all that they need, so that a new rule comes with a change of this file and not on some morning.
const VERSIONS: &str = "xtask/template-tools.txt";

/// Says hardly anything for minutes.
const PIP: [&str; 8] = ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "--constraint", VERSIONS];

/// Runs the linters of the template. What they are not asked stands beside the resource, or in `.checkov.yaml` if it holds for all.
pub(crate) fn check() -> Result<String, String> {
    let mut steps = Steps::default();
    let tools = Tools::installed(&mut steps)?;
    steps.run("the template as SAM takes it", tools.command("sam").args(["validate", "--lint", "--template-file", "template.yaml"]))?;
    steps.run("the template as CloudFormation takes it", tools.command("cfn-lint").arg("template.yaml"))?;
    steps.run("the template's safety", tools.command("checkov").args(["--config-file", ".checkov.yaml"]))?;
    Ok(format!("\n{}\n\nthe template passes", steps.report()))
}

/// The programs of a Python environment that holds [`TOOLS`] and nothing else: few other packages agree with them on what they need.
struct Tools(PathBuf);

impl Tools {
    /// The tools under `target/tools`, installed if these versions aren't there yet: two minutes on two cores, 525 MB.
    fn installed(steps: &mut Steps) -> Result<Self, String> {
        let folder = root().join("target/tools/template");
        let programs = folder.join("bin");
        // Written last, so that an installation that was interrupted is begun anew.
        let mark = folder.join("installed");
        let wanted = fs::read_to_string(root().join(VERSIONS)).map_err(|error| format!("{VERSIONS} can't be read: {error}"))?;
        if fs::read_to_string(&mark).is_ok_and(|found| found == wanted) {
            return Ok(Self(programs));
        }
        let mut python = Command::new("python3");
        steps.run("making a Python environment", python.args(["-m", "venv", "--clear"]).arg(&folder).stdin(Stdio::null()))?;
        let mut pip = Command::new(programs.join("python"));
        pip.args(PIP).args(TOOLS).current_dir(root()).stdin(Stdio::null());
        steps.run("installing what checks the template", &mut pip)?;
        fs::write(&mark, wanted).map_err(|error| format!("{} can't be written: {error}", mark.display()))?;
        Ok(Self(programs))
    }

    /// One of the tools, in the workspace's folder. It asks and tells nobody anything: the credentials are none, and the region only has to be one.
    fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.0.join(tool));
        command.current_dir(root()).stdin(Stdio::null());
        command.env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none").env_remove("AWS_PROFILE");
        command
    }
}
