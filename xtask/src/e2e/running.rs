//! The emulator while it runs.

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::free_address;
use crate::{steps::cannot_run, template::REGION};

/// Far more than it takes.
const START: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// An emulator of AWS on this machine, with nothing in it. It ends when this is dropped.
pub(crate) struct Emulator {
    process: Child,
    address: String,
    log: PathBuf,
}

impl Emulator {
    /// Starts it and waits until it answers.
    #[expect(clippy::disallowed_methods, reason = "the start of another process is waited for")]
    pub(crate) fn start(program: &Path, folder: &Path) -> Result<Self, String> {
        let address = free_address()?;
        let (_, port) = address.rsplit_once(':').unwrap_or_default();
        let log = folder.join("emulator.log");
        let written = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (stdout, stderr) = written.map_err(|error| format!("{} can't be written: {error}", log.display()))?;
        let mut command = Command::new(program);
        // What functions inherit is what the emulator has; they are to have what the template says.
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", folder).env("AWS_REGION", REGION);
        command.env("GATEWAY_PORT", port).env("BIND_HOST", "127.0.0.1").env("IOT_MTLS_ENABLED", "false").env("LAMBDA_EXECUTOR", "local");
        // Functions find it by this.
        command.env("AWS_ENDPOINT_URL", format!("http://{address}"));
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let process = command.spawn().map_err(|error| cannot_run(&command, &error))?;
        let emulator = Self { process, address, log };
        let begun = Instant::now();
        while !emulator.answers() {
            if begun.elapsed() > START {
                return Err(format!("the emulator does not answer; its log is {}", emulator.log.display()));
            }
            std::thread::sleep(PAUSE);
        }
        Ok(emulator)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes a bucket.
    pub(crate) fn make_bucket(&self, name: &str) -> Result<(), String> {
        let answer = self.ask("PUT", &format!("/{name}")).map_err(|error| format!("the emulator does not answer: {error}"))?;
        if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(format!("the bucket {name} can't be made: {answer}")) }
    }

    /// Calls a service of AWS's JSON protocol, or one that takes forms.
    pub(crate) fn call(&self, service: &str, headers: &[(&str, &str)], body: &str) -> Result<String, String> {
        let credential =
            format!("AWS4-HMAC-SHA256 Credential=test/20261122/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=00");
        let headers: String =
            headers.iter().chain(&[("Authorization", &*credential)]).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let answer = self.send("POST", "/", &headers, body).map_err(|error| format!("the emulator does not answer: {error}"))?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
            _ => Err(format!("{service} has refused: {answer}")),
        }
    }

    /// The functions that are deployed, as Lambda lists them.
    pub(crate) fn functions(&self) -> Result<Vec<Value>, String> {
        let credential = format!(
            "Authorization: AWS4-HMAC-SHA256 Credential=test/20261122/{REGION}/lambda/aws4_request, SignedHeaders=host, Signature=00\r\n"
        );
        let answer = self.send("GET", "/2015-03-31/functions/?MaxItems=50", &credential, "").map_err(|error| error.to_string())?;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        let mut list: Value = serde_json::from_str(body).map_err(|error| format!("the functions can't be read: {error}: {answer}"))?;
        Ok(list["Functions"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Ends it, with the functions that it runs.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        self.end().map_err(|error| format!("the emulator can't be ended: {error}"))
    }

    fn end(&mut self) -> std::io::Result<()> {
        // Asked to, it ends the functions' processes first; killed, it would leave them behind.
        let mut ask = Command::new("kill");
        ask.arg(self.process.id().to_string()).status()?;
        self.process.wait().map(drop)
    }

    fn answers(&self) -> bool {
        self.ask("GET", "/_ministack/health").is_ok_and(|answer| answer.contains("dynamodb"))
    }

    fn ask(&self, method: &str, path: &str) -> std::io::Result<String> {
        self.send(method, path, "", "")
    }

    fn send(&self, method: &str, path: &str, headers: &str, body: &str) -> std::io::Result<String> {
        let mut connection = TcpStream::connect(&self.address)?;
        let (host, length) = (&self.address, body.len());
        let request =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        connection.write_all(request.as_bytes())?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Ended already unless something has failed, which has been told.
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.end();
        }
    }
}
