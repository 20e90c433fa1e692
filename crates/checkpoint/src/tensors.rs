//! The tensors of a checkpoint by name, over one file or many.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::error::{CheckpointError, Result};
use crate::header::Entry;
use crate::index::Index;
use crate::nearest::nearest;
use crate::tensor_file::TensorFile;
use crate::{Dtype, Scope};

/// What to do with a weight that is NaN or infinite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFinite {
    /// An error that names the tensor and the element: right for weights.
    #[default]
    Refuse,
    /// Read like any other value: for reference outputs and masks.
    Permit,
}

/// Tensors by name, read from safetensors files when asked for.
///
/// Opening reads the names only. A shard is opened when one of its tensors is asked for, and no
/// more of it is ever mapped than one step of a conversion needs.
#[derive(Debug)]
pub struct Tensors {
    /// What the names come from: the file, or the index of the shards.
    source: PathBuf,
    shards: Vec<Shard>,
    shard_of: BTreeMap<String, usize>,
    read: Mutex<BTreeSet<String>>,
    non_finite: NonFinite,
}

#[derive(Debug)]
struct Shard {
    path: PathBuf,
    file: OnceLock<TensorFile>,
}

impl Tensors {
    /// Opens one safetensors file.
    ///
    /// # Errors
    /// If it cannot be read or is not a sound safetensors file.
    pub fn open_file(path: &Path) -> Result<Self> {
        let file = TensorFile::open(path)?;
        let names = file.header().entries.keys();
        Ok(Self {
            source: path.to_owned(),
            shard_of: names.map(|name| (name.clone(), 0)).collect(),
            shards: vec![Shard {
                path: path.to_owned(),
                file: OnceLock::from(file),
            }],
            read: Mutex::default(),
            non_finite: NonFinite::default(),
        })
    }

    /// Opens the index of a sharded checkpoint (`model.safetensors.index.json`); its shards lie in
    /// the same folder. A shard that does not exist is an error only when one of its tensors is
    /// asked for.
    ///
    /// # Errors
    /// If the index cannot be read, has no `weight_map`, lists a tensor twice, or names a shard
    /// outside the folder.
    pub fn open_index(path: &Path) -> Result<Self> {
        let index = Index::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let names = index.shards(|_| true);
        let position: BTreeMap<&str, usize> = names
            .iter()
            .enumerate()
            .map(|(i, &name)| (name, i))
            .collect();
        let shards = names.iter().map(|name| Shard {
            path: folder.join(name),
            file: OnceLock::new(),
        });
        let shards = shards.collect();
        let shard_of = index
            .shard_of
            .iter()
            .map(|(tensor, shard)| (tensor.clone(), position[shard.as_str()]))
            .collect();
        Ok(Self {
            source: path.to_owned(),
            shards,
            shard_of,
            read: Mutex::default(),
            non_finite: NonFinite::default(),
        })
    }

    /// Sets what happens to NaN and infinity.
    #[must_use]
    pub fn with_non_finite(mut self, non_finite: NonFinite) -> Self {
        self.non_finite = non_finite;
        self
    }

    pub(crate) fn non_finite(&self) -> NonFinite {
        self.non_finite
    }

    /// The file or index that the names come from.
    #[must_use]
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// Every tensor's name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shard_of.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.shard_of.contains_key(name)
    }

    /// The shape of a tensor.
    ///
    /// # Errors
    /// If there is none of this name, or its shard is missing or damaged.
    pub fn shape(&self, name: &str) -> Result<&[usize]> {
        Ok(&self.find(name)?.1.shape)
    }

    /// The type of a tensor's elements.
    ///
    /// # Errors
    /// As [`Tensors::shape`].
    pub fn dtype(&self, name: &str) -> Result<&Dtype> {
        Ok(&self.find(name)?.1.dtype)
    }

    /// The shard that holds a tensor.
    ///
    /// # Errors
    /// If there is no tensor of this name.
    pub fn path(&self, name: &str) -> Result<&Path> {
        Ok(&self.shard(name)?.path)
    }

    /// The notes in the header (`__metadata__`) of the file; of a sharded checkpoint, those of the
    /// first shard.
    ///
    /// # Errors
    /// If the shard is missing or damaged.
    pub fn metadata(&self) -> Result<&BTreeMap<String, String>> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let Some(shard) = self.shards.first() else {
            return Ok(&NONE);
        };
        let held = self.shard_of.iter().find(|&(_, &shard)| shard == 0);
        let tensor = held.map_or("", |(name, _)| name.as_str());
        Ok(&self.open(shard, tensor)?.header().metadata)
    }

    /// Names beginning with `prefix` that no `read` method has read, sorted: what a tower built
    /// from this checkpoint left out.
    #[must_use]
    pub fn unused(&self, prefix: &str) -> Vec<&str> {
        let read = self.read_names();
        let names = self.names().filter(|name| name.starts_with(prefix));
        names.filter(|name| !read.contains(*name)).collect()
    }

    /// The tensors whose names begin with `prefix`, under the rest of their names.
    #[must_use]
    pub fn scope(&self, prefix: &str) -> Scope<'_> {
        Scope::new(self, prefix.to_owned())
    }

    /// The first of some candidate prefixes under which the tensor `witness` exists.
    ///
    /// Checkpoints of one family store their tower as `visual.` or `model.visual.`, or bare; the
    /// witness is a tensor that every tower of the family has.
    ///
    /// # Errors
    /// If it exists under none of them.
    pub fn find_scope(&self, candidates: &[&str], witness: &str) -> Result<Scope<'_>> {
        let full = |prefix: &&&str| self.contains(&format!("{prefix}{witness}"));
        match candidates.iter().find(full) {
            Some(prefix) => Ok(self.scope(prefix)),
            None => Err(CheckpointError::NoPrefix {
                path: self.source.clone(),
                witness: witness.to_owned(),
                candidates: candidates.iter().map(|&prefix| prefix.to_owned()).collect(),
                nearest: nearest(witness, self.names()),
            }),
        }
    }

    /// The file and the header's entry of a tensor.
    pub(crate) fn find(&self, name: &str) -> Result<(&TensorFile, &Entry)> {
        let shard = self.shard(name)?;
        let file = self.open(shard, name)?;
        match file.header().entries.get(name) {
            Some(entry) => Ok((file, entry)),
            None => Err(CheckpointError::ShardLacksTensor {
                shard: shard.path.clone(),
                index: self.source.clone(),
                tensor: name.to_owned(),
            }),
        }
    }

    pub(crate) fn mark_read(&self, name: &str) {
        let mut read = self.read_names();
        if !read.contains(name) {
            read.insert(name.to_owned());
        }
    }

    fn read_names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // A set of names is sound whatever interrupted its last user.
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, name: &str) -> Result<&Shard> {
        let shard = self.shard_of.get(name).and_then(|&i| self.shards.get(i));
        shard.ok_or_else(|| CheckpointError::MissingTensor {
            path: self.source.clone(),
            tensor: name.to_owned(),
            nearest: nearest(name, self.names()),
        })
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "other errors stay as they are"
    )]
    fn open<'a>(&self, shard: &'a Shard, tensor: &str) -> Result<&'a TensorFile> {
        if let Some(file) = shard.file.get() {
            return Ok(file);
        }
        let file = TensorFile::open(&shard.path).map_err(|error| match error {
            CheckpointError::Read { source, .. }
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                CheckpointError::MissingShard {
                    shard: shard.path.clone(),
                    tensor: tensor.to_owned(),
                }
            }
            other => other,
        })?;
        // Of two threads that opened it at once, the first one's file stays.
        Ok(shard.file.get_or_init(|| file))
    }
}
