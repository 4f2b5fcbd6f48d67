//! What the data lies on: throughput with fsync says nothing without the time that one fsync takes.

use std::{
    fs::{self, File},
    io::{Seek, SeekFrom, Write},
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

use crate::clock;

/// How many times the disk is asked.
const TIMES: usize = 200;
/// How much is written before each: two pages of the database.
const BLOCK: [u8; 8192] = [0x5a; 8192];

/// A folder for the data within `parent`, or else beside this program. It is removed when dropped.
pub(crate) fn fresh_folder(parent: Option<&Path>) -> Result<TempDir, String> {
    let parent = match parent {
        Some(folder) => folder.to_owned(),
        None => std::env::current_exe().ok().and_then(|own| own.parent().map(Into::into)).ok_or("this program can't find itself")?,
    };
    let folder = tempfile::Builder::new().prefix("sluice-bench-").tempdir_in(&parent);
    folder.map_err(|error| format!("no folder can be made in {}: {error}", parent.display()))
}

/// The file system that holds a folder.
///
/// # Errors
/// If it keeps files in memory, where fsync costs nothing.
pub(crate) fn file_system(folder: &Path) -> Result<String, String> {
    let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| format!("the mounts of this system can't be read: {error}"))?;
    let folder = folder.canonicalize().map_err(|error| format!("{} can't be found: {error}", folder.display()))?;
    let kind = kind_of(&mounts, &folder).ok_or_else(|| format!("the file system of {} can't be told", folder.display()))?;
    if matches!(kind, "tmpfs" | "ramfs") {
        return Err(format!(
            "{} is on {kind}, in memory, where fsync costs nothing: choose a folder on a disk with --folder",
            folder.display()
        ));
    }
    Ok(kind.to_owned())
}

/// The kind of the innermost mount around a folder; of several at one place the last covers the others.
fn kind_of<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (_, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        Some((place, kind))
    });
    let around = mounts.filter(|(place, _)| folder.starts_with(place));
    around.max_by_key(|(place, _)| place.len()).map(|(_, kind)| kind)
}

/// The median time of fdatasync after overwriting 8 KiB in place.
pub(crate) fn sync_time(folder: &Path) -> Result<Duration, String> {
    measure(folder).map_err(|error| format!("the disk under {} can't be measured: {error}", folder.display()))
}

fn measure(folder: &Path) -> std::io::Result<Duration> {
    let path = folder.join("fdatasync");
    let mut file = File::create(&path)?;
    file.write_all(&BLOCK)?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&BLOCK)?;
        let start = clock::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    Ok(times[TIMES / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_and_last_mount_counts() {
        let mounts = "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/disk xfs rw 0 0\nramfs /tmp/disk ramfs rw 0 0\n";
        for (folder, kind) in [("/work", "ext4"), ("/tmp/a", "tmpfs"), ("/tmpfile", "ext4"), ("/tmp/disk/a", "ramfs")] {
            assert_eq!(kind_of(mounts, Path::new(folder)), Some(kind), "{folder}");
        }
    }

    #[test]
    fn memory_is_refused() {
        let shared_memory = Path::new("/dev/shm");
        if shared_memory.is_dir() {
            let refused = file_system(shared_memory).expect_err("it is a tmpfs");
            assert!(refused.contains("--folder"), "{refused}");
        }
    }
}
