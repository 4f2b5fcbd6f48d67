//! Where lines of the log go, to be counted.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

/// What CloudWatch adds to the size of each line
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html>).
const OVERHEAD: usize = 26;

/// Keeps what is logged until it is counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Adds a line.
    pub(crate) fn add(&self, line: &str) {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
    }

    /// How many bytes CloudWatch takes in for all that was logged since the last time.
    pub(crate) fn take(&self) -> usize {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(|line| line.len() + OVERHEAD).sum()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
