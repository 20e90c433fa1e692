//! Downloads from a server of our own, kind or not.

use std::net::TcpListener;
use std::time::Duration;

use checkpoint::{Checkpoint, Hub};

use crate::server::{Manner, Server};
use crate::{COMMIT, cache_with_model, vision};

const SHARD: &str = "model-00001-of-00002.safetensors";

#[test]
fn only_the_shards_with_wanted_tensors_are_downloaded() {
    let server = Server::start(Manner::Kind);
    let cache = tempfile::tempdir().unwrap();
    let folder = server
        .hub(cache.path())
        .resolve("owner/name", vision)
        .unwrap();
    let checkpoint = Checkpoint::open(&folder).unwrap();
    assert_eq!(checkpoint.tensors().read("visual.b", &[4]).unwrap()[3], 3.0);
    assert!(checkpoint.tensors().read("model.embed", &[10, 3]).is_err());
    assert!(server.ranges("model-00002-of-00002.safetensors").is_empty());

    // From now on the cache has it, under the layout that other programs use.
    let offline = Hub::at(cache.path()).with_offline(true);
    assert_eq!(offline.resolve("owner/name", vision).unwrap(), folder);
    assert!(folder.ends_with(format!("models--owner--name/snapshots/{COMMIT}")));

    // The rest, when it is wanted: nothing comes twice.
    server
        .hub(cache.path())
        .resolve("owner/name", |_| true)
        .unwrap();
    assert_eq!(server.ranges(SHARD), ["bytes=0-"]);
    assert!(checkpoint.tensors().read("model.embed", &[10, 3]).is_ok());
}

/// Found in caches that `AutoModel` alone has filled.
#[test]
fn a_cache_without_its_processor_fetches_it() {
    const SETTINGS: &str = r#"{"max_pixels": 1024}"#;
    const NESTED: &str = r#"{"image_processor": {"max_pixels": 2048}}"#;
    for (files, max_pixels) in [
        (vec![("preprocessor_config.json", SETTINGS)], 1024),
        (vec![("processor_config.json", NESTED)], 2048),
        (
            vec![
                ("preprocessor_config.json", SETTINGS),
                ("processor_config.json", NESTED),
            ],
            2048,
        ),
    ] {
        let server = Server::with(Manner::Kind, &files);
        let cache = tempfile::tempdir().unwrap();
        let snapshot = cache_with_model(cache.path());
        std::fs::remove_file(snapshot.join("preprocessor_config.json")).unwrap();
        let hub = server.hub(cache.path());
        assert_eq!(hub.resolve("owner/name", vision).unwrap(), snapshot);
        let settings = Checkpoint::open(&snapshot).unwrap();
        let settings = settings.preprocessor().unwrap();
        assert_eq!(settings["max_pixels"], max_pixels);
        // What was there is not asked for again.
        assert!(server.ranges(SHARD).is_empty());
    }
    // A model that has none is asked once.
    let server = Server::start(Manner::Kind);
    let cache = tempfile::tempdir().unwrap();
    let snapshot = cache_with_model(cache.path());
    std::fs::remove_file(snapshot.join("preprocessor_config.json")).unwrap();
    let hub = server.hub(cache.path());
    assert_eq!(hub.resolve("owner/name", vision).unwrap(), snapshot);
    let offline = Hub::at(cache.path()).with_offline(true);
    assert_eq!(offline.resolve("owner/name", vision).unwrap(), snapshot);
}

#[test]
fn refusals_speak_of_token_and_licence() {
    let cache = tempfile::tempdir().unwrap();
    for (code, token, parts) in [
        (401, None, ["401", "licence", "HF_TOKEN"]),
        (
            401,
            Some("secret"),
            ["401", "does not accept the token", "HF_TOKEN"],
        ),
        (403, None, ["403", "licence", "set HF_TOKEN"]),
        (
            403,
            Some("secret"),
            ["403", "licence", "the token may read it"],
        ),
        (404, None, ["404", "no such public model", "revision"]),
    ] {
        let server = Server::start(Manner::Refuses(code));
        let hub = server.hub(cache.path()).with_token(token);
        let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!error.contains("secret"), "{error}");
    }
    let hub = Hub::at(cache.path()).with_token(Some("two words"));
    let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
    assert!(error.contains("characters that no token has"), "{error}");
}

#[test]
fn an_interrupted_download_is_resumed() {
    let server = Server::start(Manner::Interrupts(70));
    let cache = tempfile::tempdir().unwrap();
    let hub = server.hub(cache.path());
    let folder = hub.resolve("owner/name", vision).unwrap();
    let checkpoint = Checkpoint::open(&folder).unwrap();
    assert_eq!(
        checkpoint.tensors().read("visual.a", &[2, 3]).unwrap()[5],
        5.0
    );
    assert_eq!(
        server.ranges(SHARD),
        ["bytes=0-", "bytes=70-", "bytes=140-"]
    );
}

#[test]
fn a_download_that_failed_goes_on_in_the_next_run() {
    let server = Server::start(Manner::Interrupts(50));
    let cache = tempfile::tempdir().unwrap();
    let hub = server.hub(cache.path());
    let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
    assert!(error.contains(SHARD), "{error}");
    let folder = hub.resolve("owner/name", vision).unwrap();
    assert!(
        Checkpoint::open(&folder)
            .unwrap()
            .tensors()
            .shape("visual.a")
            .is_ok()
    );
    assert_eq!(server.ranges(SHARD)[..4].last().unwrap(), "bytes=150-");
}

#[test]
fn a_damaged_download_is_deleted() {
    for manner in [Manner::Corrupts, Manner::IgnoresRanges] {
        let server = Server::start(manner);
        let cache = tempfile::tempdir().unwrap();
        let hub = server.hub(cache.path());
        if manner == Manner::IgnoresRanges {
            // The beginning of a download to continue.
            let interrupted = Server::start(Manner::Interrupts(50));
            let hub = interrupted.hub(cache.path());
            hub.resolve("owner/name", vision).unwrap_err();
        }
        let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
        assert!(error.contains("damaged"), "{error}");
        let offline = Hub::at(cache.path()).with_offline(true);
        assert!(offline.resolve("owner/name", vision).is_err());
    }
}

#[test]
fn a_tag_that_leads_out_of_the_cache_is_refused() {
    let server = Server::start(Manner::Escapes);
    let outer = tempfile::tempdir().unwrap();
    let cache = outer.path().join("a/b");
    let error = server
        .hub(&cache)
        .resolve("owner/name", vision)
        .unwrap_err();
    assert!(error.to_string().contains("no usable tag"), "{error}");
    assert!(!outer.path().join("escaped").exists());
}

#[test]
fn a_hub_that_does_not_answer_is_given_up() {
    let server = Server::start(Manner::Silent);
    let cache = tempfile::tempdir().unwrap();
    let hub = server
        .hub(cache.path())
        .with_patience(Duration::from_millis(300));
    let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
    assert!(error.contains("was silent for 0.3 s"), "{error}");
}

#[test]
fn models_and_hubs_that_do_not_exist_are_told_apart() {
    let server = Server::start(Manner::Kind);
    let cache = tempfile::tempdir().unwrap();
    let hub = server.hub(cache.path());
    let error = hub.resolve("owner/other", vision).unwrap_err().to_string();
    assert!(
        error.contains("has no such public model or revision"),
        "{error}"
    );
    // A port that was just free.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let hub = hub.with_endpoint(&endpoint);
    let error = hub.resolve("owner/name", vision).unwrap_err().to_string();
    assert!(error.contains("cannot be reached"), "{error}");
    assert!(error.contains("config.json"), "{error}");
}
