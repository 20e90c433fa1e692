//! Hub ids: the cache, the errors without a network, and downloads from a server of our own.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]
#![allow(clippy::unwrap_used)]

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

#[cfg(feature = "hub")]
mod downloads {
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use checkpoint::Checkpoint;
    use sha2::{Digest, Sha256};

    use super::*;

    /// How the server treats the first shard.
    #[derive(Clone, Copy, PartialEq)]
    enum Manner {
        Kind,
        /// Sends so many bytes of it per connection, then hangs up.
        Interrupts(usize),
        /// Sends other bytes than its tag promises.
        Corrupts,
        /// Ignores requests for the rest of a file, and sends all of it.
        IgnoresRanges,
        /// Tags it with a way out of the cache.
        Escapes,
        /// Accepts connections and says nothing.
        Silent,
        /// Answers every request with this code.
        Refuses(u16),
    }

    /// A hub with one model, on a thread.
    struct Server {
        endpoint: String,
        requests: Arc<Mutex<Vec<String>>>,
    }

    impl Server {
        fn start(manner: Manner) -> Self {
            Self::with(manner, &[])
        }

        /// A hub whose model has these files as well.
        fn with(manner: Manner, more: &[(&str, &str)]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            write_sharded(folder.path());
            for (name, text) in more {
                std::fs::write(folder.path().join(name), text).unwrap();
            }
            let files: BTreeMap<String, Vec<u8>> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| {
                    let path = entry.unwrap().path();
                    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                    (name, std::fs::read(path).unwrap())
                })
                .collect();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let requests = Arc::new(Mutex::new(Vec::new()));
            let log = Arc::clone(&requests);
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (files, log) = (files.clone(), Arc::clone(&log));
                    // A client that hangs up ends its connection, nothing else.
                    std::thread::spawn(move || serve(&stream, &files, manner, &log));
                }
            });
            Self { endpoint, requests }
        }

        fn hub(&self, cache: &Path) -> Hub {
            Hub::at(cache)
                .with_endpoint(&self.endpoint)
                .with_progress(false)
                .with_patience(Duration::from_secs(30))
        }

        /// Requests for this file that were more than a look at its first byte.
        fn ranges(&self, file: &str) -> Vec<String> {
            let requests = self.requests.lock().unwrap();
            let of_file = requests.iter().filter_map(|line| line.strip_prefix(file));
            let ranges = of_file.map(|range| range.trim().to_owned());
            ranges.filter(|range| range != "bytes=0-0").collect()
        }
    }

    fn serve(
        stream: &TcpStream,
        files: &BTreeMap<String, Vec<u8>>,
        manner: Manner,
        log: &Mutex<Vec<String>>,
    ) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        // One request per connection keeps the interruptions simple.
        let request = lines.next()?.ok()?;
        let mut range = String::new();
        for line in lines {
            let line = line.ok()?;
            if line.is_empty() {
                break;
            }
            if let Some((key, value)) = line.split_once(':')
                && key.eq_ignore_ascii_case("range")
            {
                range = value.trim().to_owned();
            }
        }
        if manner == Manner::Silent {
            std::thread::sleep(Duration::from_secs(60));
        }
        let path = request.split(' ').nth(1)?;
        let answer = |status: &str, headers: &str, length: usize, body: &[u8]| {
            let mut stream = stream;
            let head = format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
            );
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(body).ok()
        };
        if let Manner::Refuses(code) = manner {
            return answer(&format!("{code} No"), "", 0, b"");
        }
        if path == "/api/models/owner/name/revision/main" {
            let names: Vec<String> = files
                .keys()
                .map(|name| format!(r#"{{"rfilename":"{name}"}}"#))
                .collect();
            let json = format!(r#"{{"sha":"{COMMIT}","siblings":[{}]}}"#, names.join(","));
            return answer("200 OK", "", json.len(), json.as_bytes());
        }
        let file = path.strip_prefix("/owner/name/resolve/main/");
        let Some((name, bytes)) = file.and_then(|name| files.get_key_value(name)) else {
            return answer("404 Not Found", "", 0, b"");
        };
        log.lock().unwrap().push(format!("{name} {range}"));

        let mut bytes = bytes.clone();
        let hash = Sha256::digest(&bytes);
        let mut tag: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let special = name.contains("00001");
        if special && manner == Manner::Escapes {
            tag = "../../../../escaped".to_owned();
        }
        if special && manner == Manner::Corrupts {
            *bytes.last_mut()? ^= 1;
        }
        let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
        let mut from: usize = from.parse().ok()?;
        let to = to.parse().map_or(bytes.len(), |last: usize| last + 1);
        if special && manner == Manner::IgnoresRanges && to == bytes.len() {
            from = 0;
        }
        let headers = format!(
            "ETag: \"{tag}\"\r\nX-Repo-Commit: {COMMIT}\r\nContent-Range: bytes {from}-{}/{}\r\n",
            to - 1,
            bytes.len()
        );
        let body = bytes.get(from..to)?;
        let sent = match manner {
            Manner::Interrupts(most) if special => &body[..most.min(body.len())],
            _ => body,
        };
        answer("206 Partial Content", &headers, body.len(), sent)
    }

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
}
