//! A process that is killed at any moment loses nothing that was finished: run again with
//! `--resume`, it ends with the bytes of a run that was left alone.

#![allow(clippy::unwrap_used)]

mod support;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Scratch, TINY, names};

const COMPARED: [&str; 5] = [
    "metrics.csv",
    "history.csv",
    "predictions.csv",
    "summary.csv",
    "verdict.md",
];
/// Kills at random moments, over as many runs as it takes.
const KILLS: usize = 12;
/// Time a process has to save what it trains, at most, between the request to stop and the kill.
const GRACE_MS: u64 = 40;

#[track_caller]
fn assert_same(place: &Scratch, run: &str) {
    for name in COMPARED {
        let [killed, whole] = [run, "whole"].map(|run| fs::read(place.result(run, name)));
        assert!(killed.unwrap() == whole.unwrap(), "{name} of {run} differs");
    }
    // What a killed process was writing is gone as well.
    let cells = |run: &str| names(&place.result(run, "cells"));
    assert_eq!(cells(run), cells("whole"));
}

#[test]
fn a_run_killed_at_random_moments_ends_with_the_same_bytes() {
    let place = Scratch::new();
    let settings = TINY.replace("steps = 4", "steps = 40");
    let rates = settings.replace(
        "learning_rates = [0.002]",
        "learning_rates = [0.002, 0.004]",
    );
    place.write("tiny.toml", rates);
    let started = Instant::now();
    place.probe("--run whole --jobs 2").succeeded();
    let whole_ms = started.elapsed().as_millis() as u64;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut kills, mut runs) = (0, 0);
    while kills < KILLS {
        let run = format!("killed-{runs}");
        let mut command = place.binary();
        let flags = format!("--run {run} --jobs 2 --resume");
        command.args(Scratch::probe_arguments(&flags));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(1..=whole_ms)));
        // Cells are saved every minute, which is longer than they live here; asked to stop they are
        // saved as well, and some of these saves are cut off.
        #[cfg(unix)]
        if rng.random_bool(0.5) {
            let mut ask = std::process::Command::new("kill");
            ask.args(["-TERM", &process.id().to_string()]);
            ask.stderr(Stdio::null()).status().unwrap();
            std::thread::sleep(Duration::from_millis(rng.random_range(0..GRACE_MS)));
        }
        // Fails if it was faster.
        let _ = process.kill();
        if process.wait().unwrap().success() {
            assert_same(&place, &run);
            runs += 1;
        } else {
            kills += 1;
        }
    }
    let run = format!("killed-{runs}");
    place
        .probe(&format!("--run {run} --jobs 2 --resume"))
        .succeeded();
    assert_same(&place, &run);
}
