//! Numbers in the tables.

use super::{config, expected, field, rows, run, written};
use probe::{ProbeConfig, RunOutcome};
use probe_data::Answer;

fn texts(texts: [&str; 2]) -> Vec<Answer> {
    texts.map(|text| Answer::Text(text.to_owned())).to_vec()
}

/// Two images, two seeds, readings written down by hand.
fn by_hand() -> (ProbeConfig, RunOutcome) {
    let config = config(&["patch-merger", "vet-st-argmax@8"], 2, &[0.5]);
    let mut run = run(&config, &|_, _| 0.0);
    let set = &mut run.test_sets[0];
    set.targets = texts(["ABCD", "0123"]);
    set.clusters = vec![0, 7];
    set.held_out = vec![false, true];
    let readings = [
        ["ABCD", "0123"],
        ["ABCD", "0124"],
        ["ABXX", "0123"],
        ["ABCX", "O12"],
    ];
    for (cell, readings) in run.cells.iter_mut().zip(readings) {
        cell.tests[0].predictions = texts(readings);
    }
    (config, run)
}

#[test]
fn metrics_agree_with_readings_scored_by_hand() {
    let (config, run) = by_hand();
    let (folder, _) = written(&config, &run);
    let rows = rows(&folder, "metrics.csv");
    let value = |arm: &str, seed: &str, metric: &str, column: &str| {
        let conditions = [("arm", arm), ("seed", seed), ("metric", metric)];
        field(&rows, &conditions, column)
    };
    let hard = "vet-st-argmax@8";
    assert_eq!(value("patch-merger", "1", "cer", "value"), "0");
    assert_eq!(value("patch-merger", "2", "cer", "value"), "0.125");
    assert_eq!(value(hard, "1", "cer", "value"), "0.25");
    assert_eq!(value(hard, "1", "cer", "n"), "8");
    assert_eq!(value(hard, "1", "word_accuracy", "value"), "0.5");
    assert_eq!(value(hard, "1", "one_minus_ned", "value"), "0.75");
    assert_eq!(value(hard, "1", "cer_seen_fonts", "value"), "0.5");
    assert_eq!(value(hard, "1", "cer_held_out_fonts", "value"), "0");
    assert_eq!(value(hard, "2", "cer", "value"), "0.375");
    assert_eq!(value(hard, "2", "position_accuracy/1", "value"), "0.5");
    assert_eq!(value(hard, "2", "position_accuracy/4", "value"), "0");
    assert_eq!(value(hard, "2", "bits_per_token", "value"), "2");
    assert_eq!(value(hard, "2", "codes_used", "n"), "320");
    assert_eq!(value(hard, "2", "cer", "vocabulary"), "8");
    assert_eq!(value(hard, "2", "cer", "charset"), "36");
    assert_eq!(value(hard, "2", "cer", "task"), "ocr-grid");
}

#[test]
fn summary_agrees_with_means_and_differences_by_hand() {
    let (config, run) = by_hand();
    let (folder, summary) = written(&config, &run);
    let rows = rows(&folder, "summary.csv");
    let value = |arm: &str, column: &str| {
        let number = field(&rows, &[("arm", arm), ("metric", "cer")], column);
        number.parse::<f64>().unwrap()
    };
    let hard = "vet-st-argmax@8";
    assert_eq!(value("patch-merger", "mean"), 0.0625);
    assert_eq!(value(hard, "mean"), 0.3125);
    assert!((value(hard, "sd") - 0.125 / 2.0_f64.sqrt()).abs() < 1e-15);
    assert_eq!(value(hard, "merger_difference"), 0.25);
    // Both seeds differ by +0.25, so only the pattern and its negative are as extreme.
    assert_eq!(value(hard, "merger_p"), 0.5);
    assert_eq!(value(hard, "merger_smallest_p"), 0.5);
    assert_eq!(value(hard, "merger_seeds"), 2.0);
    assert!(value(hard, "low_95") <= 0.3125 && 0.3125 <= value(hard, "high_95"));
    let accuracy = field(&rows, &[("arm", hard), ("metric", "word_accuracy")], "mean");
    assert_eq!(accuracy, "0.25");
    let merger = field(
        &rows,
        &[("arm", "patch-merger"), ("metric", "cer")],
        "merger_p",
    );
    assert_eq!(merger, "", "an arm is not compared with itself");
    let row = summary.cer(hard.parse().unwrap(), 0).unwrap();
    assert!(row.against_matched.is_none(), "there is no MLP in this run");
}

#[test]
fn predictions_and_confusions_hold_what_was_read() {
    let (config, run) = by_hand();
    let (folder, _) = written(&config, &run);
    let predictions = rows(&folder, "predictions.csv");
    assert_eq!(predictions.len(), 8);
    let place = [("arm", "vet-st-argmax@8"), ("seed", "2"), ("item", "1")];
    for (column, expected) in [
        ("target", "0123"),
        ("prediction", "O12"),
        ("edits", "2"),
        ("font", "Font 7"),
        ("held_out", "true"),
    ] {
        assert_eq!(field(&predictions, &place, column), expected);
    }
    let confusions = rows(&folder, "confusions.csv");
    let pair = [
        ("arm", "vet-st-argmax@8"),
        ("reference", "D"),
        ("read", "X"),
    ];
    assert_eq!(field(&confusions, &pair, "count"), "2");
    assert_eq!(field(&confusions, &pair, "rate"), "1");
    let pair = [
        ("arm", "vet-st-argmax@8"),
        ("reference", "0"),
        ("read", "O"),
    ];
    assert_eq!(field(&confusions, &pair, "occurrences"), "2");
    assert_eq!(field(&confusions, &pair, "rate"), "0.5");
}

#[test]
fn differences_go_to_the_mlp_of_the_same_width() {
    let arms = [
        "gelu-mlp@64",
        "gelu-mlp@256",
        "linear",
        "vet-softmax@256",
        "vet-softmax@64",
        "vet-softmax@16",
    ];
    let config = config(&arms, 1, &[1.0]);
    let (folder, _) = written(&config, &run(&config, &expected(0.1)));
    let rows = rows(&folder, "summary.csv");
    let matched = |arm: &str| field(&rows, &[("arm", arm), ("metric", "cer")], "matched_arm");
    assert_eq!(matched("vet-softmax@256"), "gelu-mlp@256");
    assert_eq!(matched("vet-softmax@64"), "gelu-mlp@64");
    assert_eq!(matched("vet-softmax@16"), "");
    assert_eq!(matched("linear"), "gelu-mlp@64");
    assert_eq!(matched("gelu-mlp@256"), "");
}
