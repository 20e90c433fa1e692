//! Where a run came from and what it took.

use anyhow::Result;
use run_support::atomic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Versions, machine, times and hashes of a run. The only output that holds wall times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this crate.
    pub version: String,
    /// Git commit, where known.
    pub commit: Option<String>,
    /// Version of the tensor library.
    pub burn_version: String,
    /// Backend of the tensor library.
    pub backend: String,
    /// Name of the device.
    pub device: String,
    /// Cells trained side by side, one thread each.
    pub lanes: usize,
    /// Processors of the machine.
    pub cpu_count: usize,
    /// Paired seeds.
    pub seeds: Vec<u64>,
    /// When the run started, in seconds since 1970-01-01 UTC.
    pub started_unix_s: u64,
    /// What each stage took, in order.
    pub stages: Vec<Stage>,
    /// What the results were computed from.
    pub hashes: Hashes,
}

/// What a stage of the run took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub stage: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Largest resident memory of the process up to the stage's end, in MiB, where known.
    pub peak_memory_mib: Option<f64>,
}

/// Content hashes, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hashes {
    /// Images and labels, by split and group.
    pub data: BTreeMap<String, String>,
    /// Features, by split and group.
    pub features: BTreeMap<String, String>,
    /// Weights of the backbone, or of a checkpoint's vision side with its settings.
    pub backbone: Option<String>,
}

impl Manifest {
    /// Reads `manifest.json`; none if it is missing or damaged.
    #[must_use]
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()
    }

    /// Writes `manifest.json`, unless it says the same already.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        // Numbers that were read may be off by one in the last place: written again, they would drift.
        if Self::read(path).as_ref() == Some(self) {
            return Ok(());
        }
        atomic::write(path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            Ok(writeln!(out)?)
        })
    }
}

/// Largest resident memory of this process so far, in MiB; `None` where the system does not say.
#[must_use]
pub fn peak_memory_mib() -> Option<f64> {
    peak_of(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn peak_of(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_memory_is_read_in_mebibytes() {
        let status = "Name:\tprobe\nVmHWM:\t    5120 kB\nVmRSS:\t 1024 kB\n";
        assert_eq!(peak_of(status), Some(5.0));
        assert_eq!(peak_of("Name:\tprobe\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_some_memory() {
        assert!(peak_memory_mib().unwrap() > 0.5);
    }

    #[test]
    fn a_manifest_reads_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest.json");
        let manifest = Manifest {
            seeds: vec![1, 2],
            stages: vec![Stage {
                stage: "train".to_owned(),
                seconds: 1.5,
                peak_memory_mib: None,
            }],
            ..Manifest::default()
        };
        manifest.write(&path).unwrap();
        assert_eq!(Manifest::read(&path), Some(manifest.clone()));
        // Another way to write the same stays as it is; what says something else does not.
        let text = std::fs::read_to_string(&path).unwrap();
        let other_form = text.replace("1.5", "1.50");
        std::fs::write(&path, &other_form).unwrap();
        manifest.write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), other_form);
        std::fs::write(&path, text.replace("1.5", "2.5")).unwrap();
        manifest.write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}
