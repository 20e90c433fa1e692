//! Our towers and projectors against a fixture of reference tensors.
//!
//! A fixture is a safetensors file with weights `w.*` under checkpoint names, inputs `in.*`, outputs
//! `out.*` of the reference at several taps, and its configuration as JSON in the metadata entry
//! `config`. `tools/fixtures/README.md` lists the taps and the order of their rows.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use checkpoint::{Dtype, Tensors};
use ovis_vet::Vet;
use projector::{Pass, PatchGrid, Projector};
use serde_json::Value;
use vision_backbone::positions::published_angles;
use vision_backbone::qwen::{ROTARY_BASE, position_ids};
use vision_backbone::{
    Aimv2, GridThw, InternVit, Navit, PackedPatches, Qwen3Vit, QwenVit, VisionTower,
};

use crate::config::{Family, ModelConfig};
use crate::error::{ModelError, Result};
use crate::families::{internvl, ovis2, ovis2_5, ovis2_6, qwen2_5_vl, qwen2_vl, qwen3_vl};
use crate::model::VisionModel;
use crate::processor::tile_patches;
use crate::projectors::PublishedProjector;
use crate::tower::Tower;

/// One tap of a fixture, compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Tap {
    /// Its name in the fixture, without `out.`.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
    /// Largest difference between ours and the reference's; infinite if shapes differ or a number
    /// is NaN.
    pub max_abs: f32,
    /// That difference over the largest number of the reference.
    pub relative: f32,
    /// Whether the difference is within the tolerance, times the largest number of the reference
    /// where that is above 1: f32 keeps no more digits.
    pub passes: bool,
}

/// All taps of a fixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The family that the names of the weights tell.
    pub family: Family,
    /// Taps in the order of their names.
    pub taps: Vec<Tap>,
}

/// Runs our modules on the weights and inputs of the fixture at `path` and compares every tap.
///
/// # Errors
/// If the file is no fixture, or holds a tap or tensor that is not known.
pub fn compare(path: &Path, tolerance: f32, device: &Device) -> Result<Comparison> {
    let fixture = Fixture::open(path)?;
    let config = fixture.config()?;
    let family = config.family;
    let model = VisionModel::from_tensors(config, &fixture.tensors, device)?;
    let found = match &model.tower {
        Tower::Qwen(tower) => qwen(&fixture, &model, tower, device)?,
        Tower::Qwen3(tower) => qwen3(&fixture, &model, tower, device)?,
        Tower::Navit(tower) => navit(&fixture, &model, tower, device)?,
        Tower::Aimv2(tower) => aimv2(&fixture, &model, tower, device)?,
        Tower::InternVit(tower) => intern_vit(&fixture, &model, tower, device)?,
    };
    let taps = fixture.compare(&found, tolerance)?;
    Ok(Comparison { family, taps })
}

/// What we computed for a tap.
struct Found {
    name: &'static str,
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Found {
    fn tensor<const D: usize>(name: &'static str, tensor: Tensor<D>) -> Self {
        Self {
            name,
            shape: tensor.dims().to_vec(),
            values: tensor.into_data().iter::<f32>().collect(),
        }
    }

    fn integers(name: &'static str, shape: &[usize], values: impl Iterator<Item = usize>) -> Self {
        Self {
            name,
            shape: shape.to_vec(),
            values: values.map(|value| value as f32).collect(),
        }
    }
}

struct Fixture {
    tensors: Tensors,
}

impl Fixture {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            tensors: Tensors::open_file(path)?,
        })
    }

    fn problem(&self, problem: impl Into<String>) -> ModelError {
        ModelError::Config {
            path: self.tensors.source().to_owned(),
            problem: problem.into(),
        }
    }

    /// The family follows from the names of the weights, its sizes from the metadata.
    fn config(&self) -> Result<ModelConfig> {
        let text = self.tensors.metadata()?.get("config").ok_or_else(|| {
            self.problem("no metadata entry `config`; is this a fixture of `tools/fixtures`?")
        })?;
        let json: Value = serde_json::from_str(text)
            .map_err(|error| self.problem(format!("the metadata entry `config`: {error}")))?;
        let has = |name: &str| self.tensors.contains(&format!("w.{name}"));
        let config = if has("patch_embed.proj.weight") {
            if has("blocks.0.mlp.gate_proj.weight") {
                qwen2_5_vl::config(&json)
            } else if has("pos_embed.weight") {
                // Without mergers for levels there are none, as in Qwen3.5.
                let has_levels = has("deepstack_merger_list.0.norm.weight");
                let levels = qwen3_vl::LEVELS.iter().filter(|_| has_levels);
                qwen3_vl::config(&json, Family::Qwen3Vl, &levels.copied().collect::<Vec<_>>())
            } else {
                qwen2_vl::config(&json)
            }
        } else if has("vision_tower.embeddings.cls_token") {
            internvl::transformers(&json)
        } else if has("transformer.embeddings.patch_embedding.weight") {
            ovis2::transformers(&json, None)
        } else if has("embeddings.patch_embedding.weight") {
            let model = ovis2_5::config(&json, json.get("visual_vocab_size"), None);
            match has("post_layernorm.weight") {
                true => model,
                false => model.map(ovis2_6::of_ovis2_5),
            }
        } else {
            return Err(self.problem(
                "the weights are of no known family: expected w.patch_embed.proj.weight (Qwen), \
                 w.transformer.embeddings.patch_embedding.weight (Ovis2), \
                 w.embeddings.patch_embedding.weight (Ovis2.5) or w.vision_tower.embeddings.cls_token \
                 (InternVL)",
            ));
        };
        config.map_err(|problem| self.problem(problem))
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
    fn read(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>)> {
        let shape = self.tensors.shape(name)?.to_vec();
        let values = match self.tensors.dtype(name)? {
            Dtype::I64 => self
                .tensors
                .read_i64(name, &shape)?
                .into_iter()
                .map(|value| value as f32)
                .collect(),
            Dtype::I32 => self
                .tensors
                .read_i32(name, &shape)?
                .into_iter()
                .map(|value| value as f32)
                .collect(),
            Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64 => {
                self.tensors.read(name, &shape)?
            }
            other => return Err(self.problem(format!("`{name}` is {other}, not a float or index"))),
        };
        Ok((values, shape))
    }

    fn grids(&self) -> Result<Vec<GridThw>> {
        let name = "in.grid_thw";
        let shape = self.tensors.shape(name)?.to_vec();
        let values = self.tensors.read_i64(name, &shape)?;
        values
            .chunks(3)
            .map(|grid| match *grid {
                [frames, rows, cols] => {
                    let side = |value: i64| {
                        usize::try_from(value)
                            .map_err(|_| self.problem(format!("{name} holds {value}")))
                    };
                    Ok(GridThw {
                        frames: side(frames)?,
                        rows: side(rows)?,
                        cols: side(cols)?,
                    })
                }
                _ => Err(self.problem(format!("{name} has shape {shape:?}, expected [images, 3]"))),
            })
            .collect()
    }

    fn packed(&self, merge: usize, device: &Device) -> Result<PackedPatches> {
        let (values, shape) = self.read("in.pixel_values")?;
        let [patches, width] = shape[..] else {
            return Err(self.problem(format!(
                "in.pixel_values has shape {shape:?}, expected [patches, numbers per patch]"
            )));
        };
        let data = burn::tensor::TensorData::new(values, [patches, width]);
        let features = Tensor::from_data(data, device);
        Ok(PackedPatches::new(features, self.grids()?, merge)?)
    }

    /// Tiles as patches in raster order, and the number of tiles.
    fn tiles(&self, patch: usize, device: &Device) -> Result<(PackedPatches, usize)> {
        let (values, shape) = self.read("in.pixel_values")?;
        let &[images, channels, height, width] = shape.as_slice() else {
            return Err(self.problem(format!(
                "in.pixel_values has shape {shape:?}, expected [images, channels, side, side]"
            )));
        };
        let size = [images, channels, height, width];
        Ok((tile_patches(&values, size, patch, device)?, images))
    }

    /// Compares every `out.*` with what was found under its name.
    fn compare(&self, found: &[Found], tolerance: f32) -> Result<Vec<Tap>> {
        let mut taps = Vec::new();
        for name in self.tensors.names() {
            let Some(tap) = name.strip_prefix("out.") else {
                continue;
            };
            let Some(found) = found.iter().find(|found| found.name == tap) else {
                let known: Vec<&str> = found.iter().map(|found| found.name).collect();
                return Err(self.problem(format!(
                    "tap `{tap}` is not known for this family; known are {}",
                    known.join(", ")
                )));
            };
            let (expected, shape) = self.read(name)?;
            taps.push(difference(tap, found, &expected, shape, tolerance));
        }
        if taps.is_empty() {
            return Err(self.problem("no tensor `out.*` to compare with"));
        }
        Ok(taps)
    }
}

fn difference(
    name: &str,
    found: &Found,
    expected: &[f32],
    shape: Vec<usize>,
    tolerance: f32,
) -> Tap {
    let largest = expected.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
    let max_abs = if found.shape == shape {
        let differences = found
            .values
            .iter()
            .zip(expected)
            .map(|(a, b)| (a - b).abs());
        // A maximum would pass over NaN.
        differences.fold(0.0_f32, |max, d| {
            if d.is_nan() {
                f32::INFINITY
            } else {
                max.max(d)
            }
        })
    } else {
        f32::INFINITY
    };
    Tap {
        name: name.to_owned(),
        shape,
        max_abs,
        relative: if max_abs == 0.0 {
            0.0
        } else {
            max_abs / largest
        },
        passes: max_abs <= tolerance * largest.max(1.0),
    }
}

fn qwen(
    fixture: &Fixture,
    model: &VisionModel,
    tower: &QwenVit,
    device: &Device,
) -> Result<Vec<Found>> {
    let merge = tower.config().merge;
    let pixels = fixture.packed(merge, device)?;
    let order = tower.order(&pixels);
    let hidden = tower.hidden_in_window_order(&pixels, &order)?;
    let features = model.features(&pixels)?;
    let merged = model.tokens(&features, &mut Pass::deterministic())?;
    let positions = position_ids(pixels.grids(), merge);
    let bounds = order.windows.cumulative_patches(merge);
    Ok(vec![
        Found::integers(
            "position_ids",
            &[positions.len(), 2],
            positions.iter().flat_map(|&(row, col)| [row, col]),
        ),
        Found::integers(
            "window_index",
            &[order.windows.blocks.len()],
            order.windows.blocks.iter().copied(),
        ),
        Found::integers("cu_window_seqlens", &[bounds.len()], bounds.iter().copied()),
        Found::tensor("hidden_window_order", hidden),
        Found::tensor("hidden", features.features().clone()),
        Found::tensor("merged", merged.embeddings.squeeze_dim::<2>(0)),
    ])
}

fn qwen3(
    fixture: &Fixture,
    model: &VisionModel,
    tower: &Qwen3Vit,
    device: &Device,
) -> Result<Vec<Found>> {
    let merge = tower.config().merge;
    let pixels = fixture.packed(merge, device)?;
    let output = tower.forward(&pixels)?;
    let pass = &mut Pass::deterministic();
    let merged = model.tokens(&output.pre_norm, pass)?;
    let positions = position_ids(pixels.grids(), merge);
    let mut found = vec![
        Found::integers(
            "position_ids",
            &[positions.len(), 2],
            positions.iter().flat_map(|&(row, col)| [row, col]),
        ),
        Found::tensor("embeddings", tower.embed(&pixels)?),
        Found::tensor("hidden", output.pre_norm.features().clone()),
        Found::tensor("merged", merged.embeddings.squeeze_dim::<2>(0)),
    ];
    let levels = model.deepstack_tokens(&output, pass)?;
    if !levels.is_empty() {
        found.push(Found::tensor("deepstack", Tensor::cat(levels, 0)));
    }
    Ok(found)
}

fn navit(
    fixture: &Fixture,
    model: &VisionModel,
    tower: &Navit,
    device: &Device,
) -> Result<Vec<Found>> {
    let config = tower.config();
    let pixels = fixture.packed(config.merge, device)?;
    let output = tower.forward(&pixels)?;
    let d_head = config.d_model / config.heads;
    let angles = published_angles(&pixels.positions(), d_head, ROTARY_BASE);
    let mut found = vec![
        Found {
            name: "rope_angles",
            shape: vec![angles.len() / (d_head / 2), d_head / 2],
            values: angles,
        },
        Found::tensor("embeddings", tower.embed(&pixels)?),
        Found::tensor("pre_ln_hidden", output.pre_norm.features().clone()),
    ];
    if let Some(post_norm) = &output.post_norm {
        found.push(Found::tensor(
            "post_ln_hidden",
            post_norm.features().clone(),
        ));
    }
    let vet = vet_of(fixture, model)?;
    let blocks = blocks(fixture, &output.pre_norm)?;
    let logits = vet.logits(blocks.merged());
    let tokens = vet.forward(&blocks, &mut Pass::deterministic());
    found.push(Found::tensor("logits", logits.squeeze_dim::<2>(0)));
    if let Some(probabilities) = tokens
        .clone()
        .first_words()
        .and_then(|words| words.probabilities)
    {
        found.push(Found::tensor("prob", probabilities.squeeze_dim::<2>(0)));
    }
    found.push(Found::tensor(
        "embeds",
        tokens.embeddings.squeeze_dim::<2>(0),
    ));
    Ok(found)
}

fn aimv2(
    fixture: &Fixture,
    model: &VisionModel,
    tower: &Aimv2,
    device: &Device,
) -> Result<Vec<Found>> {
    let (pixels, images) = fixture.tiles(tower.config().patch, device)?;
    let state = tower.hidden_in_raster_order(&pixels)?;
    let d = tower.config().d_model;
    let patches = tower.config().side() * tower.config().side();
    let vet = vet_of(fixture, model)?;
    let mut found = vec![Found::tensor(
        "official.pre_norm_hidden",
        state.features().clone().reshape([images, patches, d]),
    )];
    let merge = tower.config().merge;
    let by_image = |x: Tensor<3>| by_image(x, images);
    for (taps, features) in [
        (
            [
                "official.merged",
                "official.logits",
                "official.prob",
                "official.embeds",
            ],
            state.merged_by(merge),
        ),
        (
            ["hf.last_hidden_merged", "hf.logits", "hf.prob", "hf.embeds"],
            tower.final_norm(&state).merged_by(merge),
        ),
    ] {
        let blocks = blocks(fixture, &features)?;
        let tokens = vet.forward(&blocks, &mut Pass::deterministic());
        found.push(Found::tensor(taps[0], by_image(blocks.merged())));
        found.push(Found::tensor(
            taps[1],
            by_image(vet.logits(blocks.merged())),
        ));
        if let Some(probabilities) = tokens
            .clone()
            .first_words()
            .and_then(|words| words.probabilities)
        {
            found.push(Found::tensor(taps[2], by_image(probabilities)));
        }
        found.push(Found::tensor(taps[3], by_image(tokens.embeddings)));
    }
    let indicators: Vec<Tensor<1>> = (0..vet.indicators()).map(|i| vet.indicator(i)).collect();
    if !indicators.is_empty() {
        found.push(Found::tensor(
            "indicator_embeds",
            Tensor::<1>::stack::<2>(indicators, 0),
        ));
    }
    Ok(found)
}

fn intern_vit(
    fixture: &Fixture,
    model: &VisionModel,
    tower: &InternVit,
    device: &Device,
) -> Result<Vec<Found>> {
    let (pixels, images) = fixture.tiles(tower.config().patch, device)?;
    let features = model.features(&pixels)?;
    let shuffled = blocks(fixture, &features)?.merged();
    let tokens = model.tokens(&features, &mut Pass::deterministic())?;
    Ok(vec![
        Found::tensor("embeddings", tower.embed(&pixels)?),
        Found::tensor("hidden", tower.hidden(&pixels)?),
        Found::tensor("shuffled", by_image(shuffled, images)),
        Found::tensor("projected", by_image(tokens.embeddings, images)),
    ])
}

/// Tokens of equal tiles, tile by tile.
fn by_image(x: Tensor<3>, images: usize) -> Tensor<3> {
    let [_, tokens, width] = x.dims();
    x.reshape([images, tokens / images.max(1), width])
}

fn blocks(fixture: &Fixture, features: &PackedPatches) -> Result<PatchGrid> {
    features
        .row_of_blocks()
        .map_err(|error| fixture.problem(error.to_string()))
}

fn vet_of<'a>(fixture: &Fixture, model: &'a VisionModel) -> Result<&'a Vet> {
    match &model.projector {
        PublishedProjector::Vet(vet) => Ok(vet),
        PublishedProjector::Merger(_)
        | PublishedProjector::Qwen3Merger(_)
        | PublishedProjector::DeepStack(_)
        | PublishedProjector::InternVlMlp(_) => {
            Err(fixture.problem("an Ovis tower with a merger behind it"))
        }
    }
}
