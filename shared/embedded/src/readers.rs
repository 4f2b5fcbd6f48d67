use std::{
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use rusqlite::Connection;

use crate::{
    connection,
    failure::{Damage, Failure},
};

/// How many connections serve reads. Point reads run on the caller's thread: there are rarely more callers than cores.
const CONNECTIONS: usize = 3;

/// The connections that read, beside the writer.
pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
    damage: Damage,
}

impl Readers {
    pub(crate) fn open(file: &Path, damage: Damage) -> rusqlite::Result<Self> {
        let connections = (0..CONNECTIONS).map(|_| connection::reader(file).map(Mutex::new)).collect::<rusqlite::Result<_>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0), damage })
    }

    /// Reads on this thread, with a connection that is free, or else once one is.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        self.damage.check()?;
        self.damage.heed(read(&self.free()))
    }

    fn free(&self) -> MutexGuard<'_, Connection> {
        for connection in &self.connections {
            match connection.try_lock() {
                Ok(free) => return free,
                // A read that panicked has left nothing behind: its statements were reset.
                Err(TryLockError::Poisoned(free)) => return free.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        self.connections[next].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
