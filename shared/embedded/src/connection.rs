use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

/// How long a connection waits for another program's lock, such as a `sqlite3` shell's.
const BUSY: Duration = Duration::from_secs(5);

/// The writer's page cache, KiB: the upper pages of every index stay in it.
const WRITER_CACHE: i64 = 12 * 1024;

/// A reader's page cache, KiB. SQLite empties it at every commit it has not seen, so a large one would only cost memory.
const READER_CACHE: i64 = 1024;

/// Opens the connection that writes, and makes the file if there is none.
pub(crate) fn writer(file: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | shared())?;
    prepare(&mut connection, WRITER_CACHE)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // FULL: a commit is answered only once the log is on the disk.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(connection)
}

/// Opens one more connection to a database that the writer has opened before. It can only read.
pub(crate) fn reader(file: &Path) -> rusqlite::Result<Connection> {
    // Opened for writing, because a read-only connection can't recover a log; made unable to write right after.
    let mut connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | shared())?;
    prepare(&mut connection, READER_CACHE)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// Opens one more connection to a database that the writer has opened before. It only copies the log into the database.
pub(crate) fn copier(file: &Path) -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | shared())?;
    prepare(&mut connection, READER_CACHE)?;
    Ok(connection)
}

fn prepare(connection: &mut Connection, cache: i64) -> rusqlite::Result<()> {
    #[cfg(test)]
    crate::plans::remember(connection)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "cache_size", -cache)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    // Else a statement that compares a column with a parameter is prepared again each time the parameter changes, in case the plan should, too.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Each connection is used by one thread at a time, which Rust sees to.
fn shared() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_NO_MUTEX
}
