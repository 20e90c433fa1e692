//! Numbers in the tables.

use super::{config, expected, fail, field, rows, run, text, written};
use crate::item_series;
use probe::{ProbeConfig, RunOutcome, TestSet};
use probe_data::Answer;
use probe_statistics::bootstrap::SeedItems;

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

    let series = item_series(&config, &run).unwrap();
    let series = series
        .iter()
        .find(|series| series.arm == config.arms[1])
        .unwrap();
    let edits = |set: &TestSet, held_out| -> Vec<Vec<u32>> {
        let seeds = series.in_fonts(set, held_out).into_iter();
        let edits = |seed: SeedItems| seed.items.iter().map(|item| item.edits).collect();
        seeds.map(edits).collect()
    };
    let mut set = run.test_sets[0].clone();
    assert_eq!(edits(&set, false), [[2], [1]]);
    assert_eq!(edits(&set, true), [[0], [2]]);
    set.held_out = vec![true, true];
    assert!(edits(&set, false).is_empty());
}

#[test]
fn a_quarter_half_and_all_of_the_steps_are_those_of_the_curve() {
    let (config, mut run) = by_hand();
    let curves = [[0.5, 0.25], [0.3, 0.1], [0.4, 0.2], [0.2, 0.1]];
    for (cell, [early, late]) in run.cells.iter_mut().zip(curves) {
        for point in &mut cell.history {
            point.validation_cer = match point.step {
                0 => 0.9,
                100 => early,
                _ => late,
            };
        }
    }
    let at = |rows: &[_], arm: &str, share: &str, column: &str| {
        field(rows, &[("arm", arm), ("share", share)], column)
    };
    let (folder, _) = written(&config, &run);
    let found = rows(&folder, "by_steps.csv");
    assert_eq!(found.len(), 6);
    // Evaluated at 0, 100, 200, 300: of 75, 100 is nearest, and of 150 the earlier of two.
    for (share, step) in [("0.25", "100"), ("0.5", "100"), ("1", "300")] {
        assert_eq!(at(&found, "patch-merger", share, "step"), step);
        assert_eq!(at(&found, "patch-merger", share, "density"), "0.5");
        assert_eq!(at(&found, "patch-merger", share, "seeds"), "2");
    }
    assert_eq!(at(&found, "patch-merger", "0.25", "validation_cer"), "0.4");
    assert_eq!(at(&found, "patch-merger", "1", "validation_cer"), "0.175");
    let verdict = text(&folder, "verdict.md");
    let heading = "| arm | a quarter (step 100) | half (step 100) | all of the steps (step 300) |";
    let row = "| `patch-merger` | 40.0% | 40.0% | 17.5% |";
    for part in [heading, row] {
        assert!(verdict.contains(part), "{verdict}");
    }
    assert!(text(&folder, "report.html").contains("all of the steps (step 300)"));
    // Before the first step nothing has been trained.
    let mut rare = run.clone();
    for cell in &mut rare.cells {
        cell.history.retain(|point| [0, 300].contains(&point.step));
    }
    let (folder, _) = written(&config, &rare);
    let found = rows(&folder, "by_steps.csv");
    assert_eq!(at(&found, "patch-merger", "0.25", "step"), "300");
    // What broke down counts nowhere, and an arm of which nothing is left has no numbers.
    fail(&mut run, "patch-merger", 1, 150);
    let (folder, _) = written(&config, &run);
    let found = rows(&folder, "by_steps.csv");
    assert_eq!(at(&found, "patch-merger", "0.25", "validation_cer"), "0.3");
    assert_eq!(at(&found, "patch-merger", "1", "seeds"), "1");
    fail(&mut run, "patch-merger", 2, 150);
    let (folder, _) = written(&config, &run);
    let found = rows(&folder, "by_steps.csv");
    for column in ["step", "validation_cer"] {
        assert_eq!(at(&found, "patch-merger", "1", column), "");
    }
    assert!(text(&folder, "verdict.md").contains("| `patch-merger` | failed | failed | failed |"));
}

/// It reads earlier blocks of the tower, which `identity` does not see.
#[test]
fn identity_is_no_ceiling_for_a_published_projector_with_levels() {
    let config = config(&["identity", "linear", "pretrained"], 2, &[1.0]);
    for levels in [0, 2] {
        let mut run = run(&config, &|_, _| 0.1);
        for cell in run.cells.iter_mut() {
            if cell.spec.arm.kind.is_pretrained() {
                cell.published_levels = levels;
            }
        }
        let (_, summary) = written(&config, &run);
        let compared = |arm: &str| {
            let row = summary.cer(arm.parse().unwrap(), 0).unwrap();
            row.against_ceiling.is_some()
        };
        assert!(compared("linear"));
        assert_eq!(compared("pretrained"), levels == 0);
    }
}

#[test]
fn a_run_that_mixes_densities_says_so_and_names_them() {
    let note = "Each probe was trained on densities 1, 2 and 4 mixed";
    for (densities, mixed) in [(vec![2.0], false), (vec![1.0, 2.0, 4.0], true)] {
        let config = config(&["patch-merger", "vet-st-argmax@8"], 2, &densities);
        let (folder, _) = written(&config, &run(&config, &|_, _| 0.1));
        for file in ["verdict.md", "report.html"] {
            assert_eq!(text(&folder, file).contains(note), mixed, "{file}");
        }
        let found = rows(&folder, "by_steps.csv");
        let expected = if mixed { "1 2 4" } else { "2" };
        assert!(found.iter().all(|row| row["density"] == expected));
        let together =
            text(&folder, "verdict.md").contains("of 1, 2 and 4 characters per token together");
        assert_eq!(together, mixed);
    }
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
