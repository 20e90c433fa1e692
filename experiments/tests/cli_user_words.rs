//! `ocr-probe --preset words`: somebody's cropped words, and nothing else.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Rows, Scratch};

/// What makes the preset small enough for a test.
const SMALL: &str = "
[training]
steps = 6
batch = 8
evaluations = 1
evaluation_images = 8

[data.images]
train = 32
validation = 8
test = 8
test_words = 8
";

fn words(place: &Scratch, flags: &str) -> support::Finished {
    let own = "--preset words --config small.toml --backbone backbone.safetensors --data data";
    place.run(&format!("ocr-probe {own} --arms identity,blind {flags}"))
}

fn scratch() -> Scratch {
    let place = Scratch::new();
    place.write("small.toml", SMALL);
    let export = "data export --out mine --to gt --images 12 --charset 94";
    place.run(export).succeeded();
    place
}

#[test]
fn somebodys_words_need_no_training_data_and_no_flag() {
    let place = scratch();
    for (run, jobs) in [("one", 1), ("two", 2)] {
        words(
            &place,
            &format!("--dataset gt:mine --run {run} --jobs {jobs}"),
        )
        .succeeded();
    }
    let read = |run: &str, name: &str| fs::read(place.result(run, name)).unwrap();
    for name in ["metrics.csv", "predictions.csv"] {
        assert!(read("one", name) == read("two", name), "{name}");
    }
    let summary = Rows::read(&place.result("one", "summary.csv"));
    let conditions = summary.fields("condition", &[("metric", "cer")]);
    assert!(!conditions.is_empty() && conditions.iter().all(|condition| *condition == "mine"));
    let config = fs::read_to_string(place.result("one", "config.toml")).unwrap();
    for setting in [
        "photographed = true",
        "fit = \"pad\"",
        "reader = \"ctc\"",
        "charset = \"94\"",
    ] {
        assert!(config.contains(setting), "{setting}: {config}");
    }
}

#[test]
fn without_images_it_reads_rendered_print_and_longer_lines_on_request() {
    let place = scratch();
    words(&place, "--run words").succeeded();
    words(&place, "--run lines --image-size 416x32").succeeded();
    let longest = |run: &str| {
        let predictions = Rows::read(&place.result(run, "predictions.csv"));
        let targets = predictions.fields("target", &[]);
        targets
            .iter()
            .map(|text| text.chars().count())
            .max()
            .unwrap()
    };
    assert!(longest("words") <= 26, "{}", longest("words"));
    assert!(longest("lines") > 26, "{}", longest("lines"));
}

#[test]
fn the_protocol_of_scene_text_needs_no_other_flag() {
    let place = scratch();
    let sets = ["CUTE80", "IC13_1015", "IC15_2077", "IIIT5k", "SVT", "SVTP"];
    for (seed, name) in sets.into_iter().enumerate() {
        let flags = format!("--images 2 --charset 94 --seed {seed}");
        place
            .run(&format!("data export --out bench/test/{name} {flags}"))
            .succeeded();
    }
    let run = words(&place, "--dataset lmdb:bench/test --run bench").succeeded();
    assert!(run.stdout.contains("union of 7672"), "{}", run.stdout);
}

#[test]
fn a_grid_cannot_be_photographed() {
    let place = scratch();
    let run = words(&place, "--layout grid --reader anchored --run grid");
    run.refused(&["photographed", "--layout grid", "--preset"]);
}
