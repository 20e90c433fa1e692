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
/// Where transformers 5 keeps the image processor's settings, under [`NESTED`].
pub(crate) const PROCESSOR: &str = "processor_config.json";
/// Where they are kept otherwise.
pub(crate) const PREPROCESSOR: &str = "preprocessor_config.json";
/// Key of the image processor's settings among those of other processors.
const NESTED: &str = "image_processor";
/// Name of the weights of an unsharded checkpoint.
pub(crate) const WEIGHTS: &str = "model.safetensors";

/// A checkpoint in the layout of Hugging Face transformers.
///
/// | file | |
/// |---|---|
/// | `config.json` | required |
/// | `processor_config.json` | the image processor's settings, under `image_processor`, |
/// | `preprocessor_config.json` | or these; both optional |
/// | `model.safetensors` | the weights, |
/// | `model.safetensors.index.json` and shards | or these, |
/// | `*.safetensors` | or the only file of this kind |
///
/// Where several are there, the upper one counts, as in transformers.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    config: Value,
    preprocessor: Option<(&'static str, Value)>,
    tensors: Tensors,
}

impl Checkpoint {
    /// Opens a folder: reads the JSON files and the tensors' names.
    ///
    /// # Errors
    /// If the folder has no sound `config.json` with a `model_type`, or no weights; if a processor's
    /// file is not sound, or says two things of one setting.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "other errors stay as they are"
    )]
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
        let checkpoint = Self {
            folder: folder.to_owned(),
            config,
            preprocessor: read_preprocessor(folder)?,
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

    /// Settings of the image processor: those under `image_processor` in `processor_config.json`,
    /// else those of `preprocessor_config.json`, as transformers 5 chooses.
    #[must_use]
    pub fn preprocessor(&self) -> Option<&Value> {
        self.preprocessor.as_ref().map(|(_, settings)| settings)
    }

    /// The file that [`Checkpoint::preprocessor`] comes from.
    #[must_use]
    pub fn preprocessor_path(&self) -> Option<PathBuf> {
        let (file, _) = self.preprocessor.as_ref()?;
        Some(self.folder.join(file))
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

/// The image processor's settings and the name of their file.
///
/// Source: transformers 5.23.0, `ImageProcessingMixin.get_image_processor_dict`. Differs: settings
/// under `image_processor` are read in the old file too, and a setting that stands there twice with
/// two values is an error.
fn read_preprocessor(folder: &Path) -> Result<Option<(&'static str, Value)>> {
    let path = folder.join(PROCESSOR);
    if path.exists() {
        let file: Value = json_file::read(&path)?;
        if let Some(nested) = nested(&file, &path)? {
            return Ok(Some((PROCESSOR, nested)));
        }
    }
    let path = folder.join(PREPROCESSOR);
    if !path.exists() {
        return Ok(None);
    }
    let file: Value = json_file::read(&path)?;
    let Some(mut settings) = nested(&file, &path)? else {
        return Ok(Some((PREPROCESSOR, file)));
    };
    // What stands beside the nested object in the old file was written for the image processor.
    if let (Some(settings), Some(outer)) = (settings.as_object_mut(), file.as_object()) {
        for (key, value) in outer.iter().filter(|(key, _)| is_setting(key)) {
            let setting = settings.entry(key.clone()).or_insert(Value::Null);
            if setting.is_null() {
                setting.clone_from(value);
            }
        }
    }
    Ok(Some((PREPROCESSOR, settings)))
}

/// Whether a folder has the image processor's settings.
pub(crate) fn has_preprocessor(folder: &Path) -> Result<bool> {
    Ok(read_preprocessor(folder)?.is_some())
}

/// Whether a key is not about processors' classes and files, nor another processor.
fn is_setting(key: &str) -> bool {
    !key.contains("processor") && key != "auto_map"
}

/// The object under `image_processor`; `None` where there is none.
fn nested(file: &Value, path: &Path) -> Result<Option<Value>> {
    let found = match file.get(NESTED) {
        None | Some(Value::Null) => return Ok(None),
        Some(found) => found,
    };
    let Some(settings) = found.as_object() else {
        return Err(CheckpointError::ProcessorForm {
            path: path.to_owned(),
            found: found.to_string(),
        });
    };
    for (key, nested) in settings.iter().filter(|(key, _)| is_setting(key)) {
        if let Some(outer) = file.get(key)
            && outer != nested
            && !outer.is_null()
            && !nested.is_null()
        {
            return Err(CheckpointError::ProcessorConflict {
                path: path.to_owned(),
                key: key.clone(),
                nested: nested.to_string(),
                outer: outer.to_string(),
            });
        }
    }
    Ok(Some(found.clone()))
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
