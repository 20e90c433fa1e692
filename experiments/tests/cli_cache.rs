//! Cached features: bounded, checked, shared between processes, and nothing that results depend on.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::process::Stdio;
use support::{Scratch, names};

const ARMS: &str = "--arms identity,blind";

fn metrics(place: &Scratch, run: &str) -> Vec<u8> {
    fs::read(place.result(run, "metrics.csv")).unwrap()
}

#[test]
fn the_cache_stays_below_its_limit() {
    let place = Scratch::new();
    place.probe(&format!("--run free {ARMS}")).succeeded();
    let cache = place.path("data/cache");
    let files = names(&cache);
    assert_eq!(files.len(), 3, "train, validation and test: {files:?}");
    let bytes = |name: &String| fs::metadata(cache.join(name)).unwrap().len();
    let total: u64 = files.iter().map(bytes).sum();
    let largest = files.iter().map(bytes).max().unwrap();

    // Room for the largest alone: its features were used first, and go first.
    let limit = format!("--cache-limit {largest}");
    let run = place
        .probe(&format!("--run small {ARMS} {limit}"))
        .succeeded();
    assert!(run.stderr.contains("raise --cache-limit"), "{}", run.stderr);
    let left: u64 = names(&cache).iter().map(bytes).sum();
    assert!(left > 0 && left <= largest && left < total);
    let run = place.probe(&format!("--run none {ARMS} --cache-limit 0"));
    run.succeeded();
    assert!(names(&cache).is_empty());
    for run in ["small", "none"] {
        assert!(metrics(&place, run) == metrics(&place, "free"), "{run}");
    }
    let run = place.run("report results/free --data data --cache-limit 1GiB");
    run.succeeded();
    assert_eq!(names(&cache).len(), 3);
    for text in ["much", "-1", "5XB"] {
        let run = place.probe(&format!("--run x {ARMS} --cache-limit={text}"));
        run.refused(&["--cache-limit", "20GiB"]);
    }
}

#[test]
fn damaged_features_are_computed_again() {
    let place = Scratch::new();
    place.probe(&format!("--run a {ARMS}")).succeeded();
    let cache = place.path("data/cache");
    let whole = |name: &String| fs::read(cache.join(name)).unwrap();
    let before: Vec<_> = names(&cache).iter().map(whole).collect();
    for (number, name) in names(&cache).iter().enumerate() {
        let mut bytes = whole(name);
        match number {
            0 => bytes.truncate(bytes.len() - 4),
            1 => bytes.clear(),
            _ => *bytes.last_mut().unwrap() ^= 1,
        }
        fs::write(cache.join(name), bytes).unwrap();
    }
    place.probe(&format!("--run b {ARMS}")).succeeded();
    assert!(metrics(&place, "a") == metrics(&place, "b"));
    let after: Vec<_> = names(&cache).iter().map(whole).collect();
    assert!(before == after);
}

#[test]
fn processes_share_a_cache_that_is_too_small_for_them_and_deleted_meanwhile() {
    let place = Scratch::new();
    place.probe(&format!("--run alone {ARMS}")).succeeded();
    let mut processes: Vec<_> = (0..4)
        .map(|number| {
            let flags = format!("--run p{number} {ARMS} --cache-limit {}", number * 20_000);
            let mut command = place.binary();
            command.args(Scratch::probe_arguments(&flags));
            command.stdout(Stdio::null()).stderr(Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    while processes
        .iter_mut()
        .any(|process| process.try_wait().unwrap().is_none())
    {
        let _ = fs::remove_dir_all(place.path("data/cache"));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for (number, mut process) in processes.into_iter().enumerate() {
        assert!(process.wait().unwrap().success(), "process {number}");
        assert!(metrics(&place, &format!("p{number}")) == metrics(&place, "alone"));
    }
}
