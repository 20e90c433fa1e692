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
        commit: commit(),
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
    let text = std::fs::read_to_string(run.join("manifest.json")).ok()?;
    serde_json::from_str(&text).ok()
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

/// The commit of the working folder, with `-dirty` if files differ; `None` outside a checkout.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// Model of the processor, where the system says.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"))?;
    Some(line.trim_start_matches([' ', '\t', ':']).to_owned())
}
