//! Patch features of a group, computed once.

use super::cache::{CacheWriter, CachedFile, FeatureCache};
use super::group::Group;
use crate::published::Published;
use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use projector::PatchGrid;
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use vision_backbone::{PatchLayout, SmallVit, patchify};

/// Images encoded at a time.
const CHUNK: usize = 128;
/// Patches encoded at a time by a published tower: enough to use each weight often, few enough to
/// keep its hidden layers small.
const PUBLISHED_CHUNK: usize = 2048;
/// Such chunks that a lane encodes before the results are written.
const CHUNKS_PER_LANE: usize = 4;

/// What is taken from the tower.
#[derive(Clone, Debug)]
pub enum Source<'a> {
    /// Standardised pixels of patches: the tower trains from its first layer.
    Pixels,
    /// The state after the first `blocks` blocks, before any final norm.
    Tower {
        /// The frozen tower, on a device without autodiff.
        tower: &'a SmallVit,
        /// Blocks that are run.
        blocks: usize,
    },
    /// The state that the projector of a checkpoint reads, and those of its levels behind it.
    Published(&'a Published),
}

impl Source<'_> {
    /// Width of a patch vector.
    fn d(&self, layout: PatchLayout) -> usize {
        match self {
            Self::Pixels => layout.patch * layout.patch,
            Self::Tower { tower, .. } => tower.config().d_model,
            Self::Published(published) => published.d_model(),
        }
    }

    /// Images encoded at a time.
    fn chunk(&self, layout: PatchLayout) -> usize {
        match self {
            Self::Published(_) => (PUBLISHED_CHUNK / layout.patches()).max(1),
            Self::Pixels | Self::Tower { .. } => CHUNK,
        }
    }

    /// The first `states` states of some images: that of the last block that runs, then those of levels.
    fn features(
        &self,
        group: &Group,
        items: &[usize],
        states: usize,
        device: &Device,
    ) -> Result<Vec<Vec<f32>>> {
        let state = match self {
            Self::Pixels => pixel_batch(group, items, device)?,
            Self::Tower { tower, blocks } => {
                tower.run_blocks(tower.embed(&pixel_batch(group, items, device)?), 0..*blocks)
            }
            Self::Published(published) => {
                return published.features(group, items, states, device);
            }
        };
        let values = state.features().clone().into_data();
        Ok(vec![values.iter::<f32>().collect()])
    }
}

/// Features of a group that take more than so many bytes are left on disk, where there is a cache.
const IN_MEMORY_BYTES: u64 = 256 << 20;

/// Bytes that the features of a group take.
#[must_use]
pub fn feature_bytes(group: &Group, source: &Source<'_>) -> u64 {
    4 * value_count(group, source)
}

/// Bytes of memory that they take.
#[must_use]
pub fn held_bytes(group: &Group, source: &Source<'_>, cached: bool) -> u64 {
    let bytes = feature_bytes(group, source);
    if cached && bytes > IN_MEMORY_BYTES {
        0
    } else {
        bytes
    }
}

fn value_count(group: &Group, source: &Source<'_>) -> u64 {
    (group.len() * group.layout.patches() * source.d(group.layout)) as u64
}

/// One vector per patch of every image of a group, in merge order: in memory, or on disk where they
/// are many.
#[derive(Clone, Debug)]
pub struct Features {
    values: Values,
    layout: PatchLayout,
    d: usize,
}

#[derive(Clone, Debug)]
enum Values {
    Memory(Vec<f32>),
    Disk(Arc<CachedFile>),
}

impl Features {
    /// Takes them from a file: into memory, or from the disk in batches if they are many.
    fn from_file(file: CachedFile, values: u64, layout: PatchLayout, d: usize) -> Result<Self> {
        let values = if 4 * values > IN_MEMORY_BYTES {
            Values::Disk(Arc::new(file))
        } else {
            let mut held = Vec::with_capacity(values as usize);
            file.read(0, values as usize, &mut held)?;
            Values::Memory(held)
        };
        Ok(Self { values, layout, d })
    }

    /// SHA-256 of all values as little-endian bytes, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        match &self.values {
            Values::Memory(values) => {
                let mut hash = Sha256::new();
                for chunk in values.chunks(4096) {
                    let bytes: Vec<u8> = chunk.iter().flat_map(|v| v.to_le_bytes()).collect();
                    hash.update(&bytes);
                }
                format!("{:x}", hash.finalize())
            }
            Values::Disk(file) => file.hash().to_owned(),
        }
    }

    /// Width of a patch vector.
    #[must_use]
    pub fn d(&self) -> usize {
        self.d
    }

    /// Features of some images.
    ///
    /// # Errors
    /// If they are on disk and cannot be read any more.
    ///
    /// # Panics
    /// If an index is out of range.
    pub fn batch(&self, items: &[usize], device: &Device) -> Result<PatchGrid> {
        let size = self.layout.patches() * self.d;
        let mut values = Vec::with_capacity(items.len() * size);
        for &item in items {
            match &self.values {
                Values::Memory(held) => {
                    values.extend_from_slice(&held[item * size..(item + 1) * size]);
                }
                Values::Disk(file) => file.read((item * size) as u64, size, &mut values)?,
            }
        }
        Ok(grid(values, items.len(), self.layout, self.d, device))
    }
}

fn grid(
    values: Vec<f32>,
    images: usize,
    layout: PatchLayout,
    d: usize,
    device: &Device,
) -> PatchGrid {
    let shape = [images, layout.patches(), d];
    let features = Tensor::from_data(TensorData::new(values, shape), device);
    match PatchGrid::new(features, layout.rows, layout.cols, layout.merge) {
        Ok(grid) => grid,
        // A `PatchLayout` divides into blocks by construction.
        Err(error) => unreachable!("{error}"),
    }
}

/// Standardised patch pixels of some images of a group.
///
/// # Errors
/// As [`Group::images`].
pub fn pixel_batch(group: &Group, items: &[usize], device: &Device) -> Result<PatchGrid> {
    let pixels = group.images(items)?;
    let mut values = Vec::new();
    for image in pixels.chunks_exact(group.image_bytes()) {
        patchify(image, group.layout, &mut values);
    }
    let d = group.layout.patch * group.layout.patch;
    Ok(grid(values, items.len(), group.layout, d, device))
}

/// Where features are cached, under a [`FeatureCache::key`].
pub type CachePlace<'a> = (&'a FeatureCache, String);

/// Features of every image of `group`; `cache` is asked first and filled after. The images go
/// through the tower some at a time, so that of a large group no more than these are in memory.
///
/// # Errors
/// If the cache cannot be written, an image cannot be read or is refused by a published tower, or
/// `stop` is raised.
pub fn encode(
    group: &Group,
    source: &Source<'_>,
    cache: Option<CachePlace<'_>>,
    lanes: &Lanes,
    device: &Device,
    stop: &Stop,
) -> Result<Features> {
    let mut only = encode_states(group, source, vec![cache], lanes, device, stop)?;
    only.pop().context("one state was asked for")
}

/// As [`encode`], of as many states of a published tower as there are `caches`: what its projector reads
/// of the last block, then its levels. The images go through the tower once.
///
/// # Errors
/// As [`encode`]; if the source has fewer states.
pub fn encode_states(
    group: &Group,
    source: &Source<'_>,
    caches: Vec<Option<CachePlace<'_>>>,
    lanes: &Lanes,
    device: &Device,
    stop: &Stop,
) -> Result<Vec<Features>> {
    let (layout, d, expected) = (
        group.layout,
        source.d(group.layout),
        value_count(group, source),
    );
    let found = caches.iter().map(|place| {
        let (cache, key) = place.as_ref()?;
        cache.open(key, expected)
    });
    if let Some(files) = found.collect::<Option<Vec<_>>>() {
        let files = files.into_iter();
        return files
            .map(|file| Features::from_file(file, expected, layout, d))
            .collect();
    }
    let sinks = caches.iter().map(|place| {
        Ok(match place {
            Some((cache, key)) => Sink::Disk(Box::new(cache.create(key, expected)?)),
            None => Sink::Memory(Vec::with_capacity(expected as usize)),
        })
    });
    let mut sinks = sinks.collect::<Result<Vec<_>>>()?;
    let size = source.chunk(layout);
    let chunks = group.len().div_ceil(size);
    let round = CHUNKS_PER_LANE * lanes.count();
    for first in (0..chunks).step_by(round) {
        let done = lanes.map(round.min(chunks - first), |_, chunk| {
            stop.check()?;
            let start = (first + chunk) * size;
            let items: Vec<usize> = (start..group.len().min(start + size)).collect();
            let states = source.features(group, &items, caches.len(), device)?;
            let expected = items.len() * layout.patches() * d;
            ensure!(
                states.len() == caches.len() && states.iter().all(|state| state.len() == expected),
                "the tower returned features of another size than it was built for"
            );
            Ok(states)
        });
        for states in done {
            for (sink, values) in sinks.iter_mut().zip(states?) {
                sink.write(&values)?;
            }
        }
    }
    let features = sinks.into_iter().map(|sink| match sink {
        Sink::Memory(values) => Ok(Features {
            values: Values::Memory(values),
            layout,
            d,
        }),
        Sink::Disk(writer) => Features::from_file(writer.finish()?, expected, layout, d),
    });
    features.collect()
}

/// Where features go while they are computed.
enum Sink {
    Memory(Vec<f32>),
    Disk(Box<CacheWriter>),
}

impl Sink {
    fn write(&mut self, values: &[f32]) -> Result<()> {
        match self {
            Self::Memory(all) => {
                all.extend_from_slice(values);
                Ok(())
            }
            Self::Disk(writer) => writer.write(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RenderPlan, render_group};
    use text_images::{Charset, Content, Degradation, Fonts, Split};

    #[test]
    fn features_are_the_same_computed_cached_and_on_disk() {
        let plan = RenderPlan {
            charset: Charset::Digits,
            content: Content::Random,
            corpus: None,
            density: Some(1.0),
            width_px: 64,
            height_px: 32,
            patch: 8,
            merge: 2,
            split: Split::Test,
            images: 300,
            first: 0,
            seed: 1,
            degradation: Degradation::default(),
        };
        let lanes = Lanes::open(2).unwrap();
        let group = render_group(&plan, &Fonts::embedded(), &lanes).unwrap();
        let (device, stop) = (Device::flex(), Stop::default());
        let folder = tempfile::tempdir().unwrap();
        let cache = FeatureCache::new(folder.path());
        let encode = |cache| encode(&group, &Source::Pixels, cache, &lanes, &device, &stop);
        let computed = encode(None).unwrap();
        let key = FeatureCache::key("pixels", &group.content_hash(plan.charset));
        let stored = encode(Some((&cache, key.clone()))).unwrap();
        let found = encode(Some((&cache, key.clone()))).unwrap();
        let count = value_count(&group, &Source::Pixels);
        let on_disk = Features {
            values: Values::Disk(Arc::new(cache.open(&key, count).unwrap())),
            ..computed.clone()
        };
        let items = [299, 0, 0, 17];
        let values = |features: &Features| -> Vec<f32> {
            let batch = features.batch(&items, &device).unwrap();
            batch.features().clone().into_data().iter::<f32>().collect()
        };
        for features in [&stored, &found, &on_disk] {
            assert_eq!(features.hash(), computed.hash());
            assert_eq!(values(features), values(&computed));
        }
        assert_eq!(values(&computed).len(), 4 * 32 * 64);
    }
}
