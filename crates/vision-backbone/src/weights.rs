//! Our own parameters on disk: safetensors, with a JSON configuration in the metadata.
//!
//! Tensors are named by their path in the module (`blocks.0.qkv.weight`) and stored as f32. What the
//! file is stands in the metadata under one key, `about`, as a JSON object with sorted keys: the
//! format writes several metadata entries in random order, and equal contents must give equal bytes.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use checkpoint::{CheckpointError, Tensors};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Key of the metadata entry that describes a file.
const ABOUT: &str = "about";

/// Why parameters could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file cannot be read, is damaged, or has not the tensors that a module needs.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The file cannot be written.
    #[error("{}: cannot write the weights: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The metadata lacks an entry.
    #[error("{}: the metadata has no valid `{key}`: {reason}", path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// An open file of parameters.
#[derive(Debug)]
pub struct WeightsFile {
    tensors: Tensors,
    about: Map<String, Value>,
}

impl WeightsFile {
    /// Opens and validates a file.
    ///
    /// # Errors
    /// If it cannot be read or is not safetensors.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let tensors = Tensors::open_file(path)?;
        let about = tensors.metadata()?.get(ABOUT);
        let about = about.and_then(|text| serde_json::from_str(text).ok());
        Ok(Self {
            about: about.unwrap_or_default(),
            tensors,
        })
    }

    /// An entry of the description of the file.
    ///
    /// # Errors
    /// If it does not exist or is not what is asked for.
    pub fn about<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<T, WeightsError> {
        let value = self
            .about
            .get(key)
            .ok_or_else(|| self.bad_metadata(key, "no such entry"))?;
        T::deserialize(value).map_err(|error| self.bad_metadata(key, &error.to_string()))
    }

    fn bad_metadata(&self, key: &str, reason: &str) -> WeightsError {
        WeightsError::Metadata {
            path: self.tensors.source().to_owned(),
            key: key.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// Puts the tensors whose names start with `prefix` into `module`; every parameter must be
    /// there with its exact shape, and no tensor under the prefix may be left over.
    ///
    /// # Errors
    /// Names the first tensor that is missing, misshaped, of another type or not finite, or all
    /// that are left over.
    pub fn load_into<M: Module>(&self, module: M, prefix: &str) -> Result<M, WeightsError> {
        let mut loader = Loader {
            tensors: &self.tensors,
            path: vec![prefix.trim_end_matches('.').to_owned()],
            error: None,
        };
        let module = module.map(&mut loader);
        if let Some(error) = loader.error {
            return Err(error.into());
        }
        self.tensors.scope(prefix).check_all_read(|_| false)?;
        Ok(module)
    }
}

struct Loader<'a> {
    tensors: &'a Tensors,
    path: Vec<String>,
    error: Option<CheckpointError>,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.error.is_some() {
            return param;
        }
        let shape = param.lazy_shape().dims::<D>();
        match self.tensors.read(&join(&self.path), &shape) {
            Ok(values) => param.map(|old| {
                Tensor::from_data(TensorData::new(values, shape), &old.device())
                    .set_require_grad(old.is_require_grad())
            }),
            Err(error) => {
                self.error = Some(error);
                param
            }
        }
    }
}

fn join(path: &[String]) -> String {
    path.iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(".")
}

/// Gathers named tensors of one or several modules for writing.
#[derive(Debug, Default)]
pub struct WeightsWriter {
    tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
    about: Map<String, Value>,
}

impl WeightsWriter {
    /// Adds an entry to the description of the file.
    #[must_use]
    pub fn with_about(mut self, key: &str, value: Value) -> Self {
        self.about.insert(key.to_owned(), value);
        self
    }

    /// Adds every parameter of `module` under `prefix` (empty or ending in a dot).
    #[must_use]
    pub fn with_module<M: Module>(mut self, prefix: &str, module: &M) -> Self {
        let mut collector = Collector {
            path: vec![prefix.trim_end_matches('.').to_owned()],
            tensors: &mut self.tensors,
        };
        module.visit(&mut collector);
        self
    }

    /// Writes the file atomically: a reader sees the old file or the whole new one.
    ///
    /// # Errors
    /// If the folder cannot be written or the disk is full.
    pub fn write(self, path: &Path) -> Result<(), WeightsError> {
        let fail = |source: std::io::Error| WeightsError::Write {
            path: path.to_owned(),
            source,
        };
        let views: Vec<(&String, TensorView<'_>)> = self
            .tensors
            .iter()
            .map(|(name, (shape, bytes))| {
                TensorView::new(Dtype::F32, shape.clone(), bytes)
                    .map(|view| (name, view))
                    .map_err(|error| fail(std::io::Error::other(error.to_string())))
            })
            .collect::<Result<_, _>>()?;
        let about = HashMap::from([(ABOUT.to_owned(), Value::Object(self.about).to_string())]);
        let bytes = safetensors::serialize(views, Some(about))
            .map_err(|error| fail(std::io::Error::other(error.to_string())))?;
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(fail)?;
        let mut builder = tempfile::Builder::new();
        // Temporary files are private by default; weights are as readable as other new files.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder).map_err(fail)?;
        file.write_all(&bytes).map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
        file.persist(path).map_err(|error| fail(error.error))?;
        Ok(())
    }
}

struct Collector<'a> {
    path: Vec<String>,
    tensors: &'a mut BTreeMap<String, (Vec<usize>, Vec<u8>)>,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        let bytes = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
        self.tensors
            .insert(join(&self.path), (param.lazy_shape().to_vec(), bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SmallVitConfig;
    use burn::tensor::Device;
    use projector::seeded;

    fn tower(seed: u64) -> crate::SmallVit {
        tiny()
            .init(&mut seeded::stream(seed, "vit"), &Device::flex())
            .unwrap()
    }

    fn tiny() -> SmallVitConfig {
        SmallVitConfig {
            d_model: 8,
            depth: 1,
            heads: 2,
            d_mlp: 8,
            ..SmallVitConfig::default()
        }
    }

    fn bytes(tower: &crate::SmallVit) -> Vec<u8> {
        let writer = WeightsWriter::default().with_module("", tower);
        writer.tensors.into_values().flat_map(|(_, b)| b).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tower.safetensors");
        WeightsWriter::default()
            .with_about("config", serde_json::to_value(tiny()).unwrap())
            .with_module("tower.", &tower(1))
            .write(&path)
            .unwrap();
        let file = WeightsFile::open(&path).unwrap();
        assert_eq!(file.about::<SmallVitConfig>("config").unwrap(), tiny());
        let loaded = file.load_into(tower(2), "tower.").unwrap();
        assert_eq!(bytes(&loaded), bytes(&tower(1)));
        assert_ne!(bytes(&loaded), bytes(&tower(2)));
    }

    #[test]
    fn missing_misshaped_and_left_over_tensors_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tower.safetensors");
        WeightsWriter::default()
            .with_module("", &tower(1))
            .write(&path)
            .unwrap();
        let file = WeightsFile::open(&path).unwrap();
        let deeper = SmallVitConfig { depth: 2, ..tiny() };
        let deeper = deeper
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        let error = file.load_into(deeper, "").unwrap_err().to_string();
        assert!(
            error.contains("blocks.1.") && error.contains("no tensor"),
            "{error}"
        );
        let wider = SmallVitConfig {
            d_mlp: 12,
            ..tiny()
        };
        let wider = wider
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        let error = file.load_into(wider, "").unwrap_err().to_string();
        assert!(error.contains("[8, 8], expected [8, 12]"), "{error}");
        let layer = seeded::linear(64, 8, true, &mut seeded::stream(0, "l"), &Device::flex());
        let error = file.load_into(layer, "embed.").map(|_| ());
        assert!(error.is_ok());
        let norm = seeded::layer_norm(8, 1e-6, &Device::flex());
        let error = file.load_into(norm, "").unwrap_err().to_string();
        assert!(error.contains("no tensor `gamma`"), "{error}");
    }

    #[test]
    fn truncated_and_absent_files_are_reported_with_their_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.safetensors");
        WeightsWriter::default()
            .with_module("", &tower(1))
            .write(&path)
            .unwrap();
        let whole = std::fs::read(&path).unwrap();
        for keep in [0, 4, 9, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..keep]).unwrap();
            let error = WeightsFile::open(&path).unwrap_err();
            assert!(matches!(error, WeightsError::Checkpoint(_)));
            assert!(error.to_string().contains("cut.safetensors"));
        }
        let absent = WeightsFile::open(&folder.path().join("none")).unwrap_err();
        assert!(matches!(
            absent,
            WeightsError::Checkpoint(CheckpointError::Read { .. })
        ));
    }

    #[test]
    fn weights_that_are_not_finite_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nan.safetensors");
        let mut broken = seeded::layer_norm(2, 1e-6, &Device::flex());
        broken.gamma = Param::from_tensor(Tensor::from_floats([1.0, f32::NAN], &Device::flex()));
        WeightsWriter::default()
            .with_module("", &broken)
            .write(&path)
            .unwrap();
        let file = WeightsFile::open(&path).unwrap();
        let fresh = seeded::layer_norm(2, 1e-6, &Device::flex());
        let error = file.load_into(fresh, "").unwrap_err();
        assert!(matches!(
            error,
            WeightsError::Checkpoint(CheckpointError::NonFinite { .. })
        ));
    }
}
