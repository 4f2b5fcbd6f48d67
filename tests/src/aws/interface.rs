use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Client, LONG, until};

/// A function under AWS's own runtime interface emulator, which is what `sam local invoke` runs it under: one environment, without a gateway or a queue.
pub struct Interface {
    process: Child,
    client: Client,
}

impl Interface {
    /// Starts `emulator` with a function's program and its environment.
    pub(super) fn start(emulator: &Path, bootstrap: &Path, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let (address, runtime) = (free(), free());
        let mut command = Command::new(emulator);
        command.args(["--runtime-interface-emulator-address", &address.to_string(), "--runtime-api-address", &runtime.to_string()]);
        command.arg(bootstrap).env_clear().env("_HANDLER", "bootstrap").envs(environment);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", emulator.display()));
        let client = Client::new(&format!("http://{address}"), None);
        Self { process, client }
    }

    /// Hands an event to the function, and returns its answer.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn invoke(&self, event: &Value) -> Value {
        const PATH: &str = "/2015-03-31/functions/function/invocations";
        // It takes some time until it listens.
        let answer = until("the runtime interface emulator to answer", LONG, || self.client.try_post(PATH, event).ok());
        answer.expect(200).json()
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        // Asked to, it ends its function with itself. Fails on one that has ended already.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let _ = self.process.wait();
    }
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port")
}
