//! From images to the patches that a tower reads.

use std::fmt;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use checkpoint::Checkpoint;
use image::RgbImage;
use image_processor::{
    Filter, PackedConfig, PackedProcessor, TileConfig, TileProcessor, TileToken, TilingRule,
    Transparency,
};
use serde_json::{Map, Value};
use vision_backbone::{Aimv2Naming, GridThw, InternVitNaming, PackedPatches};

use crate::config::{ModelConfig, TowerConfig};
use crate::error::{ModelError, Result};
use crate::families::ProcessorDefaults;

/// Stands for the file of settings that came without one.
const SETTINGS: &str = "preprocessor_config.json";
/// Channels of an image.
const COLOURS: usize = 3;

/// The image processor of a model.
#[derive(Clone, Debug)]
pub enum Processor {
    /// Qwen, Ovis2.5 and Ovis2.6: one grid of patches of the image's own shape.
    Packed {
        /// Resizes, normalises, cuts.
        processor: PackedProcessor,
        /// Side of the blocks in whose order patches come.
        merge: usize,
        /// What becomes of transparency.
        transparency: Transparency,
    },
    /// Ovis2 and InternVL: square tiles.
    Tiles {
        /// Tiles, resizes, normalises, pads.
        processor: TileProcessor,
        /// Side of a patch in px.
        patch: usize,
        /// Side of the block of patches that becomes one token.
        merge: usize,
        /// What becomes of transparency.
        transparency: Transparency,
    },
}

impl fmt::Display for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let normalisation = match self {
            Self::Packed { processor, .. } => {
                let config = processor.config();
                write!(
                    f,
                    "{} to {} px\u{b2}, {}, ",
                    config.min_pixels,
                    config.max_pixels,
                    filter(config.resampling.filter),
                )?;
                config.normalisation
            }
            Self::Tiles { processor, .. } => {
                let config = processor.config();
                write!(
                    f,
                    "at most {} tiles of {} px, {}, ",
                    config.max_tiles,
                    config.side,
                    filter(config.resampling.filter),
                )?;
                config.normalisation
            }
        };
        match normalisation.mean_std {
            Some((mean, std)) => write!(f, "mean {mean:?}, standard deviation {std:?}"),
            None => f.write_str("not normalised"),
        }
    }
}

fn filter(filter: Filter) -> &'static str {
    if filter == Filter::Bilinear {
        "bilinear"
    } else {
        "bicubic"
    }
}

fn problem(problem: String) -> ModelError {
    ModelError::Config {
        path: "config.json".into(),
        problem,
    }
}

fn number(name: &str, value: usize) -> Result<u32> {
    u32::try_from(value)
        .map_err(|_| problem(format!("`{name}` is {value}, too large for an image")))
}

/// Patches of another size do not fit the tower, and may be larger than the memory.
fn check_tower(sizes: &[(&str, u32, u32)]) -> Result<()> {
    match sizes.iter().find(|(_, found, expected)| found != expected) {
        Some((name, found, expected)) => Err(ModelError::Config {
            path: SETTINGS.into(),
            problem: format!("`{name}` is {found}, but the tower of config.json reads {expected}"),
        }),
        None => Ok(()),
    }
}

fn packed(
    json: &Value,
    defaults: PackedConfig,
    [patch, merge, frames]: [usize; 3],
    transparency: Transparency,
) -> Result<(Processor, Vec<String>)> {
    let defaults = PackedConfig {
        patch_size: number("patch_size", patch)?,
        merge_size: number("merge", merge)?,
        temporal_patch_size: number("temporal_patch_size", frames)?,
        ..defaults
    };
    let (config, unknown) = PackedConfig::read(json, defaults)?;
    let frames = (config.temporal_patch_size, defaults.temporal_patch_size);
    check_tower(&[
        ("patch_size", config.patch_size, defaults.patch_size),
        ("merge_size", config.merge_size, defaults.merge_size),
        ("temporal_patch_size", frames.0, frames.1),
    ])?;
    let processor = Processor::Packed {
        processor: config.check()?,
        merge,
        transparency,
    };
    Ok((processor, unknown))
}

fn tiles(
    json: &Value,
    defaults: TileConfig,
    config: &ModelConfig,
    (image, transparency): (usize, Transparency),
    overruled: &[&str],
) -> Result<(Processor, Vec<String>)> {
    let mut defaults = TileConfig {
        side: number("image_size", image)?,
        ..defaults
    };
    if let Some(tiling) = config.tiling {
        defaults.max_tiles = tiling.max_tiles;
        defaults.rule = TilingRule::ClosestRatio {
            min_tiles: tiling.min_tiles,
            thumbnail: tiling.thumbnail,
        };
    }
    let mut json = json.clone();
    if let Some(settings) = json.as_object_mut() {
        settings.retain(|key, _| !overruled.contains(&key.as_str()));
    }
    let (found, unknown) = TileConfig::read(&json, defaults)?;
    check_tower(&[("size", found.side, defaults.side)])?;
    let processor = Processor::Tiles {
        processor: found.check()?,
        patch: config.tower.patch(),
        merge: config.tower.merge(),
        transparency,
    };
    Ok((processor, unknown))
}

/// An image as a tower reads it.
#[derive(Clone, Debug)]
pub struct Pixels {
    /// Its patches.
    pub patches: PackedPatches,
    /// The reference's `pixel_values`: `[patches, numbers]`, or `[tiles, 3, side, side]` for Ovis2
    /// and InternVL.
    pub values: Vec<f32>,
    /// Their shape.
    pub shape: Vec<usize>,
    /// For Ovis2, the indicators and tiles in the order in which the language model reads them.
    pub tokens: Vec<TileToken>,
}

impl Processor {
    /// The image processor of a checkpoint, and what its user should know: that released settings stand
    /// in for missing ones, or that a setting is not known.
    ///
    /// # Errors
    /// If a setting is impossible or cannot be obeyed, or patches are not the tower's.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "other errors stay as they are"
    )]
    pub fn of(checkpoint: &Checkpoint, config: &ModelConfig) -> Result<(Self, Vec<String>)> {
        let Some((path, json)) = checkpoint
            .preprocessor_path()
            .zip(checkpoint.preprocessor())
        else {
            let processor = Self::new(config, None)?;
            let note = format!(
                "{}: neither preprocessor_config.json nor processor_config.json, so images are \
                 prepared as released for {}: {processor}",
                checkpoint.folder().display(),
                config.family.name(),
            );
            return Ok((processor, vec![note]));
        };
        let in_file = |error| match error {
            ModelError::Config {
                path: named,
                problem,
            } if named == Path::new(SETTINGS) => ModelError::Config {
                path: path.clone(),
                problem,
            },
            other => ModelError::Processor {
                path: path.clone(),
                source: Box::new(other),
            },
        };
        let (processor, mut notes) = Self::read(config, Some(json)).map_err(in_file)?;
        if let Some(kind) = json.get("image_processor_type").and_then(Value::as_str)
            && !config.family.facts().is_processor_class(kind)
        {
            notes.push(format!(
                "`image_processor_type` is {kind}; its settings are read as those of {}",
                config.family.name()
            ));
        }
        for note in &mut notes {
            *note = format!("{}: {note}", path.display());
        }
        Ok((processor, notes))
    }

    /// The processor of a model: the family's released settings, with the tower's patch sizes, under
    /// the given settings.
    ///
    /// # Errors
    /// As [`Processor::of`].
    pub fn new(config: &ModelConfig, json: Option<&Value>) -> Result<Self> {
        Ok(Self::read(config, json)?.0)
    }

    fn read(config: &ModelConfig, json: Option<&Value>) -> Result<(Self, Vec<String>)> {
        let no_settings = Value::Object(Map::new());
        let json = json.unwrap_or(&no_settings);
        let (processor, unknown) = match (&config.family.facts().processor, &config.tower) {
            (
                ProcessorDefaults::Packed {
                    config: defaults,
                    transparency,
                },
                tower @ (TowerConfig::Qwen(_) | TowerConfig::Qwen3(_) | TowerConfig::Navit(_)),
            ) => {
                let sizes = [tower.patch(), tower.merge(), tower.temporal_patch()];
                packed(json, *defaults, sizes, *transparency)?
            }
            (ProcessorDefaults::Tiles(defaults), TowerConfig::Aimv2(tower, naming)) => {
                let overruled: &[&str] = match naming {
                    // The official code switches it off when it loads the file.
                    Aimv2Naming::Official => &["do_center_crop"],
                    Aimv2Naming::Transformers => &[],
                };
                let tile = (tower.image, Transparency::Dropped);
                tiles(json, *defaults, config, tile, overruled)?
            }
            (ProcessorDefaults::Tiles(defaults), TowerConfig::InternVit(tower, naming)) => {
                let overruled: &[&str] = match naming {
                    // The official code stretches every tile, and counts tiles by config.json.
                    InternVitNaming::Official => &[
                        "do_center_crop",
                        "crop_to_patches",
                        "min_patches",
                        "max_patches",
                    ],
                    // The released files have false, which the processor of the whole model overrules.
                    InternVitNaming::Transformers => &["crop_to_patches"],
                };
                let transparency = match naming {
                    InternVitNaming::Official => Transparency::Dropped,
                    InternVitNaming::Transformers => Transparency::OverWhite,
                };
                let tile = (tower.image, transparency);
                tiles(json, *defaults, config, tile, overruled)?
            }
            (
                ProcessorDefaults::Packed { .. },
                TowerConfig::Aimv2(..) | TowerConfig::InternVit(..),
            )
            | (
                ProcessorDefaults::Tiles(_),
                TowerConfig::Qwen(_) | TowerConfig::Qwen3(_) | TowerConfig::Navit(_),
            ) => {
                return Err(problem(format!(
                    "{} has another tower than this configuration describes",
                    config.family.name()
                )));
            }
        };
        let note = |setting| format!("{setting} is not known for this family, and has no effect");
        Ok((processor, unknown.into_iter().map(note).collect()))
    }

    /// What becomes of an image's transparency.
    #[must_use]
    pub fn transparency(&self) -> Transparency {
        match self {
            Self::Packed { transparency, .. } | Self::Tiles { transparency, .. } => *transparency,
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
            Self::Tiles {
                processor, patch, ..
            } => {
                let tiles = processor.image(image)?;
                let side = tiles.side;
                let shape = [tiles.tiles, COLOURS, side, side];
                let patches = tile_patches(&tiles.values, shape, *patch, device)?;
                let tokens = match processor.config().rule.has_indicators() {
                    true => tiles.tokens(),
                    false => Vec::new(),
                };
                Ok(Pixels {
                    patches,
                    values: tiles.values,
                    shape: shape.to_vec(),
                    tokens,
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
