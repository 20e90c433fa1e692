//! Patch features of a group, computed once.

use super::cache::FeatureCache;
use super::group::Group;
use crate::lanes::Lanes;
use crate::published::Published;
use crate::stop::Stop;
use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use projector::PatchGrid;
use vision_backbone::{PatchLayout, SmallVit, patchify};

/// Images encoded at a time.
const CHUNK: usize = 128;
/// Patches encoded at a time by a published tower: enough to use each weight often, few enough to
/// keep its hidden layers small.
const PUBLISHED_CHUNK: usize = 2048;

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
    /// The state that the projector of a checkpoint reads.
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
            _ => CHUNK,
        }
    }

    fn features(&self, group: &Group, items: &[usize], device: &Device) -> Result<Vec<f32>> {
        let state = match self {
            Self::Pixels => pixel_batch(group, items, device),
            Self::Tower { tower, blocks } => {
                tower.run_blocks(tower.embed(&pixel_batch(group, items, device)), 0..*blocks)
            }
            Self::Published(published) => return published.features(group, items, device),
        };
        let values = state.features().clone().into_data();
        Ok(values.iter::<f32>().collect())
    }
}

/// Bytes that the features of a group take.
#[must_use]
pub fn feature_bytes(group: &Group, source: &Source<'_>) -> u64 {
    let values = group.len() * group.layout.patches() * source.d(group.layout);
    4 * values as u64
}

/// One vector per patch of every image of a group, in merge order.
#[derive(Clone, Debug)]
pub struct Features {
    values: Vec<f32>,
    layout: PatchLayout,
    d: usize,
}

impl Features {
    /// Wraps values of shape `[images, patches, d]`; `None` if they do not fill whole images.
    #[must_use]
    pub fn new(values: Vec<f32>, layout: PatchLayout, d: usize) -> Option<Self> {
        let per_image = layout.patches() * d;
        (per_image > 0 && values.len().is_multiple_of(per_image)).then_some(Self {
            values,
            layout,
            d,
        })
    }

    /// All values, `[images, patches, d]`.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Width of a patch vector.
    #[must_use]
    pub fn d(&self) -> usize {
        self.d
    }

    /// Features of some images.
    ///
    /// # Panics
    /// If an index is out of range.
    #[must_use]
    pub fn batch(&self, items: &[usize], device: &Device) -> PatchGrid {
        let size = self.layout.patches() * self.d;
        let mut values = Vec::with_capacity(items.len() * size);
        for &item in items {
            values.extend_from_slice(&self.values[item * size..(item + 1) * size]);
        }
        grid(values, items.len(), self.layout, self.d, device)
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
#[must_use]
pub fn pixel_batch(group: &Group, items: &[usize], device: &Device) -> PatchGrid {
    let mut values = Vec::new();
    for &item in items {
        patchify(group.image(item), group.layout, &mut values);
    }
    let d = group.layout.patch * group.layout.patch;
    grid(values, items.len(), group.layout, d, device)
}

/// Features of every image of `group`; `cache` is asked first and filled after.
///
/// # Errors
/// If the cache cannot be written, a published tower refuses an image, or `stop` is raised.
pub fn encode(
    group: &Group,
    source: &Source<'_>,
    cache: Option<(&FeatureCache, &str)>,
    lanes: &Lanes,
    device: &Device,
    stop: &Stop,
) -> Result<Features> {
    let d = source.d(group.layout);
    let expected = group.len() * group.layout.patches() * d;
    let key = cache.map(|(_, encoder)| FeatureCache::key(encoder, &group.content_hash()));
    if let (Some((cache, _)), Some(key)) = (cache, &key)
        && let Some(values) = cache.load(key, expected)
        && let Some(features) = Features::new(values, group.layout, d)
    {
        return Ok(features);
    }
    let size = source.chunk(group.layout);
    let chunks = lanes.map(group.len().div_ceil(size), |_, chunk| {
        stop.check()?;
        let items: Vec<usize> = (chunk * size..group.len().min((chunk + 1) * size)).collect();
        source.features(group, &items, device)
    });
    let mut values = Vec::with_capacity(expected);
    for chunk in chunks {
        values.extend(chunk?);
    }
    if let (Some((cache, _)), Some(key)) = (cache, &key) {
        cache.store(key, &values)?;
    }
    match Features::new(values, group.layout, d) {
        Some(features) => Ok(features),
        None => anyhow::bail!("the tower returned features of another size than it was built for"),
    }
}
