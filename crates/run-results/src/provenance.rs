//! Where a run came from: versions, commit, machine.

use crate::{Hashes, Manifest, Stage, peak_memory_mib};
use burn::tensor::Device;
use probe::Prepared;
use run_support::backend::{self, BackendChoice};
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Version of the tensor library, pinned in the workspace's manifest.
const BURN_VERSION: &str = "0.22.1";

/// A manifest with everything that is known when a run starts.
#[must_use]
pub fn manifest(seeds: &[u64], backend: BackendChoice, device: &Device, lanes: usize) -> Manifest {
    // The backends without a driver run on the processor.
    let device = match processor() {
        Some(processor) if !backend.backend.has_driver() && backend.index.is_none() => processor,
        _ => backend::describe(device),
    };
    Manifest {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: commit(Path::new(".")),
        burn_version: BURN_VERSION.to_owned(),
        backend: backend.to_string(),
        device,
        lanes,
        cpu_count: std::thread::available_parallelism().map_or(1, usize::from),
        seeds: seeds.to_vec(),
        started_unix_s: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
        stages: Vec::new(),
        hashes: Hashes::default(),
    }
}

/// The manifest in the folder of a run, if it is there and whole.
#[must_use]
pub fn stored(run: &Path) -> Option<Manifest> {
    Manifest::read(&run.join("manifest.json"))
}

/// Adds what the preparation took and what it was made from, under the number of its seed where every seed
/// has images of its own.
pub fn add_preparation(manifest: &mut Manifest, prepared: &Prepared, seed: Option<u64>) {
    let named = |group: &str| match seed {
        None => group.to_owned(),
        Some(seed) => format!("seed {seed}: {group}"),
    };
    for (stage, seconds) in &prepared.times {
        add_stage(manifest, stage, *seconds);
    }
    for (name, hash) in &prepared.hashes {
        match name.split_once(' ') {
            Some(("images", group)) => {
                manifest.hashes.data.insert(named(group), hash.clone());
            }
            Some((_, group)) => {
                let features = &mut manifest.hashes.features;
                features.insert(named(group), hash.clone());
            }
            None => {
                let towers = &mut manifest.hashes.backbone;
                let before = towers.take().map(|towers| format!("{towers} "));
                *towers = Some(before.unwrap_or_default() + hash);
            }
        }
    }
}

/// Adds a stage that has just ended.
pub fn add_stage(manifest: &mut Manifest, stage: &str, seconds: f64) {
    manifest.stages.push(Stage {
        stage: stage.to_owned(),
        seconds,
        peak_memory_mib: peak_memory_mib(),
    });
}

/// The commit of a folder in a checkout of this program, with `-dirty` if files differ that can change a number: those of
/// `results` are what runs write. `None` outside a checkout.
fn commit(folder: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(folder).output().ok()
    };
    // Not that of whatever other repository the program is called from.
    let top = String::from_utf8(git(&["rev-parse", "--show-toplevel"])?.stdout).ok()?;
    if !Path::new(top.trim()).join("crates/run-results").is_dir() {
        return None;
    }
    let found = git(&["rev-parse", "--short=12", "HEAD"])?;
    let commit = String::from_utf8(found.stdout).ok()?;
    let commit = commit.trim();
    if !found.status.success() || commit.is_empty() {
        return None;
    }
    let sources = [":(top)", ":(top,exclude)results"];
    let same = git(&[&["diff", "--quiet", "HEAD", "--"], &sources[..]].concat())?;
    let dirty = if same.status.success() { "" } else { "-dirty" };
    Some(format!("{commit}{dirty}"))
}

/// Model of the processor, where the system says.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_alone_make_no_commit_dirty() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(commit(folder.path()), None);
        let git = |arguments: &str| {
            let mut git = Command::new("git");
            git.args([
                "-c",
                "user.name=a",
                "-c",
                "user.email=a@b",
                "-c",
                "commit.gpgsign=false",
            ]);
            git.args(arguments.split(' ')).current_dir(folder.path());
            assert!(git.output().unwrap().status.success(), "{arguments}");
        };
        let write =
            |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        git("init -q");
        std::fs::create_dir(folder.path().join("results")).unwrap();
        write("source", "a");
        git("add .");
        git("commit -q -m of-another-program");
        assert_eq!(commit(folder.path()), None);
        std::fs::create_dir_all(folder.path().join("crates/run-results")).unwrap();
        write("crates/run-results/source", "a");
        write("results/table", "a");
        git("add .");
        git("commit -q -m first");
        let clean = commit(folder.path()).unwrap();
        assert_eq!(clean.len(), 12);
        write("results/table", "b");
        assert_eq!(commit(folder.path()), Some(clean.clone()));
        write("source", "b");
        assert_eq!(commit(folder.path()), Some(format!("{clean}-dirty")));
    }
}
