//! Where the database's file is, and whether it still is there.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// The place of a file. What is written to one that was moved or removed goes where nobody looks for it.
pub(crate) struct FileAt {
    path: PathBuf,
    /// Which file of the system it is; never another's while it is open.
    #[cfg(unix)]
    file: (u64, u64),
}

impl FileAt {
    /// The place of the file that is there now.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        // A path that is relative leads elsewhere once the process has another folder to work in.
        let path = std::path::absolute(path)?;
        #[cfg(unix)]
        let file = identity(&path)?;
        Ok(Self {
            path,
            #[cfg(unix)]
            file,
        })
    }

    /// Makes sure that it is still there.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_there() {
            return Ok(());
        }
        Err(Failure::Temporary(format!(
            "{} was moved or removed: put the data folder back, and a Sluice that runs goes on by itself; until then nothing is written",
            self.path.display()
        )))
    }

    #[cfg(unix)]
    fn is_there(&self) -> bool {
        identity(&self.path).is_ok_and(|file| file == self.file)
    }

    /// Elsewhere a file that is open can't be moved or removed.
    #[cfg(not(unix))]
    fn is_there(&self) -> bool {
        self.path.exists()
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().map(|found| (found.dev(), found.ino()))
}
