//! Painting in hidden patches: what a tower learns from images without their labels.
//!
//! Half of the patches of an image are replaced by one learned vector behind the embedding; from the
//! last block a linear layer paints the standardised pixels of the hidden ones. The loss is their mean
//! squared error.
//!
//! # Source
//! arXiv:2111.06377 (masked autoencoders). Differs: hidden patches go through the tower as one learned
//! vector, as in arXiv:2111.09886 (SimMIM), so that the tower keeps its size; half of the patches are hidden,
//! because characters are as small as patches here and nothing else tells of one that is hidden whole.

use super::PretrainConfig;
use super::evaluation::in_chunks;
use super::training::Batch;
use anyhow::Result;
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use probe_data::{Group, pixel_batch};
use projector::{PatchGrid, linear, rms_normalize, seeded};
use rand::seq::index;
use run_support::lanes::Lanes;
use serde::{Deserialize, Serialize};
use vision_backbone::{SmallVit, SmallVitConfig};

/// Tower, the vector that stands for a hidden patch, and the layer that paints.
#[derive(Module, Debug)]
pub struct HiddenPatches {
    /// The backbone.
    pub tower: SmallVit,
    blank: Param<Tensor<3>>,
    paint: Linear,
}

impl HiddenPatches {
    /// A fresh tower and head.
    ///
    /// # Errors
    /// If the tower's configuration is impossible.
    pub fn init(config: &SmallVitConfig, seed: u64, device: &Device) -> Result<Self> {
        let mut rng = seeded::stream(seed, "pretrain/parameters");
        let tower = config.init(&mut rng, device)?;
        let d = config.d_model;
        Ok(Self {
            tower,
            blank: Param::from_tensor(seeded::normal([1, 1, d], 0.02, &mut rng, device)),
            paint: seeded::linear(d, config.patch * config.patch, true, &mut rng, device),
        })
    }

    /// Standardised pixels of every patch.
    ///
    /// # Shapes
    /// - `pixels`: `[batch, patches, patch²]` in merge order
    /// - `hidden`: `[batch, patches, 1]`, 1 where a patch is hidden and 0 where it is seen
    /// - output: `[batch, patches, patch²]`
    #[must_use]
    pub fn forward(&self, pixels: &PatchGrid, hidden: &Tensor<3>) -> Tensor<3> {
        let tower = &self.tower;
        let seen = tower.embed(pixels).map_features(|embedded| {
            let shown = hidden.clone().neg().add_scalar(1.0);
            embedded * shown + self.blank.val() * hidden.clone()
        });
        let state = tower.run_blocks(seen, 0..tower.depth());
        linear::apply(&self.paint, rms_normalize(state.features().clone(), 1e-6))
    }
}

/// How much of hidden patches a tower knows, on one task.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskFilled {
    /// The task.
    pub task: super::ReadingTask,
    /// Share of the variance of hidden pixels that is painted right: 1 minus the mean squared error over
    /// the variance, 0 for an image painted in its mean.
    pub explained: f64,
}

/// Mean squared error over the hidden pixels of some images.
pub(super) fn loss(
    model: &HiddenPatches,
    config: &PretrainConfig,
    batch: &Batch<'_>,
    device: &Device,
) -> Result<Option<Tensor<1>>> {
    let items: Vec<usize> = (0..batch.group.len()).collect();
    let pixels = pixel_batch(batch.group, &items, device)?;
    let name = format!("train/{}", batch.task);
    let numbers = items.iter().map(|&item| batch.first + item as u64);
    let hidden = hidden_patches(config.seed, &name, numbers, pixels.features(), device);
    let error = model.forward(&pixels, &hidden) - pixels.features().clone();
    let [_, _, d] = error.dims();
    let count = hidden.clone().sum() * d as f64;
    Ok(Some((error.square() * hidden).sum() / count))
}

/// Paints half of every image of `group`, which was rendered for task `task`.
///
/// # Errors
/// If the images cannot be read.
pub fn evaluate(
    model: &HiddenPatches,
    config: &PretrainConfig,
    task: usize,
    group: &Group,
    lanes: &Lanes,
    device: &Device,
) -> Result<TaskFilled> {
    let name = format!("test/{task}");
    let parts = in_chunks(group, lanes, |items| {
        let pixels = pixel_batch(group, items, device)?;
        let numbers = items.iter().map(|&item| item as u64);
        let hidden = hidden_patches(config.seed, &name, numbers, pixels.features(), device);
        let original = pixels.features().clone();
        let error = model.forward(&pixels, &hidden) - original.clone();
        let of_hidden = |x: Tensor<3>| {
            let sum = (x.square() * hidden.clone()).sum();
            f64::from(sum.into_scalar::<f32>())
        };
        // Pixels are standardised: their mean is 0.
        Ok(vec![(of_hidden(error), of_hidden(original))])
    })?;
    let (mut missing, mut whole) = (0.0, 0.0);
    for (error, variance) in parts {
        missing += error;
        whole += variance;
    }
    Ok(TaskFilled {
        task: config.tasks[task],
        explained: 1.0 - missing / whole,
    })
}

/// Half of the patches of each image, `[images, patches, 1]`; image number `i` has a stream of its own.
fn hidden_patches(
    seed: u64,
    name: &str,
    images: impl Iterator<Item = u64>,
    pixels: &Tensor<3>,
    device: &Device,
) -> Tensor<3> {
    let [count, patches, _] = pixels.dims();
    let mut hidden = vec![0.0_f32; count * patches];
    for (image, number) in images.enumerate() {
        let mut rng = seeded::stream(seed, &format!("pretrain/hidden/{name}/{number}"));
        for patch in index::sample(&mut rng, patches, patches / 2) {
            hidden[image * patches + patch] = 1.0;
        }
    }
    Tensor::from_data(TensorData::new(hidden, [count, patches, 1]), device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vision_backbone::PatchLayout;

    fn model() -> HiddenPatches {
        HiddenPatches::init(&SmallVitConfig::default(), 1, &Device::flex()).unwrap()
    }

    fn pixels() -> PatchGrid {
        let layout = PatchLayout::of_image(64, 32, 8, 2).unwrap();
        let mut rng = seeded::stream(2, "pixels");
        let features = seeded::normal([2, layout.patches(), 64], 1.0, &mut rng, &Device::flex());
        PatchGrid::new(features, layout.rows, layout.cols, layout.merge).unwrap()
    }

    #[test]
    fn half_of_each_image_is_hidden_and_not_the_same_half() {
        let pixels = pixels();
        let of = |first: u64| -> Vec<f32> {
            let hidden = hidden_patches(
                1,
                "train/0",
                first..first + 2,
                pixels.features(),
                &Device::flex(),
            );
            hidden.into_data().iter::<f32>().collect()
        };
        let hidden = of(0);
        for image in hidden.chunks(32) {
            assert_eq!(image.iter().sum::<f32>(), 16.0);
        }
        assert_ne!(hidden[..32], hidden[32..]);
        // An image hides the same patches in whichever batch it comes.
        assert_eq!(of(1)[..32], hidden[32..]);
    }

    #[test]
    fn what_is_hidden_is_not_seen() {
        let (model, pixels) = (model(), pixels());
        let hidden = hidden_patches(1, "train/0", 0..2, pixels.features(), &Device::flex());
        let painted = model.forward(&pixels, &hidden);
        let changed = pixels.map_features(|x| x.clone() + hidden.clone() * 3.0);
        let same = |a: Tensor<3>, b: Tensor<3>| a.equal(b).all().into_scalar::<bool>();
        assert!(same(model.forward(&changed, &hidden), painted.clone()));
        let shown = hidden.clone().neg().add_scalar(1.0);
        let changed = pixels.map_features(|x| x.clone() + shown * 3.0);
        assert!(!same(model.forward(&changed, &hidden), painted));
    }
}
