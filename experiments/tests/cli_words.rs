//! `words` on tiny checkpoints, against what `encode` writes of the same images.

#![allow(clippy::unwrap_used)]

mod support;

use safetensors::SafeTensors;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::Finished;

fn checkpoints() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/published-models/tests/fixtures/checkpoints")
}

fn experiments(folder: &Path, arguments: &[&str]) -> Finished {
    Command::new(env!("CARGO_BIN_EXE_experiments"))
        .current_dir(folder)
        .env("HF_HUB_OFFLINE", "1")
        .env("HF_HOME", folder)
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

/// A folder with the pictures of the fixtures, below `images`.
fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let images = place.path().join("images");
    fs::create_dir(&images).unwrap();
    for name in ["odd.png", "grey.png", "small.png"] {
        fs::copy(checkpoints().join("pictures").join(name), images.join(name)).unwrap();
    }
    place
}

fn checkpoint(name: &str) -> String {
    checkpoints().join(name).display().to_string()
}

fn floats(bytes: &[u8], name: &str) -> Vec<f64> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let data = file.tensor(name).unwrap().data().to_vec();
    let numbers = data.chunks_exact(4);
    numbers
        .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
        .collect()
}

fn near(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    let error = (found - expected).abs();
    assert!(
        error <= 1e-4 * expected.abs().max(0.1),
        "{found} {expected}"
    );
}

#[test]
fn numbers_are_those_of_the_tokens_that_encode_writes() {
    for name in ["ovis2_5", "ovis2_hf"] {
        let place = place();
        let folder = place.path();
        let model = checkpoint(name);
        experiments(
            folder,
            &[
                "words",
                "--checkpoint",
                &model,
                "--images",
                "images",
                "--out",
                "page",
            ],
        )
        .succeeded();
        let line = fs::read_to_string(folder.join("page/words.json")).unwrap();
        let found: Value = serde_json::from_str(&line).unwrap();
        let images = ["images/grey.png", "images/odd.png", "images/small.png"];
        let encode = |out: &str, more: &[&str]| -> Vec<u8> {
            let mut arguments = vec!["encode", "--checkpoint", &model, "--out", out, "--image"];
            arguments.extend(images);
            arguments.extend(more);
            experiments(folder, &arguments).succeeded();
            fs::read(folder.join(out)).unwrap()
        };
        let soft = encode("soft.safetensors", &["--prob"]);
        let words = found["words"].as_u64().unwrap() as usize;
        let all = floats(&soft, "prob");
        let tokens: Vec<&[f64]> = all.chunks(words).collect();
        let n = tokens.len() as f64;
        assert_eq!(found["tokens"], tokens.len());
        assert_eq!(found["images"], 3);
        let entropy = |p: &[f64]| -> f64 {
            let positive = p.iter().filter(|&&p| p > 0.0);
            positive.map(|p| -p * p.log2()).sum()
        };
        near(
            &found["entropy_bits"],
            tokens.iter().map(|p| entropy(p)).sum::<f64>() / n,
        );
        let best = |p: &[f64]| {
            let largest = p.iter().copied().fold(0.0, f64::max);
            p.iter().position(|&p| p == largest).unwrap()
        };
        let distinct: std::collections::BTreeSet<usize> = tokens.iter().map(|p| best(p)).collect();
        assert_eq!(found["distinct_best"], distinct.len());
        near(
            &found["mass_of_best"][0][1],
            tokens.iter().map(|p| p[best(p)]).sum::<f64>() / n,
        );
        let above = tokens.iter().flat_map(|p| p.iter()).filter(|&&p| p > 1e-4);
        near(&found["words_above_1e-4"], above.count() as f64 / n);
        // Of the best word alone, and of the best four.
        let d = floats(&soft, "embeddings").len() / tokens.len();
        for (place, function) in [(0, "argmax"), (2, "topk:4")] {
            let hard = encode("hard.safetensors", &["--tokenize", function]);
            let (soft, hard) = (floats(&soft, "embeddings"), floats(&hard, "embeddings"));
            let size = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
            let each = soft.chunks(d).zip(hard.chunks(d));
            let cosines = each.clone().map(|(a, b)| {
                let dot: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                dot / (size(a) * size(b))
            });
            near(&found["cosine_of_best"][place][1], cosines.sum::<f64>() / n);
            let norms = each.map(|(a, b)| (size(b) - size(a)).abs() / size(a));
            near(
                &found["norm_error_of_best"][place][1],
                norms.sum::<f64>() / n,
            );
        }
        for file in [
            "report.html",
            "hardening.csv",
            "masses.csv",
            "most_used.csv",
        ] {
            assert!(fs::metadata(folder.join("page").join(file)).unwrap().len() > 0);
        }
    }
}

#[test]
fn a_bad_image_is_named_and_left_out_and_the_rest_is_measured() {
    let place = place();
    fs::write(place.path().join("images/broken.png"), "no picture").unwrap();
    fs::write(place.path().join("images/notes.txt"), "no picture").unwrap();
    let model = checkpoint("ovis2_5");
    let arguments = [
        "words",
        "--checkpoint",
        &model,
        "--images",
        "images",
        "--out",
        "page",
    ];
    let run = experiments(place.path(), &arguments).succeeded();
    assert!(
        run.stderr.contains("left out: images/broken.png"),
        "{}",
        run.stderr
    );
    let page = fs::read_to_string(place.path().join("page/report.html")).unwrap();
    assert!(page.contains("broken.png"));
    // The same once more, into the same folder; the line is what stands in the file.
    let again = experiments(place.path(), &arguments).succeeded();
    let line = fs::read_to_string(place.path().join("page/words.json")).unwrap();
    assert!(again.stdout.starts_with(&line), "{}", again.stdout);
}

#[test]
fn a_table_that_takes_one_word_is_measured_as_a_mixture_and_the_page_says_so() {
    let place = place();
    let hard = place.path().join("hard");
    fs::create_dir(&hard).unwrap();
    for file in [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    ] {
        fs::copy(checkpoints().join("ovis2_hf").join(file), hard.join(file)).unwrap();
    }
    let config = fs::read_to_string(hard.join("config.json")).unwrap();
    let config = config.replace(
        r#""tokenize_function": "softmax""#,
        r#""tokenize_function": "st_argmax""#,
    );
    assert!(config.contains("st_argmax"));
    fs::write(hard.join("config.json"), config).unwrap();
    let measured = |model: &str, out: &str| {
        let arguments = [
            "words",
            "--images",
            "images",
            "--checkpoint",
            model,
            "--out",
            out,
        ];
        experiments(place.path(), &arguments).succeeded();
        let read = |file: &str| fs::read_to_string(place.path().join(out).join(file)).unwrap();
        let line: Value = serde_json::from_str(&read("words.json")).unwrap();
        let is_said = read("report.html").contains("replaced by the softmax");
        (line["cosine_of_best"].clone(), is_said)
    };
    let (soft, is_said) = measured(&checkpoint("ovis2_hf"), "soft-page");
    assert!(!is_said);
    assert_eq!(measured("hard", "hard-page"), (soft, true));
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let place = place();
    let words = |model: &str, more: &[&str]| {
        let model = checkpoint(model);
        let mut arguments = vec!["words", "--checkpoint", &model, "--out", "page"];
        arguments.extend(more);
        experiments(place.path(), &arguments)
    };
    let images = ["--images", "images"];
    words("qwen2_5_vl", &images).refused(&["no visual words", "Ovis"]);
    words("ovis2_5", &["--images", "nowhere"]).refused(&["nowhere", "folder"]);
    fs::create_dir(place.path().join("empty")).unwrap();
    words("ovis2_5", &["--images", "empty"]).refused(&["no image here"]);
    words("ovis2_5", &["--images", "images", "--most-images", "0"]).refused(&["--most-images"]);
    fs::create_dir(place.path().join("page")).unwrap();
    fs::write(place.path().join("page/thesis.tex"), "mine").unwrap();
    words("ovis2_5", &images).refused(&["holds something else", "--out"]);
}
