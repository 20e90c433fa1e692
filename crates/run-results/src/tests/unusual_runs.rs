//! Runs that failed, lack what others have, or do not fit; and that bytes repeat.

use super::{ARMS, config, expected, fail, field, rows, run, text, written};
use crate::{Manifest, Outputs, write};
use probe::{EvaluationMode, ProbeConfig, RunOutcome};
use probe_statistics::bootstrap::Measure;
use std::collections::BTreeMap;
use std::path::Path;

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
    assert_eq!(first.len(), 11 + 5 * 3);
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
fn rates_of_the_settings_are_not_told_as_tuned() {
    let mut config = config(&["patch-merger", "linear"], 1, &[1.0]);
    for arm in ["patch-merger", "linear"] {
        let rates = &mut config.training.rates_of_arms;
        rates.insert(arm.to_owned(), vec![0.002]);
    }
    let verdict = |config: &ProbeConfig| {
        let (folder, _) = written(config, &run(config, &expected(0.3)));
        text(&folder, "verdict.md")
    };
    let told = verdict(&config);
    let words = "every arm has a rate of its own from the settings, `patch-merger` at 0.002 and `linear` at 0.002.";
    assert!(told.contains(words), "{told}");
    assert!(!told.contains("on the edge"), "{told}");
    let rates = &mut config.training.rates_of_arms;
    rates.insert("linear".to_owned(), vec![0.001, 0.002]);
    let told = verdict(&config);
    let edge = "`linear`: 0.002 was chosen, on the edge of the grid";
    assert!(told.contains(edge), "{told}");
    assert!(told.contains("`linear` at 0.001 and 0.002."), "{told}");
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
    assert!(
        summary
            .skipped_figures
            .iter()
            .any(|why| why.starts_with("cer_by_density: the run has one density"))
    );
    assert!(!folder.path().join("plots/cer_by_density.png").exists());
}

#[test]
fn data_sets_named_in_other_letters_keep_plots_of_their_own() {
    let config = config(&["identity", "patch-merger"], 2, &[1.0, 2.0, 4.0]);
    let mut run = run(&config, &expected(0.3));
    for (set, name) in run.test_sets[1..].iter_mut().zip(["日本", "中国"]) {
        set.condition = name.to_owned();
    }
    let (folder, _) = written(&config, &run);
    let page = text(&folder, "report.html");
    for (figure, density) in [
        ("plots/cer_by_arm.csv", "1"),
        ("plots/cer_by_arm_--.csv", "2"),
        ("plots/cer_by_arm_---3.csv", "4"),
    ] {
        let drawn = rows(&folder, figure);
        assert!(drawn.iter().all(|row| row["chars_per_token"] == density));
        assert!(page.contains(figure), "{figure}");
    }
}

#[test]
fn tokens_that_mix_words_have_no_codes_in_use() {
    let drawn = |arms: &[&str]| {
        let config = config(arms, 1, &[1.0]);
        let (folder, _) = written(&config, &run(&config, &expected(0.3)));
        let svg = text(&folder, "plots/tokens_over_training.svg");
        (rows(&folder, "plots/tokens_over_training.csv"), svg)
    };
    let (rows, svg) = drawn(&["vet-softmax@256", "vet-st-argmax@256"]);
    assert!(svg.contains("codes used (count)"));
    for row in rows.iter().filter(|row| row["kind"] == "arm") {
        let mixes = row["label"] == "vet-softmax@256";
        assert_eq!(row["codes_used"].is_empty(), mixes, "{row:?}");
        assert!(!row["entropy_bits"].is_empty(), "{row:?}");
    }
    let (_, svg) = drawn(&["vet-softmax@256"]);
    assert!(!svg.contains("codes used"));
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
