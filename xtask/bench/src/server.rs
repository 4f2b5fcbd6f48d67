//! The server that is measured: `sluice dev`, a process of its own on a data folder of its own, with its usual log.
//!
//! It is `dev` because that captures the messages that go out. A capture is one more durable commit for each message, and so costs the disk
//! more than a mail server nearby would; nothing else differs from `serve`.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::clock;

/// The secret that events are signed with.
pub(crate) const STRIPE_SECRET: &str = "whsec_of_the_bench_alone";
/// The API's key, as a header's value.
pub(crate) const BEARER: &str = "Bearer sluice_key_of_the_bench_alone";

/// How long it may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running server. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the `sluice` that was built beside this program, on a fresh data folder within `folder`.
    pub(crate) fn start(folder: &Path) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| format!("this program can't find itself: {error}"))?;
        let program = own.with_file_name("sluice");
        let file = |name| File::create(folder.join(name)).map_err(|error| format!("{} can't be written: {error}", folder.display()));
        let mut command = Command::new(&program);
        command.args(["dev", "--port", "0", "--data"]).arg(folder.join("data"));
        command.env_clear().env("STRIPE_WEBHOOK_SECRET", STRIPE_SECRET).env("SLUICE_API_KEY", BEARER.trim_start_matches("Bearer "));
        command.stdin(Stdio::null()).stdout(file("stdout")?).stderr(file("log")?);
        let child = command.spawn().map_err(|error| format!("{} can't be run: {error}; use cargo xtask bench", program.display()))?;
        let mut server = Self { child, folder: folder.to_owned(), address: ([0, 0, 0, 0], 0).into() };
        let address = clock::wait_for(PATIENCE, || match server.exited()? {
            Some(status) => Err(format!("the server has ended with {status}: {}", server.log())),
            None => Ok(address_in(&server.log())),
        })?;
        server.address = address.ok_or_else(|| format!("the server does not say where it listens: {}", server.log()))?;
        Ok(server)
    }

    /// The process id.
    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// The database's file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("data/sluice.db")
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        let asked = Command::new("kill").args(["-TERM", &self.pid()]).status();
        asked.map_err(|error| format!("the server can't be asked to stop: {error}"))?;
        match clock::wait_for(PATIENCE, || self.exited())? {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("the server has stopped with {status}: {}", self.log())),
            None => Err(format!("the server does not stop: {}", self.log())),
        }
    }

    fn exited(&mut self) -> Result<Option<std::process::ExitStatus>, String> {
        self.child.try_wait().map_err(|error| format!("the server can't be waited for: {error}"))
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails if it has ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(log: &str) -> Option<SocketAddr> {
    let (_, after) = log.split_once("listening on http://")?;
    // Only once the line is there as a whole.
    after.split_once('\n')?.0.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_once_its_line_is_whole() {
        assert_eq!(address_in("INFO listening on http://127.0.0.1:40"), None);
        assert_eq!(address_in("INFO data in x\nINFO listening on http://127.0.0.1:4000\n"), Some(([127, 0, 0, 1], 4000).into()));
    }
}
