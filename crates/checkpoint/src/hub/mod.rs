//! Checkpoints by their id on the Hugging Face hub: the local cache first, then a download.
//!
//! Source of the conventions: the environment variables and the cache layout in the documentation
//! of `huggingface_hub`.

mod cache;
#[cfg(feature = "hub")]
mod download;
mod env;
mod model_id;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{CheckpointError, Result};
use env::Environment;
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
    /// | `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE` | the cache | `$HF_HOME/hub` |
    /// | `HF_HOME` | parent of the cache | `$XDG_CACHE_HOME/huggingface`, or `~/.cache/huggingface` |
    /// | `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE` | 1, on, yes, true: never use the network | 0 |
    /// | `HF_ENDPOINT` | the hub or a mirror of it | `https://huggingface.co` |
    /// | `HF_TOKEN`, `HUGGING_FACE_HUB_TOKEN` | for models that are not public | the file of the next |
    /// | `HF_TOKEN_PATH` | file with the token | `$HF_HOME/token` |
    /// | `HF_HUB_DISABLE_IMPLICIT_TOKEN` | 1, on, yes, true: send no token | 0 |
    ///
    /// `~`, `$NAME` and `${NAME}` are expanded in paths.
    #[must_use]
    pub fn from_env() -> Self {
        let environment = Environment(|name: &str| std::env::var(name).ok());
        let hub = Self::at(&environment.cache());
        Self {
            endpoint: environment.first(&["HF_ENDPOINT"]).unwrap_or(hub.endpoint),
            offline: environment.flag(&["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"]),
            token: environment.token().map(Token),
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

    /// The token that is sent along; none unless said otherwise.
    #[must_use]
    pub fn with_token(mut self, token: Option<&str>) -> Self {
        self.token = token.map(|token| Token(token.to_owned()));
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
    /// the network, if it has `config.json`, the image processor's settings, and every shard with a
    /// tensor that is `wanted` (by name). What is missing is downloaded: configurations, index, and
    /// those shards. A model that has no settings of an image processor on the hub is marked as such
    /// in the cache, as `huggingface_hub` does.
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
            Some(folder) => cache::missing_files(&self.cache, &id, folder, &wanted)?,
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
