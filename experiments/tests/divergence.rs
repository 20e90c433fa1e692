//! Cells that break down: reported with their step, never passed over, while the others finish.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Rows, Scratch, TINY};

#[test]
fn a_run_whose_every_cell_diverges_fails_and_says_where_to_look() {
    let place = Scratch::new();
    let flags = "--run a --arms patch-merger,vet-softmax@16,vet-st-argmax@16 --learning-rates 1e30";
    place
        .probe(flags)
        .refused(&["every cell failed", "verdict.md", "--learning-rates"]);
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    assert_eq!(metrics.fields("metric", &[]), ["failed"; 3]);
    assert_eq!(metrics.fields("value", &[("arm", "patch-merger")]), ["1"]);
    let history = Rows::read(&place.result("a", "history.csv"));
    assert_eq!(history.fields("step", &[("status", "failed")]), ["1"; 3]);
    let summary = Rows::read(&place.result("a", "summary.csv"));
    assert!(
        summary
            .fields("mean", &[])
            .iter()
            .all(|mean| mean.is_empty())
    );
    let verdict = fs::read_to_string(place.result("a", "verdict.md")).unwrap();
    assert!(
        verdict.contains("step 1") && verdict.contains("NaN"),
        "{verdict}"
    );
}

#[test]
fn a_diverging_learning_rate_is_never_chosen() {
    let place = Scratch::new();
    let flags = "--run a --arms identity,vet-softmax@16 --learning-rates 1e30,0.002";
    place.probe(flags).succeeded();
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    let rates = metrics.fields("learning_rate", &[("metric", "cer")]);
    assert_eq!(rates, ["0.002"; 4]);
    let verdict = fs::read_to_string(place.result("a", "verdict.md")).unwrap();
    assert!(verdict.contains("failed at 1e30"), "{verdict}");
}

/// The weight overflows, so arms with the regulariser have an infinite loss from the start.
#[test]
fn one_arm_that_diverges_leaves_the_others_alone() {
    let place = Scratch::new();
    let arms = "--arms identity,patch-merger,vet-st-argmax@16,vet-st-argmax@16+usage";
    place.write(
        "tiny.toml",
        TINY.replace("[training]", "[training]\nusage_weight = 3e38"),
    );
    let run = place.probe(&format!("--run a {arms}")).succeeded();
    let broken = ("arm", "vet-st-argmax@16+usage");
    assert!(
        run.stderr
            .contains("vet-st-argmax@16+usage seed 1 lr 0.002: FAILED at step 0")
    );
    assert!(run.stdout.contains("failed"), "{}", run.stdout);
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    assert_eq!(metrics.fields("metric", &[broken]), ["failed"]);
    assert_eq!(metrics.fields("value", &[broken]), ["0"]);
    assert_eq!(
        metrics.fields("seed", &[("metric", "cer")]),
        ["1", "2"].repeat(3)
    );
    let summary = Rows::read(&place.result("a", "summary.csv"));
    assert_eq!(
        summary.fields("failed_seeds", &[broken, ("metric", "cer")]),
        ["1"]
    );
    assert_eq!(summary.fields("mean", &[broken, ("metric", "cer")]), [""]);
    let verdict = fs::read_to_string(place.result("a", "verdict.md")).unwrap();
    let line = "`vet-st-argmax@16+usage`, seed 1, learning rate 0.002: broke down at step 0";
    assert!(verdict.contains(line), "{verdict}");

    // The others are what they are without it.
    place.write("tiny.toml", TINY);
    let sound = arms.replace(",vet-st-argmax@16+usage", "");
    place.probe(&format!("--run b {sound}")).succeeded();
    let predictions = |run| fs::read(place.result(run, "predictions.csv")).unwrap();
    assert!(predictions("a") == predictions("b"));
}

#[test]
fn a_model_that_the_last_step_broke_is_not_scored() {
    let place = Scratch::new();
    let flags = "--run a --steps 1 --learning-rates 1e30 --arms identity,vet-gumbel@16+usage,blind";
    place.probe(flags).refused(&["every cell failed"]);
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    assert_eq!(metrics.fields("metric", &[]), ["failed"; 3]);
    assert_eq!(metrics.fields("value", &[]), ["1"; 3]);
    let verdict = fs::read_to_string(place.result("a", "verdict.md")).unwrap();
    assert!(verdict.contains("scores are not finite"), "{verdict}");
}
