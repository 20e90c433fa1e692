//! The files of synthetic runs, against hand-computed numbers.

mod data_sets;
mod items;
mod tables;
mod unusual_runs;
mod words;

use super::synthetic::{config, fail, run};
use super::{Manifest, Outputs, Summary, write};
use arms::{ArmKind, ArmSpec};
use probe::{ProbeConfig, RunOutcome};
use std::collections::BTreeMap;
use tempfile::TempDir;

const ARMS: [&str; 7] = [
    "identity",
    "linear",
    "patch-merger",
    "gelu-mlp@256",
    "vet-softmax@256",
    "vet-st-argmax@256",
    "blind",
];

/// Error rates as one expects them, with a given loss of the hard arm.
fn expected(hard: f64) -> impl Fn(ArmSpec, f64) -> f64 {
    move |arm, density| {
        if arm.kind == ArmKind::Identity {
            0.01 * density
        } else if arm.kind == ArmKind::Blind {
            35.0 / 36.0
        } else if arm.kind == ArmKind::VetStArgmax {
            hard
        } else {
            0.1 * density
        }
    }
}

fn written(config: &ProbeConfig, run: &RunOutcome) -> (TempDir, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let summary = write(
        folder.path(),
        config,
        run,
        &Manifest::default(),
        Outputs::All,
    )
    .unwrap();
    (folder, summary)
}

fn text(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

fn rows(folder: &TempDir, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(folder.path().join(name)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// The value of the one row with these fields.
fn field(rows: &[BTreeMap<String, String>], conditions: &[(&str, &str)], column: &str) -> String {
    let matches = |row: &&BTreeMap<String, String>| {
        let mut conditions = conditions.iter();
        conditions.all(|(column, value)| row[*column] == *value)
    };
    let found: Vec<_> = rows.iter().filter(matches).collect();
    assert_eq!(found.len(), 1, "{conditions:?}");
    found[0][column].clone()
}
