//! Event log, `status`, TensorBoard curves, and cells that are spread over several devices.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::process::Command;
use support::{Scratch, TINY};

/// Loads every event file below a folder with TensorBoard's own reader and prints run, tag and values.
const READER: &str = r#"
import os, sys
from tensorboard.backend.event_processing import event_accumulator
for folder, _, files in sorted(os.walk(sys.argv[1])):
    if files:
        events = event_accumulator.EventAccumulator(folder)
        events.Reload()
        for tag in sorted(events.Tags()["scalars"]):
            points = [f"{e.step}:{e.value:.4f}" for e in events.Scalars(tag)]
            print(os.path.relpath(folder, sys.argv[1]), tag, *points, sep="\t")
"#;

#[test]
fn a_run_says_how_far_it_is() {
    let place = Scratch::new();
    place.write("tiny.toml", TINY);
    place.probe("--run a --arms identity,blind").succeeded();
    let log = fs::read_to_string(place.result("a", "events.jsonl")).unwrap();
    let count = |what: &str| log.matches(&format!("\"event\":\"{what}\"")).count();
    assert_eq!(count("started"), 1, "{log}");
    // Two arms and two seeds, and the tests of the first ones.
    assert_eq!((count("cell-started"), count("cell-finished")), (4, 6));
    assert_eq!(count("finished"), 1);
    let status = place.run("status results/a").succeeded().stdout;
    assert!(
        status.contains("| a   | finished | 4    | 4  |"),
        "{status}"
    );
    assert!(
        status.contains("4 of 4 cells; nobody works on it"),
        "{status}"
    );

    // A process that was killed says nothing any more.
    let cut = log
        .lines()
        .take_while(|line| !line.contains("\"stage\":\"seeds\""));
    fs::write(
        place.result("a", "events.jsonl"),
        cut.map(|line| format!("{line}\n")).collect::<String>() + "{\"unix_s\":1,\"ru",
    )
    .unwrap();
    let status = place.run("status results/a").succeeded().stdout;
    assert!(
        status.contains("interrupted") && status.contains("2 of 4 cells"),
        "{status}"
    );
    assert!(status.contains("--resume"), "{status}");
    let said = place.run("status results/a").succeeded().stderr;
    assert!(
        said.contains("1 line of events.jsonl cannot be read"),
        "{said}"
    );
    fs::remove_file(place.result("a", "events.jsonl")).unwrap();
    let status = place.run("status results/a").succeeded().stdout;
    assert!(
        status.contains("results/a: finished, its results are there; events.jsonl is missing"),
        "{status}"
    );
    // Nor does a log of which nothing can be read make a finished run one that waits; a published one
    // has no cells.
    fs::remove_dir_all(place.result("a", "cells")).unwrap();
    for (log, told) in [
        ("", "events.jsonl is empty"),
        (
            "\0\u{1}\nno event\n",
            "events.jsonl has 2 lines that cannot be read",
        ),
    ] {
        fs::write(place.result("a", "events.jsonl"), log).unwrap();
        let status = place.run("status results/a").succeeded().stdout;
        assert!(
            status.contains("results/a: finished") && status.contains(told),
            "{status}"
        );
    }
    for name in ["summary.csv", "items.safetensors"] {
        // Not every run leaves both.
        let _ = fs::remove_file(place.result("a", name));
    }
    let status = place.run("status results/a").succeeded().stdout;
    assert!(
        status.contains("no results") && status.contains("nothing was trained yet"),
        "{status}"
    );
    place
        .run("status results")
        .refused(&["results", "not the folder"]);
}

#[test]
fn tensorboard_reads_the_training_curves() {
    let place = Scratch::new();
    place.write("tiny.toml", TINY);
    let arms = "--run a --arms identity,vet-softmax@16";
    place.probe(arms).succeeded();
    assert!(!place.result("a", "tensorboard").exists());
    // Also those of cells that are there already.
    place
        .probe(&format!("{arms} --resume --tensorboard"))
        .succeeded();
    let root = place.result("a", "tensorboard");
    let cell = root.join("vet-softmax@16, seed 2, lr 0.002");
    let bytes = fs::read(cell.join("events.out.tfevents.cell")).unwrap();
    assert!(bytes.starts_with(&[0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22]));

    let Ok(python) = std::env::var("TENSORBOARD_PYTHON") else {
        eprintln!("skipped: TENSORBOARD_PYTHON names no Python with tensorboard");
        return;
    };
    let script = place.path("read.py");
    fs::write(&script, READER).unwrap();
    let output = Command::new(python)
        .arg(&script)
        .arg(&root)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let history = support::Rows::read(&place.result("a", "history.csv"));
    for seed in ["1", "2"] {
        let of_cell = [("arm", "identity"), ("seed", seed)];
        let (steps, cer) = (
            history.fields("step", &of_cell),
            history.fields("validation_cer", &of_cell),
        );
        let points: Vec<String> = steps
            .iter()
            .zip(&cer)
            .map(|(step, cer)| format!("{step}:{:.4}", cer.parse::<f32>().unwrap()))
            .collect();
        assert!(points.len() > 1);
        let line = format!(
            "identity, seed {seed}, lr 0.002\tcer/validation\t{}\n",
            points.join("\t")
        );
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    assert!(text.contains("words/token entropy (bits)"), "{text}");
}

#[test]
fn cells_are_spread_over_devices_with_the_same_bytes() {
    let place = Scratch::new();
    place.write("tiny.toml", TINY);
    place.probe("--run one --jobs 1").succeeded();
    place.probe("--run two --jobs 2 --device 0,0").succeeded();
    let metrics = |run| fs::read(place.result(run, "metrics.csv")).unwrap();
    assert!(metrics("one") == metrics("two"));
    let manifest = fs::read_to_string(place.result("two", "manifest.json")).unwrap();
    assert!(manifest.contains("2 x "), "{manifest}");
    place
        .probe("--run x --device 1")
        .refused(&["flex", "no device 1"]);
    place
        .probe("--run x --backend flex:0 --device 0")
        .refused(&["--device"]);
}
