//! `sluice backup`.

use std::path::PathBuf;

use clap::Args;

use super::{Error, Exit, Surroundings};
use crate::home;

/// Where from and where to.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// The file to write; it must not exist yet
    file: PathBuf,
    /// The data folder, in place of SLUICE_DATA
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
}

/// Copies a data folder, running or not.
pub(super) fn run(args: &BackupArgs, surroundings: &mut Surroundings<'_>) -> Result<Exit, Error> {
    let data = args.data.clone().or_else(|| (surroundings.setting)("SLUICE_DATA").map(Into::into)).unwrap_or_else(|| "sluice-data".into());
    home::backup(&data, &args.file).map_err(|error| Error::Usage(error.to_string()))?;
    let size = std::fs::metadata(&args.file).map_or(0, |file| file.len());
    writeln!(surroundings.output, "{} holds all of {} ({size} bytes)", args.file.display(), data.display())?;
    writeln!(
        surroundings.output,
        "To go back to it: put it as sluice.db into an empty folder, and start Sluice with --data on that folder."
    )?;
    Ok(Exit::Success)
}
