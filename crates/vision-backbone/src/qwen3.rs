//! The vision tower of Qwen3-VL and Qwen3.5.
//!
//! Learned positions resampled to the image, 2-D rotary angles in every block as well, pre-LN blocks
//! with tanh-GELU, every block sees the whole frame. A projector reads the state after the last block
//! and, in Qwen3-VL, the states after inner blocks too (DeepStack, arXiv:2406.04334).
//!
//! Source: `modeling_qwen3_vl.py` and `modeling_qwen3_5.py` in transformers 5.23.0; arXiv:2511.21631.
//! Differs: inner states come out as they are; the reference runs its DeepStack mergers in the tower.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::linear;

use crate::layers::{Activation, EncoderBlock, Mlp, Norm, PlainMlp};
use crate::packed::PackedPatches;
use crate::position_table::{Interpolation, PositionTable};
use crate::positions::RotaryAngles;
use crate::qwen::ROTARY_BASE;
use crate::source::{Loader, ParameterSource};
use crate::tower::{
    LONGEST_SIDE, TowerError, TowerOutput, VisionTower, WIDEST, check_sizes, require,
};

/// Epsilon of every norm; the reference does not configure it.
pub const NORM_EPS: f64 = 1e-6;

/// What messages call the tower.
const TOWER: &str = "Qwen3-VL vision tower";

/// Shape of a [`Qwen3Vit`].
#[derive(Clone, Debug, PartialEq)]
pub struct Qwen3VitConfig {
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
    /// Side of the block of patches that the mergers behind the tower merge.
    pub merge: usize,
    /// Side of the grid of learned positions, the root of `num_position_embeddings`.
    pub position_side: usize,
    /// Nonlinearity of the MLP; `hidden_act`.
    pub activation: Activation,
    /// Base of the rotary frequencies; `rope_theta`.
    pub rotary_base: f64,
    /// Blocks whose states are [inner levels](TowerOutput::inner) of the output, one per DeepStack
    /// merger; `deepstack_visual_indexes`. Empty in Qwen3.5.
    pub deepstack: Vec<usize>,
}

impl Qwen3VitConfig {
    /// The defaults of the reference's class; releases of other sizes differ from it.
    #[must_use]
    pub fn qwen3_vl() -> Self {
        Self {
            depth: 27,
            d_model: 1152,
            d_mlp: 4304,
            heads: 16,
            channels: 3,
            patch: 16,
            temporal_patch: 2,
            merge: 2,
            position_side: 48,
            activation: Activation::TanhGelu,
            rotary_base: ROTARY_BASE,
            deepstack: vec![8, 16, 24],
        }
    }

    /// The same without DeepStack levels.
    #[must_use]
    pub fn qwen3_5() -> Self {
        Self {
            deepstack: Vec::new(),
            ..Self::qwen3_vl()
        }
    }

    /// The number of the DeepStack merger behind every inner level of the output, which come in the
    /// order of the blocks.
    #[must_use]
    pub fn level_mergers(&self) -> Vec<usize> {
        let mut mergers: Vec<usize> = (0..self.deepstack.len()).collect();
        mergers.sort_by_key(|&merger| self.deepstack[merger]);
        mergers
    }

    /// Checks that a tower can be built.
    ///
    /// # Errors
    /// If a size is 0, heads do not divide the width, or a DeepStack level is no block or one twice.
    pub fn check(&self) -> Result<(), TowerError> {
        let widths = [
            ("depth", self.depth),
            ("hidden_size", self.d_model),
            ("intermediate_size", self.d_mlp),
            ("num_heads", self.heads),
        ];
        check_sizes(TOWER, WIDEST, &widths)?;
        let sides = [
            ("in_channels", self.channels),
            ("patch_size", self.patch),
            ("temporal_patch_size", self.temporal_patch),
            ("spatial_merge_size", self.merge),
            ("sqrt(num_position_embeddings)", self.position_side),
        ];
        check_sizes(TOWER, LONGEST_SIDE, &sides)?;
        require(TOWER, self.d_model.is_multiple_of(4 * self.heads), || {
            format!(
                "hidden_size {} does not divide into {} heads of a width that is a multiple of 4",
                self.d_model, self.heads
            )
        })?;
        let base = self.rotary_base;
        require(TOWER, base.is_finite() && base > 1.0, || {
            format!("rope_theta is {base}; set it above 1")
        })?;
        self.check_levels()
    }

    fn check_levels(&self) -> Result<(), TowerError> {
        let levels = &self.deepstack;
        for (index, level) in levels.iter().enumerate() {
            require(TOWER, *level < self.depth, || {
                format!(
                    "`deepstack_visual_indexes` names block {level}, but there are blocks 0 to {} only",
                    self.depth - 1
                )
            })?;
            require(TOWER, !levels[..index].contains(level), || {
                format!("`deepstack_visual_indexes` names block {level} twice; remove one")
            })?;
        }
        Ok(())
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
    ) -> Result<Qwen3Vit, S::Error>
    where
        S::Error: From<TowerError>,
    {
        self.check()?;
        let mut loader = Loader { source, device };
        let kernel = [self.channels, self.temporal_patch, self.patch, self.patch];
        let embed = loader.patch_embedding("patch_embed.proj", &kernel, self.d_model, true)?;
        let shape = [self.position_side * self.position_side, self.d_model];
        let table = loader.table("pos_embed.weight", &shape, shape)?;
        let blocks = (0..self.depth)
            .map(|index| self.load_block(&format!("blocks.{index}"), &mut loader))
            .collect::<Result<_, _>>()?;
        let interpolation = Interpolation::BilinearAligned;
        Ok(Qwen3Vit {
            embed,
            positions: PositionTable::new(table, self.position_side, interpolation),
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
            let norm = loader.layer_norm(&format!("{name}.{part}"), d, NORM_EPS)?;
            Ok(Norm::Layer(norm))
        };
        let norms = [norm("norm1")?, norm("norm2")?];
        let mut linear = |part: &str, sizes| loader.linear(&format!("{name}.{part}"), sizes, true);
        let mlp = Mlp::Plain(PlainMlp {
            fc1: linear("mlp.linear_fc1", [d, d_mlp])?,
            fc2: linear("mlp.linear_fc2", [d_mlp, d])?,
            activation: self.activation,
        });
        let qkv = linear("attn.qkv", [d, 3 * d])?;
        let out = linear("attn.proj", [d, d])?;
        Ok(EncoderBlock::new(norms, qkv, out, mlp, self.heads))
    }
}

/// The vision tower of Qwen3-VL and Qwen3.5, without its mergers.
#[derive(Module, Debug)]
pub struct Qwen3Vit {
    embed: Linear,
    positions: PositionTable,
    blocks: Vec<EncoderBlock>,
    #[module(skip)]
    config: Qwen3VitConfig,
}

impl Qwen3Vit {
    /// The shape this tower was built with.
    #[must_use]
    pub fn config(&self) -> &Qwen3VitConfig {
        &self.config
    }

    /// Patches with their positions, `[patches, d_model]` in merge order.
    ///
    /// # Errors
    /// If the pixels are not this tower's.
    pub fn embed(&self, pixels: &PackedPatches) -> Result<Tensor<2>, TowerError> {
        self.check(pixels)?;
        let positions = self.positions.of_grids(pixels.grids(), pixels.merge());
        Ok(linear::apply(&self.embed, pixels.features().clone()) + positions)
    }
}

impl VisionTower for Qwen3Vit {
    fn patch_size(&self) -> usize {
        self.config.patch
    }

    fn merge_size(&self) -> usize {
        self.config.merge
    }

    fn d_patch(&self) -> usize {
        let Qwen3VitConfig {
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
        let mut state = self.embed(pixels)?;
        let config = &self.config;
        let d_head = config.d_model / config.heads;
        let (positions, device) = (pixels.positions(), state.device());
        let angles = RotaryAngles::published(&positions, d_head, config.rotary_base, &device);
        let frames = pixels.frames();
        let mut inner = Vec::with_capacity(config.deepstack.len());
        for (index, block) in self.blocks.iter().enumerate() {
            state = block.forward(state, Some(angles.rotation()), &frames);
            if config.deepstack.contains(&index) {
                inner.push(pixels.with_features(state.clone()));
            }
        }
        let last = pixels.with_features(state);
        Ok(TowerOutput {
            inner,
            ..TowerOutput::one_level(last, None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(config: Qwen3VitConfig) -> String {
        config.check().unwrap_err().to_string()
    }

    #[test]
    fn released_shapes_are_accepted_and_impossible_ones_named() {
        let released = Qwen3VitConfig::qwen3_vl();
        assert_eq!(released.check(), Ok(()));
        assert_eq!(Qwen3VitConfig::qwen3_5().check(), Ok(()));
        let with = |change: fn(&mut Qwen3VitConfig)| {
            let mut config = released.clone();
            change(&mut config);
            problem(config)
        };
        for (message, part) in [
            (with(|c| c.depth = 0), "`depth` is 0"),
            (with(|c| c.position_side = 0), "num_position_embeddings"),
            (with(|c| c.heads = 7), "7 heads"),
            (with(|c| c.rotary_base = f64::NAN), "rope_theta is NaN"),
            (with(|c| c.deepstack = vec![27]), "block 27"),
            (with(|c| c.deepstack = vec![3, 3]), "block 3 twice"),
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }

    #[test]
    fn levels_come_in_the_order_of_the_blocks_each_with_its_merger() {
        let config = Qwen3VitConfig {
            deepstack: vec![16, 8, 24],
            ..Qwen3VitConfig::qwen3_vl()
        };
        assert_eq!(config.level_mergers(), [1, 0, 2]);
    }
}
