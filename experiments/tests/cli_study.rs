//! `study`, `claims` and `plan` from the command line, in miniature.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Finished, Rows, Scratch, names, quantities};

/// On top of the smallest preset.
const SETTINGS: &str = r#"
arms = ["identity", "patch-merger", "gelu-mlp@20", "vet-softmax@20", "vet-st-argmax@20+usage", "blind"]
d_token = 16
backbone = "backbone.safetensors"

[data]
charset = "36"
densities = [1.0]
test_contents = ["random"]

[training]
steps = 4
batch = 16
"#;

fn study(place: &Scratch, flags: &str) -> Finished {
    place.run(&format!(
        "study --preset smoke --config study.toml --data data --results results --run s {flags}"
    ))
}

fn scratch() -> Scratch {
    let place = Scratch::new();
    place.write("study.toml", SETTINGS);
    place
}

#[test]
fn a_study_leaves_runs_claims_tables_figures_and_one_page() {
    let place = scratch();
    let flags = "--only ocr,coarse,codelength";
    let run = study(&place, flags).succeeded();
    assert!(run.stdout.contains("H1"), "{}", run.stdout);
    let claims = Rows::read(&place.result("s", "claims.csv"));
    let verdicts = claims.fields("verdict", &[("claim", "H1")]);
    assert_eq!(verdicts.len(), 2, "two parts");
    assert!(verdicts.iter().all(|verdict| *verdict != "SUPPORTED"));
    let gates = Rows::read(&place.result("s", "gates.csv"));
    assert_eq!(gates.fields("state", &[("gate", "gradients")]), ["passed"]);
    let page = fs::read_to_string(place.result("s", "report.html")).unwrap();
    for part in ["H12", "Figure 1", "How to read it", "no verdict"] {
        assert!(page.contains(part), "no `{part}`");
    }
    for file in [
        "ocr/summary.csv",
        "coarse-face/summary.csv",
        "tables/codelength.csv",
    ] {
        assert!(place.result("s", file).is_file(), "{file}");
    }
    // Every number has one value, wherever it stands.
    assert!(quantities::assert_runs_agree(&place, "s") > 30);
    assert_eq!(
        quantities::assert_claims_agree(&place, "s", "ocr", &["H1", "H3"]),
        4
    );
    let cells = names(&place.result("s", "cells"));

    // Nothing is trained again, whatever was lost of the tables.
    let before = fs::read(place.result("s", "claims.csv")).unwrap();
    fs::remove_file(place.result("s", "ocr/metrics.csv")).unwrap();
    let again = study(&place, &format!("{flags} --resume")).succeeded();
    assert!(!again.stderr.contains("0 done before"), "{}", again.stderr);
    assert_eq!(names(&place.result("s", "cells")), cells);
    assert!(place.result("s", "ocr/metrics.csv").is_file());
    assert!(fs::read(place.result("s", "claims.csv")).unwrap() == before);

    // The claims again, from the cells alone, and other claims.
    fs::remove_file(place.result("s", "claims.csv")).unwrap();
    let claims = place.run("claims results/s --data data").succeeded();
    assert!(claims.stdout.contains("H12"));
    assert!(fs::read(place.result("s", "claims.csv")).unwrap() == before);
    assert!(quantities::assert_runs_agree(&place, "s") > 30);
    place.write("mine.toml", "[[claims]]\nid = 1");
    place
        .run("claims results/s --data data --claims mine.toml")
        .refused(&["mine.toml"]);

    // Without its cells nothing is rendered: what is missing is said at once.
    fs::remove_dir_all(place.result("s", "cells")).unwrap();
    fs::remove_dir_all(place.path("data")).unwrap();
    let refused = place.run("claims results/s --data data").refused(&[
        "cells are missing of `ocr` (identity, patch-merger, ",
        "`coarse-face` (",
        "`codelength-",
        "--resume",
    ]);
    assert!(!refused.stderr.contains("render"), "{}", refused.stderr);
    place
        .run("report results/s/ocr --data data")
        .refused(&["not all cells", "--resume"]);
    let merge = place.run("merge results/s --data data");
    merge.refused(&[
        "missing: item 0 (ocr identity), 0 of its cells",
        "nothing is written",
    ]);
    assert!(!place.path("data").exists(), "something was cached");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_made() {
    let place = scratch();
    study(&place, "--only ocr,ocr").refused(&["listed twice"]);
    study(&place, "--only everything").refused(&["everything"]);
    place.write("study.toml", "[training]\nsteps = 0");
    study(&place, "--only control").refused(&["control", "training.steps"]);
    place.write("study.toml", "[training\n");
    study(&place, "").refused(&["study.toml"]);
    assert!(place.runs().is_empty());
    place
        .run("claims nowhere")
        .refused(&["nowhere", "not the folder of a run"]);
}

#[test]
fn a_plan_says_what_seeds_can_show_and_how_long_it_takes() {
    let place = scratch();
    let plan = place.run("plan --preset quick --no-timing").succeeded();
    // 2 / 2^10, and the words that it takes to find 1 point with a power of 80%.
    assert!(plan.stdout.contains("0.0020"), "{}", plan.stdout);
    assert!(plan.stdout.contains("7842"), "{}", plan.stdout);
}
