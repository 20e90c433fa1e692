//! Parameters on disk: safetensors, with a JSON configuration in the metadata.
//!
//! Tensors are named by their path in the module (`blocks.0.qkv.weight`) and stored as f32. What the
//! file is stands in the metadata under one key, `about`, as a JSON object with sorted keys: the
//! format writes several metadata entries in random order, and equal contents must give equal bytes.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
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
    /// The file cannot be read.
    #[error("{}: cannot read the weights: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be written.
    #[error("{}: cannot write the weights: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a safetensors file, or is cut off.
    #[error("{}: not a valid safetensors file (truncated or corrupt): {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        reason: String,
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
    /// A tensor that the module needs is not in the file.
    #[error("{}: tensor `{name}` is missing", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape than the module's.
    #[error("{}: tensor `{name}` has shape {found:?}, expected {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape in the module.
        expected: Vec<usize>,
    },
    /// A tensor is not stored as f32.
    #[error("{}: tensor `{name}` is stored as {found}, expected F32", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Type in the file.
        found: String,
    },
    /// A tensor holds NaN or infinity.
    #[error("{}: tensor `{name}` holds a number that is not finite", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// The file holds tensors that the module has no place for.
    #[error("{}: tensors without a place in this module: {}", path.display(), names.join(", "))]
    Unused {
        /// The file.
        path: PathBuf,
        /// The tensors.
        names: Vec<String>,
    },
}

/// A safetensors file in memory.
#[derive(Debug)]
pub struct WeightsFile {
    path: PathBuf,
    bytes: Vec<u8>,
    about: Map<String, Value>,
}

impl WeightsFile {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// If it cannot be read or is not safetensors.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Read {
            path: path.to_owned(),
            source,
        })?;
        let corrupt = |reason: safetensors::SafeTensorError| WeightsError::Corrupt {
            path: path.to_owned(),
            reason: reason.to_string(),
        };
        SafeTensors::deserialize(&bytes).map_err(corrupt)?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(corrupt)?;
        let about = header
            .metadata()
            .as_ref()
            .and_then(|metadata| metadata.get(ABOUT))
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        Ok(Self {
            path: path.to_owned(),
            bytes,
            about,
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
            path: self.path.clone(),
            key: key.to_owned(),
            reason: reason.to_owned(),
        }
    }

    /// Bytes of the file, for hashing.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts the tensors whose names start with `prefix` into `module`; every parameter must be
    /// there with its exact shape, and no tensor under the prefix may be left over.
    ///
    /// # Errors
    /// Names the first tensor that is missing, misshaped, of another type or not finite, or all
    /// that are left over.
    pub fn load_into<M: Module>(&self, module: M, prefix: &str) -> Result<M, WeightsError> {
        let tensors =
            SafeTensors::deserialize(&self.bytes).map_err(|reason| WeightsError::Corrupt {
                path: self.path.clone(),
                reason: reason.to_string(),
            })?;
        let mut loader = Loader {
            file: self,
            tensors: &tensors,
            path: vec![prefix.trim_end_matches('.').to_owned()],
            used: Vec::new(),
            error: None,
        };
        let module = module.map(&mut loader);
        if let Some(error) = loader.error {
            return Err(error);
        }
        let mut unused: Vec<String> = tensors
            .names()
            .into_iter()
            .filter(|name| name.starts_with(prefix) && !loader.used.iter().any(|u| u == name))
            .map(str::to_owned)
            .collect();
        if unused.is_empty() {
            return Ok(module);
        }
        unused.sort();
        Err(WeightsError::Unused {
            path: self.path.clone(),
            names: unused,
        })
    }
}

struct Loader<'a> {
    file: &'a WeightsFile,
    tensors: &'a SafeTensors<'a>,
    path: Vec<String>,
    used: Vec<String>,
    error: Option<WeightsError>,
}

impl Loader<'_> {
    fn read(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let (path, name) = (self.file.path.clone(), name.to_owned());
        let Ok(view) = self.tensors.tensor(&name) else {
            return Err(WeightsError::Missing { path, name });
        };
        if view.shape() != expected {
            return Err(WeightsError::Shape {
                path,
                name,
                found: view.shape().to_vec(),
                expected: expected.to_vec(),
            });
        }
        if view.dtype() != Dtype::F32 {
            return Err(WeightsError::Type {
                path,
                name,
                found: format!("{:?}", view.dtype()),
            });
        }
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        if values.iter().all(|v| v.is_finite()) {
            Ok(values)
        } else {
            Err(WeightsError::NotFinite { path, name })
        }
    }
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
        let name = join(&self.path);
        let shape = param.lazy_shape().dims::<D>();
        match self.read(&name, &shape) {
            Ok(values) => {
                self.used.push(name);
                param.map(|old| {
                    Tensor::from_data(TensorData::new(values, shape), &old.device())
                        .set_require_grad(old.is_require_grad())
                })
            }
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
            error.contains("blocks.1.") && error.contains("missing"),
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
        assert!(error.contains("missing"), "{error}");
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
            assert!(matches!(error, WeightsError::Corrupt { .. }));
            assert!(error.to_string().contains("cut.safetensors"));
        }
        let absent = WeightsFile::open(&folder.path().join("none")).unwrap_err();
        assert!(matches!(absent, WeightsError::Read { .. }));
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
        assert!(matches!(error, WeightsError::NotFinite { .. }));
    }
}
