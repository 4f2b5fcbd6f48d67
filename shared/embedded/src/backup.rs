use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use sluice_core::ports::PortError;

use crate::{failure::Failure, folder::DATABASE};

/// Why no backup was made. No file is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file of that name already.
    #[error("{} exists already: backups overwrite nothing, choose another name", .0.display())]
    Exists(PathBuf),
    /// The folder has no database.
    #[error("{} is no data folder: it has no {DATABASE}", .0.display())]
    NoDatabase(PathBuf),
    /// The backup's file can't be written.
    #[error("the backup {} can't be written: {cause}", file.display())]
    File {
        /// The backup's file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The disk that the backup is written to is full.
    #[error("the backup {} can't be written: the disk that it is on is full; free some space there, or choose another place", .0.display())]
    Full(PathBuf),
    /// A disk failed: the one that is written to, or the data folder's.
    #[error("the backup {} can't be written, or the data folder not be read: check the disks of both and the system's log ({cause})", file.display())]
    Disk {
        /// The backup's file.
        file: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// The database can't be read, or the copy not be written.
    #[error("the backup failed: {0}")]
    Database(PortError),
}

/// Copies the database of a data folder into one new file, consistently, also while another process works on the folder; takes no lock, and stops no writer.
///
/// To go back to a backup, put the file as `sluice.db` into an empty folder and open that as the data folder. What was in flight when the copy was made is
/// received again there.
///
/// # Errors
/// [`BackupError`]; in any case the data folder is unharmed, and a file that was there before is as it was.
pub fn backup(folder: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), BackupError> {
    let (folder, to) = (folder.as_ref(), to.as_ref());
    let database = folder.join(DATABASE);
    if !database.is_file() {
        return Err(BackupError::NoDatabase(folder.to_owned()));
    }
    // SQLite would take what lies beside the copy for a part of it.
    if let Some(left) = beside(to).into_iter().find(|file| file.exists()) {
        return Err(BackupError::Exists(left));
    }
    claim(to)?;
    // SQLite copies into an empty file as into a new one.
    let copied = copy(&database, to).and_then(|()| make_durable(to));
    if copied.is_err() {
        // Best effort: the error that is reported is the one that counts.
        for file in beside(to).iter().map(PathBuf::as_path).chain([to]) {
            let _ = fs::remove_file(file);
        }
    }
    copied
}

/// Makes the empty file, for its owner only; fails if there is one, without a moment between looking and making.
fn claim(file: &Path) -> Result<(), BackupError> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Exists(file.to_owned())),
        Err(cause) => Err(unwritable(file)(cause)),
    }
}

/// The files that SQLite writes beside a database, and leaves there if it can't write on.
fn beside(file: &Path) -> [PathBuf; 3] {
    ["-journal", "-wal", "-shm"].map(|end| {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        name.into()
    })
}

fn copy(database: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |error: rusqlite::Error| BackupError::Database(Failure::from(error).into());
    // For writing, although it only reads: a read-only connection can't use the log of a folder that no process has open.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(failed)?;
    let name = to.to_str().ok_or_else(|| unwritable(to)(io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8")))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(|error| match error.sqlite_error_code() {
        // Only the copy is written.
        Some(ErrorCode::DiskFull) => BackupError::Full(to.to_owned()),
        Some(ErrorCode::SystemIoFailure) => BackupError::Disk { file: to.to_owned(), cause: error },
        _ => failed(error),
    })?;
    Ok(())
}

fn make_durable(file: &Path) -> Result<(), BackupError> {
    let sync = || {
        File::open(file)?.sync_all()?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    };
    sync().map_err(unwritable(file))
}

fn unwritable(file: &Path) -> impl Fn(io::Error) -> BackupError {
    let file = file.to_owned();
    move |cause| BackupError::File { file: file.clone(), cause }
}
