//! The official Node SDKs, installed under `target/peers` from `bench/peers/verify` with the versions that its lock file names.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;

use super::cases::Case;

/// The SDKs, ready to be measured.
pub(crate) struct Peers {
    folder: PathBuf,
}

/// What an SDK takes, in microseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Figures {
    pub(crate) size: usize,
    /// To verify.
    #[serde(rename = "verify_us")]
    pub(crate) verify: f64,
    /// To verify and read the body as a handler does.
    #[serde(rename = "named_us")]
    pub(crate) named: f64,
}

impl Peers {
    /// Installs them, unless these versions are there.
    pub(crate) fn install() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = root.join("target/peers/verify");
        let problem = |error: std::io::Error| format!("{} can't be made: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(problem)?;
        let installed = fs::read(folder.join("package-lock.json")).ok();
        for file in ["package.json", "package-lock.json", "measure.mjs"] {
            fs::copy(root.join("bench/peers/verify").join(file), folder.join(file)).map_err(problem)?;
        }
        let wanted = fs::read(folder.join("package-lock.json")).map_err(problem)?;
        if installed != Some(wanted) || !folder.join("node_modules").is_dir() {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder).stdout(Stdio::null());
            let done = npm.status().map_err(|error| format!("npm can't be run: {error}; install Node 20 or later, or give --alone"))?;
            if !done.success() {
                return Err(format!("npm ci in {} has failed: {done}", folder.display()));
            }
        }
        Ok(Self { folder })
    }

    /// Measures the SDK `peer` on these requests.
    pub(crate) fn measure(&self, peer: &str, name: &str, cases: &[(usize, Case)], now: i64) -> Result<Vec<Figures>, String> {
        let cases: Vec<_> = cases
            .iter()
            .map(|(size, case)| {
                let headers: serde_json::Map<_, _> = case.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
                let body = STANDARD.encode(&case.body);
                json!({ "peer": peer, "name": name, "size": size, "headers": headers, "url": case.url, "body": body, "secret": case.secret, "now": now })
            })
            .collect();
        let file = self.folder.join("cases.json");
        fs::write(&file, json!(cases).to_string()).map_err(|error| format!("{} can't be written: {error}", file.display()))?;
        let mut node = Command::new("node");
        node.arg("measure.mjs").arg(&file).current_dir(&self.folder).stderr(Stdio::inherit());
        let output = node.output().map_err(|error| format!("node can't be run: {error}; install Node 20 or later, or give --alone"))?;
        if !output.status.success() {
            return Err(format!("the SDK for {name} could not be measured: {}", output.status));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().map(|line| serde_json::from_str(line).map_err(|error| format!("not a figure: {line}: {error}"))).collect()
    }
}
