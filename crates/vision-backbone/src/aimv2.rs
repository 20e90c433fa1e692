//! The vision tower of Ovis2: AIMv2.
//!
//! Patches in raster order, an RMSNorm in front of the learned positions, pre-norm blocks with gated
//! SiLU MLPs. The visual head of the official code reads the state before the final norm, that of
//! transformers the state after it.
//!
//! Source: `modeling_ovis2.py` in transformers 5.23.0, the Ovis2 code of AIDC-AI/Ovis;
//! arXiv:2411.14402 §2. Differs: an image with another number of patches than the table has
//! positions is refused, as in transformers; the official code would cut the table off.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::linear;

use crate::layers::{EncoderBlock, GatedMlp, Mlp, Norm, RmsNorm};
use crate::packed::PackedPatches;
use crate::source::{Loader, ParameterSource};
use crate::tower::{
    LONGEST_SIDE, TowerError, TowerOutput, VisionTower, WIDEST, check_sizes, require,
};

/// Shape of an [`Aimv2`].
#[derive(Clone, Debug, PartialEq)]
pub struct Aimv2Config {
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
    /// Side of the image in pixels.
    pub image: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Side of the block of patches that the visual head merges; `hidden_stride`.
    pub merge: usize,
    /// Epsilon of the norms.
    pub norm_eps: f64,
    /// Whether queries, keys, values and the attention's output have biases.
    pub attention_bias: bool,
    /// Whether the layers of the MLP have biases.
    pub mlp_bias: bool,
}

/// Under which names a checkpoint stores the tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aimv2Naming {
    /// transformers: `transformer.encoder.layers.0.attention.q_proj`.
    Transformers,
    /// The official checkpoints: `trunk.blocks.0.attn.qkv`, queries, keys and values in one.
    Official,
}

impl Aimv2Config {
    /// aimv2-large-patch14-448: Ovis2-1B and 2B.
    #[must_use]
    pub fn large() -> Self {
        Self {
            depth: 24,
            d_model: 1024,
            d_mlp: 2816,
            heads: 8,
            channels: 3,
            image: 448,
            patch: 14,
            merge: 2,
            norm_eps: 1e-5,
            attention_bias: false,
            mlp_bias: false,
        }
    }

    /// aimv2-huge-patch14-448: Ovis2-4B, 8B and 16B. The number of heads is inferred.
    #[must_use]
    pub fn huge() -> Self {
        Self {
            d_model: 1536,
            d_mlp: 4096,
            heads: 12,
            ..Self::large()
        }
    }

    /// aimv2-1B-patch14-448: Ovis2-34B. The number of heads is inferred.
    #[must_use]
    pub fn one_b() -> Self {
        Self {
            d_model: 2048,
            d_mlp: 5632,
            heads: 16,
            ..Self::large()
        }
    }

    /// Patches along a side of the image.
    #[must_use]
    pub fn side(&self) -> usize {
        self.image / self.patch.max(1)
    }

    /// Checks that a tower can be built.
    ///
    /// # Errors
    /// If a size is 0, heads do not divide the width, or the image holds no patch.
    pub fn check(&self) -> Result<(), TowerError> {
        let tower = "AIMv2 vision tower";
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
            ("hidden_stride", self.merge),
            ("image_size / patch_size", self.side()),
        ];
        check_sizes(tower, LONGEST_SIDE, &sides)?;
        require(tower, self.d_model.is_multiple_of(self.heads), || {
            format!(
                "hidden_size {} does not divide into {} heads",
                self.d_model, self.heads
            )
        })?;
        let eps = self.norm_eps;
        require(tower, eps.is_finite() && eps > 0.0, || {
            format!("rms_norm_eps is {eps}; set it above 0")
        })
    }

    /// Reads the tower from `source`, under names without prefix (`transformer.rms_norm.weight` or
    /// `trunk.post_trunk_norm.weight`).
    ///
    /// # Errors
    /// If the configuration is bad or a tensor cannot be read.
    pub fn load<S: ParameterSource>(
        &self,
        naming: Aimv2Naming,
        source: &mut S,
        device: &Device,
    ) -> Result<Aimv2, S::Error>
    where
        S::Error: From<TowerError>,
    {
        self.check()?;
        let mut loader = Loader { source, device };
        let (d, patches) = (self.d_model, self.side() * self.side());
        let names = Names::of(naming);
        let kernel = [self.channels, self.patch, self.patch];
        let embed = loader.patch_embedding(names.embed, &kernel, d, true)?;
        let stored: &[usize] = match naming {
            Aimv2Naming::Transformers => &[patches, d],
            Aimv2Naming::Official => &[1, patches, d],
        };
        let positions = loader.table(names.positions, stored, [patches, d])?;
        let embed_norm = loader.rms_norm(names.embed_norm, d, self.norm_eps)?;
        let blocks = (0..self.depth)
            .map(|index| {
                let name = format!("{}.{index}", names.blocks);
                self.load_block(&name, &names, &mut loader)
            })
            .collect::<Result<_, _>>()?;
        Ok(Aimv2 {
            embed,
            embed_norm,
            positions,
            blocks,
            final_norm: loader.rms_norm(names.final_norm, d, self.norm_eps)?,
            config: self.clone(),
        })
    }

    fn load_block<S: ParameterSource>(
        &self,
        name: &str,
        names: &Names,
        loader: &mut Loader<'_, S>,
    ) -> Result<EncoderBlock, S::Error> {
        let (d, d_mlp) = (self.d_model, self.d_mlp);
        let under = |part: &str| format!("{name}.{part}");
        let norms = [
            Norm::Rms(loader.rms_norm(&under(names.norms[0]), d, self.norm_eps)?),
            Norm::Rms(loader.rms_norm(&under(names.norms[1]), d, self.norm_eps)?),
        ];
        let qkv: Vec<String> = names.qkv.iter().map(|part| under(part)).collect();
        // One matrix of all three, or three of one each.
        let width = 3 * d / qkv.len();
        let qkv = loader.stacked(&qkv, [d, width], self.attention_bias)?;
        let out = loader.linear(&under(names.out), [d, d], self.attention_bias)?;
        let [gate, up, down] = names.mlp;
        let mlp = Mlp::Gated(GatedMlp {
            gate: loader.linear(&under(gate), [d, d_mlp], self.mlp_bias)?,
            up: loader.linear(&under(up), [d, d_mlp], self.mlp_bias)?,
            down: loader.linear(&under(down), [d_mlp, d], self.mlp_bias)?,
        });
        Ok(EncoderBlock::new(norms, qkv, out, mlp, self.heads))
    }
}

/// Names of the parameters in one of the two layouts.
struct Names {
    embed: &'static str,
    embed_norm: &'static str,
    positions: &'static str,
    blocks: &'static str,
    norms: [&'static str; 2],
    qkv: &'static [&'static str],
    out: &'static str,
    mlp: [&'static str; 3],
    final_norm: &'static str,
}

impl Names {
    fn of(naming: Aimv2Naming) -> Self {
        match naming {
            Aimv2Naming::Transformers => Self {
                embed: "transformer.embeddings.patch_embedding",
                embed_norm: "transformer.embeddings.rms_norm",
                positions: "transformer.embeddings.position_embedding.weight",
                blocks: "transformer.encoder.layers",
                norms: ["rms_norm1", "rms_norm2"],
                qkv: &["attention.q_proj", "attention.k_proj", "attention.v_proj"],
                out: "attention.out_proj",
                mlp: ["ffn.gate_proj", "ffn.up_proj", "ffn.down_proj"],
                final_norm: "transformer.rms_norm",
            },
            Aimv2Naming::Official => Self {
                embed: "preprocessor.patchifier.proj",
                embed_norm: "preprocessor.patchifier.norm",
                positions: "preprocessor.pos_embed",
                blocks: "trunk.blocks",
                norms: ["norm_1", "norm_2"],
                qkv: &["attn.qkv"],
                out: "attn.proj",
                mlp: ["mlp.fc1", "mlp.fc3", "mlp.fc2"],
                final_norm: "trunk.post_trunk_norm",
            },
        }
    }
}

/// The vision tower of Ovis2, without its visual head.
#[derive(Module, Debug)]
pub struct Aimv2 {
    embed: Linear,
    embed_norm: RmsNorm,
    positions: Param<Tensor<2>>,
    blocks: Vec<EncoderBlock>,
    final_norm: RmsNorm,
    #[module(skip)]
    config: Aimv2Config,
}

impl Aimv2 {
    /// The shape this tower was built with.
    #[must_use]
    pub fn config(&self) -> &Aimv2Config {
        &self.config
    }

    /// State after the last block in raster order, before the final norm.
    ///
    /// # Errors
    /// If the pixels are not this tower's, or an image is not of its one size.
    pub fn hidden_in_raster_order(
        &self,
        pixels: &PackedPatches,
    ) -> Result<PackedPatches, TowerError> {
        self.check(pixels)?;
        let side = self.config.side();
        let wrong = |grid: &&crate::GridThw| (grid.rows, grid.cols) != (side, side);
        if let Some(grid) = pixels.grids().iter().find(wrong) {
            return Err(TowerError::ImageSize {
                index: pixels.grids().iter().position(|g| g == grid).unwrap_or(0),
                found: *grid,
                rows: side,
                cols: side,
            });
        }
        let frames = pixels.frames();
        let embedded = linear::apply(&self.embed, pixels.features().clone());
        let [patches, d] = embedded.dims();
        let positions = self.positions.val().unsqueeze::<3>();
        let state =
            self.embed_norm
                .forward(embedded)
                .reshape([frames.len(), patches / frames.len(), d])
                + positions;
        let state = state.reshape([patches, d]);
        let state = self
            .blocks
            .iter()
            .fold(state, |state, block| block.forward(state, None, &frames));
        Ok(pixels.with_features(state))
    }

    /// Applies the final norm.
    #[must_use]
    pub fn final_norm(&self, state: &PackedPatches) -> PackedPatches {
        state.with_features(self.final_norm.forward(state.features().clone()))
    }
}

impl VisionTower for Aimv2 {
    fn patch_size(&self) -> usize {
        self.config.patch
    }

    fn merge_size(&self) -> usize {
        self.config.merge
    }

    fn merge_size_in(&self) -> usize {
        1
    }

    fn d_patch(&self) -> usize {
        self.config.channels * self.config.patch * self.config.patch
    }

    fn d_model(&self) -> usize {
        self.config.d_model
    }

    fn forward(&self, pixels: &PackedPatches) -> Result<TowerOutput, TowerError> {
        let state = self.hidden_in_raster_order(pixels)?;
        // The norm comes before the padding that regrouping may add.
        let post_norm = self.final_norm(&state).merged_by(self.config.merge);
        let pre_norm = state.merged_by(self.config.merge);
        Ok(TowerOutput::one_level(pre_norm, Some(post_norm)))
    }
}
