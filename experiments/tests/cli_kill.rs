//! A process that is killed at any moment loses nothing that was finished: run again with
//! `--resume`, it ends with the bytes of a run that was left alone.

#![allow(clippy::unwrap_used)]

mod support;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::process::Stdio;
use std::time::Duration;
use support::{Scratch, TINY, names};

const COMPARED: [&str; 5] = [
    "metrics.csv",
    "history.csv",
    "predictions.csv",
    "summary.csv",
    "verdict.md",
];
/// Kills at random moments before the run is left alone.
const KILLS: usize = 12;

#[test]
fn a_run_killed_at_random_moments_ends_with_the_same_bytes() {
    let place = Scratch::new();
    place.write("tiny.toml", TINY.replace("steps = 4", "steps = 40"));
    place.probe("--run whole --jobs 2").succeeded();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut interrupted = 0;
    for _ in 0..KILLS {
        let mut command = place.binary();
        command.args(Scratch::probe_arguments("--run killed --jobs 2 --resume"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(1..900)));
        // Fails if it was faster.
        let _ = process.kill();
        interrupted += usize::from(!process.wait().unwrap().success());
    }
    assert!(interrupted > 2, "{interrupted} of {KILLS} were killed");
    place.probe("--run killed --jobs 2 --resume").succeeded();
    for name in COMPARED {
        let [killed, whole] = ["killed", "whole"].map(|run| fs::read(place.result(run, name)));
        assert!(killed.unwrap() == whole.unwrap(), "{name} differs");
    }
    // What a killed process was writing is gone as well.
    let cells = |run: &str| names(&place.result(run, "cells"));
    assert_eq!(cells("killed"), cells("whole"));
}
