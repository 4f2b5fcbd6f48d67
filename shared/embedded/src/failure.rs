use rusqlite::ErrorCode;
use sluice_core::ports::PortError;

/// A [`PortError`] that can be given to every operation of a group.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    Temporary(String),
    Permanent(String),
}

impl From<Failure> for PortError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Temporary(text) => Self::Temporary(text),
            Failure::Permanent(text) => Self::Permanent(text),
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
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                permanent("the database is damaged: stop Sluice, keep a copy of the data folder, and start from the latest backup")
            }
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
