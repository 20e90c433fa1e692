//! Hub ids: the cache, the errors without a network, and downloads from a server of our own.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]
#![allow(clippy::unwrap_used)]

#[cfg(feature = "hub")]
mod downloads;
#[cfg(feature = "hub")]
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::path::{Path, PathBuf};

use checkpoint::{CheckpointError, Hub};
use support::write_sharded;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn vision(name: &str) -> bool {
    name.starts_with("visual.")
}

/// A cache with one model at one commit, and the folder of that commit.
fn cache_with_model(cache: &Path) -> PathBuf {
    let model = cache.join("models--owner--name");
    let snapshot = model.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir_all(model.join("refs")).unwrap();
    std::fs::write(model.join("refs/main"), COMMIT).unwrap();
    write_sharded(&snapshot);
    std::fs::write(snapshot.join("preprocessor_config.json"), "{}").unwrap();
    snapshot
}

#[test]
fn an_existing_path_is_used_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::at(Path::new("/nonexistent")).with_offline(true);
    let spec = folder.path().to_str().unwrap();
    assert_eq!(hub.resolve(spec, vision).unwrap(), folder.path());
}

#[test]
fn a_model_in_the_cache_needs_no_network() {
    let cache = tempfile::tempdir().unwrap();
    let snapshot = cache_with_model(cache.path());
    // An address that nothing answers at, should it be asked.
    let hub = Hub::at(cache.path()).with_endpoint("http://127.0.0.1:9");
    assert_eq!(hub.resolve("owner/name", vision).unwrap(), snapshot);
    let by_commit = hub.resolve(&format!("owner/name@{COMMIT}"), vision);
    assert_eq!(by_commit.unwrap(), snapshot);
    // The language model's shard is not needed for the tower.
    std::fs::remove_file(snapshot.join("model-00002-of-00002.safetensors")).unwrap();
    assert_eq!(hub.resolve("owner/name", vision).unwrap(), snapshot);
    assert!(hub.resolve("owner/name", |_| true).is_err());
}

#[test]
fn an_incomplete_model_offline_is_an_error_that_lists_what_is_missing() {
    let cache = tempfile::tempdir().unwrap();
    let snapshot = cache_with_model(cache.path());
    std::fs::remove_file(snapshot.join("config.json")).unwrap();
    std::fs::remove_file(snapshot.join("model-00001-of-00002.safetensors")).unwrap();
    let hub = Hub::at(cache.path()).with_offline(true);
    let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
    for part in [
        "owner/name",
        "config.json, model-00001-of-00002.safetensors of https://huggingface.co/owner/name",
        "HF_HUB_OFFLINE",
        "HF_HOME",
        cache.path().to_str().unwrap(),
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    // Without its processor's settings, the pixels of a model are not known.
    let snapshot = cache_with_model(cache.path());
    std::fs::remove_file(snapshot.join("preprocessor_config.json")).unwrap();
    let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
    for part in [
        "preprocessor_config.json (or processor_config.json)",
        "HF_HUB_OFFLINE",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let nested = snapshot.join("processor_config.json");
    std::fs::write(&nested, r#"{"processor_class": "P"}"#).unwrap();
    assert!(hub.resolve("owner/name", vision).is_err());
    std::fs::write(&nested, r#"{"image_processor": {}}"#).unwrap();
    assert_eq!(hub.resolve("owner/name", vision).unwrap(), snapshot);
    std::fs::remove_file(&nested).unwrap();
    // As huggingface_hub remembers that the hub has no such file.
    let mark = format!("models--owner--name/.no_exist/{COMMIT}");
    let mark = cache.path().join(mark);
    std::fs::create_dir_all(&mark).unwrap();
    std::fs::write(mark.join("preprocessor_config.json"), "").unwrap();
    assert_eq!(hub.resolve("owner/name", vision).unwrap(), snapshot);

    let error = hub
        .resolve("owner/other@v1", vision)
        .unwrap_err()
        .to_string();
    for part in [
        "model.safetensors.index.json and its shards",
        "(revision v1)",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_reference_that_leads_out_of_the_cache_is_not_followed() {
    let cache = tempfile::tempdir().unwrap();
    cache_with_model(cache.path());
    let reference = cache.path().join("models--owner--name/refs/main");
    let hub = Hub::at(cache.path()).with_offline(true);
    for commit in ["..", "../../..", "/tmp", ""] {
        std::fs::write(&reference, commit).unwrap();
        assert!(hub.resolve("owner/name", vision).is_err(), "{commit}");
    }
}

#[test]
fn what_is_neither_path_nor_id_is_an_error() {
    let hub = Hub::at(Path::new("/nonexistent"));
    for spec in [
        "",
        "no-such-folder",
        "/no/such/folder",
        "../x/y",
        "a/b@../c",
    ] {
        let error = hub.resolve(spec, vision).unwrap_err();
        assert!(
            matches!(error, CheckpointError::NotACheckpoint { .. }),
            "{error}"
        );
    }
}

#[cfg(not(feature = "hub"))]
#[test]
fn a_build_without_downloads_says_so() {
    let hub = Hub::at(Path::new("/nonexistent"));
    let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
    assert!(error.contains("cargo feature `hub`"), "{error}");
}
