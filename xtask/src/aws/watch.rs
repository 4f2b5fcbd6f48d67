//! `cargo lambda watch`, while it runs.

use std::{
    collections::BTreeMap,
    os::unix::process::CommandExt,
    process::{Child, Command},
    time::{Duration, Instant},
};

use crate::{
    package,
    steps::{Steps, cannot_run, cargo},
};

/// Far more than building a function takes.
const BUILD: Duration = Duration::from_mins(15);
const PAUSE: Duration = Duration::from_millis(500);

/// A function under `cargo lambda watch`. Both end when this is dropped.
pub(super) struct Watch(Child);

impl Watch {
    /// Starts Stripe's function with this environment, to be reached at `address`.
    pub(super) fn start(steps: &mut Steps, address: &str, environment: &BTreeMap<String, String>) -> Result<Self, String> {
        let tools = package::TOOLS.installed(steps)?;
        let (host, port) = address.rsplit_once(':').unwrap_or_default();
        let mut watch = cargo(&["lambda", "watch", "--package", "sluice-fn-stripe", "--ignore-changes", "--disable-cors"]);
        watch.args(["--invoke-address", host, "--invoke-port", port]);
        watch.envs(environment).env("PATH", package::before_path(&tools)?);
        // A group of its own, to be ended with all that it starts.
        watch.process_group(0);
        watch.spawn().map(Self).map_err(|error| cannot_run(&watch, &error))
    }

    /// Asks until it is so. The function is built by the first request, which is not waited for that long.
    #[expect(clippy::disallowed_methods, reason = "the start of another process is waited for")]
    pub(super) fn until_built(&self, mut asked: impl FnMut() -> Result<bool, String>) -> Result<(), String> {
        let begun = Instant::now();
        while !asked()? {
            if begun.elapsed() > BUILD {
                return Err("cargo lambda watch does not run the function".to_owned());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // What fails here has ended already.
        let _ = Command::new("kill").arg("--").arg(format!("-{}", self.0.id())).status();
        let _ = self.0.wait();
    }
}
