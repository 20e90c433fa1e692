//! The main job through the binary: what a run leaves behind, its variants, `report`.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use support::{Rows, Scratch, names};

const ARMS: [&str; 6] = [
    "identity",
    "patch-merger",
    "gelu-mlp@16",
    "vet-softmax@16",
    "vet-gumbel@16+usage",
    "blind",
];

#[test]
fn a_run_leaves_tables_plots_a_verdict_and_where_it_came_from() {
    let place = Scratch::new();
    let run = place.probe("--run a --jobs 2").succeeded();
    for arm in ARMS {
        assert!(run.stdout.contains(arm), "no {arm} in: {}", run.stdout);
    }
    let file = |name: &str| place.result("a", name);
    let text = |name: &str| fs::read_to_string(file(name)).unwrap();

    let config: toml::Table = toml::from_str(&text("config.toml")).unwrap();
    assert_eq!(config["training"]["steps"].as_integer(), Some(4));
    assert_eq!(config["preset"].as_str(), Some("smoke"));

    let manifest: serde_json::Value = serde_json::from_str(&text("manifest.json")).unwrap();
    assert_eq!(manifest["backend"], "flex");
    assert_eq!(manifest["seeds"], serde_json::json!([1, 2]));
    assert_eq!(manifest["lanes"], 2);
    let stages: Vec<&str> = manifest["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| {
            assert!(stage["seconds"].as_f64().unwrap() >= 0.0);
            stage["stage"].as_str().unwrap()
        })
        .collect();
    assert_eq!(stages, ["load backbone", "render", "features", "cells"]);
    let hashes = &manifest["hashes"];
    assert_eq!(hashes["backbone"].as_str().unwrap().len(), 64);
    for split in ["train", "validation", "test"] {
        for kind in ["data", "features"] {
            let group = format!("{split} random at 1 chars/token");
            assert_eq!(
                hashes[kind][&group].as_str().unwrap().len(),
                64,
                "{kind} {group}"
            );
        }
    }

    let metrics = Rows::read(&file("metrics.csv"));
    for arm in ARMS {
        for seed in ["1", "2"] {
            let filters = [("arm", arm), ("seed", seed), ("mode", "deterministic")];
            let metrics = metrics.fields("metric", &filters);
            assert!(
                metrics.contains(&"cer") && metrics.contains(&"word_accuracy"),
                "{arm}"
            );
            let has_words = arm.starts_with("vet-");
            assert_eq!(metrics.contains(&"codes_used"), has_words, "{arm}");
        }
    }
    assert!(
        !metrics
            .fields("value", &[("metric", "cer_top_k/1")])
            .is_empty()
    );
    let sampled = metrics.fields("arm", &[("mode", "sampled"), ("metric", "cer")]);
    assert_eq!(sampled, ["vet-gumbel@16+usage"; 2]);

    let predictions = Rows::read(&file("predictions.csv"));
    // 16 images and 2 seeds; the sampled arm is read twice.
    assert_eq!(
        predictions.fields("arm", &[]).len(),
        (ARMS.len() + 1) * 2 * 16
    );
    for target in predictions.fields("target", &[]) {
        assert!(
            target.len() == 8 && target.bytes().all(|b| b.is_ascii_digit()),
            "{target}"
        );
    }
    let summary = Rows::read(&file("summary.csv"));
    assert_eq!(
        summary.fields("failed_seeds", &[("arm", "blind")]),
        ["0"; 2]
    );
    let verdict = text("verdict.md");
    assert!(verdict.contains("Exploratory"), "{verdict}");

    let page = text("report.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains("Exploratory") && page.contains("<svg "));

    let plots = names(&file("plots"));
    for figure in ["cer_by_arm", "hardening", "learning_curves"] {
        for (ending, start) in [("svg", b"<svg".as_slice()), ("png", b"\x89PNG")] {
            let name = format!("{figure}.{ending}");
            assert!(plots.contains(&name), "no {name} in {plots:?}");
            let bytes = fs::read(file("plots").join(&name)).unwrap();
            assert!(bytes.starts_with(start), "{name}");
        }
    }
}

#[test]
fn report_writes_the_same_tables_again_and_keeps_the_manifest() {
    let place = Scratch::new();
    place
        .probe("--run a --arms identity,vet-softmax@16")
        .succeeded();
    let kept = [
        "metrics.csv",
        "predictions.csv",
        "summary.csv",
        "verdict.md",
        "report.html",
        "manifest.json",
    ];
    let read = || kept.map(|name| fs::read(place.result("a", name)).unwrap());
    let before = read();
    for name in &kept[..5] {
        fs::remove_file(place.result("a", name)).unwrap();
    }
    let report = place.run("report results/a --data data").succeeded();
    assert!(
        report.stdout.contains("vet-softmax@16"),
        "{}",
        report.stdout
    );
    assert!(read() == before);
}

#[test]
fn a_finished_run_that_is_resumed_keeps_its_manifest_unless_it_trains() {
    let place = Scratch::new();
    let flags = "--run a --arms identity,blind --resume";
    place.probe(flags).succeeded();
    let file = place.result("a", "manifest.json");
    let manifest = || fs::read_to_string(&file).unwrap();
    // As an earlier version would have left it.
    let earlier = manifest().replacen("\"version\": \"", "\"version\": \"0.", 1);
    fs::write(&file, &earlier).unwrap();
    place.probe(flags).succeeded();
    assert_eq!(manifest(), earlier);
    let cells = names(&place.result("a", "cells"));
    fs::remove_file(place.result("a", "cells").join(&cells[0])).unwrap();
    place.probe(flags).succeeded();
    assert_ne!(manifest(), earlier);
}

#[test]
fn report_trains_nothing() {
    let place = Scratch::new();
    place.probe("--run a --arms identity,blind").succeeded();
    let cells = names(&place.result("a", "cells"));
    fs::remove_file(place.result("a", "cells").join(&cells[0])).unwrap();
    let metrics = fs::read(place.result("a", "metrics.csv")).unwrap();
    let report = place.run("report results/a --data data");
    report.refused(&["results/a", "not all cells", "--resume"]);
    assert_eq!(fs::read(place.result("a", "metrics.csv")).unwrap(), metrics);
    assert_eq!(names(&place.result("a", "cells")).len(), cells.len() - 1);
}

#[test]
fn a_cell_that_its_run_cannot_have_written_is_named_by_report_and_trained_again() {
    let place = Scratch::new();
    let two_groups = support::TINY.replace("densities = [1.0]", "densities = [1.0, 2.0]");
    place.write("tiny.toml", two_groups);
    let flags = "--run a --arms identity --resume";
    let begun = place.probe(flags).succeeded();
    let note = "note: no run `a` in results yet: begun anew";
    assert!(begun.stderr.contains(note), "{}", begun.stderr);
    let predictions = || fs::read(place.result("a", "predictions.csv")).unwrap();
    let before = predictions();
    let cells = names(&place.result("a", "cells"));
    let name = &cells[0];
    let file = place.result("a", "cells").join(name);
    let whole = fs::read_to_string(&file).unwrap();
    let mut lines = whole.lines();
    let error = lines
        .find(|line| line.starts_with("validation_cer = "))
        .unwrap();
    for (from, to, why) in [
        ("group = 1", "group = 0", "test group 0 2 times"),
        ("predictions = [\"", "predictions = [\"é", "charset 10"),
        (error, "validation_cer = nan", "`validation_cer` is NaN"),
        (error, "validation_cer = -5", "`validation_cer` is -5"),
    ] {
        assert!(whole.contains(from), "no `{from}` in {whole}");
        fs::write(&file, whole.replacen(from, to, 1)).unwrap();
        let report = place.run("report results/a --data data");
        let report = report.refused(&["results/a", "not all cells", "--resume"]);
        for part in [name.as_str(), why] {
            assert!(report.stderr.contains(part), "{}", report.stderr);
        }
        assert!(predictions() == before);
    }
    let resumed = place.probe(flags).succeeded();
    assert!(resumed.stderr.contains(name.as_str()), "{}", resumed.stderr);
    assert!(!resumed.stderr.contains("begun anew"), "{}", resumed.stderr);
    assert!(predictions() == before);
    let report = place.run("report results/a --data data").succeeded();
    assert!(!report.stderr.contains("damaged"), "{}", report.stderr);
}

#[test]
fn every_regime_runs_to_its_end() {
    let place = Scratch::new();
    let mut metrics = Vec::new();
    for regime in ["frozen", "last-block", "joint"] {
        let flags =
            format!("--run {regime} --regime {regime} --arms patch-merger,vet-st-argmax@16");
        place.probe(&flags).succeeded();
        let rows = Rows::read(&place.result(regime, "metrics.csv"));
        let cers = rows.fields("value", &[("regime", regime), ("metric", "cer")]);
        assert_eq!(cers.len(), 4, "{regime}");
        metrics.push(fs::read_to_string(place.result(regime, "predictions.csv")).unwrap());
    }
    // What trains makes a difference.
    assert!(metrics[0] != metrics[1] && metrics[1] != metrics[2]);
}

#[test]
fn every_reader_runs_to_its_end() {
    let place = Scratch::new();
    for (reader, flags, task) in [
        ("slot-linear", "--reader slot-linear", "ocr-grid"),
        ("ctc", "--layout strip --reader ctc", "ocr-strip"),
        ("strip", "--layout strip", "ocr-strip"),
    ] {
        let arms = "--arms mean-pool,linear,vet-st-argmax-raw@16";
        place
            .probe(&format!("--run {reader} {flags} {arms}"))
            .succeeded();
        let rows = Rows::read(&place.result(reader, "metrics.csv"));
        assert_eq!(
            rows.fields("value", &[("task", task), ("metric", "cer")])
                .len(),
            6
        );
    }
}

#[test]
fn words_are_read_as_a_second_kind_of_text() {
    let place = Scratch::new();
    let settings = support::TINY.replace(
        "charset = \"10\"",
        "charset = \"36\"\ntest_contents = [\"random\", \"words\"]",
    );
    place.write("tiny.toml", settings);
    place
        .probe("--run a --arms identity --densities 1,2 --test-images 12")
        .succeeded();
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    for condition in ["random", "words"] {
        let filters = [("condition", condition), ("metric", "cer"), ("seed", "1")];
        let predictions = Rows::read(&place.result("a", "predictions.csv"));
        let read = [
            ("condition", condition),
            ("density", "1"),
            ("seed", "1"),
            ("mode", "deterministic"),
        ];
        assert_eq!(predictions.fields("target", &read).len(), 12, "{condition}");
        assert_eq!(
            metrics.fields("density", &filters),
            ["1", "2"],
            "{condition}"
        );
    }
}

#[test]
fn unnamed_runs_never_meet() {
    let place = Scratch::new();
    for _ in 0..2 {
        place.probe("--arms blind").succeeded();
    }
    assert_eq!(place.runs(), ["ocr-probe-smoke", "ocr-probe-smoke-2"]);
    let metrics = |run| fs::read(place.result(run, "metrics.csv")).unwrap();
    assert_eq!(metrics("ocr-probe-smoke"), metrics("ocr-probe-smoke-2"));
}

#[test]
fn rates_on_the_command_line_are_those_of_every_arm() {
    let place = Scratch::new();
    let settings = support::TINY.replace(
        "[training]",
        "[training]\nrates_of_arms = { blind = [0.1] }",
    );
    place.write("tiny.toml", settings);
    let rates = |run: &str, flags: &str| {
        place
            .probe(&format!(
                "--run {run} --arms identity,blind --seeds 1 {flags}"
            ))
            .succeeded();
        let tuning = Rows::read(&place.result(run, "tuning.csv"));
        tuning
            .fields("learning_rate", &[("arm", "blind")])
            .join(",")
    };
    assert_eq!(rates("file", ""), "0.1");
    assert_eq!(rates("flag", "--learning-rates 0.002"), "0.002");
}

#[test]
fn behind_the_committed_backbone_the_ceiling_reads_and_the_floor_does_not() {
    let backbone =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/backbones/small-vit.safetensors");
    let place = Scratch::new();
    let mut command = place.binary();
    let flags = "--run a --arms identity,blind --seeds 1 --steps 80 --learning-rates 0.004";
    let settings = support::TINY.replace("train = 64", "train = 512");
    place.write("tiny.toml", settings);
    command.args(Scratch::probe_arguments(&format!("{flags} --backbone")));
    command.arg(backbone);
    support::Finished::from(command.output().unwrap()).succeeded();
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    let cer = |arm| -> f64 {
        metrics.fields("value", &[("arm", arm), ("metric", "cer")])[0]
            .parse()
            .unwrap()
    };
    assert!(cer("identity") < 0.2, "{}", cer("identity"));
    assert!(cer("blind") > 0.7, "{}", cer("blind"));
}

#[test]
fn a_report_without_the_manifest_of_the_run_says_whose_the_new_one_is() {
    let place = Scratch::new();
    place.probe("--run a").succeeded();
    let manifest = place.result("a", "manifest.json");
    fs::remove_file(&manifest).unwrap();
    let told = place.run("report results/a --data data").succeeded().stderr;
    let expected = "manifest.json: missing or damaged; the new one tells of this machine";
    assert!(told.contains(expected), "{told}");
    assert!(manifest.is_file());
    let again = place.run("report results/a --data data").succeeded().stderr;
    assert!(!again.contains("missing or damaged"), "{again}");
}
