use std::sync::{Arc, OnceLock};

use rusqlite::ErrorCode;
use sluice_core::ports::PortError;

/// A [`PortError`] that can be given to every operation of a group.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Temporary(String),
    Permanent(String),
    /// The file is not what SQLite wrote. Nothing that it holds can be relied on any more.
    Damaged(String),
}

/// Whether damage was met. From then on nothing is read or written: what is not acknowledged is sent again, and what would be written to a damaged file
/// may be lost with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Damage(Arc<OnceLock<String>>);

impl Damage {
    /// Fails if damage was met before.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.0.get().map_or(Ok(()), |what| Err(Failure::Damaged(what.clone())))
    }

    /// Takes note of what an operation ended with.
    pub(crate) fn heed<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(Failure::Damaged(what)) = &result
            && self.0.set(what.clone()).is_ok()
        {
            tracing::error!(what, "nothing is read or written any more");
        }
        result
    }
}

impl From<Failure> for PortError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Temporary(text) => Self::Temporary(text),
            Failure::Permanent(text) | Failure::Damaged(text) => Self::Permanent(text),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let temporary = |what: &str| Self::Temporary(format!("{what} ({error})"));
        let permanent = |what: &str| Self::Permanent(format!("{what} ({error})"));
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => {
                temporary("the data folder's disk is full: free some space there, and a Sluice that runs goes on by itself")
            }
            Some(ErrorCode::SystemIoFailure) => {
                temporary("the data folder's disk can't be read or written: check the disk and the system's log")
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                temporary("another program holds the database locked: end it, for example an open sqlite3 shell")
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
                temporary("the database can't be written: check owner and mode of the data folder and its files")
            }
            Some(ErrorCode::OutOfMemory) => temporary("out of memory: give the process more, or lower the concurrency"),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged(format!(
                "the database is damaged: stop Sluice, keep a copy of the data folder, and start from the latest backup ({error})"
            )),
            Some(ErrorCode::TooBig) => permanent("too large for the database: one document or message holds at most 1 GB"),
            Some(_) => temporary("the database did not take the operation"),
            None => permanent("the database holds what this version of Sluice can't read: is it newer?"),
        }
    }
}

/// A stored value that can't be what this adapter wrote.
pub(crate) fn unreadable(what: &str, cause: impl std::fmt::Display) -> Failure {
    Failure::Permanent(format!("the database holds {what} that can't be read: {cause}; start from the latest backup"))
}
