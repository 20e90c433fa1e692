//! The vision tower of InternVL2.5 and InternVL3: InternViT.
//!
//! Patches of a tile in raster order behind a class token, learned positions, pre-norm blocks with
//! plain GELU MLPs and a gain per channel on what they add. InternViT-6B normalises queries and keys over
//! all heads together. There is no final norm, and the class token is dropped in front of the projector.
//!
//! Source: `modeling_internvl.py` in transformers 5.23.0, `modeling_intern_vit.py` of OpenGVLab/InternVL at
//! 2410d1d; arXiv:2312.14238. Differs: an image with another number of patches than the table has positions
//! is refused; the references resample the table bicubically, which no released model needs.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::linear;

use crate::layers::{Activation, EncoderBlock, LayerScales, Mlp, Norm, PlainMlp, QueryKeyNorms};
use crate::packed::PackedPatches;
use crate::source::{Loader, ParameterSource};
use crate::tower::{
    LONGEST_SIDE, TowerError, TowerOutput, VisionTower, WIDEST, check_sizes, require,
};

/// The norms of the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternVitNorm {
    /// With a mean and a bias: InternViT-300M.
    Layer,
    /// Root mean square: InternViT-6B.
    Rms,
}

/// Under which names a checkpoint stores the tower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternVitNaming {
    /// transformers: `encoder.layer.0.attention.q_proj`.
    Transformers,
    /// The official checkpoints: `encoder.layers.0.attn.qkv`, queries, keys and values in one.
    Official,
}

/// Shape of an [`InternVit`].
#[derive(Clone, Debug, PartialEq)]
pub struct InternVitConfig {
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
    /// Side of a tile in pixels.
    pub image: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Side of the block of patches that becomes one token; `downsample_ratio` is its inverse.
    pub merge: usize,
    /// The norms of the blocks.
    pub norm: InternVitNorm,
    /// Their epsilon.
    pub norm_eps: f64,
    /// Epsilon of the norms of queries and keys; `None` without such norms.
    pub qk_norm_eps: Option<f64>,
    /// Whether queries, keys and values have biases; the attention's output always has one.
    pub qkv_bias: bool,
    /// Nonlinearity of the MLP.
    pub activation: Activation,
}

impl InternVitConfig {
    /// InternViT-300M-448px-V2_5.
    #[must_use]
    pub fn vit_300m() -> Self {
        Self {
            depth: 24,
            d_model: 1024,
            d_mlp: 4096,
            heads: 16,
            channels: 3,
            image: 448,
            patch: 14,
            merge: 2,
            norm: InternVitNorm::Layer,
            norm_eps: 1e-6,
            qk_norm_eps: None,
            qkv_bias: true,
            activation: Activation::Gelu,
        }
    }

    /// InternViT-6B-448px-V2_5.
    #[must_use]
    pub fn vit_6b() -> Self {
        Self {
            depth: 45,
            d_model: 3200,
            d_mlp: 12800,
            heads: 25,
            norm: InternVitNorm::Rms,
            qk_norm_eps: Some(1e-6),
            qkv_bias: false,
            ..Self::vit_300m()
        }
    }

    /// Patches along a side of a tile.
    #[must_use]
    pub fn side(&self) -> usize {
        self.image / self.patch.max(1)
    }

    /// Checks that a tower can be built.
    ///
    /// # Errors
    /// If a size is 0, heads do not divide the width, or blocks of `merge` do not divide a tile.
    pub fn check(&self) -> Result<(), TowerError> {
        let tower = "InternViT";
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
            ("1 / downsample_ratio", self.merge),
            ("image_size / patch_size", self.side()),
        ];
        check_sizes(tower, LONGEST_SIDE, &sides)?;
        require(tower, self.d_model.is_multiple_of(self.heads), || {
            format!(
                "hidden_size {} does not divide into {} heads",
                self.d_model, self.heads
            )
        })?;
        require(tower, self.side().is_multiple_of(self.merge), || {
            format!(
                "a tile of {side} x {side} patches does not divide into tokens of {merge} x {merge}; set \
                 downsample_ratio to the inverse of a divisor of {side}",
                side = self.side(),
                merge = self.merge
            )
        })?;
        let all_eps = std::iter::once(self.norm_eps).chain(self.qk_norm_eps);
        let mut bad = all_eps.filter(|eps| !(eps.is_finite() && *eps > 0.0));
        match bad.next() {
            None => Ok(()),
            Some(eps) => require(tower, false, || {
                format!("layer_norm_eps is {eps}; set it above 0")
            }),
        }
    }

    /// Reads the tower from `source`, under names without prefix (`embeddings.cls_token` or
    /// `embeddings.class_embedding`).
    ///
    /// # Errors
    /// If the configuration is bad or a tensor cannot be read.
    pub fn load<S: ParameterSource>(
        &self,
        naming: InternVitNaming,
        source: &mut S,
        device: &Device,
    ) -> Result<InternVit, S::Error>
    where
        S::Error: From<TowerError>,
    {
        self.check()?;
        let mut loader = Loader { source, device };
        let (d, places) = (self.d_model, self.side() * self.side() + 1);
        let names = Names::of(naming);
        let kernel = [self.channels, self.patch, self.patch];
        let blocks = (0..self.depth)
            .map(|index| {
                let name = format!("{}.{index}", names.blocks);
                self.load_block(&name, &names, &mut loader)
            })
            .collect::<Result<_, _>>()?;
        Ok(InternVit {
            embed: loader.patch_embedding(names.embed, &kernel, d, true)?,
            class_token: loader.table(names.class_token, &[1, 1, d], [1, d])?,
            positions: loader.table(names.positions, &[1, places, d], [places, d])?,
            blocks,
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
        let mut norm = |part: &str| match self.norm {
            InternVitNorm::Layer => loader
                .layer_norm(&under(part), d, self.norm_eps)
                .map(Norm::Layer),
            InternVitNorm::Rms => loader
                .rms_norm(&under(part), d, self.norm_eps)
                .map(Norm::Rms),
        };
        let norms = [norm(names.norms[0])?, norm(names.norms[1])?];
        let qkv: Vec<String> = names.qkv.iter().map(|part| under(part)).collect();
        // One matrix of all three, or three of one each.
        let width = 3 * d / qkv.len();
        let qkv = loader.stacked(&qkv, [d, width], self.qkv_bias)?;
        let out = loader.linear(&under(names.out), [d, d], true)?;
        let mlp = Mlp::Plain(PlainMlp {
            fc1: loader.linear(&under("mlp.fc1"), [d, d_mlp], true)?,
            fc2: loader.linear(&under("mlp.fc2"), [d_mlp, d], true)?,
            activation: self.activation,
        });
        let mut block = EncoderBlock::new(norms, qkv, out, mlp, self.heads);
        if let Some(eps) = self.qk_norm_eps {
            let [query, key] = names.qk_norms;
            block.query_key_norms = Some(QueryKeyNorms {
                query: loader.rms_norm(&under(query), d, eps)?,
                key: loader.rms_norm(&under(key), d, eps)?,
            });
        }
        let [attention, mlp] = names.scales;
        block.scales = Some(LayerScales {
            attention: loader.vector(&under(attention), d)?,
            mlp: loader.vector(&under(mlp), d)?,
        });
        Ok(block)
    }
}

/// Names of the parameters in one of the two layouts.
struct Names {
    embed: &'static str,
    class_token: &'static str,
    positions: &'static str,
    blocks: &'static str,
    norms: [&'static str; 2],
    qkv: &'static [&'static str],
    qk_norms: [&'static str; 2],
    out: &'static str,
    scales: [&'static str; 2],
}

impl Names {
    fn of(naming: InternVitNaming) -> Self {
        match naming {
            InternVitNaming::Transformers => Self {
                embed: "embeddings.patch_embeddings.projection",
                class_token: "embeddings.cls_token",
                positions: "embeddings.position_embeddings",
                blocks: "encoder.layer",
                norms: ["layernorm_before", "layernorm_after"],
                qkv: &["attention.q_proj", "attention.k_proj", "attention.v_proj"],
                qk_norms: ["attention.q_norm", "attention.k_norm"],
                out: "attention.projection_layer",
                scales: ["lambda_1", "lambda_2"],
            },
            InternVitNaming::Official => Self {
                embed: "embeddings.patch_embedding",
                class_token: "embeddings.class_embedding",
                positions: "embeddings.position_embedding",
                blocks: "encoder.layers",
                norms: ["norm1", "norm2"],
                qkv: &["attn.qkv"],
                qk_norms: ["attn.q_norm", "attn.k_norm"],
                out: "attn.proj",
                scales: ["ls1", "ls2"],
            },
        }
    }
}

/// The vision tower of InternVL.
#[derive(Module, Debug)]
pub struct InternVit {
    embed: Linear,
    class_token: Param<Tensor<2>>,
    positions: Param<Tensor<2>>,
    blocks: Vec<EncoderBlock>,
    #[module(skip)]
    config: InternVitConfig,
}

impl InternVit {
    /// The shape this tower was built with.
    #[must_use]
    pub fn config(&self) -> &InternVitConfig {
        &self.config
    }

    /// Class token and patches of every tile with their positions, in front of the first block.
    ///
    /// # Shapes
    /// - output: `[tiles, 1 + patches, d_model]`, patches in raster order
    ///
    /// # Errors
    /// If the pixels are not this tower's, or a tile is not of its one size.
    pub fn embed(&self, pixels: &PackedPatches) -> Result<Tensor<3>, TowerError> {
        self.check(pixels)?;
        let side = self.config.side();
        let mut grids = pixels.grids().iter().enumerate();
        if let Some((index, grid)) = grids.find(|(_, grid)| (grid.rows, grid.cols) != (side, side))
        {
            return Err(TowerError::ImageSize {
                index,
                found: *grid,
                rows: side,
                cols: side,
            });
        }
        let tiles = pixels.frames().len();
        let embedded = linear::apply(&self.embed, pixels.features().clone());
        let [patches, d] = embedded.dims();
        let class = self.class_token.val().unsqueeze::<3>();
        let class = class.expand([tiles, 1, d]);
        let state = Tensor::cat(
            vec![class, embedded.reshape([tiles, patches / tiles, d])],
            1,
        );
        Ok(state + self.positions.val().unsqueeze::<3>())
    }

    /// State of class token and patches after the last block.
    ///
    /// # Shapes
    /// - output: `[tiles, 1 + patches, d_model]`, patches in raster order
    ///
    /// # Errors
    /// As [`embed`](Self::embed).
    pub fn hidden(&self, pixels: &PackedPatches) -> Result<Tensor<3>, TowerError> {
        let state = self.embed(pixels)?;
        let [tiles, places, d] = state.dims();
        // Tiles do not see each other.
        let segments = vec![places; tiles];
        let state = self
            .blocks
            .iter()
            .fold(state.reshape([tiles * places, d]), |state, block| {
                block.forward(state, None, &segments)
            });
        Ok(state.reshape([tiles, places, d]))
    }
}

impl VisionTower for InternVit {
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
        let state = self.hidden(pixels)?;
        let [tiles, places, d] = state.dims();
        let patches = state.slice_dim(1, 1..places);
        let state = pixels.with_features(patches.reshape([tiles * (places - 1), d]));
        let state = state.merged_by(self.config.merge);
        Ok(TowerOutput::one_level(state, None))
    }
}
