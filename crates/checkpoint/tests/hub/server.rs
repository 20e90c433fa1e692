//! A hub with one model, for the downloads.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use checkpoint::Hub;
use sha2::{Digest, Sha256};

use crate::COMMIT;
use crate::support::write_sharded;

/// How the server treats the first shard.
#[derive(Clone, Copy, PartialEq)]
pub enum Manner {
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
pub struct Server {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(manner: Manner) -> Self {
        Self::with(manner, &[])
    }

    /// A hub whose model has these files as well.
    pub fn with(manner: Manner, more: &[(&str, &str)]) -> Self {
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

    pub fn hub(&self, cache: &Path) -> Hub {
        Hub::at(cache)
            .with_endpoint(&self.endpoint)
            .with_progress(false)
            .with_patience(Duration::from_secs(30))
    }

    /// Requests for this file that were more than a look at its first byte.
    pub fn ranges(&self, file: &str) -> Vec<String> {
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
