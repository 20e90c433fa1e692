//! Qwen3-VL and Qwen3.5, dense and with experts: configuration, tensor names and image processor.
//!
//! The towers are of one kind; only Qwen3-VL has DeepStack levels. The language models differ, which
//! the vision side does not see.

use image_processor::PackedConfig;
use qwen_merger::Qwen3MergerConfig;
use serde::Deserialize;
use serde_json::Value;
use vision_backbone::Qwen3VitConfig;

use super::{FamilyFacts, Names, SequenceShape, activation, parse, qwen, vision};
use crate::config::{Family, ModelConfig, ProjectorConfig, TowerConfig};

/// `deepstack_visual_indexes` of a configuration of Qwen3-VL that does not name them.
pub(crate) const LEVELS: [usize; 3] = [8, 16, 24];

pub(super) static FACTS: FamilyFacts = FamilyFacts {
    name: "Qwen3-VL",
    model_types: &[("qwen3_vl", qwen3_vl), ("qwen3_vl_moe", qwen3_vl)],
    layouts: &[&NAMES],
    names: |_| &NAMES,
    processor: qwen::processor(PackedConfig::qwen3_vl()),
    processor_classes: qwen::PROCESSOR_CLASSES,
    sequence: SequenceShape::Tokens,
};

pub(super) static FACTS_OF_QWEN3_5: FamilyFacts = FamilyFacts {
    name: "Qwen3.5",
    model_types: &[("qwen3_5", qwen3_5), ("qwen3_5_moe", qwen3_5)],
    layouts: &[&NAMES],
    names: |_| &NAMES,
    processor: qwen::processor(PackedConfig::qwen3_vl()),
    processor_classes: qwen::PROCESSOR_CLASSES,
    sequence: SequenceShape::Tokens,
};

static NAMES: Names = Names {
    // As released first.
    tower: &["model.visual.", "visual.", "w.", ""],
    witness: "patch_embed.proj.weight",
    heads: &[],
    tables: &[],
    projector: None,
};

fn qwen3_vl(json: &Value) -> Result<ModelConfig, String> {
    config(vision(json, "vision_config")?, Family::Qwen3Vl, &LEVELS)
}

fn qwen3_5(json: &Value) -> Result<ModelConfig, String> {
    let model = config(vision(json, "vision_config")?, Family::Qwen3_5, &[])?;
    match model.tower.inner_levels() {
        0 => Ok(model),
        levels => Err(format!(
            "`deepstack_visual_indexes` has {levels} entries, but Qwen3.5 has no DeepStack levels; \
             leave it empty, or set `model_type` to qwen3_vl if the checkpoint has their mergers"
        )),
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Qwen3Json {
    depth: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_heads: usize,
    in_channels: usize,
    patch_size: usize,
    temporal_patch_size: usize,
    spatial_merge_size: usize,
    out_hidden_size: usize,
    num_position_embeddings: usize,
    deepstack_visual_indexes: Option<Vec<usize>>,
    hidden_act: String,
    rope_parameters: Option<qwen::RopeJson>,
}

impl Default for Qwen3Json {
    fn default() -> Self {
        Self {
            depth: 27,
            hidden_size: 1152,
            intermediate_size: 4304,
            num_heads: 16,
            in_channels: 3,
            patch_size: 16,
            temporal_patch_size: 2,
            spatial_merge_size: 2,
            out_hidden_size: 3584,
            num_position_embeddings: 48 * 48,
            deepstack_visual_indexes: None,
            hidden_act: "gelu_pytorch_tanh".to_owned(),
            rope_parameters: None,
        }
    }
}

/// From `vision_config`; `levels` stand in for missing `deepstack_visual_indexes`.
///
/// # Errors
/// Names the entry that is impossible.
pub(crate) fn config(
    vision: &Value,
    family: Family,
    levels: &[usize],
) -> Result<ModelConfig, String> {
    let json: Qwen3Json = parse(vision, &qwen::SYNONYMS)?;
    let positions = json.num_position_embeddings;
    let position_side = positions.isqrt();
    if position_side.checked_mul(position_side) != Some(positions) {
        return Err(format!(
            "`num_position_embeddings` is {positions}; expected the square of a whole number"
        ));
    }
    let tower = Qwen3VitConfig {
        depth: json.depth,
        d_model: json.hidden_size,
        d_mlp: json.intermediate_size,
        heads: json.num_heads,
        channels: json.in_channels,
        patch: json.patch_size,
        temporal_patch: json.temporal_patch_size,
        merge: json.spatial_merge_size,
        position_side,
        activation: activation(&json.hidden_act)?,
        rotary_base: qwen::rotary_base(json.rope_parameters)?,
        deepstack: json
            .deepstack_visual_indexes
            .unwrap_or_else(|| levels.to_vec()),
    };
    let merger = Qwen3MergerConfig::new(tower.d_model, tower.merge, json.out_hidden_size);
    Ok(ModelConfig {
        family,
        tower: TowerConfig::Qwen3(tower),
        projector: ProjectorConfig::Qwen3Merger(merger),
        tiling: None,
    })
}
