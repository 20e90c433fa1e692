//! Choosing a backend, and the survey of all of them.

#![allow(clippy::unwrap_used)]

mod support;

use std::process::Command;
use support::{Finished, Rows, Scratch};

const ALL: [&str; 7] = ["flex", "wgpu", "vulkan", "cuda", "tch", "cpu", "ndarray"];

fn experiments(arguments: &[&str], burn_device: Option<&str>) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_experiments"));
    command.current_dir(folder.path()).args(arguments);
    match burn_device {
        Some(name) => command.env("BURN_DEVICE", name),
        None => command.env_remove("BURN_DEVICE"),
    };
    command.output().unwrap().into()
}

/// The row of a backend in the table.
#[track_caller]
fn row<'a>(table: &'a str, backend: &str) -> &'a str {
    let starts = |line: &&str| line.trim_start().starts_with(backend);
    table.lines().find(starts).unwrap()
}

#[cfg(feature = "flex")]
#[test]
fn the_survey_measures_flex_and_writes_every_number() {
    let place = Scratch::new();
    let finished = place.run("backends flex --csv backends.csv").succeeded();
    assert!(row(&finished.stdout, "flex").contains("agrees with flex"));
    let rows = Rows::read(&place.path("backends.csv"));
    let value = |measure| rows.fields("value", &[("measure", measure)])[0].to_owned();
    assert!(value("matmul GFLOP/s").parse::<f64>().unwrap() > 0.1);
    for same in ["forward: small ViT", "forward: vet-gumbel@64, sampled"] {
        assert_eq!(value(same), "0");
    }
    assert_eq!(value("20 losses: patch-merger"), "0");
    assert_eq!(value("verdict"), "agrees with flex");
}

#[test]
fn a_table_that_cannot_be_written_is_refused_before_anything_is_measured() {
    let place = Scratch::new();
    let refused = place.run("backends --csv tables/");
    assert!(!refused.stderr.contains("looking at"), "{}", refused.stderr);
    refused.refused(&["tables/", "the name of a folder"]);
}

#[test]
fn a_named_backend_that_is_missing_is_an_error_with_its_feature() {
    for backend in ALL {
        let compiled = run_support::backend::Backend::ALL
            .into_iter()
            .any(|known| known.name() == backend && known.is_compiled_in());
        if !compiled {
            let finished = experiments(&["backends", backend], None);
            let feature = format!("--features {backend}");
            assert!(row(&finished.stdout, backend).contains(&feature));
            finished.refused(&["not compiled in", &feature]);
        }
    }
}

#[test]
fn the_survey_of_an_unknown_backend_lists_the_known_ones() {
    experiments(&["backends", "abacus"], None).refused(&ALL);
}

#[test]
fn burn_device_chooses_and_the_flag_wins() {
    let place = Scratch::new();
    let probe = |flags: &str, burn_device: &str| {
        let mut command = place.binary();
        command.args(Scratch::probe_arguments(flags));
        Finished::from(command.env("BURN_DEVICE", burn_device).output().unwrap())
    };
    probe("", "abacus").refused(&["abacus", "possible values"]);
    probe("", "cuda:x").refused(&["`cuda:0`"]);
    probe("", "flex:7").refused(&["`flex` has no device 7"]);
    if !cfg!(feature = "ndarray") {
        probe("", "NdArray").refused(&["`ndarray` is not compiled in", "BURN_DEVICE"]);
    }
    assert!(place.runs().is_empty());
    probe("--backend flex --arms blind", "abacus").succeeded();
}

#[test]
fn a_backend_of_a_run_is_in_its_manifest() {
    let place = Scratch::new();
    place
        .probe("--arms blind --run r --backend flex:0")
        .succeeded();
    let text = std::fs::read_to_string(place.result("r", "manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["backend"], "flex:0");
}
