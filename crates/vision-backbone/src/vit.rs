//! The embedded default tower: a small pre-LN ViT.
//!
//! Linear patch embedding, learned or 2-D rotary positions, pre-LN blocks with erf-GELU, final
//! LayerNorm; the usual ViT (arXiv:2010.11929) without a class token. Rotary positions are the
//! default because one set of weights then reads images of any size.

use crate::packed::{GridThw, PackedPatches};
use crate::{Block, PatchLayout, RotaryAngles, TowerError, TowerOutput, VisionTower};
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::{LayerNorm, PatchGrid, linear, seeded};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// How a tower knows where its patches are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Positions {
    /// 2-D rotary angles in every block; images of any size.
    Rotary {
        /// Base of the frequencies; 10,000 in the published towers, smaller for small grids.
        base: f64,
    },
    /// A learned vector per patch, added once; images of one size only.
    Learned {
        /// Patches along the height.
        rows: usize,
        /// Patches along the width.
        cols: usize,
    },
}

/// Shape of a [`SmallVit`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmallVitConfig {
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Side of the block of patches that a projector merges.
    pub merge: usize,
    /// Width of a patch feature.
    pub d_model: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the hidden layer of the MLP.
    pub d_mlp: usize,
    /// Position scheme.
    pub positions: Positions,
}

impl Default for SmallVitConfig {
    fn default() -> Self {
        Self {
            patch: 8,
            merge: 2,
            d_model: 128,
            depth: 4,
            heads: 4,
            d_mlp: 384,
            positions: Positions::Rotary { base: 100.0 },
        }
    }
}

/// Largest size of any kind; products of two of them are sizes of tensors.
const MOST: usize = 65_536;

/// A configuration that no tower can be built from.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A size is zero.
    #[error("backbone config: `{0}` is 0; every size must be at least 1")]
    Zero(&'static str),
    /// A size is beyond anything that is built.
    #[error("backbone config: `{0}` is above {MOST}; choose a smaller size")]
    TooLarge(&'static str),
    /// Heads do not divide the width.
    #[error(
        "backbone config: d_model = {d_model} does not divide into {heads} heads of a width that is a multiple of {multiple}"
    )]
    Heads {
        /// Width of a patch feature.
        d_model: usize,
        /// Attention heads.
        heads: usize,
        /// What the head width must be a multiple of.
        multiple: usize,
    },
    /// The rotary base cannot make decreasing frequencies.
    #[error("backbone config: the rotary base must be a finite number above 1")]
    RotaryBase,
}

impl SmallVitConfig {
    /// Checks that a tower can be built.
    ///
    /// # Errors
    /// If a size is 0 or above 65,536, heads do not divide the width, or the rotary base is not above 1.
    pub fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("patch", self.patch),
            ("merge", self.merge),
            ("d_model", self.d_model),
            ("depth", self.depth),
            ("heads", self.heads),
            ("d_mlp", self.d_mlp),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(ConfigError::Zero(name));
        }
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size > MOST) {
            return Err(ConfigError::TooLarge(name));
        }
        let multiple = match self.positions {
            Positions::Rotary { base } if !(base.is_finite() && base > 1.0) => {
                return Err(ConfigError::RotaryBase);
            }
            Positions::Rotary { .. } => 4,
            Positions::Learned { rows, cols } => {
                if rows == 0 || cols == 0 {
                    return Err(ConfigError::Zero("positions"));
                }
                if rows.max(cols) > MOST {
                    return Err(ConfigError::TooLarge("positions"));
                }
                1
            }
        };
        if !self.d_model.is_multiple_of(self.heads * multiple) {
            return Err(ConfigError::Heads {
                d_model: self.d_model,
                heads: self.heads,
                multiple,
            });
        }
        Ok(())
    }

    /// Fewest parameters that a tower of this shape has: those of its matrices.
    #[must_use]
    pub fn least_parameters(&self) -> u128 {
        let [patch, d_model, depth, d_mlp] =
            [self.patch, self.d_model, self.depth, self.d_mlp].map(|size| size as u128);
        let positions = match self.positions {
            Positions::Rotary { .. } => 0,
            Positions::Learned { rows, cols } => rows as u128 * cols as u128,
        };
        let of_block = 4 * d_model + 2 * d_mlp;
        d_model * (patch * patch + positions + depth * of_block)
    }

    /// A fresh tower; `rng` decides every parameter.
    ///
    /// # Errors
    /// As [`SmallVitConfig::check`].
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<SmallVit, ConfigError> {
        self.check()?;
        let learned = match self.positions {
            Positions::Rotary { .. } => None,
            Positions::Learned { rows, cols } => Some(Param::from_tensor(seeded::normal(
                [1, rows * cols, self.d_model],
                0.02,
                rng,
                device,
            ))),
        };
        Ok(SmallVit {
            embed: seeded::linear(self.patch * self.patch, self.d_model, true, rng, device),
            learned,
            blocks: (0..self.depth)
                .map(|_| {
                    Block::init(
                        self.d_model,
                        self.heads,
                        self.d_mlp,
                        self.depth,
                        rng,
                        device,
                    )
                })
                .collect(),
            final_norm: seeded::layer_norm(self.d_model, 1e-6, device),
            config: self.clone(),
        })
    }
}

/// A small pre-LN ViT over grey images.
#[derive(Module, Debug)]
pub struct SmallVit {
    embed: Linear,
    learned: Option<Param<Tensor<3>>>,
    blocks: Vec<Block>,
    final_norm: LayerNorm,
    #[module(skip)]
    config: SmallVitConfig,
}

impl SmallVit {
    /// The shape this tower was built with.
    #[must_use]
    pub fn config(&self) -> &SmallVitConfig {
        &self.config
    }

    /// Number of blocks.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.blocks.len()
    }

    /// Embeds patches: `[batch, patches, patch²]` to `[batch, patches, d_model]`.
    ///
    /// # Panics
    /// If positions are learned and the image does not have their size.
    #[must_use]
    pub fn embed(&self, pixels: &PatchGrid) -> PatchGrid {
        pixels.map_features(|pixels| {
            let embedded = linear::apply(&self.embed, pixels);
            match &self.learned {
                Some(positions) => embedded + positions.val(),
                None => embedded,
            }
        })
    }

    /// Runs the blocks `range` on embedded patches; `0..depth` is the whole tower.
    ///
    /// Regimes that train only a suffix of the tower cache the state before it.
    #[must_use]
    pub fn run_blocks(&self, state: PatchGrid, range: std::ops::Range<usize>) -> PatchGrid {
        let rotary = self.rotary(&state);
        self.blocks[range].iter().fold(state, |state, block| {
            state.map_features(|x| block.forward(x, rotary.as_ref()))
        })
    }

    /// Applies the final norm.
    #[must_use]
    pub fn final_norm(&self, state: &PatchGrid) -> PatchGrid {
        state.map_features(|x| self.final_norm.forward(x))
    }

    fn rotary(&self, grid: &PatchGrid) -> Option<RotaryAngles> {
        let Positions::Rotary { base } = self.config.positions else {
            return None;
        };
        let layout = PatchLayout {
            rows: grid.rows(),
            cols: grid.cols(),
            patch: self.config.patch,
            merge: grid.merge(),
        };
        let d_head = self.config.d_model / self.config.heads;
        Some(RotaryAngles::new(
            layout,
            d_head,
            base,
            &grid.features().device(),
        ))
    }
}

impl VisionTower for SmallVit {
    fn patch_size(&self) -> usize {
        self.config.patch
    }

    fn merge_size(&self) -> usize {
        self.config.merge
    }

    fn d_model(&self) -> usize {
        self.config.d_model
    }

    fn d_patch(&self) -> usize {
        self.config.patch * self.config.patch
    }

    fn forward(&self, pixels: &PackedPatches) -> Result<TowerOutput, TowerError> {
        self.check(pixels)?;
        if let Positions::Learned { rows, cols } = self.config.positions {
            let wrong = |grid: &GridThw| (grid.rows, grid.cols) != (rows, cols);
            if let Some(index) = pixels.grids().iter().position(wrong) {
                return Err(TowerError::ImageSize {
                    index,
                    found: pixels.grids()[index],
                    rows,
                    cols,
                });
            }
        }
        let states: Vec<Tensor<2>> = pixels
            .runs_of_equal_size()
            .into_iter()
            .map(|images| {
                let state = self.run_blocks(self.embed(&images), 0..self.depth());
                PackedPatches::from_grid(&state).features().clone()
            })
            .collect();
        let state = Tensor::cat(states, 0);
        let post_norm = pixels.with_features(self.final_norm.forward(state.clone()));
        let pre_norm = pixels.with_features(state);
        Ok(TowerOutput::one_level(pre_norm, Some(post_norm)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    fn small() -> SmallVitConfig {
        SmallVitConfig {
            d_model: 16,
            depth: 2,
            heads: 2,
            d_mlp: 24,
            ..SmallVitConfig::default()
        }
    }

    fn pixels(batch: usize, rows: usize, cols: usize) -> PatchGrid {
        let mut rng = seeded::stream(3, "pixels");
        let features = seeded::normal([batch, rows * cols, 64], 1.0, &mut rng, &Device::flex());
        PatchGrid::new(features, rows, cols, 2).unwrap()
    }

    fn values(patches: &PackedPatches) -> Vec<f32> {
        patches.features().clone().into_data().try_to_vec().unwrap()
    }

    fn encode(tower: &SmallVit, pixels: &PatchGrid) -> TowerOutput {
        tower.forward(&PackedPatches::from_grid(pixels)).unwrap()
    }

    #[test]
    fn the_same_rotary_tower_reads_images_of_several_sizes() {
        let tower = small()
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        for (rows, cols) in [(4, 8), (4, 16), (2, 2)] {
            let output = encode(&tower, &pixels(2, rows, cols));
            assert_eq!(output.pre_norm.features().dims(), [2 * rows * cols, 16]);
        }
    }

    #[test]
    fn images_of_a_batch_do_not_mix() {
        let tower = small()
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        let both = pixels(2, 2, 4);
        let first = PatchGrid::new(both.features().clone().slice_dim(0, 0..1), 2, 4, 2).unwrap();
        let alone = values(&encode(&tower, &first).pre_norm);
        let together = values(&encode(&tower, &both).pre_norm);
        for (a, b) in alone.iter().zip(&together) {
            assert!((a - b).abs() < 1e-5);
        }
    }

    #[test]
    fn images_of_several_sizes_go_in_one_batch() {
        let tower = small()
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        let images = [pixels(2, 2, 4), pixels(1, 4, 4)].map(|p| PackedPatches::from_grid(&p));
        let batch = PackedPatches::new(
            Tensor::cat(images.iter().map(|i| i.features().clone()).collect(), 0),
            images.iter().flat_map(|i| i.grids().to_vec()).collect(),
            2,
        )
        .unwrap();
        let together = values(&tower.forward(&batch).unwrap().pre_norm);
        let apart = images.map(|i| values(&tower.forward(&i).unwrap().pre_norm));
        assert_eq!(together, apart.concat());
    }

    #[test]
    fn an_image_without_learned_positions_is_refused() {
        let config = SmallVitConfig {
            positions: Positions::Learned { rows: 2, cols: 2 },
            ..small()
        };
        let tower = config
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        let error = tower
            .forward(&PackedPatches::from_grid(&pixels(1, 2, 4)))
            .unwrap_err();
        assert!(error.to_string().contains("2 x 2 only"), "{error}");
    }

    #[test]
    fn the_state_after_the_final_norm_is_normalised_and_the_one_before_is_not() {
        let tower = small()
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        let output = encode(&tower, &pixels(1, 2, 2));
        let mean_square =
            |patches: &PackedPatches| values(patches).iter().map(|v| v * v).sum::<f32>() / 64.0;
        assert!((mean_square(&output.post_norm.unwrap()) - 1.0).abs() < 1e-3);
        assert!((mean_square(&output.pre_norm) - 1.0).abs() > 1e-2);
    }

    #[test]
    fn a_prefix_and_its_suffix_make_the_whole_tower() {
        let tower = small()
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        let pixels = pixels(1, 2, 4);
        let prefix = tower.run_blocks(tower.embed(&pixels), 0..1);
        let whole = tower.run_blocks(prefix, 1..2);
        let whole = PackedPatches::from_grid(&whole);
        assert_eq!(values(&whole), values(&encode(&tower, &pixels).pre_norm));
    }

    #[test]
    fn every_parameter_gets_a_gradient() {
        let device = Device::flex().autodiff();
        for positions in [
            Positions::Rotary { base: 100.0 },
            Positions::Learned { rows: 2, cols: 4 },
        ] {
            let config = SmallVitConfig {
                positions,
                ..small()
            };
            let tower = config.init(&mut seeded::stream(0, "vit"), &device).unwrap();
            let grid = pixels(1, 2, 4).map_features(|x| Tensor::from_data(x.into_data(), &device));
            let weights: Tensor<2> =
                seeded::normal([8, 16], 1.0, &mut seeded::stream(1, "w"), &device);
            let output = encode(&tower, &grid).post_norm.unwrap();
            let loss = (output.features().clone() * weights).sum();
            let grads = loss.backward();
            let missing = projector::contract::parameters_without_gradient(&tower, &grads);
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    #[test]
    fn impossible_shapes_are_refused_by_name() {
        let zero = SmallVitConfig {
            depth: 0,
            ..small()
        };
        assert_eq!(zero.check(), Err(ConfigError::Zero("depth")));
        let heads = SmallVitConfig {
            heads: 3,
            ..small()
        };
        assert!(heads.check().unwrap_err().to_string().contains("3 heads"));
    }

    #[test]
    fn learned_positions_tell_equal_patches_apart() {
        let config = SmallVitConfig {
            positions: Positions::Learned { rows: 2, cols: 2 },
            ..small()
        };
        let tower = config
            .init(&mut seeded::stream(0, "vit"), &Device::flex())
            .unwrap();
        let flat = Tensor::<3>::from_data(
            TensorData::new(vec![1.0_f32; 4 * 64], [1, 4, 64]),
            &Device::flex(),
        );
        let embedded = tower.embed(&PatchGrid::new(flat, 2, 2, 2).unwrap());
        let out = values(&PackedPatches::from_grid(&embedded));
        assert_ne!(out[..16], out[16..32]);
    }
}
