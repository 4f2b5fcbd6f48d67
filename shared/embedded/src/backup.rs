use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};
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
    claim(to)?;
    // SQLite copies into an empty file as into a new one.
    let copied = copy(&database, to).and_then(|()| make_durable(to));
    if copied.is_err() {
        // Best effort: the error that is reported is the one that counts.
        let _ = fs::remove_file(to);
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

fn copy(database: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |error: rusqlite::Error| BackupError::Database(Failure::from(error).into());
    // For writing, although it only reads: a read-only connection can't use the log of a folder that no process has open.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags).map_err(failed)?;
    let name = to.to_str().ok_or_else(|| unwritable(to)(io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8")))?;
    connection.execute("VACUUM INTO ?1", [name]).map_err(failed)?;
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
