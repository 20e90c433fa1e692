//! The folder of one run.

use anyhow::{Context, Result, bail};
use arms::ArmSpec;
use probe::{ProbeConfig, StoredCells};
use run_results::items_file;
use run_support::atomic;
use run_support::lock::{Lock, LockError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// File that a process holds a lock on while it writes into a folder.
pub const LOCK: &str = ".lock";
/// File of a study's settings; the runs of a study stand in folders below it and share its cells.
pub const STUDY_FILE: &str = "study.toml";
/// Folder of a study whose cells are trained by tasks on several machines.
pub const CLUSTER_FOLDER: &str = "cluster";
/// What a task on another machine may be writing at the moment is younger than that.
const WRITTEN_BY_NOW: Duration = Duration::from_secs(60 * 60);

/// Settings that a folder of results belongs to.
pub trait FolderConfig: Serialize + DeserializeOwned + PartialEq {
    /// Name of the file that holds them.
    const FILE: &'static str;
    /// Flag that names another folder.
    const FLAG: &'static str = "--run";
    /// Flag that names another place for it.
    const PLACE_FLAG: &'static str = "--results";
}

impl FolderConfig for ProbeConfig {
    const FILE: &'static str = "config.toml";
}

/// Files that tell what a folder holds, for who gives it to another command.
const KINDS: [(&str, &str); 4] = [
    (
        ProbeConfig::FILE,
        "one of `ocr-probe`, whose tables `report` makes again",
    ),
    (
        STUDY_FILE,
        "a study, whose tables and verdicts `claims` makes again",
    ),
    (
        "representation.toml",
        "one of `representation-probe`, whose verdicts `claims` makes again",
    ),
    ("inspect.toml", "one of `inspect`"),
];

/// What a finished run has left to make its tables from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Its cells.
    Cells,
    /// No cell, as in a clone, but the numbers of its items.
    Items,
    /// The numbers of its items, where every seed has images of its own: whatever cells there are, they stand for
    /// the run. Its cells may have the names of other runs' in the folder of a study.
    Seeds,
    /// Neither; these arms lack cells.
    TooLittle(Vec<ArmSpec>),
}

/// An existing folder that belongs to one configuration.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    file: &'static str,
    /// [`FolderConfig::FLAG`] and [`FolderConfig::PLACE_FLAG`], where the folder was chosen by them; a
    /// command that is given an earlier run's folder has neither.
    flags: Option<[&'static str; 2]>,
    fresh: bool,
    /// Held as long as the folder is written to.
    lock: Option<Arc<Lock>>,
}

impl RunFolder {
    /// The folder for a run of `config`.
    ///
    /// With a `name` it is `results/<name>`; without, the first free one of `results/<base>`,
    /// `results/<base>-2`, and so on. With `resume`, the folder of an earlier run of the same
    /// configuration is taken (without a name: the last one).
    ///
    /// # Errors
    /// If the folder holds a run of another configuration or one whose configuration cannot be read, holds this
    /// run already and `resume` was not asked for, or cannot be written. Nothing is ever overwritten without `resume`.
    pub fn choose<C: FolderConfig>(
        results: &Path,
        name: Option<&str>,
        base: &str,
        resume: bool,
        config: &C,
    ) -> Result<Self> {
        let text = toml::to_string(config).context("the configuration does not fit into TOML")?;
        if let Some(name) = name {
            let path = results.join(name);
            return match Self::state(&path, config)? {
                State::Absent => Self::create::<C>(path, &text),
                State::Same if resume => Self::taken::<C>(path).locked(),
                State::Same => bail!(
                    "{} holds a run of this configuration; add --resume to go on with it, \
                     or choose another {}",
                    path.display(),
                    C::FLAG
                ),
                State::Other(difference) => bail!(
                    "{} holds a run of another configuration ({difference}); choose another {}",
                    path.display(),
                    C::FLAG
                ),
                State::Unreadable(told) => bail!(told),
            };
        }
        let numbered = (1..).map(|number| match number {
            1 => results.join(base),
            _ => results.join(format!("{base}-{number}")),
        });
        let (mut found, mut unreadable) = (None, None::<String>);
        for path in numbered {
            match Self::state(&path, config)? {
                State::Absent if resume => {
                    return match (found, unreadable) {
                        (Some(path), _) => Self::taken::<C>(path).locked(),
                        (None, Some(told)) => bail!(told),
                        (None, None) => bail!(
                            "no run of this configuration under {} to resume; leave out --resume, \
                             or name the run with --run",
                            results.display()
                        ),
                    };
                }
                State::Absent => return Self::create::<C>(path, &text),
                State::Same => found = Some(path),
                State::Other(_) => {}
                State::Unreadable(told) => unreadable = Some(told),
            }
        }
        unreachable!("numbers do not end")
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// If there is none, its configuration cannot be read, or another process writes into it.
    pub fn open<C: FolderConfig>(path: &Path) -> Result<(Self, C)> {
        let (folder, config) = Self::read(path)?;
        let given = Self {
            flags: None,
            ..folder
        };
        Ok((given.locked()?, config))
    }

    /// The configuration of a run, which may be going on.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn config_of<C: FolderConfig>(path: &Path) -> Result<C> {
        Ok(Self::read(path)?.1)
    }

    /// As [`open`](Self::open), without becoming the one who writes: to look at the configuration,
    /// or to add cells, which several processes may do at a time.
    ///
    /// # Errors
    /// If there is none, or its configuration cannot be read.
    pub fn read<C: FolderConfig>(path: &Path) -> Result<(Self, C)> {
        let file = path.join(C::FILE);
        let text = std::fs::read_to_string(&file).with_context(|| {
            let mut kinds = KINDS.iter();
            let kind = kinds.find(|(name, _)| path.join(name).is_file());
            let what = kind.map_or_else(String::new, |(_, what)| {
                format!(" of the kind that this command takes, but {what}")
            });
            format!("{}: not the folder of a run{what}", path.display())
        })?;
        let config = toml::from_str(&text)
            .with_context(|| format!("{}: not a configuration of this version", file.display()))?;
        Ok((Self::taken::<C>(path.to_owned()), config))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there was no run here before this one.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Whether the run left the numbers of its items.
    #[must_use]
    pub fn has_items(&self) -> bool {
        self.path.join(items_file::FILE).is_file()
    }

    /// What there is of the results of a finished run.
    #[must_use]
    pub fn left(&self, config: &ProbeConfig) -> Left {
        if !config.replication.is_start() {
            return match self.has_items() {
                true => Left::Seeds,
                false => Left::TooLittle(config.arms.clone()),
            };
        }
        let stored = StoredCells::list(&self.cells());
        let unfinished = stored.unfinished(config);
        let none = config.arms.iter().all(|&arm| stored.none_of(config, arm));
        match (unfinished.is_empty(), none && self.has_items()) {
            (true, _) => Left::Cells,
            (false, true) => Left::Items,
            (false, false) => Left::TooLittle(unfinished),
        }
    }

    /// Where finished cells are kept: in the run's folder, or for the runs of a study in the study's,
    /// so that they share what they have in common.
    #[must_use]
    pub fn cells(&self) -> PathBuf {
        Self::cells_of(&self.path)
    }

    /// Where the cells of the folder at `path` are kept.
    #[must_use]
    pub fn cells_of(path: &Path) -> PathBuf {
        let study = path.parent();
        let study = study.filter(|parent| parent.join(STUDY_FILE).is_file());
        study.unwrap_or(path).join("cells")
    }

    /// Takes the folder back if this run made it and it holds the configuration only, so that the
    /// name is free again once the cause of a failed start is mended.
    pub fn abandon(self) {
        if self.fresh && std::fs::remove_file(self.path.join(self.file)).is_ok() {
            let _ = std::fs::remove_file(self.path.join(LOCK));
            // Fails, as it should, if anything else is in the folder.
            let _ = std::fs::remove_dir(&self.path);
        }
    }

    fn create<C: FolderConfig>(path: PathBuf, config: &str) -> Result<Self> {
        atomic::make_folder(&path).with_context(|| {
            format!(
                "cannot make the results folder (read-only or full disk? name another place with {})",
                C::PLACE_FLAG
            )
        })?;
        atomic::write_bytes(&path.join(C::FILE), config.as_bytes())?;
        Self {
            fresh: true,
            ..Self::taken::<C>(path)
        }
        .locked()
    }

    fn taken<C: FolderConfig>(path: PathBuf) -> Self {
        Self {
            path,
            file: C::FILE,
            flags: Some([C::FLAG, C::PLACE_FLAG]),
            fresh: false,
            lock: None,
        }
    }

    /// Keeps other processes from writing into the folder until this value is dropped. A crash
    /// leaves the file behind, but not the lock.
    fn locked(mut self) -> Result<Self> {
        let (other, elsewhere) = match self.flags {
            Some([name, place]) => (
                format!("choose another {name}"),
                format!("name another place with {place}"),
            ),
            None => {
                // A run of a study shares the study's cells.
                let whole = match self.cells() == self.path.join("cells") {
                    true => "the folder",
                    false => "the folder of its study",
                };
                (
                    format!("copy {whole} and give the copy"),
                    format!("copy {whole} to where you may write and give the copy"),
                )
            }
        };
        match Lock::take(&self.path.join(LOCK)) {
            Ok(lock) => self.lock = Some(Arc::new(lock)),
            Err(error @ LockError::File { .. }) => {
                return Err(error)
                    .with_context(|| format!("the results folder cannot be written; {elsewhere}"));
            }
            Err(error) => bail!(
                "{} is {error}; wait for it, or {other}",
                self.path.display()
            ),
        }
        atomic::remove_unfinished(&self.path, Duration::ZERO);
        let cells = self.cells();
        // A study and its tasks add cells without asking for this folder; what they are writing is theirs.
        let shared =
            cells != self.path.join("cells") || cells.with_file_name(CLUSTER_FOLDER).is_dir();
        let age = if shared {
            WRITTEN_BY_NOW
        } else {
            Duration::ZERO
        };
        atomic::remove_unfinished(&cells, age);
        Ok(self)
    }

    fn state<C: FolderConfig>(path: &Path, config: &C) -> Result<State> {
        if !path.exists() {
            return Ok(State::Absent);
        }
        if !path.is_dir() {
            return Ok(State::Other("it is a file".to_owned()));
        }
        let file = path.join(C::FILE);
        if !file.exists() {
            let empty = std::fs::read_dir(path)
                .with_context(|| format!("cannot look into {}", path.display()))?
                .all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK));
            return Ok(if empty {
                State::Absent
            } else {
                State::Other("it holds something else".to_owned())
            });
        }
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string());
        // Its message alone: the error itself is of several lines.
        let read = |text: String| toml::from_str::<C>(&text).map_err(|e| e.message().to_owned());
        let found = match text.and_then(read) {
            Ok(found) => found,
            Err(reason) => {
                return Ok(State::Unreadable(format!(
                    "{} cannot be read, or not by this version: {reason}; bring it back from a copy, such as the \
                     one in git (what is finished in the folder is kept), or choose another {}",
                    file.display(),
                    C::FLAG
                )));
            }
        };
        if found == *config {
            return Ok(State::Same);
        }
        Ok(State::Other(first_difference(&found, config)))
    }
}

enum State {
    Absent,
    Same,
    Other(String),
    /// What to tell of a configuration that is there and cannot be read.
    Unreadable(String),
}

/// The first line in which two configurations differ.
fn first_difference<C: Serialize>(found: &C, wanted: &C) -> String {
    let lines = |config: &C| toml::to_string(config).unwrap_or_default();
    let (found, wanted) = (lines(found), lines(wanted));
    found
        .lines()
        .zip(wanted.lines())
        .find(|(a, b)| a != b)
        .map_or_else(
            || "another number of settings".to_owned(),
            |(a, b)| format!("there `{a}`, here `{b}`"),
        )
}

#[cfg(test)]
mod tests;
