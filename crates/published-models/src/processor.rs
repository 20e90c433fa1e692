//! From images to the patches that a tower reads.

use burn::tensor::{Device, Tensor, TensorData};
use image::RgbImage;
use image_processor::{
    PackedConfig, PackedProcessor, TileConfig, TileProcessor, TileToken, Transparency, tile_tokens,
};
use serde_json::Value;
use vision_backbone::{Aimv2Config, GridThw, PackedPatches};

use crate::config::{Family, ModelConfig, TowerConfig};
use crate::error::{ModelError, Result};

/// The image processor of a model.
#[derive(Clone, Debug)]
pub enum Processor {
    /// Qwen and Ovis2.5: one grid of patches of the image's own shape.
    Packed {
        /// Resizes, normalises, cuts.
        processor: PackedProcessor,
        /// Side of the blocks in whose order patches come.
        merge: usize,
        /// What becomes of transparency.
        transparency: Transparency,
    },
    /// Ovis2: square tiles.
    Tiles {
        /// Tiles, resizes, normalises, pads.
        processor: TileProcessor,
        /// The tower's shape.
        tower: Aimv2Config,
    },
}

/// An image as a tower reads it.
#[derive(Clone, Debug)]
pub struct Pixels {
    /// Its patches.
    pub patches: PackedPatches,
    /// The reference's `pixel_values`: `[patches, numbers]`, or `[tiles, 3, side, side]` for Ovis2.
    pub values: Vec<f32>,
    /// Their shape.
    pub shape: Vec<usize>,
    /// For Ovis2, the indicators and tiles in the order in which the language model reads them.
    pub tokens: Vec<TileToken>,
}

impl Processor {
    /// The processor of a model: the family's released settings, with the tower's patch sizes, under
    /// those of `preprocessor_config.json`.
    ///
    /// # Errors
    /// If a setting is impossible.
    pub fn new(config: &ModelConfig, json: Option<&Value>) -> Result<Self> {
        let number = |name: &str, value: usize| {
            u32::try_from(value).map_err(|_| ModelError::Config {
                path: "config.json".into(),
                problem: format!("`{name}` is {value}, too large for an image"),
            })
        };
        let packed = |defaults: PackedConfig, patch, merge, frames| -> Result<PackedProcessor> {
            let defaults = PackedConfig {
                patch_size: number("patch_size", patch)?,
                merge_size: number("merge", merge)?,
                temporal_patch_size: number("temporal_patch_size", frames)?,
                ..defaults
            };
            let config = match json {
                Some(json) => PackedConfig::from_json(json, defaults)?,
                None => defaults,
            };
            Ok(config.check()?)
        };
        match &config.tower {
            TowerConfig::Qwen(tower) => {
                let defaults = if config.family == Family::Qwen2Vl {
                    PackedConfig::qwen2_vl()
                } else {
                    PackedConfig::qwen2_5_vl()
                };
                Ok(Self::Packed {
                    processor: packed(defaults, tower.patch, tower.merge, tower.temporal_patch)?,
                    merge: tower.merge,
                    transparency: Transparency::OverWhite,
                })
            }
            TowerConfig::Navit(tower) => {
                // The two releases differ in the largest image only.
                let defaults = PackedConfig::ovis2_5_9b();
                Ok(Self::Packed {
                    processor: packed(defaults, tower.patch, tower.merge, tower.temporal_patch)?,
                    merge: tower.merge,
                    transparency: Transparency::Dropped,
                })
            }
            TowerConfig::Aimv2(tower, _) => {
                let defaults = TileConfig {
                    side: number("image_size", tower.image)?,
                    ..TileConfig::ovis2()
                };
                // `max_patches` of transformers counts otherwise: the official limit stays.
                let mut settings = match json {
                    Some(json) => TileConfig::from_json(json, defaults)?,
                    None => defaults,
                };
                settings.side = defaults.side;
                settings.max_tiles = defaults.max_tiles;
                Ok(Self::Tiles {
                    processor: settings.check()?,
                    tower: tower.clone(),
                })
            }
        }
    }

    /// What becomes of an image's transparency.
    #[must_use]
    pub fn transparency(&self) -> Transparency {
        match self {
            Self::Packed { transparency, .. } => *transparency,
            Self::Tiles { .. } => Transparency::Dropped,
        }
    }

    /// The same processor for images that already have their final size.
    ///
    /// # Errors
    /// Never for a processor that was built.
    pub fn without_resizing(self) -> Result<Self> {
        Ok(match self {
            Self::Packed {
                processor,
                merge,
                transparency,
            } => Self::Packed {
                processor: processor.config().without_resizing().check()?,
                merge,
                transparency,
            },
            tiles @ Self::Tiles { .. } => tiles,
        })
    }

    /// Prepares one image.
    ///
    /// # Errors
    /// If it has a size that the reference refuses.
    pub fn image(&self, image: &RgbImage, device: &Device) -> Result<Pixels> {
        match self {
            Self::Packed {
                processor, merge, ..
            } => {
                let rows = processor.image(image)?;
                let [frames, height, width] = rows.grid_thw;
                let grid = GridThw {
                    frames,
                    rows: height,
                    cols: width,
                };
                let shape = [rows.rows, rows.columns];
                let features =
                    Tensor::from_data(TensorData::new(rows.values.clone(), shape), device);
                Ok(Pixels {
                    patches: PackedPatches::new(features, vec![grid], *merge)?,
                    values: rows.values,
                    shape: shape.to_vec(),
                    tokens: Vec::new(),
                })
            }
            Self::Tiles { processor, tower } => {
                let tiles = processor.image(image)?;
                let side = tiles.side;
                let shape = [tiles.tiles, tower.channels, side, side];
                let patches = tile_patches(&tiles.values, shape, tower.patch, device)?;
                Ok(Pixels {
                    patches,
                    values: tiles.values,
                    shape: shape.to_vec(),
                    tokens: tile_tokens(tiles.grid),
                })
            }
        }
    }
}

/// Square images `[tiles, channels, side, side]` as patches in raster order; pixels behind the last
/// whole patch are left out, as a strided convolution leaves them out.
///
/// # Errors
/// If a side is shorter than a patch.
pub fn tile_patches(
    values: &[f32],
    [tiles, channels, height, width]: [usize; 4],
    patch: usize,
    device: &Device,
) -> Result<PackedPatches> {
    let (rows, cols) = (height / patch.max(1), width / patch.max(1));
    let data = TensorData::new(values.to_vec(), [tiles, channels, height, width]);
    let patches = Tensor::<4>::from_data(data, device)
        .slice_dim(2, 0..rows * patch)
        .slice_dim(3, 0..cols * patch)
        .reshape([tiles, channels, rows, patch, cols, patch])
        .permute([0, 2, 4, 1, 3, 5])
        .reshape([tiles * rows * cols, channels * patch * patch]);
    Ok(PackedPatches::new(
        patches,
        vec![GridThw::still(rows, cols); tiles],
        1,
    )?)
}
