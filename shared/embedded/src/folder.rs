use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{Connection, TransactionBehavior};
use sluice_core::ports::{Clock, PortError};

use crate::{
    connection,
    documents::{EmbeddedStore, Recent, RemoveExpired},
    failure::{Damage, Failure},
    place::FileAt,
    queue::{EmbeddedQueue, Flights, Receptions},
    readers::Readers,
    schema::{self, Migrated},
    writer::Writer,
};

/// The database's file within a data folder.
pub(crate) const DATABASE: &str = "sluice.db";
const LOCK: &str = "lock";

/// Why a data folder was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the data folder {} is in use by another process: stop that one first, or choose another folder", .0.display())]
    InUse(PathBuf),
    /// The folder or its lock can't be made.
    #[error("the data folder {} can't be used: {cause}; it must be a folder that this user may write", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A newer Sluice has written it.
    #[error("the data folder {} has schema version {found}, and this Sluice knows versions up to {known}: install the newer Sluice again, or use a backup from before", folder.display())]
    Newer {
        /// The folder.
        folder: PathBuf,
        /// The version found.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The database can't be opened.
    #[error("the database in {} can't be opened: {cause}. Sluice has ended; start it again once that is mended", folder.display())]
    Database {
        /// The folder.
        folder: PathBuf,
        /// Why, and what to do.
        cause: PortError,
    },
}

/// A data folder is not any more where it was opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data folder {} was moved or removed, or its lock was: stop Sluice, put the folder back, and start again", folder.display())]
pub struct FolderGone {
    folder: PathBuf,
}

/// A folder that holds everything Sluice keeps on one machine, locked for this process.
///
/// Once it and every [`EmbeddedStore`] and [`EmbeddedQueue`] of it are dropped, what was submitted is written and the lock is free.
#[derive(Clone)]
pub struct DataFolder {
    pub(crate) inner: Arc<Inner>,
}

/// What the store and the queue share. Fields are dropped in order: the lock goes last.
pub(crate) struct Inner {
    pub(crate) readers: Readers,
    pub(crate) recent: Arc<Recent>,
    pub(crate) writer: Writer,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) receptions: Receptions,
    boot: u64,
    /// Where the lock was made.
    lock_path: PathBuf,
    lock: File,
}

impl DataFolder {
    /// Opens the folder, and makes it if there is none (readable by its owner only). Messages that an earlier process had received and not settled are
    /// visible again at once, their receives counted: no other process is alive.
    ///
    /// # Errors
    /// [`OpenError`], which says what to do.
    pub fn open(path: impl AsRef<Path>, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let folder = path.as_ref();
        let lock = lock(folder)?;
        // A path that is relative leads elsewhere once the process has another folder to work in.
        let lock_path = std::path::absolute(folder.join(LOCK)).map_err(|cause| OpenError::Folder { folder: folder.to_owned(), cause })?;
        let database = |error: rusqlite::Error| OpenError::Database { folder: folder.to_owned(), cause: Failure::from(error).into() };
        let file = folder.join(DATABASE);
        keep_private(&file).map_err(|cause| OpenError::Folder { folder: folder.to_owned(), cause })?;
        let mut connection = connection::writer(&file).map_err(database)?;
        if let Migrated::Newer(found) = schema::migrate(&mut connection).map_err(database)? {
            return Err(OpenError::Newer { folder: folder.to_owned(), found, known: schema::NEWEST });
        }
        let boot = begin_process(&mut connection, &*clock).map_err(database)?;
        let flights = Flights::begin(&connection, boot).map_err(database)?;
        let damage = Damage::default();
        let readers = Readers::open(&file, damage.clone()).map_err(database)?;
        let writer = FileAt::of(&file)
            .and_then(|place| Writer::start(connection, place, flights, Arc::clone(&clock), damage))
            .map_err(|cause| OpenError::Folder { folder: folder.to_owned(), cause })?;
        let inner = Inner { readers, recent: Arc::default(), writer, clock, receptions: Receptions::default(), boot, lock_path, lock };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Counts the times that this folder was opened, from 1. A lease that carries a lower number belongs to a process that is dead.
    #[must_use]
    pub fn boot(&self) -> u64 {
        self.inner.boot
    }

    /// Makes sure that the folder is still where it was opened. Where it, or its lock, was moved or removed, what is written goes where nobody looks for it, and
    /// another process can open a folder at its place, or this one a second time.
    ///
    /// # Errors
    /// [`FolderGone`].
    pub fn check_place(&self) -> Result<(), FolderGone> {
        let Inner { lock, lock_path, .. } = &*self.inner;
        if is_same_file(lock, lock_path) {
            return Ok(());
        }
        Err(FolderGone { folder: lock_path.parent().unwrap_or(lock_path).to_owned() })
    }

    /// The documents.
    #[must_use]
    pub fn store(&self) -> EmbeddedStore {
        EmbeddedStore::new(Arc::clone(&self.inner))
    }

    /// The queues.
    #[must_use]
    pub fn queue(&self) -> EmbeddedQueue {
        EmbeddedQueue::new(Arc::clone(&self.inner))
    }

    /// Removes up to `limit` documents that have expired. Returns how many it removed: fewer than `limit` means that no more are left.
    ///
    /// # Errors
    /// [`PortError`] if the database can't be written; nothing was removed.
    pub async fn remove_expired(&self, limit: usize) -> Result<usize, PortError> {
        self.inner.writer.write(RemoveExpired { limit, recent: Arc::clone(&self.inner.recent) }).await
    }
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(held), Ok(there)) = (file.metadata(), path.metadata()) else { return false };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

/// Elsewhere a file that is open can't be moved or removed.
#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let unusable = |cause| OpenError::Folder { folder: folder.to_owned(), cause };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(unusable)?;
    let mut options = File::options();
    options.create(true).write(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(LOCK)).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(cause)) => Err(unusable(cause)),
    }
}

/// Makes the database's file, if there is none, for its owner alone. SQLite gives the files beside it the same mode.
fn keep_private(file: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Counts the new process, and makes visible what the last one had in hand.
fn begin_process(connection: &mut Connection, clock: &dyn Clock) -> rusqlite::Result<u64> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let boot: i64 = transaction.query_row("UPDATE process SET boot = boot + 1 RETURNING boot", [], |row| row.get(0))?;
    transaction.execute(
        "INSERT INTO ready (queue, visible_at, id, receives) SELECT queue, ?1, id, receives FROM in_flight",
        [clock.now().millis()],
    )?;
    transaction.execute("INSERT INTO messages (id, sent_at, body) SELECT id, sent_at, body FROM in_flight WHERE body IS NOT NULL", [])?;
    transaction.execute("DELETE FROM in_flight", [])?;
    transaction.commit()?;
    Ok(boot.unsigned_abs())
}
