//! `encode` and `parity` on tiny checkpoints and fixtures.

#![allow(clippy::unwrap_used)]

mod support;

use safetensors::{Dtype, SafeTensors};
use std::path::{Path, PathBuf};
use std::process::Command;
use support::Finished;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn checkpoints() -> PathBuf {
    root().join("crates/published-models/tests/fixtures/checkpoints")
}

fn picture(name: &str) -> String {
    let path = checkpoints().join("pictures").join(name);
    path.display().to_string()
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

fn encode(folder: &Path, checkpoint: &str, images: &[&str], more: &[&str]) -> Finished {
    let checkpoint = checkpoints().join(checkpoint).display().to_string();
    let images: Vec<String> = images.iter().map(|name| picture(name)).collect();
    let mut arguments = vec!["encode", "--checkpoint", &checkpoint];
    arguments.extend(["--out", "out.safetensors", "--image"]);
    arguments.extend(images.iter().map(String::as_str));
    arguments.extend(more);
    experiments(folder, &arguments)
}

fn floats(bytes: &[u8], name: &str) -> Vec<f32> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let view = file.tensor(name).unwrap();
    assert_eq!(view.dtype(), Dtype::F32);
    let numbers = view.data().chunks_exact(4);
    numbers
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

fn shape(bytes: &[u8], name: &str) -> Vec<usize> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    file.tensor(name).unwrap().shape().to_vec()
}

#[test]
fn embeddings_are_those_of_the_reference() {
    for layout in [
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
    ] {
        let place = tempfile::tempdir().unwrap();
        encode(place.path(), layout, &["odd.png"], &[]).succeeded();
        let found = std::fs::read(place.path().join("out.safetensors")).unwrap();
        let expected = checkpoints().join(layout).join("expected.safetensors");
        let expected = std::fs::read(expected).unwrap();
        for (name, tolerance) in [("pixel_values", 1e-5), ("embeddings", 1e-4)] {
            let expected = floats(&expected, &format!("odd.{name}"));
            let found = floats(&found, name);
            assert_eq!(found.len(), expected.len(), "{layout}, {name}");
            for (found, expected) in found.iter().zip(&expected) {
                let error = (found - expected).abs();
                assert!(error < tolerance, "{layout}, {name}: {error:e}");
            }
        }
    }
}

/// What the language model of Qwen3-VL adds behind its first layers, level by level.
#[test]
fn deepstack_levels_hold_the_tokens_of_all_images() {
    let place = tempfile::tempdir().unwrap();
    let images = ["odd.png", "grey.png"];
    encode(place.path(), "qwen3_vl", &images, &[]).succeeded();
    let found = std::fs::read(place.path().join("out.safetensors")).unwrap();
    let expected = checkpoints().join("qwen3_vl/expected.safetensors");
    let expected = std::fs::read(expected).unwrap();
    let [odd, grey] = ["odd", "grey"].map(|name| floats(&expected, &format!("{name}.deepstack")));
    let tokens = (odd.len() + grey.len()) / 2 / 24;
    assert_eq!(shape(&found, "deepstack"), [2, tokens, 24]);
    assert_eq!(shape(&found, "embeddings"), [tokens, 24]);
    let levels = odd.chunks(odd.len() / 2).zip(grey.chunks(grey.len() / 2));
    let expected = levels.flat_map(|(odd, grey)| odd.iter().chain(grey));
    for (found, expected) in floats(&found, "deepstack").iter().zip(expected) {
        assert!((found - expected).abs() < 1e-4, "{found} {expected}");
    }
    encode(place.path(), "qwen3_5", &images, &[]).succeeded();
    let found = std::fs::read(place.path().join("out.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&found).unwrap();
    assert!(file.tensor("deepstack").is_err());
}

#[test]
fn images_of_several_sizes_lie_one_below_the_other() {
    let place = tempfile::tempdir().unwrap();
    let finished = encode(
        place.path(),
        "ovis2_5",
        &["odd.png", "grey.png"],
        &["--taps", "--prob", "--top", "5"],
    )
    .succeeded();
    assert!(
        finished.stdout.contains("perplexity"),
        "{}",
        finished.stdout
    );
    let bytes = std::fs::read(place.path().join("out.safetensors")).unwrap();
    let [tokens, d] = shape(&bytes, "embeddings")[..] else {
        panic!("embeddings are no matrix");
    };
    assert_eq!(d, 24);
    assert_eq!(shape(&bytes, "grid_thw"), [2, 3]);
    assert_eq!(shape(&bytes, "pixel_values"), [4 * tokens, 48]);
    assert_eq!(shape(&bytes, "pre_norm"), [4 * tokens, 32]);
    assert_eq!(shape(&bytes, "logits"), [tokens, 60]);
    assert_eq!(shape(&bytes, "word_ids"), [tokens, 5]);
    let prob = floats(&bytes, "prob");
    for (token, best) in prob
        .chunks_exact(60)
        .zip(floats(&bytes, "word_probabilities").chunks_exact(5))
    {
        assert!((token.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(best[0], token.iter().copied().fold(0.0, f32::max));
    }
}

fn integers(bytes: &[u8], name: &str) -> Vec<i64> {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let view = file.tensor(name).unwrap();
    assert_eq!(view.dtype(), Dtype::I64);
    let numbers = view.data().chunks_exact(8);
    numbers
        .map(|b| i64::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

#[test]
fn tokens_stand_among_their_boundary_rows() {
    let place = tempfile::tempdir().unwrap();
    let run = |layout: &str, images: &[&str]| {
        encode(place.path(), layout, images, &[]).succeeded();
        std::fs::read(place.path().join("out.safetensors")).unwrap()
    };
    let bytes = run("ovis2_5", &["odd.png", "grey.png"]);
    let tokens = integers(&bytes, "tokens_per_image");
    let mut expected = Vec::new();
    let mut first = 0;
    for count in &tokens {
        expected.push(-1);
        expected.extend(first..first + count);
        expected.push(-2);
        first += count;
    }
    assert_eq!(integers(&bytes, "sequence"), expected);
    let lengths: Vec<i64> = tokens.iter().map(|count| count + 2).collect();
    assert_eq!(integers(&bytes, "sequence_per_image"), lengths);
    assert_eq!(shape(&bytes, "indicator_embeddings"), [4, 24]);
    // The last rows of the table.
    let checkpoint = std::fs::read(checkpoints().join("ovis2_5/model.safetensors")).unwrap();
    let checkpoint = SafeTensors::deserialize(&checkpoint).unwrap();
    let table = checkpoint.tensor("vte.weight").unwrap();
    assert_eq!((table.shape(), table.dtype()), (&[64, 24][..], Dtype::F16));
    let last = &table.data()[table.data().len() - 2..];
    let last = half_of(u16::from_le_bytes(last.try_into().unwrap()));
    assert_eq!(floats(&bytes, "indicator_embeddings").last(), Some(&last));

    // Ovis2: start, the whole image of 4 tokens, grid, then tiles with separators, end.
    let bytes = run("ovis2_official", &["odd.png"]);
    let sequence = integers(&bytes, "sequence");
    assert_eq!(sequence[..6], [-1, 0, 1, 2, 3, -2]);
    assert_eq!(sequence.last(), Some(&-5));
    let tokens: Vec<i64> = sequence
        .iter()
        .copied()
        .filter(|entry| *entry >= 0)
        .collect();
    let count = shape(&bytes, "embeddings")[0] as i64;
    assert_eq!(tokens, (0..count).collect::<Vec<_>>());
    let separators = |row: i64| sequence.iter().filter(|entry| **entry == row).count() as i64;
    // One tile less than there are, in rows and columns.
    assert_eq!(separators(-3) + separators(-4), (count / 4 - 1 - 1).max(0));

    let bytes = run("qwen2_5_vl", &["odd.png"]);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert!(
        file.tensor("sequence").is_err(),
        "words of the text stand around it"
    );
}

/// The value of a half-precision number that is neither tiny nor infinite.
fn half_of(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 31) - 15;
    let fraction = 1.0 + f32::from(bits & 1023) / 1024.0;
    sign * fraction * 2.0_f32.powi(exponent)
}

#[test]
fn hard_and_truncated_tokens_differ_from_soft_ones() {
    let place = tempfile::tempdir().unwrap();
    let run = |more: &[&str]| {
        encode(place.path(), "ovis2_5", &["odd.png"], more).succeeded();
        let bytes = std::fs::read(place.path().join("out.safetensors")).unwrap();
        floats(&bytes, "embeddings")
    };
    let about = || -> String {
        let bytes = std::fs::read(place.path().join("out.safetensors")).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        header.metadata().as_ref().unwrap()["about"].clone()
    };
    let soft = run(&[]);
    assert!(about().contains(r#""tokenize":{"kind":"softmax"}"#));
    assert_eq!(soft, run(&["--tokenize", "softmax"]));
    let hard = run(&["--tokenize", "st_argmax"]);
    assert!(about().contains(r#""tokenize":{"kind":"st-argmax"}"#));
    assert_eq!(hard, run(&["--tokenize", "topk:1"]));
    assert_ne!(soft, hard);
    assert_ne!(hard, run(&["--tokenize", "topk:4"]));
}

#[test]
fn what_cannot_be_encoded_is_named_and_nothing_is_written() {
    let place = tempfile::tempdir().unwrap();
    let bad = place.path().join("bad.png");
    std::fs::write(&bad, b"\x89PNG\r\n\x1a\nnothing").unwrap();
    let bad = bad.display().to_string();
    let folder = checkpoints().join("ovis2_5").display().to_string();
    let merger = checkpoints().join("qwen2_5_vl").display().to_string();
    let odd = picture("odd.png");
    let cases: [(&[&str], &[&str]); 7] = [
        (
            &[
                "--checkpoint",
                &merger,
                "--image",
                &odd,
                "--feature-state",
                "post-norm",
            ],
            &["odd.png", "has no final norm"],
        ),
        (&["--checkpoint", &folder, "--image", &bad], &["bad.png"]),
        (
            &["--checkpoint", &folder, "--image", "missing.png"],
            &["missing.png"],
        ),
        (
            &[
                "--checkpoint",
                "Qwen/Qwen2.5-VL-3B-Instruct",
                "--image",
                &bad,
            ],
            &["Qwen2.5-VL-3B-Instruct", "config.json", "HF_HOME"],
        ),
        (
            &["--checkpoint", "no-such-folder", "--image", &bad],
            &["no-such-folder"],
        ),
        (
            &[
                "--checkpoint",
                &folder,
                "--image",
                &bad,
                "--tokenize",
                "hardest",
            ],
            &["hardest", "topk:N"],
        ),
        (
            &[
                "--checkpoint",
                &folder,
                "--image",
                &bad,
                "--tokenize",
                "topk:0",
            ],
            &["k is 0"],
        ),
    ];
    for (arguments, parts) in cases {
        let mut all = vec!["encode", "--out", "out.safetensors"];
        all.extend(arguments);
        let finished = experiments(place.path(), &all);
        assert_ne!(finished.code, Some(0), "{arguments:?}");
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
        for part in parts {
            assert!(
                finished.stderr.contains(part),
                "{part}: {}",
                finished.stderr
            );
        }
        assert!(!place.path().join("out.safetensors").exists());
    }
}

/// Copies of an image and of a checkpoint, for what might harm them.
fn copies(place: &Path) {
    std::fs::copy(picture("odd.png"), place.join("a.png")).unwrap();
    std::fs::create_dir(place.join("copy")).unwrap();
    for entry in std::fs::read_dir(checkpoints().join("ovis2_5")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), place.join("copy").join(entry.file_name())).unwrap();
    }
}

/// Runs `encode` on the copies.
fn encode_copies(place: &Path, more: &[&str]) -> Finished {
    let arguments = ["encode", "--checkpoint", "copy", "--image", "a.png"];
    experiments(place, &[arguments.as_slice(), more].concat())
}

#[test]
fn an_input_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    copies(place);
    let inputs = ["a.png", "copy/model.safetensors", "copy/config.json"];
    let before = inputs.map(|name| std::fs::read(place.join(name)).unwrap());
    for (out, part) in [
        ("a.png", "one of the images"),
        ("copy/../a.png", "one of the images"),
        ("copy/model.safetensors", "the folder of the checkpoint"),
        ("copy/config.json", "the folder of the checkpoint"),
    ] {
        encode_copies(place, &["--out", out]).refused(&[out, part, "name another file"]);
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("copy/model.safetensors", place.join("link")).unwrap();
        let refused = encode_copies(place, &["--out", "link"]);
        refused.refused(&["link", "the folder of the checkpoint"]);
    }
    assert!(inputs.map(|name| std::fs::read(place.join(name)).unwrap()) == before);
    // A new name in the same folder harms nothing.
    encode_copies(place, &["--out", "copy/out.safetensors"]).succeeded();
}

#[test]
fn a_place_that_no_file_can_take_is_refused_before_the_model_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let long = "x".repeat(300);
    for (out, part) in [
        ("newdir/", "the name of a folder"),
        (".", "the name of a folder"),
        (&*place.display().to_string(), "a folder stands there"),
        (&*long, "the name is too long"),
    ] {
        let inputs = ["--checkpoint", "absent", "--image", "absent.png"];
        let arguments = [inputs.as_slice(), &["--out", out]].concat();
        let arguments = [["encode"].as_slice(), &arguments].concat();
        experiments(place, &arguments).refused(&["cannot write", part]);
    }
    assert!(support::names(place).is_empty());
}

#[test]
fn more_words_than_a_model_has_and_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    copies(place);
    let out = ["--out", "out.safetensors"];
    for (flag, value, parts) in [
        ("--top", "0", ["--top 0", "at least 1"]),
        ("--top", "61", ["--top 61", "60 visual words only"]),
        (
            "--tokenize",
            "topk:61",
            ["--tokenize topk:61", "60 visual words only"],
        ),
    ] {
        let flags = [out.as_slice(), &[flag, value]].concat();
        encode_copies(place, &flags).refused(&parts);
        assert!(!place.join("out.safetensors").exists());
    }
    let all = ["--top", "60", "--tokenize", "topk:60"];
    encode_copies(place, &[out.as_slice(), all.as_slice()].concat()).succeeded();
    let bytes = std::fs::read(place.join("out.safetensors")).unwrap();
    assert_eq!(shape(&bytes, "word_ids")[1], 60);
    for flags in [&["--top", "3"][..], &["--prob"]] {
        let of_merger = encode(place, "qwen2_5_vl", &["odd.png"], flags);
        of_merger.refused(&["qwen2_5_vl", "no visual words", flags[0]]);
    }
}

#[test]
fn parity_passes_on_the_golden_files_and_fails_beyond_them() {
    let place = tempfile::tempdir().unwrap();
    let golden = ["qwen2_5_vl", "qwen3_vl", "ovis2", "ovis2_5"].map(|family| {
        let path = root().join(format!("data/parity/{family}-golden.safetensors"));
        path.display().to_string()
    });
    let mut arguments = vec!["parity"];
    arguments.extend(golden.iter().map(String::as_str));
    let finished = experiments(place.path(), &arguments).succeeded();
    for tap in ["window_index", "official.embeds", "pre_ln_hidden"] {
        assert!(finished.stdout.contains(tap), "{}", finished.stdout);
    }
    arguments.extend(["--tolerance", "1e-9"]);
    let finished = experiments(place.path(), &arguments);
    assert_eq!(finished.code, Some(1));
    assert!(finished.stdout.contains("FAILS"), "{}", finished.stdout);
    assert!(finished.stderr.contains("taps fail"), "{}", finished.stderr);
    let missing = experiments(place.path(), &["parity", "missing.safetensors", &golden[0]]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("missing.safetensors"));
    assert!(
        missing.stdout.contains("window_index"),
        "the others are compared"
    );
}

/// Names of old archives, in Latin-1.
#[cfg(unix)]
#[test]
fn image_names_that_are_not_utf_8_are_escaped_or_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let image = OsStr::from_bytes(b"caf\xe9.png");
    std::fs::copy(picture("odd.png"), folder.path().join(image)).unwrap();
    let checkpoint = checkpoints().join("qwen2_5_vl");
    let run = |command: &str, out: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_experiments"));
        program.current_dir(folder.path()).arg(command);
        program.arg("--checkpoint").arg(&checkpoint);
        program.args(["--out", out, "--image"]).arg(image);
        Finished::from(program.output().unwrap())
    };
    let encoded = run("encode", "out.safetensors");
    assert_eq!(encoded.code, Some(0), "{}", encoded.stderr);
    let bytes = std::fs::read(folder.path().join("out.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let about = header.metadata().as_ref().unwrap()["about"].clone();
    assert!(about.contains(r#"["caf\\xe9.png"]"#), "{about}");
    let inspected = run("inspect", "shown");
    assert_ne!(inspected.code, Some(0));
    assert!(
        inspected.stderr.contains("not UTF-8"),
        "{}",
        inspected.stderr
    );
    assert!(!folder.path().join("shown").exists());
}

#[test]
fn missing_settings_of_the_processor_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(checkpoints().join("qwen2_5_vl")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "preprocessor_config.json" {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let image = picture("odd.png");
    let arguments = [
        "encode",
        "--checkpoint",
        "copy",
        "--out",
        "x",
        "--image",
        &image,
    ];
    let finished = experiments(folder.path(), &arguments);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    for part in [
        "note: ",
        "preprocessor_config.json",
        "as released for Qwen2.5-VL",
    ] {
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
}
