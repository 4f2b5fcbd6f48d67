//! A function under AWS's runtime interface emulator, and what the system knows of its process.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{e2e::free_address, steps::cannot_run};

const START: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

/// One environment of a function. Both processes end when this is dropped.
pub(super) struct Function {
    emulator: Child,
    address: String,
}

impl Function {
    /// Starts the emulator with a function's program, which it starts at the first event, and waits until it listens.
    #[expect(clippy::disallowed_methods, reason = "the start of another process is waited for")]
    pub(super) fn start(emulator: &Path, program: &Path, environment: &BTreeMap<String, String>) -> Result<Self, String> {
        let (address, runtime) = (free_address()?, free_address()?);
        let mut command = Command::new(emulator);
        command.args(["--runtime-interface-emulator-address", &address, "--runtime-api-address", &runtime]).arg(program);
        command.env_clear().envs(environment).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let function = Self { emulator: command.spawn().map_err(|error| cannot_run(&command, &error))?, address };
        let begun = Instant::now();
        while TcpStream::connect(&function.address).is_err() {
            if begun.elapsed() > START {
                return Err("the runtime interface emulator does not listen".to_owned());
            }
            std::thread::sleep(PAUSE);
        }
        Ok(function)
    }

    /// Hands an event to the function, which must answer 200; how long that took.
    #[expect(clippy::disallowed_methods, reason = "what is measured is wall time")]
    pub(super) fn invoke(&self, event: &str) -> Result<Duration, String> {
        let begun = Instant::now();
        let answer = self.send(event).map_err(|error| format!("the function does not answer: {error}"))?;
        let took = begun.elapsed();
        if answer.contains("\"statusCode\":200") { Ok(took) } else { Err(format!("the function has answered {answer}")) }
    }

    fn send(&self, event: &str) -> std::io::Result<String> {
        const PATH: &str = "/2015-03-31/functions/function/invocations";
        let mut connection = TcpStream::connect(&self.address)?;
        let (host, length) = (&self.address, event.len());
        write!(connection, "POST {PATH} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{event}")?;
        let mut reader = BufReader::new(connection);
        let mut answer = String::new();
        while reader.read_line(&mut answer)? > 2 {}
        reader.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// The function's process, which is the emulator's only child.
    fn process(&self) -> Result<String, String> {
        let emulator = self.emulator.id();
        let threads = fs::read_dir(format!("/proc/{emulator}/task")).map_err(|error| format!("the emulator is gone: {error}"))?;
        let children = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok()).collect::<String>();
        children.split_ascii_whitespace().next().map(str::to_owned).ok_or_else(|| "the function does not run".to_owned())
    }

    /// The CPU time of all its threads so far, as the scheduler counts it (<https://docs.kernel.org/scheduler/sched-stats.html>).
    pub(super) fn cpu(&self) -> Result<Duration, String> {
        let process = self.process()?;
        let threads = fs::read_dir(format!("/proc/{process}/task")).map_err(|error| format!("the function is gone: {error}"))?;
        let time = |thread: std::io::Result<fs::DirEntry>| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        };
        Ok(Duration::from_nanos(threads.filter_map(time).sum()))
    }

    /// The most memory it has had at once, bytes.
    pub(super) fn peak_memory(&self) -> Result<u64, String> {
        let process = self.process()?;
        let status = fs::read_to_string(format!("/proc/{process}/status")).map_err(|error| format!("the function is gone: {error}"))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| "the system does not tell the function's memory".to_owned())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // Asked to, it ends its function with itself.
        let _ = Command::new("kill").arg(self.emulator.id().to_string()).status();
        let _ = self.emulator.wait();
    }
}
