//! Seeds of an unfinished run that are done, where each has images of its own.

use anyhow::{Context, Result};
use probe::{ProbeConfig, RunOutcome};
use run_results::items_file;
use run_support::atomic;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Their folder in that of the run.
const FOLDER: &str = "seeds";

/// What a seed of a run comes to, as the items alone: an unfinished run of hours can be carried to another
/// machine, where its finished seeds are not trained again. Finished runs have one file of items.
pub(crate) struct KeptSeed(PathBuf);

impl KeptSeed {
    /// Where a seed of a run is kept.
    pub fn of(run: &Path, seed: u64) -> Self {
        Self(run.join(FOLDER).join(seed.to_string()))
    }

    /// Whether a run has any.
    pub fn any(run: &Path) -> bool {
        run.join(FOLDER).is_dir()
    }

    /// What was kept of this replicate; none if nothing was. Of what is there and cannot be used, because it is damaged
    /// or of other settings, the user is told: hours of training may stand in it.
    pub fn read(&self, replicate: &ProbeConfig) -> Option<RunOutcome> {
        if !self.0.join(items_file::FILE).is_file() {
            return None;
        }
        match items_file::read(&self.0, replicate) {
            Ok(outcome) => Some(outcome),
            Err(error) => {
                eprintln!("note: {error:#}. This seed is made again now.");
                None
            }
        }
    }

    /// Keeps it, and gives back what is kept: the run is the same whether it was interrupted or not.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn keep(&self, replicate: &ProbeConfig, outcome: &RunOutcome) -> Result<RunOutcome> {
        atomic::make_folder(&self.0)?;
        items_file::write(&self.0, replicate, outcome)?;
        items_file::read(&self.0, replicate)
    }

    /// Removes what was kept of a run that is finished.
    ///
    /// # Errors
    /// If the folder cannot be removed.
    pub fn forget(run: &Path) -> Result<()> {
        let folder = run.join(FOLDER);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", folder.display()))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
