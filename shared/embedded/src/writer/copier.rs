//! Copies the log into the database, beside the writing.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread::JoinHandle,
};

use rusqlite::{Connection, wal::CheckpointMode};

use crate::connection;

/// Copy the log into the database once it has so many pages. A hot page is copied once for all its changes since, so that a larger log means less work; this
/// is 16 MB.
const ENOUGH: usize = 4_000;

/// With so many pages in the log writing waits for the copying, so that the log does not grow without end on a disk that is too slow; this is 64 MB.
const TOO_MANY: usize = 16_000;

/// The thread that copies, as the writer's thread sees it.
///
/// Copying takes some ten milliseconds, for which nobody's write should wait. What is written meanwhile is little, and the writer's thread copies it itself:
/// only when all is copied can the log begin anew.
pub(super) struct Copier {
    /// How many pages the log has since it began.
    pages: Arc<AtomicUsize>,
    begin: Option<Sender<()>>,
    done: Receiver<()>,
    is_running: bool,
    thread: Option<JoinHandle<()>>,
}

impl Copier {
    /// Starts the thread on the database that `writer` writes.
    pub(super) fn start(writer: &mut Connection) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&pages);
        // Takes the place of SQLite's own copying, which would be a part of the COMMIT.
        writer.wal_hook(Some(move |_: &mut _, pages: std::ffi::c_int| {
            count.store(usize::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let connection = connection::copier(Path::new(writer.path().unwrap_or_default()))?;
        let ((begin, begun), (tell, done)) = (channel(), channel());
        let thread = std::thread::Builder::new().name("sluice-copier".to_owned()).spawn(move || {
            while begun.recv().is_ok() {
                copy(&connection);
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        // Without a thread of its own the copying is done between two groups.
        Ok(Self { pages, begin: Some(begin), done, is_running: false, thread: thread.ok() })
    }

    /// Looks after the log between two groups of the writer, whose connection this is.
    pub(super) fn look(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if self.is_running {
            let done = if pages < TOO_MANY { self.done.try_recv() } else { self.done.recv().map_err(|_| TryRecvError::Disconnected) };
            if done == Err(TryRecvError::Empty) {
                return;
            }
            self.is_running = false;
            copy(writer);
        } else if pages >= ENOUGH {
            self.is_running = self.begin.as_ref().is_some_and(|begin| begin.send(()).is_ok());
            if !self.is_running {
                copy(writer);
            }
        }
    }
}

/// Copies as much as can be copied without waiting for anybody.
fn copy(connection: &Connection) {
    if let Err(error) = connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE) {
        tracing::warn!(%error, "the log could not be copied into the database yet; it grows until it can be");
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        self.begin = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported.
            let _ = thread.join();
        }
    }
}
