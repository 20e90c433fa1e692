//! Qwen2.5-VL: configuration and image processor; tensors are named as in [`qwen`](super::qwen).

use image_processor::PackedConfig;
use serde::Deserialize;
use serde_json::Value;
use vision_backbone::{QwenGeneration, QwenVitConfig};

use super::{FamilyFacts, SequenceShape, only_silu, parse, qwen, vision};
use crate::config::{Family, ModelConfig};

pub(super) static FACTS: FamilyFacts = FamilyFacts {
    name: "Qwen2.5-VL",
    model_types: &[("qwen2_5_vl", |json| config(vision(json, "vision_config")?))],
    layouts: &[&qwen::NAMES],
    names: |_| &qwen::NAMES,
    processor: qwen::processor(PackedConfig::qwen2_5_vl()),
    processor_classes: qwen::PROCESSOR_CLASSES,
    sequence: SequenceShape::Tokens,
};

#[derive(Deserialize)]
#[serde(default)]
struct Qwen2_5Json {
    depth: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_heads: usize,
    in_channels: usize,
    patch_size: usize,
    temporal_patch_size: usize,
    spatial_merge_size: usize,
    window_size: usize,
    out_hidden_size: usize,
    fullatt_block_indexes: Vec<usize>,
    hidden_act: String,
    rope_parameters: Option<qwen::RopeJson>,
}

impl Default for Qwen2_5Json {
    fn default() -> Self {
        Self {
            depth: 32,
            hidden_size: 3584,
            intermediate_size: 3420,
            num_heads: 16,
            in_channels: 3,
            patch_size: 14,
            temporal_patch_size: 2,
            spatial_merge_size: 2,
            window_size: 112,
            out_hidden_size: 3584,
            fullatt_block_indexes: vec![7, 15, 23, 31],
            hidden_act: "silu".to_owned(),
            rope_parameters: None,
        }
    }
}

/// From `vision_config`.
///
/// # Errors
/// Names the entry that is impossible.
pub(crate) fn config(vision: &Value) -> Result<ModelConfig, String> {
    let json: Qwen2_5Json = parse(vision, &qwen::SYNONYMS)?;
    only_silu(&json.hidden_act)?;
    qwen::only_released_base(json.rope_parameters)?;
    let tower = QwenVitConfig {
        depth: json.depth,
        d_model: json.hidden_size,
        d_mlp: json.intermediate_size,
        heads: json.num_heads,
        channels: json.in_channels,
        patch: json.patch_size,
        temporal_patch: json.temporal_patch_size,
        merge: json.spatial_merge_size,
        generation: QwenGeneration::Qwen2_5 {
            window: json.window_size,
            full_attention: json.fullatt_block_indexes,
        },
    };
    Ok(qwen::model(
        Family::Qwen2_5Vl,
        tower,
        json.out_hidden_size,
        false,
    ))
}
