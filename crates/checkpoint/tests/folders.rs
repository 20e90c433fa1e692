//! Checkpoint folders, sharded and not, sound and broken.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use checkpoint::{Checkpoint, CheckpointError};
use support::{counting, message, write_file, write_sharded};

fn index(folder: &Path, json: &str) {
    std::fs::write(folder.join("model.safetensors.index.json"), json).unwrap();
}

/// A sharded checkpoint with one file replaced, opened.
fn broken(file: &str, content: Option<&str>) -> Result<Checkpoint, CheckpointError> {
    let folder = tempfile::tempdir().unwrap();
    write_sharded(folder.path());
    let path = folder.path().join(file);
    match content {
        Some(content) => std::fs::write(path, content).unwrap(),
        None => std::fs::remove_file(path).unwrap(),
    }
    Checkpoint::open(folder.path())
}

#[test]
fn a_sharded_folder_gives_configuration_and_tensors() {
    let folder = tempfile::tempdir().unwrap();
    write_sharded(folder.path());
    let preprocessor = folder.path().join("preprocessor_config.json");
    std::fs::write(preprocessor, r#"{"patch_size": 14}"#).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.model_type().unwrap(), "qwen2_5_vl");
    assert_eq!(checkpoint.architectures(), ["A", "B"]);
    assert_eq!(checkpoint.preprocessor().unwrap()["patch_size"], 14);
    let tensors = checkpoint.tensors();
    let names: Vec<&str> = tensors.names().collect();
    assert_eq!(names, ["model.embed", "visual.a", "visual.b"]);
    assert_eq!(tensors.read("visual.b", &[4]).unwrap(), [0., 1., 2., 3.]);
    assert_eq!(tensors.shape("model.embed").unwrap(), [10, 3]);
    assert_eq!(tensors.unused("visual."), ["visual.a"]);
}

#[test]
fn parts_of_the_configuration_can_be_structs() {
    #[derive(serde::Deserialize)]
    struct Vision {
        depth: usize,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Misfit {
        #[expect(dead_code, reason = "it is never reached")]
        name: usize,
    }
    let checkpoint = broken("absent", Some("")).unwrap();
    let vision: Vision = checkpoint.config_as(Some("vision_config")).unwrap();
    assert_eq!(vision.depth, 2);
    let error = checkpoint
        .config_as::<Misfit>(Some("vision_config"))
        .unwrap_err();
    assert!(
        message(&error).contains("config.json"),
        "{}",
        message(&error)
    );
    let error = checkpoint
        .config_as::<Misfit>(Some("text_config"))
        .unwrap_err();
    assert!(
        message(&error).contains("no `text_config`"),
        "{}",
        message(&error)
    );
}

#[test]
fn a_missing_shard_matters_only_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    write_sharded(folder.path());
    std::fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert!(checkpoint.tensors().read("visual.a", &[2, 3]).is_ok());
    assert!(checkpoint.tensors().contains("model.embed"));
    let error = checkpoint
        .tensors()
        .read("model.embed", &[10, 3])
        .unwrap_err();
    assert!(matches!(error, CheckpointError::MissingShard { .. }));
    let error = error.to_string();
    assert!(
        error.contains("model-00002-of-00002.safetensors"),
        "{error}"
    );
    assert!(error.contains("`model.embed`"), "{error}");
}

#[test]
fn a_damaged_shard_does_not_hinder_another() {
    let folder = tempfile::tempdir().unwrap();
    write_sharded(folder.path());
    std::fs::write(
        folder.path().join("model-00002-of-00002.safetensors"),
        b"oid",
    )
    .unwrap();
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert!(checkpoint.tensors().read("visual.a", &[2, 3]).is_ok());
    let error = checkpoint.tensors().shape("model.embed").unwrap_err();
    assert!(
        matches!(error, CheckpointError::Truncated { .. }),
        "{error}"
    );
}

#[test]
fn an_index_that_disagrees_with_its_shard_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_sharded(folder.path());
    index(
        folder.path(),
        r#"{"weight_map": {"visual.c": "model-00001-of-00002.safetensors"}}"#,
    );
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    let error = checkpoint.tensors().read("visual.c", &[4]).unwrap_err();
    assert!(
        matches!(error, CheckpointError::ShardLacksTensor { .. }),
        "{error}"
    );
    // What the index does not list is not there.
    assert!(!checkpoint.tensors().contains("visual.a"));
}

#[test]
fn weights_are_found_in_the_order_of_transformers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::write(path.join("config.json"), r#"{"model_type": "x"}"#).unwrap();
    let error = Checkpoint::open(path).unwrap_err();
    assert!(
        matches!(error, CheckpointError::NoWeights { .. }),
        "{error}"
    );

    write_file(&path.join("tower.safetensors"), &[counting("only", &[1])]);
    assert!(Checkpoint::open(path).unwrap().tensors().contains("only"));

    write_file(&path.join("other.safetensors"), &[counting("other", &[1])]);
    let error = Checkpoint::open(path).unwrap_err().to_string();
    assert!(error.contains("2 .safetensors files"), "{error}");
    assert!(
        error.contains("other.safetensors, tower.safetensors"),
        "{error}"
    );

    index(path, r#"{"weight_map": {"other": "other.safetensors"}}"#);
    assert!(Checkpoint::open(path).unwrap().tensors().contains("other"));

    write_file(&path.join("model.safetensors"), &[counting("whole", &[1])]);
    assert!(Checkpoint::open(path).unwrap().tensors().contains("whole"));
}

#[test]
fn a_shard_outside_of_the_folder_is_refused() {
    let names = [
        "../x.safetensors",
        "a/../../x.safetensors",
        "/etc/x.safetensors",
        "./../x.safetensors",
        "..\\\\x.safetensors",
        "C:x.safetensors",
        "",
        ".",
        "config.json",
    ];
    for name in names {
        let json = format!(r#"{{"weight_map": {{"w": "{name}"}}}}"#);
        let error = broken("model.safetensors.index.json", Some(&json)).unwrap_err();
        assert!(
            matches!(error, CheckpointError::ShardName { .. }),
            "{name}: {error}"
        );
    }
    let json = r#"{"weight_map": {"w": "shards/x.safetensors"}}"#;
    assert!(broken("model.safetensors.index.json", Some(json)).is_ok());
}

#[test]
fn a_broken_index_is_refused() {
    let cases = [
        ("", "not JSON"),
        ("[]", "not JSON"),
        ("{}", "no `weight_map`"),
        (r#"{"weight_map": null}"#, "no `weight_map`"),
        (r#"{"weight_map": []}"#, "not JSON"),
        (r#"{"weight_map": {"w": 1}}"#, "not JSON"),
        (
            r#"{"weight_map": {"w": "a.safetensors", "w": "b.safetensors"}}"#,
            "listed twice",
        ),
    ];
    for (json, part) in cases {
        let error = broken("model.safetensors.index.json", Some(json)).unwrap_err();
        assert!(error.to_string().contains(part), "{json}: {error}");
    }
    let empty = r#"{"weight_map": {}}"#;
    let checkpoint = broken("model.safetensors.index.json", Some(empty)).unwrap();
    assert_eq!(checkpoint.tensors().names().count(), 0);
    assert!(checkpoint.tensors().metadata().unwrap().is_empty());
}

#[test]
fn a_broken_configuration_is_refused() {
    let error = broken("config.json", None).unwrap_err();
    assert!(matches!(error, CheckpointError::NoConfig { .. }), "{error}");
    for json in ["", "{", "nonsense"] {
        let error = broken("config.json", Some(json)).unwrap_err();
        assert!(matches!(error, CheckpointError::NotJson { .. }), "{error}");
    }
    for json in ["[]", "{}", "\u{feff}{}", r#"{"model_type": 7}"#, "null"] {
        let error = broken("config.json", Some(json)).unwrap_err();
        assert!(error.to_string().contains("no `model_type`"), "{error}");
    }
    let deep = "[".repeat(1_000_000);
    let error = broken("config.json", Some(&deep)).unwrap_err();
    assert!(matches!(error, CheckpointError::NotJson { .. }), "{error}");
    let error = broken("preprocessor_config.json", Some("{")).unwrap_err();
    assert!(message(&error).contains("preprocessor_config.json"));
}

#[test]
fn what_is_no_folder_or_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Checkpoint::open(&file).unwrap_err();
    assert!(
        matches!(error, CheckpointError::NotAFolder { .. }),
        "{error}"
    );
    let error = Checkpoint::open(&folder.path().join("absent")).unwrap_err();
    assert!(matches!(error, CheckpointError::Read { .. }), "{error}");
    // A folder where a file should be.
    std::fs::write(folder.path().join("config.json"), r#"{"model_type": "x"}"#).unwrap();
    std::fs::create_dir(folder.path().join("model.safetensors")).unwrap();
    let error = Checkpoint::open(folder.path()).unwrap_err();
    assert!(matches!(error, CheckpointError::NotAFile { .. }), "{error}");
}
