//! The files of synthetic runs, against hand-computed numbers.

use super::Outputs;
use super::synthetic::{config, fail, run};
use super::{Manifest, Summary, write};
use arms::{ArmKind, ArmSpec};
use probe::{EvaluationMode, ProbeConfig, RunOutcome};
use probe_data::Answer;
use probe_statistics::bootstrap::Measure;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

const ARMS: [&str; 7] = [
    "identity",
    "linear",
    "patch-merger",
    "gelu-mlp@256",
    "vet-softmax@256",
    "vet-st-argmax@256",
    "blind",
];

/// Error rates as one expects them, with a given loss of the hard arm.
fn expected(hard: f64) -> impl Fn(ArmSpec, f64) -> f64 {
    move |arm, density| {
        if arm.kind == ArmKind::Identity {
            0.01 * density
        } else if arm.kind == ArmKind::Blind {
            35.0 / 36.0
        } else if arm.kind == ArmKind::VetStArgmax {
            hard
        } else {
            0.1 * density
        }
    }
}

fn written(config: &ProbeConfig, run: &RunOutcome) -> (TempDir, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let summary = write(
        folder.path(),
        config,
        run,
        &Manifest::default(),
        Outputs::All,
    )
    .unwrap();
    (folder, summary)
}

fn text(folder: &TempDir, name: &str) -> String {
    std::fs::read_to_string(folder.path().join(name)).unwrap()
}

fn rows(folder: &TempDir, name: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(folder.path().join(name)).unwrap();
    reader.deserialize().map(Result::unwrap).collect()
}

/// The value of the one row with these fields.
fn field(rows: &[BTreeMap<String, String>], conditions: &[(&str, &str)], column: &str) -> String {
    let matches = |row: &&BTreeMap<String, String>| {
        let mut conditions = conditions.iter();
        conditions.all(|(column, value)| row[*column] == *value)
    };
    let found: Vec<_> = rows.iter().filter(matches).collect();
    assert_eq!(found.len(), 1, "{conditions:?}");
    found[0][column].clone()
}

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

#[test]
fn the_verdict_follows_the_data() {
    let verdict = |seeds: usize, hard: f64| {
        let config = config(&ARMS, seeds, &[1.0]);
        let (folder, _) = written(&config, &run(&config, &expected(hard)));
        let verdict = text(&folder, "verdict.md");
        let start = verdict
            .find("Hard visual words (one table row per token) against `patch")
            .unwrap();
        let line = verdict[start..].lines().next().unwrap().to_owned();
        (line, verdict)
    };
    assert!(verdict(3, 0.4).0.contains(": worse by"));
    assert!(verdict(3, 0.02).0.contains(": better by"));
    assert!(verdict(3, 0.1).0.contains("no difference resolved"));
    assert!(
        verdict(3, 0.4)
            .1
            .contains("**Exploratory.** With 3 paired seeds")
    );
    assert!(verdict(3, 0.4).1.contains("below 0.25"));
    let many = verdict(7, 0.4).1;
    assert!(!many.contains("xploratory"), "{many}");
    assert!(many.contains("0.015625"));
}

#[test]
fn a_control_with_a_teacher_is_not_the_best_hard_arm() {
    let arms = ["patch-merger", "oracle-words@256", "vq@256", "blind"];
    let config = config(&arms, 3, &[1.0]);
    let misreads = |arm: ArmSpec, _: f64| match arm.kind.name() {
        "oracle-words" => 0.12,
        "vq" => 0.4,
        _ => 0.1,
    };
    let (folder, _) = written(&config, &run(&config, &misreads));
    let verdict = text(&folder, "verdict.md");
    assert!(
        verdict.contains(", one arm, against `patch-merger`"),
        "{verdict}"
    );
    let headline = "- 1 character per token: `vq@256` worse by";
    assert!(verdict.contains(headline), "{verdict}");
    // It is listed like any other.
    assert!(verdict.contains("| `oracle-words@256` | 1 |"), "{verdict}");
}

#[test]
fn integrity_checks_pass_and_fail_with_the_data() {
    let checks = |misreads: &dyn Fn(ArmSpec, f64) -> f64| {
        let config = config(&ARMS, 3, &[1.0, 2.0]);
        let (folder, _) = written(&config, &run(&config, misreads));
        let verdict = text(&folder, "verdict.md");
        let lines = verdict.lines().filter(|line| line.contains("** – the "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let sound = checks(&expected(0.3));
    assert_eq!(sound.len(), 2);
    assert!(
        sound.iter().all(|line| line.contains("**pass**")),
        "{sound:?}"
    );
    let leak = checks(&|arm, density| match arm.kind == ArmKind::Blind {
        true => 0.8,
        false => expected(0.3)(arm, density),
    });
    assert!(
        leak[0].contains("**pass**") && leak[1].contains("**FAIL**"),
        "{leak:?}"
    );
    let lossy = checks(&|arm, density| match arm.kind == ArmKind::Identity {
        true => 0.5,
        false => expected(0.3)(arm, density),
    });
    assert!(lossy[0].contains("**FAIL**") && lossy[0].contains("`linear` reads better"));
    assert!(lossy[1].contains("**pass**"), "{lossy:?}");
}

#[test]
fn bytes_are_the_same_every_time() {
    let config = config(&ARMS, 2, &[1.0, 2.0]);
    let run = run(&config, &expected(0.3));
    let (first, _) = written(&config, &run);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let (second, _) = pool.install(|| written(&config, &run));
    let (first, second) = (files(first.path()), files(second.path()));
    assert_eq!(first.len(), 9 + 5 * 3);
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        second.keys().collect::<Vec<_>>()
    );
    for (name, bytes) in &first {
        assert!(*bytes == second[name], "{name} differs");
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.insert(name, std::fs::read(&path).unwrap());
        }
    }
    found
}

/// How often a text stands on a page of HTML.
fn times(page: &str, text: &str) -> usize {
    page.matches(text).count()
}

#[test]
fn the_page_says_what_the_verdict_says() {
    let config = config(&ARMS, 3, &[1.0, 2.0]);
    let (folder, summary) = written(&config, &run(&config, &expected(0.4)));
    let (page, verdict) = (text(&folder, "report.html"), text(&folder, "verdict.md"));
    let answer = verdict.split("\n## ").nth(1).unwrap();
    let lead = answer.lines().nth(2).unwrap();
    for arm in ["vet-st-argmax@256", "vet-softmax@256", "patch-merger"] {
        for group in 0..2 {
            let row = summary.cer(arm.parse().unwrap(), group).unwrap();
            let rate = super::wording::percent(row.value.unwrap().mean);
            assert!(lead.contains(&rate), "{arm} {rate}: {lead}");
        }
    }
    assert_eq!(lead.matches("worse by").count(), 2, "{lead}");
    // Marks and escapes apart, every sentence of the verdict is on the page, once.
    let plain = |text: &str| text.replace("&#39;", "'").replace("&#38;", "&");
    let page = plain(&page);
    let marks = ["<code>", "</code>", "<strong>", "</strong>"];
    let bare = marks
        .iter()
        .fold(page.clone(), |page, mark| page.replace(mark, ""));
    for line in verdict
        .lines()
        .filter(|line| !line.starts_with(['|', '#', '-']))
    {
        let sentence = line.replace(['`', '*'], "");
        if !sentence.is_empty() {
            assert_eq!(times(&bare, &format!(">{sentence}<")), 1, "{sentence}");
        }
    }
    assert_eq!(times(&page, "<figure id="), 5);
    assert_eq!(times(&page, "<svg "), 5);
    assert_eq!(times(&page, "How to read it:"), 5);
    assert_eq!(times(&page, "class=\"badge good\""), 4);
    assert!(
        page.contains("preset = &#34;"),
        "the configuration is missing"
    );
    for heading in [
        "Summary",
        "Comparisons",
        "Tuning",
        "Confusions",
        "Provenance",
    ] {
        assert_eq!(times(&page, &format!("<h2>{heading}</h2>")), 1, "{heading}");
    }
    assert_eq!(times(&page, "http://") + times(&page, "https://"), 0);
}

#[test]
fn failed_cells_are_shown_everywhere() {
    let config = config(&ARMS, 2, &[1.0]);
    let mut run = run(&config, &expected(0.3));
    fail(&mut run, "vet-st-argmax@256", 1, 150);
    fail(&mut run, "linear", 1, 7);
    fail(&mut run, "linear", 2, 9);
    let (folder, summary) = written(&config, &run);
    let metrics = rows(&folder, "metrics.csv");
    let place = [("arm", "vet-st-argmax@256"), ("seed", "1")];
    assert_eq!(field(&metrics, &place, "metric"), "failed");
    assert_eq!(field(&metrics, &place, "value"), "150");
    let history = rows(&folder, "history.csv");
    let place = [("arm", "linear"), ("seed", "2"), ("status", "failed")];
    assert_eq!(field(&history, &place, "step"), "9");
    let rows = rows(&folder, "summary.csv");
    let place = [("arm", "vet-st-argmax@256"), ("metric", "cer")];
    for (column, expected) in [("seeds", "1"), ("failed_seeds", "1"), ("merger_seeds", "1")] {
        assert_eq!(field(&rows, &place, column), expected);
    }
    assert_eq!(
        field(&rows, &[("arm", "linear"), ("metric", "cer")], "mean"),
        ""
    );
    let verdict = text(&folder, "verdict.md");
    assert!(verdict.contains("`linear`, seed 2, learning rate 0.002: broke down at step 9"));
    assert!(verdict.contains("1 shared seed"));
    let table = summary.table();
    assert!(table.contains("linear: 2 of 2 seeds failed"), "{table}");
    assert!(verdict.contains("3 of 14 cells failed"));
    let page = text(&folder, "report.html");
    assert!(page.contains("3 of 14 cells failed"));
    assert!(page.contains("<td class=\"number\">1 (1 failed)</td>"));
    assert!(text(&folder, "plots/cer_by_arm.csv").contains("failed"));
    assert!(text(&folder, "plots/cer_by_arm.svg").contains("failed"));
}

#[test]
fn a_run_in_which_everything_failed_still_reports() {
    let config = config(&ARMS, 2, &[1.0]);
    let mut run = run(&config, &expected(0.3));
    for arm in ARMS {
        fail(&mut run, arm, 1, 0);
        fail(&mut run, arm, 2, 0);
    }
    let (folder, summary) = written(&config, &run);
    assert!(text(&folder, "verdict.md").contains("No cell finished, so there is no answer"));
    assert!(text(&folder, "report.html").contains("No cell finished, so there is no answer"));
    assert_eq!(rows(&folder, "metrics.csv").len(), 14);
    assert!(
        summary
            .skipped_figures
            .contains(&"cer_by_arm: no cell finished".to_owned())
    );
    assert!(summary.table().contains("blind: 2 of 2 seeds failed"));
}

#[test]
fn a_small_run_without_references_still_reports() {
    let config = config(&["vet-st-argmax@256"], 1, &[1.0]);
    let mut run = run(&config, &|_, _| 0.0);
    let set = &mut run.test_sets[0];
    (set.density, set.mean_density) = (None, 1.870_3);
    set.condition = "folder".to_owned();
    let (folder, summary) = written(&config, &run);
    let place = [("metric", "cer"), ("density", "1.8703")];
    let rows = rows(&folder, "summary.csv");
    for (column, expected) in [
        ("mean", "0"),
        ("sd", ""),
        ("merger_arm", ""),
        ("matched_p", ""),
    ] {
        assert_eq!(field(&rows, &place, column), expected);
    }
    let verdict = text(&folder, "verdict.md");
    assert!(verdict.contains("the run does not have it"));
    assert!(verdict.contains("**not checked** – the floor"));
    assert!(summary.table().contains("0.00%"));
    assert!(
        summary
            .skipped_figures
            .contains(&"hardening: the run has no softmax arm".to_owned())
    );
    assert!(folder.path().join("plots/cer_by_density.png").exists());
}

#[test]
fn other_kinds_of_text_and_noise_have_their_own_places() {
    let mut config = config(
        &["patch-merger", "vet-gumbel@256", "vet-softmax@256"],
        2,
        &[1.0, 2.0],
    );
    let words = text_images::Content::Words;
    config.data.test_contents.insert(0, words);
    let (folder, summary) = written(&config, &run(&config, &expected(0.3)));
    assert_eq!(summary.conditions, ["random", "words"]);
    for figure in ["cer_by_arm", "cer_by_density", "hardening"] {
        for name in [format!("{figure}.svg"), format!("{figure}_words.png")] {
            assert!(folder.path().join("plots").join(&name).exists(), "{name}");
        }
    }
    let verdict = text(&folder, "verdict.md");
    assert!(verdict.contains("### 2 characters per token, `words` text"));
    assert!(verdict.contains("## With sampled words"));
    let gumbel = "vet-gumbel@256".parse().unwrap();
    let sampled = summary.row(
        gumbel,
        0,
        EvaluationMode::Sampled,
        Measure::CharacterErrorRate,
    );
    assert!(sampled.unwrap().against_merger.is_some());
}

#[test]
fn an_outcome_of_another_config_is_refused() {
    let config = config(&["patch-merger", "linear"], 1, &[1.0]);
    let good = run(&config, &expected(0.3));
    let message = |config: &ProbeConfig, run: &RunOutcome| {
        let folder = tempfile::tempdir().unwrap();
        let error = write(
            folder.path(),
            config,
            run,
            &Manifest::default(),
            Outputs::All,
        )
        .unwrap_err();
        format!("{error:#}")
    };
    let mut fewer = config.clone();
    fewer.arms.pop();
    assert!(message(&fewer, &good).contains("arm `linear`, seed 1"));
    let mut short = good.clone();
    short.cells[0].tests[0].predictions.pop();
    assert!(message(&config, &short).contains("39 predictions for 40 images"));
    let mut astray = good.clone();
    astray.cells[0].tests[0].group = 5;
    assert!(message(&config, &astray).contains("test group 5 does not exist"));
}

#[test]
fn a_missing_folder_is_named() {
    let config = config(&["patch-merger"], 1, &[1.0]);
    let run = run(&config, &expected(0.3));
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = write(&missing, &config, &run, &Manifest::default(), Outputs::All).unwrap_err();
    let message = format!("{error:#}");
    assert!(
        message.contains("missing") && message.contains("read-only"),
        "{message}"
    );
}
