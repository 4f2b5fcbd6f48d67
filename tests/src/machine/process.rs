use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Sender, channel},
    },
    thread::JoinHandle,
};

use rustix::process::{Pid, Signal};

use super::{Refusal, signal};
use crate::{LONG, until};

/// What the log says once requests are taken, before the address.
const LISTENING: &str = "listening on http://";

/// A gateway that listens.
pub(super) struct Process {
    child: Child,
    /// Host and port.
    pub(super) address: String,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
    /// Asked a second time it would stop at once.
    asked: AtomicBool,
}

impl Process {
    /// Starts the command and waits until it listens or has ended.
    pub(super) fn start(mut command: Command) -> Result<Self, Refusal> {
        let mut child = command.spawn().expect("the shell can be run");
        let lines = Arc::default();
        let (found, address) = channel();
        let stdout = child.stdout.take().expect("piped");
        let stderr = child.stderr.take().expect("piped");
        let readers = vec![read(stdout, &lines, None), read(stderr, &lines, Some(found))];
        let asked = AtomicBool::new(false);
        // The sender is dropped at the end of standard error, so this ends if the process does.
        match address.recv_timeout(LONG) {
            Ok(address) => Ok(Self { child, address, lines, readers, asked }),
            Err(_) => {
                let process = Self { child, address: String::new(), lines, readers, asked };
                let (code, stderr) = process.end();
                Err(Refusal { code, stderr })
            }
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(super) fn log(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn kill(mut self) {
        // Fails on one that has ended already.
        let _ = self.child.kill();
        self.end();
    }

    /// Asks it to stop, once.
    pub(super) fn ask_to_stop(&self) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            signal(self.pid(), Signal::TERM);
        }
    }

    /// Asks it to stop and waits until it has. Its exit code and all that it wrote.
    pub(super) fn stop(self) -> (Option<i32>, String) {
        self.ask_to_stop();
        self.end()
    }

    fn end(mut self) -> (Option<i32>, String) {
        let status = until("the process to end", LONG, || self.child.try_wait().expect("it is a child"));
        for reader in self.readers.drain(..) {
            reader.join().expect("reading a pipe does not panic");
        }
        let mut text = self.log().join("\n");
        text.push('\n');
        (status.code(), text)
    }

    #[expect(clippy::print_stderr, reason = "shown with the test that failed")]
    pub(super) fn show_log(&self) {
        const LINES: usize = 60;
        let log = self.log();
        let skipped = log.len().saturating_sub(LINES);
        eprintln!("the log of the gateway ({skipped} lines before):\n{}", log[skipped..].join("\n"));
    }
}

fn read(pipe: impl Read + Send + 'static, lines: &Arc<Mutex<Vec<String>>>, mut found: Option<Sender<String>>) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if let Some(address) = address(&line)
                && let Some(found) = found.take()
            {
                // Nobody waits for it any more once the time is up.
                let _ = found.send(address);
            }
            lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    })
}

fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(LISTENING)?;
    Some(rest.split(['"', ' ']).next().unwrap_or_default().to_owned())
}
