//! `--replication`: seeds with training images, and towers, of their own.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use support::{Rows, Scratch, TINY_BACKBONE};

/// Hashes of the manifest by name of the group, such as `seed 1: train random, 1 per token`.
fn images(place: &Scratch, run: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(place.result(run, "manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let found = manifest["hashes"]["data"].as_object().unwrap().iter();
    found
        .map(|(name, hash)| (name.clone(), hash.as_str().unwrap().to_owned()))
        .collect()
}

/// Different hashes of the groups of a split.
fn different(images: &[(String, String)], split: &str) -> usize {
    let of_split = images.iter().filter(|(name, _)| name.contains(split));
    let hashes: BTreeSet<&String> = of_split.map(|(_, hash)| hash).collect();
    hashes.len()
}

fn bytes(place: &Scratch, run: &str, name: &str) -> Vec<u8> {
    fs::read(place.result(run, name)).unwrap()
}

#[test]
fn every_seed_trains_on_its_own_images_and_all_are_tested_on_the_same() {
    let place = Scratch::new();
    place.probe("--replication images --run own").succeeded();
    place.probe("--run shared").succeeded();
    let (own, shared) = (images(&place, "own"), images(&place, "shared"));
    assert_eq!(different(&own, "train"), 2, "{own:?}");
    assert_eq!(different(&own, "validation"), 2);
    assert_eq!(different(&own, "test"), 1);
    assert_eq!(different(&shared, "train"), 1);
    let metrics = Rows::read(&place.result("own", "metrics.csv"));
    let seeds = |arm| metrics.fields("seed", &[("arm", arm), ("metric", "cer")]);
    for arm in ["patch-merger", "vet-softmax@16", "blind"] {
        assert_eq!(seeds(arm), ["1", "2"], "{arm}");
    }
    // The rate that the first seed chose is that of all.
    let tuning = Rows::read(&place.result("own", "tuning.csv"));
    assert_eq!(tuning.fields("chosen", &[]), ["true"; 6]);
}

#[test]
fn a_run_of_replicates_has_the_same_bytes_on_any_lanes_from_its_cells_and_from_its_items() {
    let place = Scratch::new();
    let rates = "--learning-rates 0.002,0.004";
    for (run, jobs) in [("one", 1), ("three", 3)] {
        place
            .probe(&format!(
                "--replication images {rates} --run {run} --jobs {jobs}"
            ))
            .succeeded();
    }
    for name in [
        "metrics.csv",
        "summary.csv",
        "items.safetensors",
        "verdict.md",
    ] {
        assert!(
            bytes(&place, "one", name) == bytes(&place, "three", name),
            "{name}"
        );
    }
    let summary = bytes(&place, "one", "summary.csv");
    place.run("report results/one").succeeded();
    assert!(bytes(&place, "one", "summary.csv") == summary);
    fs::remove_dir_all(place.result("one", "cells")).unwrap();
    place.run("report results/one").succeeded();
    assert!(bytes(&place, "one", "summary.csv") == summary);
}

#[test]
fn every_seed_can_have_a_tower_of_its_own() {
    let place = Scratch::new();
    place.write("tower.toml", TINY_BACKBONE);
    for seed in [1, 2] {
        let out = format!("--out towers/seed-{seed}.safetensors");
        place
            .run(&format!(
                "pretrain-backbone --config tower.toml --seed {seed} {out}"
            ))
            .succeeded();
    }
    let flags = "--replication towers --backbone towers/seed-{seed}.safetensors";
    place.probe(&format!("{flags} --run towers")).succeeded();
    let text = fs::read_to_string(place.result("towers", "manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let towers = manifest["hashes"]["backbone"].as_str().unwrap();
    let [first, second] = towers.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{towers}")
    };
    assert_ne!(first, second);
}

#[test]
fn finished_seeds_of_an_unfinished_run_are_not_trained_again_and_leave_the_same_bytes() {
    let place = Scratch::new();
    place.write("tower.toml", TINY_BACKBONE);
    let tower = |seed: u64| {
        let out = format!("--out towers/seed-{seed}.safetensors");
        place
            .run(&format!(
                "pretrain-backbone --config tower.toml --seed {seed} {out}"
            ))
            .succeeded();
    };
    let flags = "--replication towers --backbone towers/seed-{seed}.safetensors";
    tower(1);
    place
        .probe(&format!("{flags} --run parts"))
        .refused(&["seed-2.safetensors"]);
    // As on another machine: the cells are gone.
    fs::remove_dir_all(place.result("parts", "cells")).unwrap();
    tower(2);
    place
        .probe(&format!("{flags} --run parts --resume"))
        .succeeded();
    place.probe(&format!("{flags} --run whole")).succeeded();
    for name in ["metrics.csv", "summary.csv", "items.safetensors"] {
        assert!(
            bytes(&place, "parts", name) == bytes(&place, "whole", name),
            "{name}"
        );
    }
    let trained = |run: &str| fs::read_dir(place.result(run, "cells")).unwrap().count();
    assert_eq!(2 * trained("parts"), trained("whole"));
    assert_eq!(images(&place, "parts"), images(&place, "whole"));
    assert!(!place.result("parts", "seeds").exists());
}

/// A tower for each seed.
const TOWERS: &str = "--replication towers --backbone towers/seed-{seed}.safetensors";

/// A run whose second tower is not there: its first seed is finished and kept.
fn half_a_run() -> Scratch {
    let place = Scratch::new();
    place.write("tower.toml", TINY_BACKBONE);
    let tower = "pretrain-backbone --config tower.toml --seed 1 --out towers/seed-1.safetensors";
    place.run(tower).succeeded();
    place
        .probe(&format!("{TOWERS} --run half"))
        .refused(&["seed-2.safetensors"]);
    let tower = "pretrain-backbone --config tower.toml --seed 2 --out towers/seed-2.safetensors";
    place.run(tower).succeeded();
    place
}

#[test]
fn a_kept_seed_that_is_damaged_is_named_and_made_again() {
    let place = half_a_run();
    let kept = place.result("half", "seeds/1/items.safetensors");
    let whole = fs::read(&kept).unwrap();
    fs::write(&kept, &whole[..whole.len() - 9]).unwrap();
    let resumed = place.probe(&format!("{TOWERS} --run half --resume"));
    let told = resumed.succeeded().stderr;
    let expected = "seeds/1/items.safetensors: it is damaged";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("This seed is made again now."), "{told}");
    let metrics = Rows::read(&place.result("half", "metrics.csv"));
    let of_arm = [("arm", "blind"), ("metric", "cer")];
    assert_eq!(metrics.fields("seed", &of_arm), ["1", "2"]);
    assert!(!place.result("half", "seeds").exists());
}

#[test]
fn kept_seeds_without_the_manifest_that_says_where_they_come_from_are_refused() {
    let place = half_a_run();
    fs::remove_file(place.result("half", "manifest.json")).unwrap();
    let resume = format!("{TOWERS} --run half --resume");
    let told = ["manifest.json: missing or damaged", "or remove seeds/"];
    place.probe(&resume).refused(&told);
    fs::remove_dir_all(place.result("half", "seeds")).unwrap();
    place.probe(&resume).succeeded();
    assert_eq!(different(&images(&place, "half"), "train"), 2);

    // As a process leaves them that is killed once the items of the run are written.
    fs::create_dir_all(place.result("half", "seeds/1")).unwrap();
    place.probe(&resume).succeeded();
    assert!(!place.result("half", "seeds").exists());
}

#[test]
fn what_does_not_go_with_replicates_is_refused_by_name() {
    let place = Scratch::new();
    place
        .probe("--replication towers")
        .refused(&["{seed}", "backbone"]);
    place
        .probe("--replication images --until-converged")
        .refused(&["until_converged"]);
    place
        .run("data export --out set --to gt --images 12 --charset 94")
        .succeeded();
    place
        .probe("--replication images --layout strip --train-dataset gt:set")
        .refused(&["replication", "rendered"]);
}
