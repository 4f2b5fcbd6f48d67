//! The Lambda functions.

use std::{fs, io};

use crate::steps::root;

/// Their names: those of their folders, of their binaries, and of what the template calls them.
pub(crate) fn names() -> Result<Vec<String>, String> {
    let folder = root().join("functions");
    let unreadable = |error: io::Error| format!("{} can't be read: {error}", folder.display());
    let entries = fs::read_dir(&folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let mut names: Vec<String> = entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}
