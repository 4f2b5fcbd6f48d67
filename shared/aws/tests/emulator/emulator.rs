//! An emulator as a child process.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Weak},
    time::Duration,
};

use sluice_core::ports::Clock;
use sluice_system::SystemClock;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Mutex,
};

/// A running emulator, shared by the tests that run at the same time and ended with the last of them.
pub(crate) struct Emulator {
    port: u16,
    process: Child,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Fails on one that has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Emulator {
    /// The one that is running, or a new one.
    pub(crate) async fn shared() -> Arc<Self> {
        static RUNNING: Mutex<Weak<Emulator>> = Mutex::const_new(Weak::new());
        let mut running = RUNNING.lock().await;
        if let Some(emulator) = running.upgrade() {
            return emulator;
        }
        let emulator = Arc::new(Self::start().await);
        *running = Arc::downgrade(&emulator);
        emulator
    }

    async fn start() -> Self {
        let program =
            super::home::variable("SLUICE_EMULATOR").expect("run these tests with `cargo xtask aws-tests`, which installs the emulator");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let process = Command::new(&program)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .env("IOT_MTLS_ENABLED", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} can't be started: {error}; `cargo xtask aws-tests` installs it"));
        let emulator = Self { port, process };
        for _ in 0..600 {
            if emulator.get("/_ministack/health").await.is_some_and(|answer| answer.contains("dynamodb")) {
                return emulator;
            }
            SystemClock.sleep(Duration::from_millis(100)).await;
        }
        panic!("{program} does not answer after a minute");
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What the emulator answers on one of its own paths; `None` if it does not.
    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }
}
