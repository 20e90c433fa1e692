//! A published checkpoint as the frozen backbone of `ocr-probe`.
//!
//! Rendered text goes through the checkpoint's own image processor and tower; the probe reads the
//! tokens of its own projector, or of our arms trained on the frozen patch features.

mod layout;

pub use layout::image_layout;

use crate::Group;
use anyhow::{Context, Result, bail, ensure};
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use checkpoint::Checkpoint;
use image::{GrayImage, RgbImage};
use published_models::{
    Processor, PublishedProjector, VisionModel, config_of, is_wanted, processor::Pixels,
};
use sha2::{Digest, Sha256};
use vision_backbone::{PackedPatches, PatchLayout, VisionTower};

/// What is known of a checkpoint before its tensors are read.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointSummary {
    /// Size of the images.
    pub layout: PatchLayout,
    /// Whether its projector is a visual embedding table.
    pub has_vocabulary: bool,
}

/// Looks at a checkpoint's configuration; a hub id that is not in the local cache is downloaded.
///
/// # Errors
/// If there is no such checkpoint, its model is not known, or no image size suits the probe.
pub fn checkpoint_summary(name: &str) -> Result<CheckpointSummary> {
    let folder = checkpoint::resolve(name, is_wanted)?;
    let checkpoint = Checkpoint::open(&folder)?;
    let config = config_of(&checkpoint)?;
    let (processor, notes) = Processor::of(&checkpoint, &config)?;
    for note in notes {
        eprintln!("note: {note}");
    }
    let levels = config.tower.inner_levels();
    if levels > 0 {
        eprintln!(
            "note: {name}: arm `pretrained` carries the {levels} DeepStack levels of {}; readers causal and \
             attention add them behind their blocks, all others to the tokens",
            config.family.name()
        );
    }
    Ok(CheckpointSummary {
        layout: image_layout(&processor).with_context(|| name.to_owned())?,
        has_vocabulary: config.has_vocabulary(),
    })
}

/// Tower, projector and image processor of a checkpoint.
#[derive(Clone, Debug)]
pub struct Published {
    name: String,
    model: VisionModel,
    processor: Processor,
    layout: PatchLayout,
    hash: String,
}

impl Published {
    /// Reads the vision side of a checkpoint, a folder or a hub id.
    ///
    /// # Errors
    /// As [`checkpoint_summary`]; if its tensors are damaged or do not fit its configuration.
    pub fn load(name: &str, device: &Device) -> Result<Self> {
        let folder = checkpoint::resolve(name, is_wanted)?;
        let checkpoint = Checkpoint::open(&folder)?;
        let model = VisionModel::load(&checkpoint, device)?;
        // The notes have been shown by `checkpoint_summary`.
        let (processor, _) = Processor::of(&checkpoint, model.config())?;
        let layout = image_layout(&processor).with_context(|| name.to_owned())?;
        let mut hasher = Hasher(Sha256::new());
        hasher.add(format!(
            "{:?};{:?}",
            model.config(),
            checkpoint.preprocessor()
        ));
        model.tower.visit(&mut hasher);
        model.projector.visit(&mut hasher);
        Ok(Self {
            name: name.to_owned(),
            hash: format!("{:x}", hasher.0.finalize()),
            model,
            processor,
            layout,
        })
    }

    /// Size of the images that are rendered for it.
    #[must_use]
    pub fn layout(&self) -> PatchLayout {
        self.layout
    }

    /// Width of a patch feature.
    #[must_use]
    pub fn d_model(&self) -> usize {
        self.model.tower.d_model()
    }

    /// Hash of weights and configuration, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Its projector.
    #[must_use]
    pub fn projector(&self) -> &PublishedProjector {
        &self.model.projector
    }

    /// What is left once the features are computed: its projector.
    #[must_use]
    pub fn into_projector(self) -> PublishedProjector {
        self.model.projector
    }

    /// Features of some images of a group, `[images, patches, d]` with patches in merge order: those of
    /// the last block, then of the levels of its projector, the first `states` of them.
    ///
    /// # Errors
    /// If the images do not have the size of [`Published::layout`].
    pub fn features(
        &self,
        group: &Group,
        items: &[usize],
        states: usize,
        device: &Device,
    ) -> Result<Vec<Vec<f32>>> {
        let pixels = items
            .iter()
            .map(|&item| Ok(self.pixels(group, item, device)?.patches))
            .collect::<Result<Vec<_>>>()?;
        let Some(first) = pixels.first() else {
            return Ok(vec![Vec::new(); states]);
        };
        let merge = first.merge();
        let grids = pixels.iter().flat_map(|p| p.grids().to_vec()).collect();
        let rows = pixels.iter().map(|p| p.features().clone()).collect();
        let packed = PackedPatches::new(Tensor::cat(rows, 0), grids, merge)?;
        let (last, levels) = self.model.states(&packed)?;
        let expected = [items.len() * group.layout.patches(), self.d_model()];
        let states = std::iter::once(last).chain(levels).take(states);
        let states = states.map(|state| {
            let found = state.features().dims();
            ensure!(
                found == expected,
                "{}: the tower gave features of shape {found:?} for images that need {expected:?}",
                self.name
            );
            let values = state.features().clone().into_data();
            Ok(values.iter::<f32>().collect())
        });
        states.collect()
    }

    fn pixels(&self, group: &Group, item: usize, device: &Device) -> Result<Pixels> {
        let layout = group.layout;
        let side = |patches: usize| u32::try_from(patches * layout.patch);
        let (width, height) = (side(layout.cols)?, side(layout.rows)?);
        let Some(grey) = GrayImage::from_raw(width, height, group.images(&[item])?) else {
            bail!("image {item} is not {width} x {height} px");
        };
        let colour = RgbImage::from_fn(width, height, |x, y| {
            let level = grey.get_pixel(x, y).0[0];
            image::Rgb([level; 3])
        });
        Ok(self.processor.image(&colour, device)?)
    }
}

/// Adds every parameter to a hash.
struct Hasher(Sha256);

impl Hasher {
    fn add(&mut self, text: impl AsRef<[u8]>) {
        self.0.update(text);
        self.0.update([0]);
    }
}

impl ModuleVisitor for Hasher {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.add(name);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = param.val().into_data();
        self.add(format!("{:?}", data.shape()));
        let mut bytes = Vec::with_capacity(1 << 16);
        for value in data.iter::<f32>() {
            bytes.extend_from_slice(&value.to_le_bytes());
            if bytes.len() == 1 << 16 {
                self.0.update(&bytes);
                bytes.clear();
            }
        }
        self.0.update(&bytes);
    }
}
