//! Disks that are small, full or read-only: one clear error each, what is finished stays, and the same
//! command goes on once there is space. Where this user may not mount a small disk, the tests say so
//! and check nothing.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Scratch, TINY, names};

/// A small file system in memory, there as long as the value is.
struct Disk(PathBuf);

impl Disk {
    /// None where this user may not mount one.
    fn mount(path: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted = run("mount", &["-t", "tmpfs", "-o", options, "tmpfs"], path);
        if !mounted {
            eprintln!("skipped: this user may not mount a small disk");
        }
        mounted.then(|| Self(path.to_owned()))
    }

    fn change(&self, options: &str) {
        let options = format!("remount,{options}");
        assert!(run("mount", &["-o", &options], &self.0));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &[], &self.0);
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(path)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What the system says of a full disk.
const FULL: &str = "No space left on device";

#[test]
fn on_a_full_disk_finished_cells_stay_and_the_run_can_go_on() {
    let place = Scratch::new();
    let Some(disk) = Disk::mount(&place.path("results"), "size=32k") else {
        return;
    };
    place.write("tiny.toml", TINY.replace("test = 16", "test = 64"));
    let full = place.probe("--run a --jobs 1");
    let parts = ["results/a/cells", "disk full", "free some space", FULL];
    full.refused(&[parts.as_slice(), &["--resume --run a"]].concat());
    let cells = names(&place.result("a", "cells"));
    assert!((1..12).contains(&cells.len()), "{cells:?}");
    for cell in &cells {
        let text = fs::read_to_string(place.result("a", "cells").join(cell)).unwrap();
        toml::from_str::<toml::Table>(&text).unwrap();
    }
    disk.change("size=16m");
    place.probe("--run a --resume").succeeded();
    place.probe("--run b").succeeded();
    let metrics = |run| fs::read(place.result(run, "metrics.csv")).unwrap();
    assert!(metrics("a") == metrics("b"));
}

#[test]
fn tables_that_do_not_fit_on_the_disk_are_named() {
    let place = Scratch::new();
    let Some(disk) = Disk::mount(&place.path("results"), "size=16m") else {
        return;
    };
    place.probe("--run a --arms identity,blind").succeeded();
    let tables = ["metrics.csv", "predictions.csv"];
    let before = tables.map(|name| fs::read(place.result("a", name)).unwrap());
    fs::write(place.path("results/filler"), vec![1; 32 << 20]).unwrap_err();
    place.run("report results/a --data data").refused(&[
        "cannot write results/a/",
        "disk full",
        FULL,
    ]);
    assert!(tables.map(|name| fs::read(place.result("a", name)).unwrap()) == before);
    fs::remove_file(place.path("results/filler")).unwrap();
    disk.change("ro");
    let run = place.probe("--run b --arms blind");
    run.refused(&["results/b", "read-only", "--results"]);
    let run = place.probe("--run a --arms identity,blind --resume");
    run.refused(&["results/a", "read-only", "--results"]);
}

#[test]
fn a_cache_that_does_not_fit_on_the_disk_is_named_and_can_be_left_out() {
    let place = Scratch::new();
    let Some(disk) = Disk::mount(&place.path("data"), "size=64k") else {
        return;
    };
    let arms = "--arms identity,blind";
    let full = place.probe(&format!("--run a {arms}"));
    full.refused(&["data/cache", "free space", "--no-cache", FULL]);
    assert!(place.runs().is_empty(), "nothing was computed");
    assert!(
        names(&place.path("data/cache")).is_empty(),
        "nor is half a file left"
    );
    place
        .probe(&format!("--run a {arms} --no-cache"))
        .succeeded();
    disk.change("size=16m");
    place.probe(&format!("--run b {arms}")).succeeded();
    assert!(!names(&place.path("data/cache")).is_empty());
    let metrics = |run| fs::read(place.result(run, "metrics.csv")).unwrap();
    assert!(metrics("a") == metrics("b"));
    // What is there can be read from a disk that takes nothing more.
    disk.change("ro");
    place.probe(&format!("--run c {arms}")).succeeded();
    let other = place.probe(&format!("--run d {arms} --test-images 8"));
    other.refused(&["data/cache", "--no-cache", "Read-only file system"]);
}

#[test]
fn a_study_on_a_full_disk_goes_on_where_it_stopped() {
    let place = Scratch::new();
    let Some(disk) = Disk::mount(&place.path("results"), "size=48k") else {
        return;
    };
    place.write(
        "study.toml",
        "arms = [\"identity\", \"patch-merger\", \"vet-softmax@20\"]\nd_token = 16\n\
         backbone = \"backbone.safetensors\"\n[data]\ncharset = \"36\"\ndensities = [1.0]\n\
         test_contents = [\"random\"]\n[training]\nsteps = 4\nbatch = 16\n",
    );
    let study = |more: &str| {
        place.run(&format!(
            "study --preset smoke --config study.toml --only ocr --run s {more}"
        ))
    };
    study("").refused(&["results/s", "disk full", "--resume --run s", FULL]);
    disk.change("size=32m");
    study("--resume").succeeded();
    assert!(place.result("s", "report.html").is_file());
}

#[test]
fn data_sets_that_do_not_fit_leave_nothing_that_looks_whole() {
    for (format, whole) in [
        ("lmdb", "data.mdb"),
        ("gt", "gt.txt"),
        ("doctr", "labels.json"),
        ("folder", "labels.csv"),
    ] {
        let place = Scratch::new();
        let Some(disk) = Disk::mount(&place.path("out"), "size=64k") else {
            return;
        };
        let export = format!("data export --out out/set --images 60 --to {format}");
        // LMDB itself knows short writes only.
        let full = if format == "lmdb" {
            "no space is left"
        } else {
            FULL
        };
        place.run(&export).refused(&["out/set", "disk full", full]);
        assert!(!place.path("out/set").join(whole).exists(), "{format}");
        place
            .run("data export --out lines --images 60 --to gt")
            .succeeded();
        let import = format!("data import lines --out out/copy --to {format}");
        place.run(&import).refused(&["out/", "disk full", full]);
        disk.change("size=16m");
        place.run(&export).succeeded();
        place.run(&import).succeeded();
        for set in ["out/set", "out/copy"] {
            place.run(&format!("data check {set}")).succeeded();
        }
        disk.change("ro");
        let export = export.replace("out/set", "out/other");
        let refused = place.run(&export);
        refused.refused(&["out/other", "read-only", "Read-only file system"]);
    }
}

#[test]
fn commands_that_compute_for_long_look_at_the_disk_first() {
    let place = Scratch::new();
    let Some(disk) = Disk::mount(&place.path("out"), "size=1m") else {
        return;
    };
    disk.change("ro");
    let images = place.run("render --out out/images --images 2");
    images.refused(&["out/images", "Read-only file system"]);
    // A tower of the default size would train for ten minutes.
    let tower = place.run("pretrain-backbone --out out/tower.safetensors");
    tower.refused(&[
        "out/tower.safetensors",
        "read-only",
        "Read-only file system",
    ]);
}
