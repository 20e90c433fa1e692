//! Every fixture in `data/parity` passes at every tap, and a broken one fails.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use published_models::Family;
use published_models::parity::{Tap, compare};

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/parity");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    files.sort();
    files
}

fn fixture(name: &str) -> PathBuf {
    fixtures()
        .into_iter()
        .find(|path| path.file_stem().unwrap() == name)
        .unwrap()
}

#[test]
fn every_tap_of_every_fixture_passes() {
    let files = fixtures();
    assert!(files.len() >= 23, "{files:?}");
    let mut taps = 0;
    for path in files {
        let comparison = compare(&path, 1e-5, &Device::flex()).unwrap();
        for tap in &comparison.taps {
            assert!(tap.passes, "{}: {tap:?}", path.display());
        }
        taps += comparison.taps.len();
    }
    assert!(taps > 92, "{taps}");
}

#[test]
fn families_are_known_by_their_weights() {
    for (name, family) in [
        ("qwen2_5_vl-golden", Family::Qwen2_5Vl),
        ("qwen2_vl-frames", Family::Qwen2Vl),
        ("qwen3_vl-golden", Family::Qwen3Vl),
        ("qwen3_5-merge3", Family::Qwen3Vl),
        ("ovis2-golden", Family::Ovis2),
        ("ovis2_5-golden", Family::Ovis2_5),
        ("internvl-qk-rms", Family::InternVl),
    ] {
        let found = compare(&fixture(name), 1e-5, &Device::flex()).unwrap();
        assert_eq!(found.family, family);
    }
}

/// A copy of a fixture in which one piece of text of the header is replaced by another of the same
/// length.
fn changed(name: &str, from: &str, to: &str) -> tempfile::NamedTempFile {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    let at = bytes
        .windows(from.len())
        .position(|window| window == from.as_bytes())
        .unwrap_or_else(|| panic!("no {from} in {name}"));
    bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
    let file = tempfile::Builder::new()
        .suffix(".safetensors")
        .tempfile()
        .unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn failures(file: &Path) -> Vec<String> {
    let comparison = compare(file, 1e-5, &Device::flex()).unwrap();
    let failing = |tap: &Tap| (!tap.passes).then(|| tap.name.clone());
    comparison.taps.iter().filter_map(failing).collect()
}

#[test]
fn another_configuration_fails_at_the_taps_that_it_touches() {
    let file = changed(
        "qwen2_5_vl-golden",
        r#"\"num_heads\": 4"#,
        r#"\"num_heads\": 2"#,
    );
    assert_eq!(failures(file.path()), ["hidden_window_order", "merged"]);
    let file = changed(
        "qwen2_5_vl-golden",
        r#"\"window_size\": 32"#,
        r#"\"window_size\": 48"#,
    );
    let found = failures(file.path());
    assert!(found.contains(&"window_index".to_owned()), "{found:?}");
    assert!(found.contains(&"cu_window_seqlens".to_owned()), "{found:?}");
    let file = changed(
        "qwen2_5_vl-golden",
        r#"\"fullatt_block_indexes\": [1]"#,
        r#"\"fullatt_block_indexes\": [2]"#,
    );
    assert_eq!(failures(file.path()), ["hidden_window_order", "merged"]);
}

/// Wrong constants of Qwen3-VL; levels without mergers are named as missing tensors.
#[test]
fn another_tower_of_qwen3_vl_fails() {
    let golden = "qwen3_vl-golden";
    let file = changed(golden, r#"\"num_heads\": 2"#, r#"\"num_heads\": 3"#);
    assert_eq!(failures(file.path()), ["deepstack", "hidden", "merged"]);
    let file = changed(golden, r#"gelu_pytorch_tanh\""#, r#"quick_gelu\"       "#);
    assert_eq!(failures(file.path()), ["deepstack", "hidden", "merged"]);
    let levels = r#"\"deepstack_visual_indexes\": [1, 2]"#;
    for other in ["[0, 2]", "[2, 1]", "[1, 3]"] {
        let file = changed(golden, levels, &levels.replace("[1, 2]", other));
        assert_eq!(failures(file.path()), ["deepstack"], "{other}");
    }
    let file = changed(golden, levels, &levels.replace("[1, 2]", "[1]   "));
    let error = compare(file.path(), 1e-5, &Device::flex()).unwrap_err();
    assert!(
        error.to_string().contains("deepstack_merger_list.1"),
        "{error}"
    );
}

/// Wrong constants of InternVL; norms that are there or are not are named as tensors.
#[test]
fn another_tower_of_internvl_fails() {
    let behind = ["hidden", "projected", "shuffled"];
    let (plain, small) = ("internvl-layer-norm", "internvl-merge4");
    let heads = r#"\"num_attention_heads\": "#;
    let file = changed(plain, &format!("{heads}2"), &format!("{heads}4"));
    assert_eq!(failures(file.path()), behind);
    let eps = r#"\"layer_norm_eps\": 0.0"#;
    let file = changed(small, &format!("{eps}1"), &format!("{eps}2"));
    assert_eq!(failures(file.path()), behind);
    for (name, from, to, part) in [
        (
            plain,
            r#"\"layer_norm\""#,
            r#"\"rms_norm\"  "#,
            "layernorm_after.bias",
        ),
        (
            "internvl-qk-rms",
            r#"use_qk_norm\": true"#,
            r#"use_qk_norm\":false"#,
            "k_norm.weight",
        ),
        (
            plain,
            r#"use_qk_norm\": false"#,
            r#"use_qk_norm\": true "#,
            "q_norm.weight",
        ),
        (
            plain,
            r#"ratio\": 0.5"#,
            r#"ratio\": 0.7"#,
            "downsample_ratio",
        ),
        (
            small,
            r#"ratio\": 0.25"#,
            r#"ratio\": 0.50"#,
            "layer_norm.weight",
        ),
        (
            plain,
            "projector.linear_2.bias",
            "projector.linear_2.bios",
            "linear_2.bias",
        ),
        (
            plain,
            "w.vision_tower.encoder.layer.1.lambda_2",
            "w.vision_tower.encoder.layer.1.lambda_3",
            "lambda_2",
        ),
    ] {
        let file = changed(name, from, to);
        let error = compare(file.path(), 1e-5, &Device::flex()).unwrap_err();
        assert!(error.to_string().contains(part), "{to}: {error}");
    }
}

#[test]
fn a_fixture_that_is_none_is_refused_with_a_reason() {
    let device = Device::flex();
    let message = |path: &Path| compare(path, 1e-5, &device).unwrap_err().to_string();
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/parity/README.md");
    assert!(message(&readme).contains("README.md"));
    let file = changed("ovis2_5-golden", "out.logits", "out.digits");
    let error = message(file.path());
    assert!(
        error.contains("digits") && error.contains("known are"),
        "{error}"
    );
    // A weight under an unknown name is missing here and left over there.
    let file = changed("ovis2_5-golden", "w.head.1.bias", "w.head.1.bios");
    let error = message(file.path());
    assert!(error.contains("w.head.1.bias"), "{error}");
    let file = changed(
        "ovis2-golden",
        r#"\"intermediate_size\": 48"#,
        r#"\"intermediate_size\": 49"#,
    );
    let error = message(file.path());
    assert!(error.contains("49") && error.contains("48"), "{error}");
}
