use std::{
    io::{BufRead, BufReader},
    process::Child,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rustix::process::{Pid, Signal};

use super::signal;
use crate::{LONG, until};

/// A command that runs until it is asked to end.
pub struct Spawned {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Spawned {
    pub(super) fn of(mut child: Child) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (output, kept) = (child.stdout.take().expect("piped"), Arc::clone(&lines));
        thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.for_each(|line| kept.lock().unwrap_or_else(PoisonError::into_inner).push(line));
        });
        Self { child, lines }
    }

    /// What follows these words on the line that begins with them, once it is written.
    #[must_use]
    pub fn line(&self, words: &str) -> String {
        until("a line of the command", LONG, || {
            let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.iter().find_map(|line| line.strip_prefix(words)).map(str::to_owned)
        })
    }

    /// Asks it to end by a signal, such as that of Ctrl-C (`INT`), and returns its exit code.
    ///
    /// # Panics
    /// If it is no child of this process.
    #[must_use]
    pub fn end(mut self, by: Signal) -> Option<i32> {
        signal(Pid::from_child(&self.child), by);
        until("the command to end", LONG, || self.child.try_wait().expect("it is a child")).code()
    }
}
