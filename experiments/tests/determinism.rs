//! The same seed gives the same bytes: whatever the number of lanes, with and without cache, and
//! after a run that was cut short.

#![allow(clippy::unwrap_used)]

mod support;

use arms::{ArmKind, ArmSpec};
use std::fs;
use support::{Scratch, names};

const COMPARED: [&str; 5] = [
    "metrics.csv",
    "history.csv",
    "predictions.csv",
    "summary.csv",
    "verdict.md",
];

fn results(place: &Scratch, run: &str) -> Vec<Vec<u8>> {
    let read = |name| fs::read(place.result(run, name)).unwrap();
    COMPARED.map(read).into()
}

#[track_caller]
fn assert_same(found: &[Vec<u8>], expected: &[Vec<u8>]) {
    for (name, (found, expected)) in COMPARED.iter().zip(found.iter().zip(expected)) {
        assert!(found == expected, "{name} differs");
    }
}

#[test]
fn lanes_and_cache_change_no_byte() {
    let place = Scratch::new();
    place.probe("--run one --jobs 1").succeeded();
    let expected = results(&place, "one");
    let cached = names(&place.path("data/cache"));
    assert_eq!(cached.len(), 3, "one file per split: {cached:?}");
    place.probe("--run two --jobs 2").succeeded();
    assert_same(&results(&place, "two"), &expected);
    assert_eq!(names(&place.path("data/cache")), cached);
    place
        .probe("--run bare --jobs 3 --no-cache --data untouched")
        .succeeded();
    assert_same(&results(&place, "bare"), &expected);
    assert!(!place.path("untouched").exists());
    for file in &cached {
        fs::write(place.path("data/cache").join(file), "damaged").unwrap();
    }
    place.probe("--run damaged").succeeded();
    assert_same(&results(&place, "damaged"), &expected);
}

#[test]
fn every_kind_of_arm_gives_the_same_bytes_on_any_number_of_lanes() {
    let place = Scratch::new();
    let arms: Vec<String> = ArmKind::ALL
        .map(|kind| ArmSpec::example(kind, 24).to_string())
        .into_iter()
        .chain(["vet-st-argmax@24+codes2+usage".to_owned()])
        .collect();
    let arms = arms.join(",");
    place
        .probe(&format!("--run one --jobs 1 --arms {arms}"))
        .succeeded();
    place
        .probe(&format!("--run two --jobs 3 --arms {arms}"))
        .succeeded();
    assert_same(&results(&place, "two"), &results(&place, "one"));
    let verdict = fs::read_to_string(place.result("one", "verdict.md")).unwrap();
    assert!(verdict.contains("of 48"), "codes of several codebooks");
}

#[test]
fn other_seeds_give_other_bytes() {
    let place = Scratch::new();
    place.probe("--run a --arms identity").succeeded();
    let settings = support::TINY.replace("seeds = [1, 2]", "seeds = [3, 4]");
    place.write("tiny.toml", settings);
    place.probe("--run b --arms identity").succeeded();
    let predictions = |run| fs::read(place.result(run, "predictions.csv")).unwrap();
    assert!(predictions("a") != predictions("b"));
}

#[test]
fn trained_cells_do_not_depend_on_the_other_arms() {
    let place = Scratch::new();
    let rows_of = |run: &str, arm: &str| -> Vec<String> {
        let text = fs::read_to_string(place.result(run, "predictions.csv")).unwrap();
        let rows = text.lines().filter(|line| line.starts_with(arm));
        rows.map(str::to_owned).collect()
    };
    place.probe("--run all").succeeded();
    place
        .probe("--run few --arms vet-gumbel@16+usage,patch-merger")
        .succeeded();
    for arm in ["vet-gumbel@16+usage,", "patch-merger,"] {
        assert!(!rows_of("all", arm).is_empty());
        assert_eq!(rows_of("all", arm), rows_of("few", arm));
    }
}

#[test]
fn a_run_that_lost_cells_and_tables_is_completed_to_the_same_bytes() {
    let place = Scratch::new();
    place.probe("--run a").succeeded();
    let expected = results(&place, "a");
    let folder = place.result("a", "cells");
    let cells = names(&folder);
    for (index, cell) in cells.iter().enumerate() {
        match index % 3 {
            0 => fs::remove_file(folder.join(cell)).unwrap(),
            // What a crash may leave of a file counts as nothing.
            1 => fs::write(folder.join(cell), "[spec]\narm = \"bl").unwrap(),
            _ => {}
        }
    }
    for name in COMPARED {
        fs::remove_file(place.result("a", name)).unwrap();
    }
    place.probe("--run a --resume").succeeded();
    assert_same(&results(&place, "a"), &expected);
    assert_eq!(names(&folder), cells);
}

#[test]
fn only_chosen_learning_rates_are_tested_and_a_test_that_was_lost_is_made_up() {
    let place = Scratch::new();
    let flags = "--run a --arms vet-softmax@16 --learning-rates 0.002,1e-9";
    place.probe(flags).succeeded();
    let expected = results(&place, "a");
    let folder = place.result("a", "cells");
    let tested = || -> Vec<String> {
        let has_tests = |name: &String| {
            let cell = fs::read_to_string(folder.join(name)).unwrap();
            cell.contains("[[tests]]")
        };
        names(&folder).into_iter().filter(has_tests).collect()
    };
    let before = tested();
    // Two seeds at the chosen rate; the first seed at the other rate is not tested.
    assert_eq!((before.len(), names(&folder).len()), (2, 3));

    // As if the run had ended between training and testing.
    for name in &before {
        let cell = fs::read_to_string(folder.join(name)).unwrap();
        let mut cell: toml::Table = cell.parse().unwrap();
        if cell["spec"]["seed"].as_integer() == Some(1) {
            cell.insert("tests".to_owned(), toml::Value::Array(Vec::new()));
            cell.insert("hardening".to_owned(), toml::Value::Array(Vec::new()));
            fs::write(folder.join(name), toml::to_string(&cell).unwrap()).unwrap();
        }
    }
    assert_eq!(tested().len(), 1);
    fs::remove_file(place.result("a", "metrics.csv")).unwrap();
    place.probe(&format!("{flags} --resume")).succeeded();
    assert_same(&results(&place, "a"), &expected);
    assert_eq!(tested(), before);
}

#[test]
fn cells_of_images_that_have_changed_are_not_taken_up() {
    let place = Scratch::new();
    place
        .run("render --out mine --images 12 --charset 10 --densities 1")
        .succeeded();
    let flags = "--run a --arms identity --dataset folder:mine";
    place.probe(flags).succeeded();
    let before = fs::read(place.result("a", "predictions.csv")).unwrap();
    // The same labels, another first image.
    fs::copy(place.path("mine/000001.png"), place.path("mine/000000.png")).unwrap();
    place
        .run("report results/a --data data")
        .refused(&["not all cells"]);
    assert_eq!(
        fs::read(place.result("a", "predictions.csv")).unwrap(),
        before
    );
    place.probe(&format!("{flags} --resume")).succeeded();
    place
        .probe(&flags.replace("--run a", "--run b"))
        .succeeded();
    assert_same(&results(&place, "a"), &results(&place, "b"));
}

#[cfg(unix)]
#[test]
fn after_ctrl_c_the_same_command_with_resume_goes_on_to_the_same_bytes() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    let place = Scratch::new();
    place.write(
        "tiny.toml",
        support::TINY.replace("steps = 4", "steps = 60"),
    );
    place.probe("--run whole").succeeded();

    let mut child = place
        .binary()
        .args(Scratch::probe_arguments("--run cut --jobs 1"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("[1/") {
        line.clear();
        assert!(
            stderr.read_line(&mut line).unwrap() > 0,
            "no cell was finished"
        );
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    for part in [
        "not finished",
        "--resume --run cut",
        "what was finished is kept",
    ] {
        assert!(rest.contains(part), "no `{part}` in: {rest}");
    }
    assert!(!rest.contains("panicked"), "{rest}");
    let kept = names(&place.result("cut", "cells")).len();
    assert!((1..12).contains(&kept), "{kept} of 12 cells");
    assert!(!place.result("cut", "metrics.csv").exists());

    let resumed = place.probe("--run cut --resume --jobs 2").succeeded();
    assert!(
        !resumed.stderr.contains("tuning: 6 cells, 0 done before"),
        "{}",
        resumed.stderr
    );
    assert_same(&results(&place, "cut"), &results(&place, "whole"));
}
