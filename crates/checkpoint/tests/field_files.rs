//! Files as people really have them: processors of transformers 5, pointers of Git LFS, byte-order
//! marks.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use checkpoint::{Checkpoint, CheckpointError, Tensors};
use serde_json::json;
use support::{counting, message, write_file, write_sharded};

const NEW: &str = "processor_config.json";
const OLD: &str = "preprocessor_config.json";

/// A checkpoint with these JSON files, opened.
fn with(files: &[(&str, serde_json::Value)]) -> Result<Checkpoint, CheckpointError> {
    let folder = tempfile::tempdir().unwrap();
    write_sharded(folder.path());
    for (name, json) in files {
        std::fs::write(folder.path().join(name), json.to_string()).unwrap();
    }
    Checkpoint::open(folder.path())
}

/// The settings and the name of their file.
fn settings(files: &[(&str, serde_json::Value)]) -> Option<(serde_json::Value, String)> {
    let checkpoint = with(files).unwrap();
    let path = checkpoint.preprocessor_path();
    let name = path.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    checkpoint.preprocessor().cloned().zip(name)
}

/// Source: transformers 5.23.0, `ImageProcessingMixin.get_image_processor_dict`: the nested object of
/// the new file comes first, then the old file.
#[test]
fn the_nested_settings_of_the_new_file_win() {
    let nested = json!({"image_processor": {"a": 1}, "video_processor": {"a": 9}, "other": 3});
    let found = settings(&[(NEW, nested.clone()), (OLD, json!({"a": 2, "b": 5}))]);
    assert_eq!(found, Some((json!({"a": 1}), NEW.to_owned())));
    assert_eq!(
        settings(&[(NEW, nested)]),
        Some((json!({"a": 1}), NEW.to_owned()))
    );
    for without in [
        json!({"processor_class": "P"}),
        json!({"image_processor": null}),
    ] {
        let found = settings(&[(NEW, without.clone()), (OLD, json!({"a": 2}))]);
        assert_eq!(found, Some((json!({"a": 2}), OLD.to_owned())));
        assert_eq!(settings(&[(NEW, without)]), None);
    }
    assert_eq!(settings(&[]), None);
}

#[test]
fn nested_settings_of_the_old_file_are_read_with_those_beside_them() {
    let found = settings(&[(
        OLD,
        json!({
            "image_processor": {"a": 1, "b": null}, "b": 2, "c": 3, "a": 1,
            "processor_class": "P", "video_processor": {"a": 7},
        }),
    )]);
    assert_eq!(found.unwrap().0, json!({"a": 1, "b": 2, "c": 3}));
}

#[test]
fn a_setting_with_two_values_and_settings_that_are_no_object_are_refused() {
    for name in [NEW, OLD] {
        let twice = json!({"image_processor": {"max_pixels": 1}, "max_pixels": 2});
        let error = message(&with(&[(name, twice)]).unwrap_err());
        for part in [
            name,
            "`max_pixels` is 1 under `image_processor` and 2 beside it",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        let error = message(&with(&[(name, json!({"image_processor": "Qwen"}))]).unwrap_err());
        assert!(
            error.contains(name) && error.contains("expected an object"),
            "{error}"
        );
    }
}

#[test]
fn a_pointer_of_git_lfs_is_named_as_one() {
    const POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
                           oid sha256:1f\nsize 536\n";
    for name in [
        "config.json",
        "preprocessor_config.json",
        "model.safetensors.index.json",
        "model.safetensors",
        "model-00001-of-00002.safetensors",
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_sharded(folder.path());
        std::fs::write(folder.path().join(name), POINTER).unwrap();
        let read = Checkpoint::open(folder.path())
            .and_then(|checkpoint| checkpoint.tensors().read("visual.a", &[2, 3]));
        let error = read.unwrap_err();
        assert!(
            matches!(error, CheckpointError::LfsPointer { .. }),
            "{error}"
        );
        let error = error.to_string();
        assert!(
            error.contains(name) && error.contains("git lfs pull"),
            "{error}"
        );
    }
}

#[test]
fn byte_order_marks_are_accepted_in_every_json_file() {
    let folder = tempfile::tempdir().unwrap();
    write_sharded(folder.path());
    std::fs::write(folder.path().join(OLD), r#"{"a": 1}"#).unwrap();
    std::fs::write(folder.path().join(NEW), "{}").unwrap();
    for name in ["config.json", "model.safetensors.index.json", OLD, NEW] {
        let path = folder.path().join(name);
        let text = std::fs::read(&path).unwrap();
        std::fs::write(&path, [b"\xef\xbb\xbf", &text[..]].concat()).unwrap();
    }
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    assert_eq!(checkpoint.model_type().unwrap(), "qwen2_5_vl");
    assert_eq!(checkpoint.preprocessor().unwrap()["a"], 1);
    assert!(checkpoint.tensors().read("visual.a", &[2, 3]).is_ok());
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf_8_are_opened() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let name = Path::new(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    let path = folder.path().join(name);
    std::fs::create_dir(&path).unwrap();
    write_sharded(&path);
    let checkpoint = Checkpoint::open(&path).unwrap();
    assert!(checkpoint.tensors().read("visual.a", &[2, 3]).is_ok());
    let file = path.join(Path::new(std::ffi::OsStr::from_bytes(b"w\xe9.safetensors")));
    write_file(&file, &[counting("a", &[2])]);
    assert!(Tensors::open_file(&file).unwrap().contains("a"));
}
