//! The vision tower of Ovis2.5 and Ovis2.6: SigLIP2 at native resolution (`Siglip2Navit`).
//!
//! Learned positions resized to the image, 2-D rotary angles in every block as well, pre-LN blocks
//! with tanh-GELU. The visual head reads the state before `post_layernorm`.
//!
//! Source: the Ovis2.5 modeling file of AIDC-AI/Ovis; arXiv:2508.11737 §2. Differs: features come
//! back in merge order whether or not windows are used, as the reference's `hidden_states` do.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::{LayerNorm, linear};

use crate::layers::{Activation, EncoderBlock, Mlp, Norm, PlainMlp};
use crate::packed::PackedPatches;
use crate::position_table::{Interpolation, PositionTable};
use crate::positions::RotaryAngles;
use crate::source::{Loader, ParameterSource};
use crate::tower::{
    LONGEST_SIDE, TowerError, TowerOutput, VisionTower, WIDEST, check_sizes, indices, require,
};
use crate::windows::WindowOrder;

/// Base of the rotary frequencies.
pub const ROTARY_BASE: f64 = 10_000.0;

/// Shape of a [`Navit`].
#[derive(Clone, Debug, PartialEq)]
pub struct NavitConfig {
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
    /// Side of the block of patches that the visual head merges; `hidden_stride`.
    pub merge: usize,
    /// Side of the grid of learned positions, `image_size / patch_size`.
    pub position_side: usize,
    /// Nonlinearity of the MLP; `hidden_act`.
    pub activation: Activation,
    /// Epsilon of the norms.
    pub norm_eps: f64,
    /// Whether queries and keys are rotated.
    pub rotary: bool,
    /// Whether `post_layernorm` may be missing, which the visual head does not read: the checkpoints of
    /// Ovis2.6 were released without it.
    pub may_lack_final_norm: bool,
    /// Side of a window in pixels, and the blocks that see the whole frame; `None` (the releases)
    /// if all do.
    pub windows: Option<(usize, Vec<usize>)>,
}

impl NavitConfig {
    /// Ovis2.5-2B and 9B, which share their tower (so400m).
    #[must_use]
    pub fn ovis2_5() -> Self {
        Self {
            depth: 27,
            d_model: 1152,
            d_mlp: 4304,
            heads: 16,
            channels: 3,
            patch: 16,
            temporal_patch: 1,
            merge: 2,
            position_side: 32,
            activation: Activation::TanhGelu,
            norm_eps: 1e-6,
            rotary: true,
            may_lack_final_norm: false,
            windows: None,
        }
    }

    /// Side of a window in merged blocks; the reference divides twice and rounds down each time.
    #[must_use]
    pub fn window_blocks(&self) -> Option<usize> {
        let (window, _) = self.windows.as_ref()?;
        Some(window / self.merge / self.patch)
    }

    /// Checks that a tower can be built.
    ///
    /// # Errors
    /// If a size is 0, heads do not divide the width, or a window holds no block.
    pub fn check(&self) -> Result<(), TowerError> {
        let tower = "Ovis2.5 vision tower";
        let widths = [
            ("num_hidden_layers", self.depth),
            ("hidden_size", self.d_model),
            ("intermediate_size", self.d_mlp),
            ("num_attention_heads", self.heads),
        ];
        check_sizes(tower, WIDEST, &widths)?;
        let sides = [
            ("num_channels", self.channels),
            ("patch_size", self.patch),
            ("temporal_patch_size", self.temporal_patch),
            ("hidden_stride", self.merge),
            ("image_size / patch_size", self.position_side),
        ];
        check_sizes(tower, LONGEST_SIDE, &sides)?;
        let multiple = if self.rotary { 4 } else { 1 };
        let divides = self.d_model.is_multiple_of(multiple * self.heads);
        require(tower, divides, || {
            format!(
                "hidden_size {} does not divide into {} heads of a width that is a multiple of \
                 {multiple}",
                self.d_model, self.heads
            )
        })?;
        require(tower, self.window_blocks() != Some(0), || {
            format!(
                "window_size is less than one merged block of {} pixels",
                self.merge * self.patch
            )
        })?;
        let eps = self.norm_eps;
        require(tower, eps.is_finite() && eps > 0.0, || {
            format!("layer_norm_eps is {eps}; set it above 0")
        })
    }

    /// Reads the tower from `source`, under the names of the published checkpoints without prefix
    /// (`encoder.layers.0.self_attn.q_proj.weight`).
    ///
    /// # Errors
    /// If the configuration is bad or a tensor cannot be read.
    pub fn load<S: ParameterSource>(
        &self,
        source: &mut S,
        device: &Device,
    ) -> Result<Navit, S::Error>
    where
        S::Error: From<TowerError>,
    {
        self.check()?;
        let mut loader = Loader { source, device };
        let mut kernel = vec![self.channels, self.patch, self.patch];
        if self.temporal_patch > 1 {
            kernel.insert(1, self.temporal_patch);
        }
        let embed =
            loader.patch_embedding("embeddings.patch_embedding", &kernel, self.d_model, true)?;
        let cells = self.position_side * self.position_side;
        let table = loader.table(
            "embeddings.position_embedding.weight",
            &[cells, self.d_model],
            [cells, self.d_model],
        )?;
        let blocks = (0..self.depth)
            .map(|index| self.load_block(&format!("encoder.layers.{index}"), &mut loader))
            .collect::<Result<_, _>>()?;
        let final_norm = "post_layernorm";
        let lacks_norm =
            self.may_lack_final_norm && !loader.source.has(&format!("{final_norm}.weight"));
        let final_norm = match lacks_norm {
            true => None,
            false => Some(loader.layer_norm(final_norm, self.d_model, self.norm_eps)?),
        };
        Ok(Navit {
            embed,
            positions: PositionTable::new(table, self.position_side, Interpolation::Bicubic),
            blocks,
            final_norm,
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
            let norm = loader.layer_norm(&format!("{name}.{part}"), d, self.norm_eps)?;
            Ok(Norm::Layer(norm))
        };
        let norms = [norm("layer_norm1")?, norm("layer_norm2")?];
        let qkv = ["q_proj", "k_proj", "v_proj"].map(|part| format!("{name}.self_attn.{part}"));
        let qkv = loader.stacked(&qkv, [d, d], true)?;
        let out = loader.linear(&format!("{name}.self_attn.out_proj"), [d, d], true)?;
        let mlp = Mlp::Plain(PlainMlp {
            fc1: loader.linear(&format!("{name}.mlp.fc1"), [d, d_mlp], true)?,
            fc2: loader.linear(&format!("{name}.mlp.fc2"), [d_mlp, d], true)?,
            activation: self.activation,
        });
        Ok(EncoderBlock::new(norms, qkv, out, mlp, self.heads))
    }
}

/// The vision tower of Ovis2.5 and Ovis2.6, without its visual head.
#[derive(Module, Debug)]
pub struct Navit {
    embed: Linear,
    positions: PositionTable,
    blocks: Vec<EncoderBlock>,
    final_norm: Option<LayerNorm>,
    #[module(skip)]
    config: NavitConfig,
}

impl Navit {
    /// The shape this tower was built with.
    #[must_use]
    pub fn config(&self) -> &NavitConfig {
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

    fn run_blocks(&self, embedded: Tensor<2>, pixels: &PackedPatches) -> Tensor<2> {
        let device = embedded.device();
        let block = self.config.merge * self.config.merge;
        let rows_of = |blocks: &[usize]| -> Vec<usize> {
            blocks
                .iter()
                .flat_map(|&b| b * block..(b + 1) * block)
                .collect()
        };
        let order = self
            .config
            .window_blocks()
            .map(|side| WindowOrder::new(pixels.grids(), self.config.merge, side));
        let mut positions = pixels.positions();
        let mut state = embedded;
        let mut windows = Vec::new();
        if let Some(order) = &order {
            let rows = rows_of(&order.blocks);
            positions = rows.iter().map(|&row| positions[row]).collect();
            state = state.select(0, indices(&rows, &device));
            windows = order.lengths.iter().map(|blocks| blocks * block).collect();
        }
        let frames = pixels.frames();
        let d_head = self.config.d_model / self.config.heads;
        let angles = self
            .config
            .rotary
            .then(|| RotaryAngles::published(&positions, d_head, ROTARY_BASE, &device));
        for (index, block) in self.blocks.iter().enumerate() {
            let sees_frame = match &self.config.windows {
                None => true,
                Some((_, full_attention)) => full_attention.contains(&index),
            };
            let segments = if sees_frame { &frames } else { &windows };
            let rotation = angles.as_ref().map(RotaryAngles::rotation);
            state = block.forward(state, rotation, segments);
        }
        match order {
            Some(order) => state.select(0, indices(&rows_of(&order.inverse()), &device)),
            None => state,
        }
    }
}

impl VisionTower for Navit {
    fn patch_size(&self) -> usize {
        self.config.patch
    }

    fn merge_size(&self) -> usize {
        self.config.merge
    }

    fn d_patch(&self) -> usize {
        let NavitConfig {
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
        let state = self.run_blocks(self.embed(pixels)?, pixels);
        let pre_norm = pixels.with_features(state.clone());
        let norm = self.final_norm.as_ref();
        let post_norm = norm.map(|norm| pixels.with_features(norm.forward(state)));
        Ok(TowerOutput::one_level(pre_norm, post_norm))
    }
}
