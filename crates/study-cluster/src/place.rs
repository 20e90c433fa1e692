//! What a cluster needs beside cells and tables, in the folder `cluster/` of a results folder.
//!
//! | file | what |
//! |---|---|
//! | `array.sbatch`, `merge.sbatch`, `submit.sh` | scripts |
//! | `tasks.csv` | which task does which items |
//! | `tasks.toml` | how many tasks there are |
//! | `logs/` | what tasks print |
//! | `items/<index>.lock` | held by the process that works on an item |
//! | `items/<index>.error` | why an item was not finished, until it is tried again |
//! | `items/task-<index>.jsonl` | what happens to the cells of a task |

use anyhow::{Context, Result, anyhow};
use run_support::atomic;
use run_support::lock::{Lock, LockError, Owner};
use run_support::stop::Stop;
use runs::run_folder::CLUSTER_FOLDER;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Ending of event logs.
const EVENT_LOG: &str = "jsonl";

/// How long a task waits for another one on its item: a process whose machine was given up may
/// need a while to end.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Tasks {
    tasks: usize,
}

/// The folder.
#[derive(Clone, Debug)]
pub struct Place {
    root: PathBuf,
}

impl Place {
    /// That of a results folder.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(run: &Path) -> Result<Self> {
        let place = Self {
            root: run.join(CLUSTER_FOLDER),
        };
        for folder in [place.items(), place.logs()] {
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        Ok(place)
    }

    /// That of a results folder, if it has one.
    #[must_use]
    pub fn of(run: &Path) -> Option<Self> {
        let root = run.join(CLUSTER_FOLDER);
        root.is_dir().then_some(Self { root })
    }

    /// The event log of a task, which goes on with it after a requeue.
    #[must_use]
    pub fn event_log(&self, task: usize) -> PathBuf {
        self.items().join(format!("task-{task}.{EVENT_LOG}"))
    }

    /// The event logs of all tasks.
    #[must_use]
    pub fn event_logs(&self) -> Vec<PathBuf> {
        self.listed(EVENT_LOG)
    }

    /// Who works, on one item or more.
    #[must_use]
    pub fn workers(&self) -> Vec<Owner> {
        let locks = self.listed("lock");
        let mut found: Vec<Owner> = Vec::new();
        for owner in locks.iter().filter_map(|lock| Lock::holder(lock)) {
            if !found.contains(&owner) {
                found.push(owner);
            }
        }
        found
    }

    /// Items whose tasks gave up, with the reason.
    #[must_use]
    pub fn failures(&self) -> Vec<(usize, String)> {
        let numbers = self.listed("error").into_iter().filter_map(|path| {
            let item: usize = path.file_stem()?.to_str()?.parse().ok()?;
            Some((item, self.failure(item)?))
        });
        let mut found: Vec<(usize, String)> = numbers.collect();
        found.sort();
        found
    }

    /// Files beside the items, by their ending.
    fn listed(&self, ending: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.items());
        let paths = entries
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let mut found: Vec<PathBuf> = paths
            .filter(|path| path.extension().is_some_and(|found| found == ending))
            .collect();
        found.sort();
        found
    }

    /// A script or table.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where tasks print to.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    fn items(&self) -> PathBuf {
        self.root.join("items")
    }

    fn lock(&self, item: usize) -> PathBuf {
        self.items().join(format!("{item}.lock"))
    }

    fn error(&self, item: usize) -> PathBuf {
        self.items().join(format!("{item}.error"))
    }

    /// Writes down how many tasks there are. What earlier ones said, shared out in another way, is forgotten.
    ///
    /// # Errors
    /// Names the file.
    pub fn set_tasks(&self, tasks: usize) -> Result<()> {
        if self.tasks().is_some_and(|before| before != tasks) {
            for log in self.event_logs() {
                atomic::remove_stale(&log)?;
            }
        }
        let text = toml::to_string(&Tasks { tasks }).context("a number does not fit into TOML")?;
        atomic::write_bytes(&self.file("tasks.toml"), text.as_bytes())
    }

    /// How many tasks there are, if scripts were written.
    #[must_use]
    pub fn tasks(&self) -> Option<usize> {
        let text = std::fs::read_to_string(self.file("tasks.toml")).ok()?;
        toml::from_str(&text).ok().map(|Tasks { tasks }| tasks)
    }

    /// Claims an item for this process; if another one has it, waits a minute for it to end.
    ///
    /// # Errors
    /// If it does not end, or `stop` is raised.
    pub fn claim(&self, item: usize, name: &str, stop: &Stop) -> Result<Lock> {
        let started = Instant::now();
        let mut told = false;
        loop {
            stop.check()?;
            match Lock::take(&self.lock(item)) {
                Ok(lock) => return Ok(lock),
                Err(error @ LockError::Held { .. }) if started.elapsed() < PATIENCE => {
                    if !told {
                        eprintln!("item {item} ({name}) is {error}; waiting for it to end");
                        told = true;
                    }
                    std::thread::sleep(Duration::from_millis(200));
                }
                Err(error @ LockError::File { .. }) => {
                    return Err(error)
                        .with_context(|| format!("cannot claim item {item} ({name})"));
                }
                Err(error) => return Err(anyhow!("item {item} ({name}) is {error}")),
            }
        }
    }

    /// Who works on an item.
    #[must_use]
    pub fn worker(&self, item: usize) -> Option<Owner> {
        Lock::holder(&self.lock(item))
    }

    /// Writes down why an item was not finished.
    ///
    /// # Errors
    /// Names the file.
    pub fn set_failure(&self, item: usize, reason: &str) -> Result<()> {
        atomic::write_bytes(&self.error(item), reason.as_bytes())
    }

    /// Forgets why an item was not finished.
    ///
    /// # Errors
    /// Names the file.
    pub fn clear_failure(&self, item: usize) -> Result<()> {
        atomic::remove_stale(&self.error(item))
    }

    /// Why an item was not finished, where its task could say.
    #[must_use]
    pub fn failure(&self, item: usize) -> Option<String> {
        std::fs::read_to_string(self.error(item)).ok()
    }
}
