//! One writer per folder or piece of work, also where several machines share a disk.
//!
//! The lock is the system's, so that a crash gives it back. What stands in the file is for people,
//! and for file systems that know no locks: there it is all there is to go by.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Who holds a lock. A process number alone names nobody where several machines share a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Number of the process.
    pub pid: u32,
    /// Name of its machine.
    pub host: String,
    /// SLURM job, if it is part of one: the same again after a requeue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// Why a lock cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Its file cannot be made.
    #[error("cannot write {} (read-only or full disk?)", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Somebody else has it.
    #[error("in use by another process{}", described(owner.as_ref()))]
    Held {
        /// Who; unknown while it is being written down.
        owner: Option<Owner>,
    },
    /// The file system knows no locks, and the file names somebody who may be alive.
    #[error(
        "perhaps in use by {owner}, and this file system knows no locks; if that process is gone, \
         remove {}",
        path.display()
    )]
    Unknown {
        /// Who.
        owner: Owner,
        /// The file.
        path: PathBuf,
    },
}

fn described(owner: Option<&Owner>) -> String {
    owner.map_or_else(String::new, |owner| format!(" ({owner})"))
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} on {}", self.pid, self.host)?;
        match &self.job {
            Some(job) => write!(f, ", SLURM job {job}"),
            None => Ok(()),
        }
    }
}

impl Owner {
    /// This process.
    #[must_use]
    pub fn this() -> Self {
        Self {
            pid: std::process::id(),
            host: host(),
            job: std::env::var("SLURM_JOB_ID").ok(),
        }
    }

    /// Whether `me` can be sure that it has ended: it was on this machine and is not there any more,
    /// or it was an earlier start of the same SLURM job.
    fn is_gone(&self, me: &Self) -> bool {
        let requeued = self.job.is_some() && self.job == me.job;
        let processes = Path::new("/proc");
        let ended = self.host == me.host
            && processes.join("self").exists()
            && !processes.join(self.pid.to_string()).exists();
        requeued || ended
    }

    fn read(file: &mut File) -> Option<Self> {
        let mut text = String::new();
        file.rewind().ok()?;
        file.read_to_string(&mut text).ok()?;
        toml::from_str(&text).ok()
    }

    fn write(&self, file: &mut File) -> std::io::Result<()> {
        let text = toml::to_string(self).unwrap_or_default();
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())
    }
}

/// Name of this machine.
fn host() -> String {
    let read = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let asked = || {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()
    };
    let name = read.or_else(asked).unwrap_or_default();
    match name.trim() {
        "" => "an unnamed machine".to_owned(),
        name => name.to_owned(),
    }
}

/// A lock, held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock whose file is `path`; the folder has to be there.
    ///
    /// # Errors
    /// If somebody else has it, or may have it on a file system without locks, or the file cannot
    /// be written.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let refused = |source| LockError::File {
            path: path.to_owned(),
            source,
        };
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(refused)?;
        let locked = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => {
                let owner = Owner::read(&mut file);
                return Err(LockError::Held { owner });
            }
            Err(TryLockError::Error(_)) => false,
        };
        let me = Owner::this();
        if let Some(owner) = Owner::read(&mut file)
            && !owner.is_gone(&me)
        {
            if !locked {
                let path = path.to_owned();
                return Err(LockError::Unknown { owner, path });
            }
            // The lock came free, so most likely its machine broke down. Locks that end at the
            // border of a machine (`flock` on some cluster file systems) look the same.
            if owner.host != me.host {
                eprintln!(
                    "note: {owner} left {} without a word; if it still runs there, stop it: this \
                     file system does not keep machines apart",
                    path.display()
                );
            }
        }
        match me.write(&mut file) {
            // Only for the messages of others: a full disk keeps nobody from holding a lock.
            Err(_) if locked => {}
            written => written.map_err(refused)?,
        }
        Ok(Self { file })
    }

    /// Who holds the lock whose file is `path`, as far as can be told; none if it is free.
    #[must_use]
    pub fn holder(path: &Path) -> Option<Owner> {
        let writable = File::options().read(true).write(true).open(path);
        // Who may only look has to do without: some file systems lock writable files only.
        let mut file = writable.or_else(|_| File::open(path)).ok()?;
        match file.try_lock() {
            Ok(()) => None,
            Err(TryLockError::WouldBlock) => Owner::read(&mut file),
            Err(TryLockError::Error(_)) => {
                Owner::read(&mut file).filter(|owner| !owner.is_gone(&Owner::this()))
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty file is one that was left in order.
        let _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(pid: u32, host: &str, job: Option<&str>) -> Owner {
        Owner {
            pid,
            host: host.to_owned(),
            job: job.map(str::to_owned),
        }
    }

    #[test]
    fn a_lock_names_process_and_machine_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        assert_eq!(Lock::holder(&path), None);
        let first = Lock::take(&path).unwrap();
        let me = Owner::this();
        assert_eq!(Lock::holder(&path), Some(me.clone()));
        let error = Lock::take(&path).unwrap_err().to_string();
        assert!(error.contains(&me.to_string()), "{error}");
        drop(first);
        assert_eq!(Lock::holder(&path), None);
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        drop(Lock::take(&path).unwrap());
    }

    #[test]
    fn what_a_crash_left_behind_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        for left in [
            "pid = 1\nhost = \"another\"",
            "1234",
            "pid = 4000000000\nhost = 3",
        ] {
            std::fs::write(&path, left).unwrap();
            let lock = Lock::take(&path).unwrap();
            assert_eq!(Lock::holder(&path), Some(Owner::this()));
            drop(lock);
        }
    }

    #[test]
    fn without_locks_only_those_count_as_gone_who_must_be() {
        let me = owner(std::process::id(), "here", Some("7"));
        // No system has that many processes.
        let nobody = u32::MAX;
        assert!(!owner(nobody, "there", None).is_gone(&me));
        assert!(!owner(nobody, "there", Some("8")).is_gone(&me));
        assert!(owner(nobody, "there", Some("7")).is_gone(&me));
        assert!(!owner(me.pid, "here", None).is_gone(&me));
        #[cfg(target_os = "linux")]
        assert!(owner(nobody, "here", None).is_gone(&me));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = Lock::take(Path::new("/nowhere/a.lock")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/a.lock"), "{error}");
    }
}
