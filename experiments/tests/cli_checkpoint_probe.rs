//! `ocr-probe --checkpoint` on tiny checkpoints of every family.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use support::{Finished, Rows, Scratch, names};

const LAYOUTS: [&str; 10] = [
    "qwen2_5_vl",
    "qwen2_vl",
    "qwen3_vl",
    "qwen3_5",
    "ovis2_hf",
    "ovis2_official",
    "ovis2_5",
    "ovis2_6",
    "internvl",
    "internvl_chat",
];

fn checkpoint(layout: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/published-models/tests/fixtures/checkpoints")
        .join(layout)
}

/// A tiny study; `more` is separated by spaces.
fn probe(scratch: &Scratch, checkpoint: &Path, more: &str) -> Finished {
    let mut command = scratch.binary();
    command
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HOME", scratch.path("hub"))
        .args(["ocr-probe", "--preset", "smoke", "--config", "tiny.toml"])
        .arg("--checkpoint")
        .arg(checkpoint)
        .args(more.split_whitespace());
    command.output().unwrap().into()
}

fn predictions<'a>(rows: &'a Rows, arm: &str) -> Vec<&'a str> {
    let found = rows.fields("prediction", &[("arm", arm)]);
    assert!(!found.is_empty(), "no predictions of {arm}");
    found
}

#[test]
fn every_family_is_probed_through_its_own_projector_and_through_ours() {
    let scratch = Scratch::new();
    for layout in LAYOUTS {
        let arms = "--projector pretrained,linear,vet-softmax@16";
        let more = format!("{arms} --run {layout}");
        let finished = probe(&scratch, &checkpoint(layout), &more).succeeded();
        let has_levels = finished.stderr.contains("the 2 DeepStack levels");
        assert_eq!(has_levels, layout == "qwen3_vl", "{}", finished.stderr);
        let config = fs::read_to_string(scratch.result(layout, "config.toml")).unwrap();
        assert!(config.contains(layout), "{config}");
        let manifest = fs::read_to_string(scratch.result(layout, "manifest.json")).unwrap();
        assert!(manifest.contains("\"backbone\": \""), "{manifest}");
        let verdict = fs::read_to_string(scratch.result(layout, "verdict.md")).unwrap();
        assert!(verdict.contains("stays frozen"), "{verdict}");
        assert!(verdict.contains(layout), "{verdict}");
        let metrics = Rows::read(&scratch.result(layout, "metrics.csv"));
        for arm in ["pretrained", "linear", "vet-softmax@16"] {
            let cers = metrics.fields("value", &[("arm", arm), ("metric", "cer")]);
            assert_eq!(cers.len(), 2, "{layout}, {arm}: one per seed");
            for cer in cers {
                assert!((0.0..=2.0).contains(&cer.parse::<f64>().unwrap()));
            }
        }
        // A published table is hardened to its end; a merger has no words.
        let curve = fs::read_to_string(scratch.result(layout, "plots/hardening.csv")).unwrap();
        let words = match layout {
            "ovis2_5" | "ovis2_6" => Some(60),
            "qwen2_5_vl" | "qwen2_vl" | "qwen3_vl" | "qwen3_5" | "internvl" | "internvl_chat" => {
                None
            }
            _ => Some(59),
        };
        for (k, present) in [(12, true), (59, words == Some(59)), (60, words == Some(60))] {
            let line = format!("K = {k}\",{k},{k},");
            assert_eq!(curve.contains(&line), present, "{layout}, {k}: {curve}");
        }
    }
}

/// If tokens came in another order than characters stand, nothing could be read.
#[test]
fn text_can_be_read_from_the_features_of_every_family() {
    let scratch = Scratch::new();
    let settings = fs::read_to_string(scratch.path("tiny.toml")).unwrap();
    let longer = settings
        .replace("seeds = [1, 2]", "seeds = [1]")
        .replace(
            "train = 64, validation = 16",
            "train = 500, validation = 64",
        )
        .replace("steps = 4", "steps = 150")
        .replace("batch = 16", "batch = 32")
        .replace("[0.002]", "[0.008]");
    scratch.write("tiny.toml", longer);
    for layout in LAYOUTS {
        let more = format!("--projector identity --run {layout}");
        probe(&scratch, &checkpoint(layout), &more).succeeded();
        let metrics = Rows::read(&scratch.result(layout, "metrics.csv"));
        let cer = metrics.fields("value", &[("metric", "cer")]);
        let cer: f64 = cer[0].parse().unwrap();
        // Chance is 0.9; the random towers leave well below a fifth unread.
        assert!(cer < 0.4, "{layout}: {cer}");
    }
}

#[test]
fn features_are_cached_and_a_run_is_resumed_and_reported_again() {
    let scratch = Scratch::new();
    let folder = checkpoint("ovis2_5");
    probe(&scratch, &folder, "--projector pretrained --run first").succeeded();
    let cached = names(&scratch.path("data/cache"));
    assert_eq!(cached.len(), 3, "train, validation, test: {cached:?}");
    probe(
        &scratch,
        &folder,
        "--projector pretrained --run second --jobs 1",
    )
    .succeeded();
    assert_eq!(names(&scratch.path("data/cache")), cached);
    let read = |run: &str| fs::read(scratch.result(run, "metrics.csv")).unwrap();
    let first = read("first");
    assert_eq!(first, read("second"));
    scratch.run("report results/first").succeeded();
    assert_eq!(first, read("first"));
    probe(
        &scratch,
        &folder,
        "--projector pretrained --run first --resume",
    )
    .succeeded();
    assert_eq!(first, read("first"));
}

#[test]
fn the_tokenize_function_of_a_published_table_is_swapped_without_touching_its_weights() {
    let scratch = Scratch::new();
    let arms = "pretrained,pretrained+softmax,pretrained+argmax,pretrained+top1,pretrained+top60";
    let more = format!("--projector {arms} --run swaps --steps 20");
    probe(&scratch, &checkpoint("ovis2_5"), &more).succeeded();
    let rows = Rows::read(&scratch.result("swaps", "predictions.csv"));
    let own = predictions(&rows, "pretrained");
    assert_eq!(own, predictions(&rows, "pretrained+softmax"));
    assert_eq!(own, predictions(&rows, "pretrained+top60"));
    let hard = predictions(&rows, "pretrained+argmax");
    assert_ne!(own, hard);
    assert_eq!(hard, predictions(&rows, "pretrained+top1"));
}

#[test]
fn without_a_choice_the_checkpoints_projector_stands_beside_ours() {
    let scratch = Scratch::new();
    let text = fs::read_to_string(scratch.path("tiny.toml")).unwrap();
    let without_arms: Vec<&str> = text.lines().filter(|l| !l.starts_with("arms")).collect();
    scratch.write("tiny.toml", without_arms.join("\n"));
    for (layout, hard) in [("qwen2_5_vl", false), ("ovis2_5", true)] {
        probe(&scratch, &checkpoint(layout), &format!("--run {layout}")).succeeded();
        let metrics = Rows::read(&scratch.result(layout, "metrics.csv"));
        let has = |arm: &str| !metrics.fields("value", &[("arm", arm)]).is_empty();
        assert!(has("pretrained") && has("identity") && has("patch-merger") && has("blind"));
        assert_eq!(has("pretrained+argmax"), hard, "{layout}");
    }
}

#[test]
fn what_cannot_be_probed_is_one_error_and_leaves_no_run() {
    let scratch = Scratch::new();
    let ovis = checkpoint("ovis2_5");
    let pretrained = "--projector pretrained";
    let cases: [(&Path, &str, &[&str]); 10] = [
        (Path::new("nowhere"), pretrained, &["nowhere", "OWNER/NAME"]),
        (
            Path::new("Qwen/Qwen2.5-VL-3B-Instruct"),
            pretrained,
            &["config.json", "HF_HOME"],
        ),
        (
            &checkpoint("pictures"),
            pretrained,
            &["config.json", "not found"],
        ),
        (
            &ovis,
            "--projector perceiver",
            &["unknown arm `perceiver`", "pretrained"],
        ),
        (
            &checkpoint("qwen2_5_vl"),
            "--projector pretrained+argmax",
            &["pretrained+argmax", "no visual vocabulary"],
        ),
        (
            &ovis,
            "--projector pretrained+top61",
            &["pretrained+top61", "60 visual words"],
        ),
        (
            &ovis,
            "--projector pretrained --regime joint",
            &["--checkpoint", "frozen"],
        ),
        (
            &ovis,
            "--projector pretrained --layout strip",
            &["--checkpoint", "grid"],
        ),
        (
            &ovis,
            "--projector pretrained --backbone backbone.safetensors",
            &["--backbone", "--checkpoint"],
        ),
        (
            &ovis,
            "--projector pretrained --arms linear",
            &["--arms", "--projector"],
        ),
    ];
    for (folder, more, parts) in cases {
        probe(&scratch, folder, more).refused(parts);
        assert!(scratch.runs().is_empty(), "{more}: {:?}", scratch.runs());
    }
}

/// Where a settings file names the model, the parser of the command line cannot know.
#[test]
fn flags_about_a_tower_of_ours_are_refused_where_the_settings_name_a_model() {
    let scratch = Scratch::new();
    let folder = checkpoint("ovis2_5").display().to_string();
    scratch.write("model.toml", format!("checkpoint = {folder:?}\n"));
    scratch
        .probe("--config model.toml")
        .refused(&["--backbone", "`checkpoint`"]);
    for flag in [
        "--steps 3",
        "--learning-rate 0.1",
        "--backbone backbone.safetensors",
    ] {
        let name = flag.split(' ').next().unwrap();
        scratch
            .run(&format!("inspect --out shown --config model.toml {flag}"))
            .refused(&[name, "`checkpoint`"]);
    }
    assert!(scratch.runs().is_empty() && !scratch.path("shown").exists());
}

#[test]
fn pretrained_arms_without_a_checkpoint_ask_for_one() {
    let scratch = Scratch::new();
    for flags in ["--arms linear,pretrained", "--projector pretrained"] {
        scratch.probe(flags).refused(&["--checkpoint DIR|ID"]);
    }
    assert!(scratch.runs().is_empty());
}
