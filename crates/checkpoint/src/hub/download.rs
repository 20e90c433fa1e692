//! Downloads into the cache, with `hf-hub`.
//!
//! `hf-hub` 0.5 sets no time limits, appends whatever a server sends to an unfinished file, and
//! takes the server's word for the names of files. So every request runs on a thread that is given
//! up when it falls silent, and files are checked before and after.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use super::Hub;
use super::cache::absent_mark;
use super::model_id::{ModelId, is_component};
use crate::folder::{CONFIG, PREPROCESSOR, PROCESSOR, WEIGHTS};
use crate::index::{INDEX, Index, stays_inside};

/// How often an interrupted download is taken up again.
const ATTEMPTS: u32 = 3;

/// What went wrong, in words that fit into a sentence.
type Cause = String;

/// Downloads what the cache lacks of a model, and returns its folder.
pub(super) fn download(
    hub: &Hub,
    id: &ModelId,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<PathBuf, Cause> {
    // Links in the cache are made between absolute paths only.
    let cache = std::path::absolute(&hub.cache)
        .map_err(|error| format!("{} is no place for it ({error})", hub.cache.display()))?;
    let session = Session::new(hub, id, Cache::new(cache))?;

    session.fetch(CONFIG)?;
    for file in [PROCESSOR, PREPROCESSOR] {
        if session.has(file) {
            session.fetch(file)?;
        } else {
            session.mark_absent(id, file);
        }
    }
    if session.has(WEIGHTS) {
        session.fetch(WEIGHTS)?;
    } else if session.has(INDEX) {
        let index = Index::read(&session.fetch(INDEX)?).map_err(|error| error.to_string())?;
        for shard in index.shards(wanted) {
            session.fetch(shard)?;
        }
    } else {
        let names = session.files.iter().map(String::as_str);
        let weights: Vec<&str> = names.filter(|name| stays_inside(name)).collect();
        match weights[..] {
            [only] => session.fetch(only)?,
            _ => return Err("the hub has no safetensors weights of it".to_owned()),
        };
    }
    Ok(session.snapshot)
}

/// One model on the hub, at one commit.
struct Session<'a> {
    hub: &'a Hub,
    api: Api,
    cache: Cache,
    repo: Repo,
    /// Names of the files that the hub has.
    files: Vec<String>,
    commit: String,
    snapshot: PathBuf,
}

impl<'a> Session<'a> {
    fn new(hub: &'a Hub, id: &ModelId, cache: Cache) -> Result<Self, Cause> {
        // Retries are ours: those of hf-hub may ask for the wrong range.
        let mut builder = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(hub.endpoint.trim_end_matches('/').to_owned())
            .with_progress(false)
            .with_retries(0);
        let token = hub.token.as_ref().map(|token| token.0.clone());
        if token
            .iter()
            .any(|token| !token.bytes().all(|byte| byte.is_ascii_graphic()))
        {
            let remedy = "copy it again into HF_TOKEN or the token file";
            return Err(format!(
                "the token holds characters that no token has; {remedy}"
            ));
        }
        // Without this, hf-hub would take the file beside the cache.
        builder = builder.with_token(token);
        let api = builder.build().map_err(|error| error.to_string())?;
        let revision = id.revision().to_owned();
        let repo = Repo::with_revision(id.repository(), RepoType::Model, revision);

        let remote = api.repo(repo.clone());
        let info =
            watched(hub, None, move |_| remote.info()).map_err(|failure| explain(hub, &failure))?;
        if !is_component(&info.sha) {
            return Err(format!("{} names no commit", hub.endpoint));
        }
        let snapshot = cache.repo(repo.clone()).pointer_path(&info.sha);
        Ok(Self {
            hub,
            api,
            cache,
            repo,
            files: info
                .siblings
                .into_iter()
                .map(|file| file.rfilename)
                .collect(),
            commit: info.sha,
            snapshot,
        })
    }

    fn has(&self, file: &str) -> bool {
        self.files.iter().any(|name| name == file)
    }

    /// Remembers in the cache that the model has no such file. In a cache that cannot be written,
    /// the next run asks again.
    fn mark_absent(&self, id: &ModelId, file: &str) {
        let mark = absent_mark(self.cache.path(), id, &self.commit, file);
        let folder = mark.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&mark, ""))
            .ok();
    }

    /// Downloads a file unless the snapshot has it.
    fn fetch(&self, file: &str) -> Result<PathBuf, Cause> {
        let local = self.snapshot.join(file);
        if local.exists() {
            return Ok(local);
        }
        if !self.has(file) {
            return Err(format!("the hub has no {file}"));
        }

        let remote = self.remote();
        let (api, url) = (self.api.clone(), remote.url(file));
        let facts = watched(self.hub, None, move |_| api.metadata(&url))
            .map_err(|failure| format!("{file}: {}", explain(self.hub, &failure)))?;
        if facts.commit_hash() != self.commit {
            return Err("it changed on the hub meanwhile; try again".to_owned());
        }
        // The tag becomes the name of a file in the cache.
        if !is_component(facts.etag()) {
            return Err(format!(
                "{} has no usable tag for {file}",
                self.hub.endpoint
            ));
        }
        let size = facts.size() as u64;
        let blob = self.cache.repo(self.repo.clone()).blob_path(facts.etag());
        let part = blob.with_extension("part");
        // As long as the whole, it is no beginning that could be continued.
        if part.metadata().is_ok_and(|part| part.len() >= size) {
            std::fs::remove_file(&part).map_err(|error| format!("{}: {error}", part.display()))?;
        }

        let bar = self.bar(size, file);
        let mut attempt = 1;
        let path = loop {
            let (remote, name) = (self.remote(), file.to_owned());
            let result = watched(self.hub, Some(&bar), move |beat| {
                remote.download_with_progress(&name, Heart::new(beat))
            });
            match result {
                Ok(path) => break path,
                Err(Failure::Answered(_)) if attempt < ATTEMPTS => attempt += 1,
                // A silent thread still holds the lock of the file.
                Err(failure) => {
                    bar.abandon();
                    return Err(format!("{file}: {}", explain(self.hub, &failure)));
                }
            }
        };
        bar.finish_and_clear();

        let sound = verify(&path, size, facts.etag()).map_err(|error| error.to_string())?;
        if !sound {
            // Neither the link nor what it leads to may look like a finished download.
            std::fs::remove_file(&path).ok();
            std::fs::remove_file(&blob).ok();
            return Err(format!("{file} arrived damaged and was deleted; try again"));
        }
        Ok(path)
    }

    fn remote(&self) -> ApiRepo {
        self.api.repo(self.repo.clone())
    }

    fn bar(&self, size: u64, file: &str) -> ProgressBar {
        if !self.hub.progress {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(size);
        let template = "{msg} {wide_bar} {bytes} of {total_bytes}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.with_message(file.to_owned())
    }
}

/// Whether a file has the size and, where the tag is one, the SHA-256 that the hub gave.
fn verify(path: &Path, size: u64, etag: &str) -> std::io::Result<bool> {
    let mut file = std::fs::File::open(path)?;
    if file.metadata()?.len() != size {
        return Ok(false);
    }
    // Large files are tagged with their SHA-256, small ones with a Git hash.
    let is_sha256 = etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_sha256 {
        return Ok(true);
    }
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher)?;
    let found: String = hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(found.eq_ignore_ascii_case(etag))
}

enum Message<T> {
    /// Bytes of the file that are on disk, by now.
    Beat(u64),
    Done(Result<T, ApiError>),
}

/// Reports the progress of a download, a few times a second.
struct Heart<S: Fn(u64)> {
    beat: S,
    bytes: u64,
    last: Instant,
}

impl<S: Fn(u64)> Heart<S> {
    fn new(beat: S) -> Self {
        Self {
            beat,
            bytes: 0,
            last: Instant::now(),
        }
    }
}

impl<S: Fn(u64)> Progress for Heart<S> {
    fn init(&mut self, _size: usize, _filename: &str) {
        self.bytes = 0;
    }

    fn update(&mut self, size: usize) {
        self.bytes += size as u64;
        if self.last.elapsed() > Duration::from_millis(100) {
            self.last = Instant::now();
            (self.beat)(self.bytes);
        }
    }

    fn finish(&mut self) {
        (self.beat)(self.bytes);
    }
}

/// Does `work` on another thread, and gives it up when nothing was heard for as long as the hub's
/// patience lasts.
///
/// The thread of an abandoned request stays until its connection ends; no library call can be
/// stopped from outside.
fn watched<T: Send + 'static>(
    hub: &Hub,
    bar: Option<&ProgressBar>,
    work: impl FnOnce(Box<dyn Fn(u64)>) -> Result<T, ApiError> + Send + 'static,
) -> Result<T, Failure> {
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::Builder::new().name("hub".to_owned());
    let spawned = thread.spawn(move || {
        let beats: Sender<Message<T>> = sender.clone();
        let result = work(Box::new(move |bytes| {
            // Nobody listens any more after a silence.
            beats.send(Message::Beat(bytes)).ok();
        }));
        sender.send(Message::Done(result)).ok();
    });
    spawned.map_err(|error| Failure::Answered(error.into()))?;
    loop {
        match receiver.recv_timeout(hub.patience) {
            Ok(Message::Beat(bytes)) => {
                if let Some(bar) = bar {
                    bar.set_position(bytes);
                }
            }
            Ok(Message::Done(result)) => return result.map_err(Failure::Answered),
            Err(RecvTimeoutError::Timeout) => return Err(Failure::Silent),
            Err(RecvTimeoutError::Disconnected) => return Err(Failure::Nonsense),
        }
    }
}

enum Failure {
    /// The request came to an end.
    Answered(ApiError),
    Silent,
    /// The thread panicked: hf-hub unwraps some of what a server says.
    Nonsense,
}

/// The cause of a failed request, short.
fn explain(hub: &Hub, failure: &Failure) -> Cause {
    let endpoint = &hub.endpoint;
    let error = match failure {
        Failure::Answered(error) => error.to_string(),
        Failure::Silent => {
            return format!("{endpoint} was silent for {} s", hub.patience.as_secs_f32());
        }
        Failure::Nonsense => return format!("{endpoint} gave no sensible answer"),
    };
    let detail = error.trim_start_matches("request error: ");
    let licence = "if it is gated, accept its licence on its page there";
    match (detail.get(detail.len().saturating_sub(3)..), &hub.token) {
        (Some("404"), _) => format!("{endpoint} has no such public model or revision ({detail})"),
        (Some("401"), None) => format!(
            "{endpoint} has no such public model, or wants a token for it ({detail}): check the id; \
             {licence} and set HF_TOKEN"
        ),
        (Some("401"), Some(_)) => format!(
            "{endpoint} does not accept the token, or has no such model ({detail}): check the id, \
             and HF_TOKEN or the token file"
        ),
        (Some("403"), token) => {
            let token = match token {
                Some(_) => "check that the token may read it",
                None => "set HF_TOKEN",
            };
            format!("{endpoint} refuses access to it ({detail}): {licence}, and {token}")
        }
        _ => format!("{endpoint} cannot be reached ({detail})"),
    }
}
