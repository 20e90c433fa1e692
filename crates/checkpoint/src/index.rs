//! `model.safetensors.index.json`: which shard holds which tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Component, Path};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::error::{CheckpointError, Result};
use crate::json_file;

/// Name of the index within a checkpoint folder.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Tensor name to shard, with shard names that stay inside the folder.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) shard_of: BTreeMap<String, String>,
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// If it is not JSON, has no `weight_map`, lists a tensor twice, or names a shard that is not a
    /// relative path inside the folder.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let raw: RawIndex = json_file::read(path)?;
        let Some(map) = raw.weight_map else {
            return Err(CheckpointError::NoWeightMap {
                path: path.to_owned(),
            });
        };
        if let Some(tensor) = map.duplicate {
            return Err(CheckpointError::DuplicateTensor {
                path: path.to_owned(),
                tensor,
            });
        }
        for (tensor, shard) in &map.shard_of {
            if !stays_inside(shard) {
                return Err(CheckpointError::ShardName {
                    path: path.to_owned(),
                    shard: shard.clone(),
                    tensor: tensor.clone(),
                });
            }
        }
        Ok(Self {
            shard_of: map.shard_of,
        })
    }

    /// The shards that hold at least one of the wanted tensors.
    pub(crate) fn shards(&self, wanted: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let held = self.shard_of.iter().filter(|(tensor, _)| wanted(tensor));
        held.map(|(_, shard)| shard.as_str()).collect()
    }
}

/// Whether a name leads to a safetensors file in the folder, on every system.
pub(crate) fn stays_inside(shard: &str) -> bool {
    shard.ends_with(".safetensors")
        // Separators and drives of Windows are ordinary characters elsewhere.
        && !shard.contains(['\\', ':', '\0'])
        && Path::new(shard)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[derive(serde::Deserialize)]
struct RawIndex {
    weight_map: Option<WeightMap>,
}

#[derive(Default)]
struct WeightMap {
    shard_of: BTreeMap<String, String>,
    duplicate: Option<String>,
}

impl<'de> Deserialize<'de> for WeightMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = WeightMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object from tensor names to shard names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<WeightMap, A::Error> {
                let mut weights = WeightMap::default();
                while let Some((tensor, shard)) = map.next_entry::<String, String>()? {
                    let earlier = weights.shard_of.insert(tensor.clone(), shard);
                    if earlier.is_some() && weights.duplicate.is_none() {
                        weights.duplicate = Some(tensor);
                    }
                }
                Ok(weights)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
