//! A run made again from its file of items.

use super::data_sets::{self, first_ones, on_a_data_set};
use super::{ARMS, expected, fail, rows, text, written};
use crate::items_file::{self, FILE};
use crate::synthetic::{config, run};
use crate::{Manifest, Outputs, Summary, hardening_series, item_series, write};
use probe::{ProbeConfig, RunOutcome, TrainingLength};
use probe_data::Answer;
use probe_statistics::bootstrap::SeedItems;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// What is made again to the byte.
const SAME: [&str; 8] = [
    "metrics.csv",
    "history.csv",
    "tuning.csv",
    "summary.csv",
    "by_steps.csv",
    "steps.csv",
    "verdict.md",
    "plots/cer_by_arm.csv",
];

/// A run with everything that the file has to hold: a failed cell, sampled words, shorter trainings, edits
/// of the hardening curve.
fn rich() -> (ProbeConfig, RunOutcome) {
    let arms: Vec<&str> = ARMS.into_iter().chain(["vet-gumbel@256"]).collect();
    let config = config(&arms, 3, &[1.0, 2.0]);
    let mut run = run(&config, &expected(0.3));
    run.image_notes = vec!["a \"note\"".to_owned()];
    run.tuning[1].candidates.insert(0, (0.0005, None));
    run.moving = vec![config.arms[1]];
    for point in run.cells.iter_mut().flat_map(|cell| &mut cell.hardening) {
        point.edits = (0..20).map(|image| image * point.k as u32 % 300).collect();
    }
    run.shorter = vec![TrainingLength {
        steps: 150,
        cells: run.cells.clone(),
    }];
    fail(&mut run, "linear", 2, 150);
    (config, run)
}

/// Writes a run into another folder from the file that `folder` has.
fn again(folder: &Path, config: &ProbeConfig) -> (TempDir, Summary, RunOutcome) {
    let run = items_file::read(folder, config).unwrap();
    let other = tempfile::tempdir().unwrap();
    let manifest = Manifest::default();
    let summary = write(other.path(), config, &run, &manifest, Outputs::All).unwrap();
    (other, summary, run)
}

/// Why the file in a folder is refused.
fn refused(folder: &Path, config: &ProbeConfig) -> String {
    let error = format!("{:#}", items_file::read(folder, config).unwrap_err());
    assert!(error.contains(FILE), "{error}");
    error
}

/// A file with other bytes in the place of the first ones that are these.
fn replaced(whole: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut places = whole.windows(from.len());
    let place = places.position(|part| part == from.as_bytes()).unwrap();
    let mut bytes = whole.to_vec();
    bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

/// As earlier versions wrote it, without a checksum.
fn unsealed(whole: &[u8]) -> Vec<u8> {
    replaced(whole, "\"sha256\"", "\"unused\"")
}

/// Where the data of a tensor begin.
fn place_of(bytes: &[u8], name: &str) -> usize {
    let tensors = safetensors::SafeTensors::deserialize(bytes).unwrap();
    let data = tensors.tensor(name).unwrap().data().as_ptr();
    data as usize - bytes.as_ptr() as usize
}

#[test]
fn everything_but_what_was_read_comes_back_to_the_byte() {
    let (config, run) = rich();
    // Steps were doubled once, so the cells were trained with twice those of the shorter ones.
    let (folder, summary) = written(&config, &run);
    let (other, summary_again, run_again) = again(folder.path(), &config);
    for name in SAME {
        assert_eq!(text(&other, name), text(&folder, name), "{name}");
    }
    assert_eq!(summary_again, summary);
    for name in ["predictions.csv", "confusions.csv"] {
        assert!(!other.path().join(name).exists(), "{name}");
    }
    // The file itself can be handed on.
    let [first, second] =
        [&folder, &other].map(|folder| fs::read(folder.path().join(FILE)).unwrap());
    assert!(first == second);
    assert!(text(&other, "report.html").contains("made from <code>items.safetensors</code>"));
    // What claims are evaluated on.
    let numbers = |run: &RunOutcome| {
        let items = item_series(&config, run).unwrap();
        format!("{items:?} {:?}", hardening_series(&config, run))
    };
    assert!(numbers(&run_again) == numbers(&run));
    assert_eq!(run_again.tuning, run.tuning);
    assert_eq!(run_again.image_notes, run.image_notes);
}

#[test]
fn the_same_run_gives_the_same_bytes_and_no_times() {
    let (config, mut run) = rich();
    let (folder, _) = written(&config, &run);
    run.cells.iter_mut().for_each(|cell| cell.seconds *= 3.0);
    let (other, _) = written(&config, &run);
    let [a, b] = [&folder, &other].map(|folder| fs::read(folder.path().join(FILE)).unwrap());
    assert!(a == b);
}

#[test]
fn a_look_is_one_cluster_in_all_levels_of_a_task() {
    let config = config(&["identity"], 1, &[1.0, 2.0]);
    let mut run = run(&config, &expected(0.3));
    // The second level meets the same looks in the opposite order.
    let names = run.test_sets[0].cluster_names.clone();
    run.test_sets[1].cluster_names = names.iter().rev().cloned().collect();
    let clusters = |run: &RunOutcome| -> Vec<Vec<u32>> {
        let series = item_series(&config, run).unwrap();
        let of_seed = |seed: &SeedItems| seed.items.iter().map(|item| item.cluster).collect();
        series.iter().map(|one| of_seed(&one.seeds[0])).collect()
    };
    let kept: Vec<_> = run
        .test_sets
        .iter()
        .map(|set| set.clusters.clone())
        .collect();
    assert_eq!(clusters(&run), kept);

    for (set, difficulty) in run.test_sets.iter_mut().zip([5.0, 2.5]) {
        set.difficulty = Some(difficulty);
    }
    let [first, second] = clusters(&run).try_into().unwrap();
    let last = names.len() as u32 - 1;
    for (item, cluster) in kept[1].iter().enumerate() {
        let same_look = kept[0].iter().position(|own| *own == last - cluster);
        assert_eq!(second[item], first[same_look.unwrap()]);
    }
    let distinct: BTreeSet<u32> = first.into_iter().collect();
    assert_eq!(distinct.len(), names.len());
}

#[test]
fn classes_are_kept_as_they_were_answered() {
    let config = config(&["identity", "blind"], 2, &[1.0]);
    let mut run = run(&config, &expected(0.3));
    let images = run.test_sets[0].targets.len();
    let classes =
        |shift: usize| (0..images).map(move |item| Answer::Class(((item + shift) % 300) as u16));
    run.test_sets[0].targets = classes(0).collect();
    for (shift, cell) in run.cells.iter_mut().enumerate() {
        cell.tests[0].predictions = classes(shift / 2).collect();
    }
    let (folder, _) = written(&config, &run);
    let (other, _, run_again) = again(folder.path(), &config);
    for name in [
        "metrics.csv",
        "predictions.csv",
        "confusions.csv",
        "verdict.md",
    ] {
        assert_eq!(text(&other, name), text(&folder, name), "{name}");
    }
    assert_eq!(run_again.cells[3].tests, run.cells[3].tests);
}

#[test]
fn words_right_come_back_and_pictures_of_them_stay() {
    for (read, drawn) in [([30, 20, 10, 0], true), ([30, 30, 30, 0], false)] {
        let (config, run) = on_a_data_set(&data_sets::ARMS, 1, &first_ones(read));
        let (folder, _) = written(&config, &run);
        let (other, ..) = again(folder.path(), &config);
        for name in ["words_right.csv", "verdict.md", "summary.csv"] {
            assert_eq!(text(&other, name), text(&folder, name), "{name}");
        }
        // Into the folder itself.
        let found = items_file::read(folder.path(), &config).unwrap();
        let manifest = Manifest::default();
        write(folder.path(), &config, &found, &manifest, Outputs::All).unwrap();
        let there = |name: &str| folder.path().join(name).exists();
        assert_eq!(there("plots/read_by_one.svg"), drawn);
        assert!(there("protocol.csv") && there("predictions.csv"));
    }
}

#[test]
fn one_other_byte_of_edits_is_another_number() {
    let (config, run) = rich();
    let (folder, _) = written(&config, &run);
    let path = folder.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    let place = place_of(&bytes, "edits/patch-merger/2/0/deterministic");
    bytes[place + 7] += 1;
    fs::write(&path, &bytes).unwrap();
    assert!(refused(folder.path(), &config).contains("checksum"));
    fs::write(&path, unsealed(&bytes)).unwrap();
    let (other, ..) = again(folder.path(), &config);
    let cer = |folder: &TempDir, arm: &str| {
        let rows = rows(folder, "summary.csv");
        let known = [("arm", arm), ("density", "1"), ("metric", "cer")];
        super::field(&rows, &known, "mean").parse::<f64>().unwrap()
    };
    let moved = cer(&other, "patch-merger") - cer(&folder, "patch-merger");
    let one_edit = 1.0 / (3.0 * 40.0 * 8.0);
    assert!((moved - one_edit).abs() < 1e-12, "{moved}");
    assert_eq!(cer(&other, "identity"), cer(&folder, "identity"));
    assert!(text(&other, "verdict.md") != text(&folder, "verdict.md"));
}

#[test]
fn files_that_are_damaged_foreign_or_of_another_run_are_refused_by_name() {
    let (config, run) = rich();
    let (folder, _) = written(&config, &run);
    let path = folder.path().join(FILE);
    let whole = fs::read(&path).unwrap();
    let with = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        refused(folder.path(), &config)
    };
    let error = with(&whole[..whole.len() - 9]);
    assert!(
        error.contains("damaged") && error.contains("bring back"),
        "{error}"
    );
    assert!(with(b"\x08\0\0\0\0\0\0\0{}      ").contains("holds other tensors"));
    assert!(with(b"").contains("damaged"));
    assert!(with(&replaced(&whole, "version 1", "version 9")).contains("version 9"));
    let renamed = replaced(&whole, "edits/identity/1", "edits/identity/9");
    assert!(with(&renamed).contains("checksum"));
    assert!(with(&unsealed(&renamed)).contains("no tensor"));
    let mut bytes = whole.clone();
    bytes[place_of(&whole, "run") + 100] ^= 1;
    assert!(with(&bytes).contains("checksum"));
    assert!(with(&unsealed(&bytes)).contains("damaged"));

    let mut fewer = run.clone();
    fewer.cells.remove(0);
    items_file::write(folder.path(), &config, &fewer).unwrap();
    let error = refused(folder.path(), &config);
    let lacks = format!("lacks the cell of `{}` with seed 1", config.arms[0]);
    assert!(error.contains(&lacks), "{error}");

    fs::write(&path, &whole).unwrap();
    let mut other = config.clone();
    other.data.images.train = 7;
    let error = refused(folder.path(), &other);
    assert!(
        error.contains("train = 1000") && error.contains("train = 7"),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
    refused(folder.path(), &config);
}
