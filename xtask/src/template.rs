//! Checks the SAM template, without an account.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{
    python::Packages,
    steps::{Steps, root},
};

/// What checks it. Few other packages agree with these on what they need. Two minutes on two cores, 525 MB.
const TOOLS: Packages<'static> =
    Packages { folder: "template", packages: &["aws-sam-cli", "cfn-lint", "checkov"], versions: "xtask/template-tools.txt" };

/// Runs the linters of the template. What they are not asked stands beside the resource, or in `.checkov.yaml` if it holds for all.
pub(crate) fn check() -> Result<String, String> {
    let mut steps = Steps::default();
    let tools = Tools::installed(&mut steps)?;
    steps.run("the template as SAM takes it", tools.command("sam").args(["validate", "--lint", "--template-file", "template.yaml"]))?;
    steps.run("the template as CloudFormation takes it", tools.command("cfn-lint").arg("template.yaml"))?;
    steps.run("the template's safety", tools.command("checkov").args(["--config-file", ".checkov.yaml"]))?;
    Ok(format!("\n{}\n\nthe template passes", steps.report()))
}

/// The programs that know the template.
pub(crate) struct Tools(PathBuf);

impl Tools {
    /// The tools, installed if they aren't there yet.
    pub(crate) fn installed(steps: &mut Steps) -> Result<Self, String> {
        TOOLS.installed(steps).map(Self)
    }

    /// AWS's runtime interface emulator, which `sam local invoke` brings along.
    pub(crate) fn interface_emulator(&self) -> Result<PathBuf, String> {
        let libraries = self.0.join("../lib");
        let entries = fs::read_dir(&libraries).map_err(|error| format!("{} can't be read: {error}", libraries.display()))?;
        let name = if cfg!(target_arch = "aarch64") { "aws-lambda-rie-arm64" } else { "aws-lambda-rie-x86_64" };
        let mut candidates = entries.filter_map(Result::ok).map(|python| python.path().join("site-packages/samcli/local/rapid").join(name));
        candidates.find(|path| path.exists()).ok_or_else(|| format!("there is no {name} in {}", libraries.display()))
    }

    /// One of them, in the workspace's folder. It asks and tells nobody anything: the credentials are none, and the region only has to be one.
    pub(crate) fn command(&self, tool: &str) -> Command {
        let mut command = Command::new(self.0.join(tool));
        command.current_dir(root()).stdin(Stdio::null());
        command.env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", REGION);
        command.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none").env_remove("AWS_PROFILE");
        command
    }
}

/// Where it would be deployed.
pub(crate) const REGION: &str = "us-east-1";
