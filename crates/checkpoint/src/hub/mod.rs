//! Checkpoints by their id on the Hugging Face hub: the local cache first, then a download.
//!
//! Source of the conventions: the environment variables and the cache layout in the documentation
//! of `huggingface_hub`.

mod cache;
#[cfg(feature = "hub")]
mod download;
mod model_id;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{CheckpointError, Result};
use model_id::ModelId;

/// Turns a path or a hub id into a folder, as the environment says.
///
/// Same as `Hub::from_env().resolve(spec, wanted)`.
///
/// # Errors
/// See [`Hub::resolve`].
pub fn resolve(spec: &str, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
    Hub::from_env().resolve(spec, wanted)
}

/// Where checkpoints come from.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "hub"),
    expect(dead_code, reason = "without downloads, some settings have no reader")
)]
pub struct Hub {
    cache: PathBuf,
    endpoint: String,
    offline: bool,
    token: Option<Token>,
    patience: Duration,
    progress: bool,
}

/// A secret that no debug output shows.
#[derive(Clone)]
#[cfg_attr(
    not(feature = "hub"),
    expect(dead_code, reason = "only downloads need it")
)]
struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Hub {
    /// The settings of the environment.
    ///
    /// | variable | meaning | default |
    /// |---|---|---|
    /// | `HF_HUB_CACHE` | the cache | `$HF_HOME/hub` |
    /// | `HF_HOME` | parent of the cache | `$XDG_CACHE_HOME/huggingface`, or `~/.cache/huggingface` |
    /// | `HF_HUB_OFFLINE` | 1: never use the network | 0 |
    /// | `HF_ENDPOINT` | the hub or a mirror of it | `https://huggingface.co` |
    /// | `HF_TOKEN` | for models that are not public | the file `token` beside the cache |
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let offline = variable("HF_HUB_OFFLINE").is_some_and(|value| {
            matches!(
                value.to_ascii_lowercase().as_str(),
                "1" | "true" | "yes" | "on"
            )
        });
        let hub = Self::at(&cache::folder(variable));
        Self {
            endpoint: variable("HF_ENDPOINT").unwrap_or(hub.endpoint),
            offline,
            token: variable("HF_TOKEN").map(Token),
            ..hub
        }
    }

    /// The public hub, with this folder as its cache.
    #[must_use]
    pub fn at(cache: &Path) -> Self {
        Self {
            cache: cache.to_owned(),
            endpoint: "https://huggingface.co".to_owned(),
            offline: false,
            token: None,
            patience: Duration::from_secs(20),
            progress: true,
        }
    }

    /// Another hub.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: &str) -> Self {
        self.endpoint = endpoint.to_owned();
        self
    }

    /// Whether to do without the network.
    #[must_use]
    pub fn with_offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self
    }

    /// How long to wait for an answer or the next bytes; 20 s unless said otherwise.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether downloads show a bar on a terminal.
    #[must_use]
    pub fn with_progress(mut self, progress: bool) -> Self {
        self.progress = progress;
        self
    }

    /// Turns a path or a hub id (`OWNER/NAME`, `OWNER/NAME@REVISION`) into a folder.
    ///
    /// An existing path is returned as it is. A model in the cache is taken from there, without
    /// the network, if it has `config.json` and every shard with a tensor that is `wanted` (by
    /// name). What is missing is downloaded: the two configurations, the index, and those shards.
    ///
    /// # Errors
    /// If `spec` is neither, or the model is not in the cache and cannot be downloaded; the
    /// message then lists the files to fetch by hand.
    pub fn resolve(&self, spec: &str, wanted: impl Fn(&str) -> bool) -> Result<PathBuf> {
        if Path::new(spec).exists() {
            return Ok(PathBuf::from(spec));
        }
        let id = ModelId::parse(spec).ok_or_else(|| CheckpointError::NotACheckpoint {
            spec: spec.to_owned(),
        })?;
        let snapshot = cache::snapshot(&self.cache, &id);
        let missing = match &snapshot {
            Some(folder) => cache::missing_files(folder, &wanted)?,
            None => cache::all_files(),
        };
        match snapshot {
            Some(folder) if missing.is_empty() => Ok(folder),
            _ => self
                .download(&id, &wanted)
                .map_err(|cause| CheckpointError::Hub {
                    repository: id.repository(),
                    revision: id.revision().to_owned(),
                    cache: self.cache.clone(),
                    files: missing.join(", "),
                    cause: cause.into(),
                }),
        }
    }

    fn download(&self, id: &ModelId, wanted: &dyn Fn(&str) -> bool) -> Result<PathBuf, String> {
        if self.offline {
            return Err("HF_HUB_OFFLINE forbids to download it".to_owned());
        }
        #[cfg(feature = "hub")]
        return download::download(self, id, wanted);
        #[cfg(not(feature = "hub"))]
        {
            let _ = (id, wanted);
            Err("this program was built without downloads (cargo feature `hub`)".to_owned())
        }
    }
}
