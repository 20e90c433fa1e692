//! Pre-training of a backbone without any projector: to read, or to paint in hidden patches.
//!
//! The default tower learns to read rendered text from raw patch features through an anchored reader, so
//! that no projector is favoured. Every image is fresh: item `i` of the training split is rendered
//! when it is needed and never again. A batch is cut into shards of fixed size that are trained
//! side by side and summed in order, so the result does not depend on the number of threads.
//!
//! [`read_lines`] makes a tower for words and lines whose characters have no known places, and [`fill_in`]
//! one that was not taught to read, on the same images without their labels: "the tower was taught to
//! read" is then a factor with two levels.

mod config;
mod evaluation;
pub mod fill_in;
pub mod read_lines;
mod training;

pub use config::{Objective, PretrainConfig, ReadingTask};
pub use evaluation::{TaskAccuracy, evaluate};
pub use fill_in::{HiddenPatches, TaskFilled};
pub use read_lines::LineReader;
pub use training::{Learned, Pretrained, Progress, pretrain};

use crate::reader::{AnchoredReader, AnchoredReaderConfig};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use projector::{PatchGrid, rms_normalize, seeded};
use text_images::Charset;
use vision_backbone::{SmallVit, SmallVitConfig};

/// Classes of the pre-training head: every printable character; smaller charsets use a subset.
pub const HEAD_CHARSET: Charset = Charset::Printable94;

/// Width of the head's hidden layer; part of the recipe of the tracked backbone, so it does not
/// follow the probes.
const HEAD_HIDDEN: usize = 192;

/// Score of a class that the task's charset lacks; low enough never to win, finite for gradients.
const IMPOSSIBLE: f32 = -30.0;

/// Tower and reading head.
#[derive(Module, Debug)]
pub struct PatchReader {
    /// The backbone.
    pub tower: SmallVit,
    /// Reads characters from patches.
    pub head: AnchoredReader,
}

impl PatchReader {
    /// A fresh tower and head.
    ///
    /// # Errors
    /// If the tower's configuration is impossible.
    pub fn init(config: &SmallVitConfig, seed: u64, device: &Device) -> anyhow::Result<Self> {
        let mut rng = seeded::stream(seed, "pretrain/parameters");
        let tower = config.init(&mut rng, device)?;
        let head = AnchoredReaderConfig {
            d_hidden: HEAD_HIDDEN,
            ..AnchoredReaderConfig::new(config.d_model, HEAD_CHARSET.size())
        }
        .init(&mut rng, device);
        Ok(Self { tower, head })
    }

    /// Scores of all head classes for every slot; those outside `allowed` cannot win.
    ///
    /// # Shapes
    /// - `pixels`: patch pixels in merge order
    /// - output: `[batch, slots, 94]`
    #[must_use]
    pub fn forward(
        &self,
        pixels: &PatchGrid,
        anchors: &crate::reader::Anchors,
        allowed: Tensor<3>,
    ) -> Tensor<3> {
        let tower = &self.tower;
        let state = tower.run_blocks(tower.embed(pixels), 0..tower.depth());
        let state = state.features().clone();
        self.head.forward(rms_normalize(state, 1e-6), anchors) + allowed
    }
}

/// 0 for the head classes that `charset` has, and a large negative score for the others:
/// `[1, 1, 94]`.
#[must_use]
pub fn allowed_classes(charset: Charset, device: &Device) -> Tensor<3> {
    let scores: Vec<f32> = HEAD_CHARSET
        .chars()
        .iter()
        .map(|&character| {
            if charset.class_of(character).is_some() {
                0.0
            } else {
                IMPOSSIBLE
            }
        })
        .collect();
    Tensor::<1>::from_floats(scores.as_slice(), device).reshape([1, 1, HEAD_CHARSET.size()])
}
