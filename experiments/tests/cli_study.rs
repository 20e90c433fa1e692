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

/// Claims about the text of [`SETTINGS`].
const CLAIMS: &str = r#"
[settings]
alpha = 0.05
level = 0.95
draws = 500
permutations = 99
seed = 1
fewest_clusters = 5

[[claims]]
id = "D"
text = "Hard words hurt."
family = "primary"

[[claims.parts]]
rule = "difference"
data = { study = "ocr", conditions = ["random"] }
subject = { select = "best", role = "hard" }
reference = { select = "width-matched-mlp" }
metric = "character-error"
direction = "higher"
sides = "one"

[[claims.parts]]
rule = "difference"
data = { study = "ocr", conditions = ["random"] }
subject = { select = "kind", kind = "patch-merger" }
reference = { select = "best", role = "hard" }
metric = "word-error"
direction = "lower"
sides = "one"

[[claims]]
id = "E"
text = "Soft words are equal."
family = "primary"

[[claims.parts]]
rule = "equivalence"
data = { study = "ocr", conditions = ["random"] }
subject = { select = "kind", kind = "vet-softmax" }
reference = { select = "width-matched-mlp" }
metric = "word-error"
margin = 0.01

[[claims.parts]]
rule = "equivalence"
data = { study = "ocr", conditions = ["random"] }
subject = { select = "kind", kind = "vet-softmax" }
reference = { select = "kind", kind = "patch-merger" }
metric = "character-error"
margin = 0.01
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
    assert!(quantities::assert_runs_agree(&place, "s") > 12);
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
    assert!(quantities::assert_runs_agree(&place, "s") > 12);

    // Claims about differences that a run publishes by itself have its numbers.
    place.write("few.toml", CLAIMS);
    place
        .run("claims results/s --data data --claims few.toml")
        .succeeded();
    let compared = quantities::assert_claims_agree(&place, "s", "ocr", &["D", "E"]);
    assert_eq!(compared, 4);
    place.write("mine.toml", "[[claims]]\nid = 1");
    place
        .run("claims results/s --data data --claims mine.toml")
        .refused(&["mine.toml"]);

    // Without cells, images and tower, as in a clone: the items that every run left give the same.
    place.run("claims results/s --data data").succeeded();
    let files = [
        "claims.csv",
        "gates.csv",
        "tables/codelength.csv",
        "ocr/summary.csv",
        "ocr/verdict.md",
        "ocr/metrics.csv",
        "coarse-face/summary.csv",
        "coarse-face/confusions.csv",
    ];
    let read = || files.map(|file| fs::read(place.result("s", file)).unwrap());
    let before = read();
    fs::remove_dir_all(place.result("s", "cells")).unwrap();
    fs::remove_dir_all(place.path("data")).unwrap();
    fs::remove_file(place.path("backbone.safetensors")).unwrap();
    for file in files {
        if file != "claims.csv" && !file.contains("coarse") {
            fs::remove_file(place.result("s", file)).unwrap();
        }
    }
    let run = place.run("claims results/s --data data").succeeded();
    assert!(run.stderr.contains("items.safetensors, without cells"));
    for (file, (before, after)) in files.iter().zip(before.iter().zip(read())) {
        assert!(*before == after, "{file} changed");
    }
    place.run("report results/s/ocr --data data").succeeded();
    assert!(fs::read(place.result("s", "ocr/verdict.md")).unwrap() == before[4]);

    // A damaged file is refused, and one that belongs to another run.
    let items = place.result("s", "ocr/items.safetensors");
    let whole = fs::read(&items).unwrap();
    fs::write(&items, &whole[..whole.len() - 1]).unwrap();
    let claims = || place.run("claims results/s --data data");
    claims().refused(&["ocr/items.safetensors", "damaged", "bring back"]);
    fs::copy(place.result("s", "coarse-face/items.safetensors"), &items).unwrap();
    claims().refused(&["ocr/items.safetensors", "other settings"]);
    fs::remove_file(&items).unwrap();
    claims().refused(&["cells are missing of `ocr` (identity, patch-merger, "]);

    // Without both nothing is rendered: what is missing is said at once.
    for name in names(&place.path("results/s")) {
        let _ = fs::remove_file(place.result("s", &format!("{name}/items.safetensors")));
    }
    claims().refused(&[
        "results/s: there are no cells",
        "nor an items.safetensors",
        "older runs have none",
    ]);
    fs::create_dir(place.result("s", "cells")).unwrap();
    let refused = place.run("claims results/s --data data").refused(&[
        "cells are missing of `ocr` (identity, patch-merger, ",
        "`coarse-face` (",
        "`codelength-",
        "--resume",
    ]);
    assert!(!refused.stderr.contains("render"), "{}", refused.stderr);
    place.run("report results/s/ocr --data data").refused(&[
        "not all cells",
        "nor an items.safetensors",
        "--resume",
    ]);
    let merge = place.run("merge results/s --data data");
    let refused = merge.refused(&["nothing is written"]);
    let first = "missing: item 0 (ocr identity), 0 of its cells";
    assert!(refused.stderr.contains(first), "{}", refused.stderr);
    assert!(!place.path("data").exists(), "something was cached");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_made() {
    let place = scratch();
    study(&place, "--only ocr,ocr").refused(&["listed twice"]);
    study(&place, "--only everything").refused(&["everything"]);
    place.write("study.toml", "[training]\nsteps = 0");
    study(&place, "--only control").refused(&["control", "training.steps"]);
    place.write("study.toml", "[data]\ncharset = \"36\"");
    study(&place, "--only capacity").refused(&[
        "capacity-10-characters",
        "capacity-36-characters",
        "data.charset",
    ]);
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
    assert!(plan.stdout.contains("10 primary claims"));
    let two_sided =
        "two-sided sign flips (H2, H8, H9, H10) that takes 9 seeds at least; 10 are enough";
    assert!(plan.stdout.contains(two_sided), "{}", plan.stdout);
    // The second registration tests one-sided, over twelve claims: 1 / 2^8 is below 0.05 / 12.
    let plan = place.run("plan --preset paper --no-timing").succeeded();
    for part in [
        "8 paired seeds",
        "0.0039 one-sided",
        "12 primary claims",
        "0.0042",
        "one-sided sign flips (A1, ",
        "that takes 8 seeds at least; 8 are enough",
    ] {
        assert!(plan.stdout.contains(part), "no {part} in {}", plan.stdout);
    }
    assert!(!plan.stdout.contains("two-sided sign flips") && !plan.stdout.contains("too few"));
    // Two seeds support nothing.
    let plan = place.run("plan --preset smoke --no-timing").succeeded();
    assert!(plan.stdout.contains("2 are too few"), "{}", plan.stdout);
}
