use std::{collections::BTreeMap, fs, io, path::Path};

use sluice_core::template::Templates;

/// The templates: the built-in ones, those replaced that have a file in `folder`.
///
/// # Errors
/// All that is wrong, by the name of the setting.
pub fn read_templates(folder: Option<&Path>) -> Result<Templates, Vec<String>> {
    let files = match folder {
        None => BTreeMap::new(),
        Some(folder) => {
            read_files(folder).map_err(|error| vec![format!("SLUICE_TEMPLATES: the folder {} can't be read: {error}", folder.display())])?
        }
    };
    Templates::new(files).map_err(|problems| problems.iter().map(|problem| format!("SLUICE_TEMPLATES: {problem}")).collect())
}

fn read_files(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // What editors and file managers leave behind is no template.
        if entry.file_type()?.is_file() && !name.starts_with('.') && !name.ends_with('~') {
            files.insert(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(files)
}
