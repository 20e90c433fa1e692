//! The vision tower of Qwen2-VL and Qwen2.5-VL.
//!
//! Patch embedding without positions, 2-D rotary angles in every block; in Qwen2.5-VL most blocks
//! attend within windows of 112 x 112 pixels and a few within a whole frame.
//!
//! Source: `modeling_qwen2_5_vl.py` and `modeling_qwen2_vl.py` in transformers 5.23.0;
//! arXiv:2502.13923 §2.1, arXiv:2409.12191 §2.1. Differs: features come back in merge order. The
//! reference leaves them in window order and re-sorts what the merger makes of them.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::linear;

use crate::layers::{Activation, EncoderBlock, GatedMlp, Mlp, Norm, PlainMlp};
use crate::packed::{GridThw, PackedPatches};
use crate::positions::RotaryAngles;
use crate::source::{Loader, ParameterSource};
use crate::tower::{
    LONGEST_SIDE, TowerError, TowerOutput, VisionTower, WIDEST, check_sizes, indices, require,
};
use crate::windows::WindowOrder;

/// Epsilon of every norm in the family; the references do not configure it.
pub const NORM_EPS: f64 = 1e-6;
/// Base of the rotary frequencies.
pub const ROTARY_BASE: f64 = 10_000.0;

/// What tells the two generations apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QwenGeneration {
    /// Qwen2-VL: LayerNorm, plain MLP, every block sees the whole frame.
    Qwen2 {
        /// `hidden_act`.
        activation: Activation,
    },
    /// Qwen2.5-VL: RMSNorm, gated MLP with biases, windows.
    Qwen2_5 {
        /// Side of a window in pixels.
        window: usize,
        /// Blocks that see the whole frame.
        full_attention: Vec<usize>,
    },
}

/// Shape of a [`QwenVit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QwenVitConfig {
    /// Number of blocks.
    pub depth: usize,
    /// Width of a patch feature.
    pub d_model: usize,
    /// Width of the hidden layer of the MLP.
    pub d_mlp: usize,
    /// Attention heads.
    pub heads: usize,
    /// Colour channels.
    pub channels: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Frames per patch.
    pub temporal_patch: usize,
    /// Side of the block of patches that the merger behind the tower merges.
    pub merge: usize,
    /// Norms, MLP and windows.
    pub generation: QwenGeneration,
}

impl QwenVitConfig {
    /// Qwen2.5-VL-3B and 7B: they differ in the merger only.
    #[must_use]
    pub fn qwen2_5_vl_3b() -> Self {
        Self {
            depth: 32,
            d_model: 1280,
            d_mlp: 3420,
            heads: 16,
            channels: 3,
            patch: 14,
            temporal_patch: 2,
            merge: 2,
            generation: QwenGeneration::Qwen2_5 {
                window: 112,
                full_attention: vec![7, 15, 23, 31],
            },
        }
    }

    /// Qwen2.5-VL-7B.
    #[must_use]
    pub fn qwen2_5_vl_7b() -> Self {
        Self::qwen2_5_vl_3b()
    }

    /// Qwen2.5-VL-32B. The width of its MLP follows from the published parameter count.
    #[must_use]
    pub fn qwen2_5_vl_32b() -> Self {
        Self {
            d_mlp: 3456,
            ..Self::qwen2_5_vl_3b()
        }
    }

    /// Qwen2.5-VL-72B, with the MLP of the 32B tower (not confirmed by a published count).
    #[must_use]
    pub fn qwen2_5_vl_72b() -> Self {
        Self::qwen2_5_vl_32b()
    }

    /// Qwen2-VL, all sizes.
    #[must_use]
    pub fn qwen2_vl() -> Self {
        Self {
            d_mlp: 5120,
            generation: QwenGeneration::Qwen2 {
                activation: Activation::QuickGelu,
            },
            ..Self::qwen2_5_vl_3b()
        }
    }

    /// Side of a window in merged blocks; `None` without windows. The reference divides twice and
    /// rounds down each time.
    #[must_use]
    pub fn window_blocks(&self) -> Option<usize> {
        match &self.generation {
            QwenGeneration::Qwen2 { .. } => None,
            QwenGeneration::Qwen2_5 { window, .. } => Some(window / self.merge / self.patch),
        }
    }

    /// Whether a block sees the whole frame.
    #[must_use]
    pub fn sees_frame(&self, block: usize) -> bool {
        match &self.generation {
            QwenGeneration::Qwen2 { .. } => true,
            QwenGeneration::Qwen2_5 { full_attention, .. } => full_attention.contains(&block),
        }
    }

    /// Checks that a tower can be built.
    ///
    /// # Errors
    /// If a size is 0, heads do not divide the width, or a window holds no block.
    pub fn check(&self) -> Result<(), TowerError> {
        let tower = "Qwen vision tower";
        let widths = [
            ("depth", self.depth),
            ("hidden_size", self.d_model),
            ("intermediate_size", self.d_mlp),
            ("num_heads", self.heads),
        ];
        check_sizes(tower, WIDEST, &widths)?;
        let sides = [
            ("in_channels", self.channels),
            ("patch_size", self.patch),
            ("temporal_patch_size", self.temporal_patch),
            ("spatial_merge_size", self.merge),
        ];
        check_sizes(tower, LONGEST_SIDE, &sides)?;
        require(tower, self.d_model.is_multiple_of(4 * self.heads), || {
            format!(
                "hidden_size {} does not divide into {} heads of a width that is a multiple of 4",
                self.d_model, self.heads
            )
        })?;
        require(tower, self.window_blocks() != Some(0), || {
            format!(
                "window_size is less than one merged block of {} pixels",
                self.merge * self.patch
            )
        })
    }

    /// Reads the tower from `source`, under the names of the published checkpoints without prefix
    /// (`blocks.0.attn.qkv.weight`).
    ///
    /// # Errors
    /// If the configuration is bad or a tensor cannot be read.
    pub fn load<S: ParameterSource>(
        &self,
        source: &mut S,
        device: &Device,
    ) -> Result<QwenVit, S::Error>
    where
        S::Error: From<TowerError>,
    {
        self.check()?;
        let mut loader = Loader { source, device };
        let kernel = [self.channels, self.temporal_patch, self.patch, self.patch];
        let embed = loader.patch_embedding("patch_embed.proj", &kernel, self.d_model, false)?;
        let blocks = (0..self.depth)
            .map(|index| self.load_block(&format!("blocks.{index}"), &mut loader))
            .collect::<Result<_, _>>()?;
        Ok(QwenVit {
            embed,
            blocks,
            config: self.clone(),
        })
    }

    fn load_block<S: ParameterSource>(
        &self,
        name: &str,
        loader: &mut Loader<'_, S>,
    ) -> Result<EncoderBlock, S::Error> {
        let (d, d_mlp) = (self.d_model, self.d_mlp);
        let mut norm = |part: &str| {
            let name = format!("{name}.{part}");
            Ok(match self.generation {
                QwenGeneration::Qwen2 { .. } => Norm::Layer(loader.layer_norm(&name, d, NORM_EPS)?),
                QwenGeneration::Qwen2_5 { .. } => Norm::Rms(loader.rms_norm(&name, d, NORM_EPS)?),
            })
        };
        let norms = [norm("norm1")?, norm("norm2")?];
        let mut linear = |part: &str, sizes| loader.linear(&format!("{name}.{part}"), sizes, true);
        let mlp = match self.generation {
            QwenGeneration::Qwen2 { activation } => Mlp::Plain(PlainMlp {
                fc1: linear("mlp.fc1", [d, d_mlp])?,
                fc2: linear("mlp.fc2", [d_mlp, d])?,
                activation,
            }),
            QwenGeneration::Qwen2_5 { .. } => Mlp::Gated(GatedMlp {
                gate: linear("mlp.gate_proj", [d, d_mlp])?,
                up: linear("mlp.up_proj", [d, d_mlp])?,
                down: linear("mlp.down_proj", [d_mlp, d])?,
            }),
        };
        let qkv = linear("attn.qkv", [d, 3 * d])?;
        let out = linear("attn.proj", [d, d])?;
        Ok(EncoderBlock::new(norms, qkv, out, mlp, self.heads))
    }
}

/// The vision tower of Qwen2-VL and Qwen2.5-VL, without its merger.
#[derive(Module, Debug)]
pub struct QwenVit {
    embed: Linear,
    blocks: Vec<EncoderBlock>,
    #[module(skip)]
    config: QwenVitConfig,
}

/// The order in which the tower works on a batch.
#[derive(Clone, Debug)]
pub struct QwenOrder {
    /// Window order of the blocks; the merge order without windows.
    pub windows: WindowOrder,
    /// Rows of the batch in that order.
    patches: Vec<usize>,
    /// Patches of every window.
    window_lengths: Vec<usize>,
    /// Patches of every frame.
    frame_lengths: Vec<usize>,
}

impl QwenVit {
    /// The shape this tower was built with.
    #[must_use]
    pub fn config(&self) -> &QwenVitConfig {
        &self.config
    }

    /// The order in which patches of these sizes are worked on.
    #[must_use]
    pub fn order(&self, pixels: &PackedPatches) -> QwenOrder {
        let merge = self.config.merge;
        // Without windows, each frame is one: its blocks stay in merge order.
        let side = self.config.window_blocks().unwrap_or(usize::MAX);
        let windows = WindowOrder::new(pixels.grids(), merge, side);
        let block = merge * merge;
        QwenOrder {
            patches: windows
                .blocks
                .iter()
                .flat_map(|&b| b * block..(b + 1) * block)
                .collect(),
            window_lengths: windows
                .lengths
                .iter()
                .map(|blocks| blocks * block)
                .collect(),
            frame_lengths: pixels.frames(),
            windows,
        }
    }

    /// State after the last block in window order, `[patches, d_model]`: where the reference's own
    /// merger reads it.
    ///
    /// # Errors
    /// If the pixels are not this tower's.
    pub fn hidden_in_window_order(
        &self,
        pixels: &PackedPatches,
        order: &QwenOrder,
    ) -> Result<Tensor<2>, TowerError> {
        self.check(pixels)?;
        let device = pixels.features().device();
        let positions = pixels.positions();
        let positions: Vec<_> = order.patches.iter().map(|&row| positions[row]).collect();
        let d_head = self.config.d_model / self.config.heads;
        let angles = RotaryAngles::published(&positions, d_head, ROTARY_BASE, &device);
        let rows = indices(&order.patches, &device);
        let embedded = linear::apply(&self.embed, pixels.features().clone()).select(0, rows);
        Ok(self
            .blocks
            .iter()
            .enumerate()
            .fold(embedded, |state, (index, block)| {
                let segments = if self.config.sees_frame(index) {
                    &order.frame_lengths
                } else {
                    &order.window_lengths
                };
                block.forward(state, Some(angles.rotation()), segments)
            }))
    }
}

impl VisionTower for QwenVit {
    fn patch_size(&self) -> usize {
        self.config.patch
    }

    fn merge_size(&self) -> usize {
        self.config.merge
    }

    fn d_patch(&self) -> usize {
        let QwenVitConfig {
            channels,
            temporal_patch,
            patch,
            ..
        } = self.config;
        channels * temporal_patch * patch * patch
    }

    fn d_model(&self) -> usize {
        self.config.d_model
    }

    fn forward(&self, pixels: &PackedPatches) -> Result<TowerOutput, TowerError> {
        let order = self.order(pixels);
        let hidden = self.hidden_in_window_order(pixels, &order)?;
        let device = hidden.device();
        let block = self.config.merge * self.config.merge;
        let back: Vec<usize> = order
            .windows
            .inverse()
            .into_iter()
            .flat_map(|b| b * block..(b + 1) * block)
            .collect();
        let features = pixels.with_features(hidden.select(0, indices(&back, &device)));
        Ok(TowerOutput::one_level(features, None))
    }
}

/// Every patch of `grids` as `(row, column)`, in merge order: `position_ids` of the reference.
#[must_use]
pub fn position_ids(grids: &[GridThw], merge: usize) -> Vec<(usize, usize)> {
    grids
        .iter()
        .flat_map(|grid| grid.positions(merge))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RandomSource;
    use burn::tensor::TensorData;

    /// The golden tests show that the tower as it is agrees with the reference to 1e-5; this, that
    /// it would not without its rotary angles.
    #[test]
    fn without_rotary_angles_features_are_others() {
        let config = QwenVitConfig {
            depth: 2,
            d_model: 32,
            d_mlp: 40,
            heads: 4,
            patch: 4,
            generation: QwenGeneration::Qwen2_5 {
                window: 16,
                full_attention: vec![1],
            },
            ..QwenVitConfig::qwen2_5_vl_3b()
        };
        let device = Device::flex();
        let tower = config.load(&mut RandomSource { seed: 1 }, &device).unwrap();
        let (patches, columns) = (4 * 6, tower.d_patch());
        let values: Vec<f32> = (0..patches * columns)
            .map(|i| ((i * i) % 97) as f32 / 48.0 - 1.0)
            .collect();
        let pixels = Tensor::from_data(TensorData::new(values, [patches, columns]), &device);
        let pixels = PackedPatches::new(pixels, vec![GridThw::still(4, 6)], 2).unwrap();
        let order = tower.order(&pixels);
        let with = tower.hidden_in_window_order(&pixels, &order).unwrap();
        let rows = indices(&order.patches, &device);
        let embedded = linear::apply(&tower.embed, pixels.features().clone()).select(0, rows);
        let [windowed, whole] = &tower.blocks[..] else {
            panic!("two blocks")
        };
        let state = windowed.forward(embedded, None, &order.window_lengths);
        let without = whole.forward(state, None, &order.frame_lengths);
        let error: f32 = (with - without).abs().max().into_scalar();
        assert!(error > 1e-3, "max abs difference is only {error:e}");
    }
}
