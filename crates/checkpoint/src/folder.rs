//! A checkpoint folder: configuration, preprocessor, weights.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Tensors;
use crate::error::{CheckpointError, Result};
use crate::index::INDEX;
use crate::json_file;

/// Name of the configuration.
pub(crate) const CONFIG: &str = "config.json";
/// Name of the image processor's configuration, which a folder may lack.
pub(crate) const PREPROCESSOR: &str = "preprocessor_config.json";
/// Name of the weights of an unsharded checkpoint.
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// A checkpoint in the layout of Hugging Face transformers.
///
/// | file | |
/// |---|---|
/// | `config.json` | required |
/// | `preprocessor_config.json` | optional |
/// | `model.safetensors` | the weights, |
/// | `model.safetensors.index.json` and shards | or these, |
/// | `*.safetensors` | or the only file of this kind |
///
/// Where several are there, the upper one counts, as in transformers.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    config: Value,
    preprocessor: Option<Value>,
    tensors: Tensors,
}

impl Checkpoint {
    /// Opens a folder: reads the two JSON files and the tensors' names.
    ///
    /// # Errors
    /// If the folder has no sound `config.json` with a `model_type`, or no weights.
    pub fn open(folder: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(folder);
        if !metadata
            .map_err(|source| CheckpointError::read(folder, source))?
            .is_dir()
        {
            return Err(CheckpointError::NotAFolder {
                path: folder.to_owned(),
            });
        }
        let config_path = folder.join(CONFIG);
        let config = json_file::read(&config_path).map_err(|error| match error {
            CheckpointError::Read { path, source }
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                CheckpointError::NoConfig { path }
            }
            other => other,
        })?;
        let preprocessor_path = folder.join(PREPROCESSOR);
        let preprocessor = if preprocessor_path.exists() {
            Some(json_file::read(&preprocessor_path)?)
        } else {
            None
        };
        let checkpoint = Self {
            folder: folder.to_owned(),
            config,
            preprocessor,
            tensors: open_weights(folder)?,
        };
        checkpoint.model_type()?;
        Ok(checkpoint)
    }

    /// The folder that was opened.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `config.json` as it is.
    #[must_use]
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// `config.json`, or the object under one of its keys, as a struct of the caller's.
    ///
    /// # Errors
    /// If the key is missing, or what it holds is not of that form.
    pub fn config_as<T: DeserializeOwned>(&self, key: Option<&str>) -> Result<T> {
        let path = self.folder.join(CONFIG);
        let value = match key {
            None => &self.config,
            Some(key) => self
                .config
                .get(key)
                .ok_or_else(|| no_key(&path, key, "an object"))?,
        };
        T::deserialize(value).map_err(|source| CheckpointError::NotJson { path, source })
    }

    /// `preprocessor_config.json` as it is.
    #[must_use]
    pub fn preprocessor(&self) -> Option<&Value> {
        self.preprocessor.as_ref()
    }

    /// `model_type` of the configuration, which names the architecture family.
    ///
    /// # Errors
    /// Never after [`Checkpoint::open`], which checks it.
    pub fn model_type(&self) -> Result<&str> {
        let found = self.config.get("model_type").and_then(Value::as_str);
        found.ok_or_else(|| no_key(&self.folder.join(CONFIG), "model_type", "a string"))
    }

    /// `architectures` of the configuration: names of transformers classes, often one.
    #[must_use]
    pub fn architectures(&self) -> Vec<&str> {
        let list = self.config.get("architectures").and_then(Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// The weights.
    #[must_use]
    pub fn tensors(&self) -> &Tensors {
        &self.tensors
    }
}

fn no_key(path: &Path, key: &str, expected: &'static str) -> CheckpointError {
    CheckpointError::ConfigKey {
        path: path.to_owned(),
        key: key.to_owned(),
        expected,
    }
}

fn open_weights(folder: &Path) -> Result<Tensors> {
    let single = folder.join(WEIGHTS);
    if single.exists() {
        return Tensors::open_file(&single);
    }
    let index = folder.join(INDEX);
    if index.exists() {
        return Tensors::open_index(&index);
    }
    let mut found = safetensors_files(folder)?;
    match found.len() {
        0 => Err(CheckpointError::NoWeights {
            folder: folder.to_owned(),
        }),
        1 => Tensors::open_file(&folder.join(found.remove(0))),
        _ => Err(CheckpointError::AmbiguousWeights {
            folder: folder.to_owned(),
            found,
        }),
    }
}

/// Names of the safetensors files of a folder, sorted.
pub(crate) fn safetensors_files(folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).map_err(|source| CheckpointError::read(folder, source))?;
    for entry in entries {
        let entry = entry.map_err(|source| CheckpointError::read(folder, source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".safetensors") && entry.path().is_file() {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}
