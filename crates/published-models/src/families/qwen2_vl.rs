//! Qwen2-VL: configuration and image processor; tensors are named as in [`qwen`](super::qwen).

use image_processor::PackedConfig;
use serde::Deserialize;
use serde_json::Value;
use vision_backbone::{QwenGeneration, QwenVitConfig};

use super::{FamilyFacts, SequenceShape, activation, parse, qwen, vision};
use crate::config::{Family, ModelConfig};

pub(super) static FACTS: FamilyFacts = FamilyFacts {
    name: "Qwen2-VL",
    model_types: &[("qwen2_vl", |json| config(vision(json, "vision_config")?))],
    layouts: &[&qwen::NAMES],
    names: |_| &qwen::NAMES,
    processor: qwen::processor(PackedConfig::qwen2_vl()),
    processor_classes: qwen::PROCESSOR_CLASSES,
    sequence: SequenceShape::Tokens,
};

#[derive(Deserialize)]
#[serde(default)]
struct Qwen2Json {
    depth: usize,
    embed_dim: usize,
    hidden_size: usize,
    mlp_ratio: f64,
    num_heads: usize,
    in_channels: usize,
    patch_size: usize,
    temporal_patch_size: usize,
    spatial_merge_size: usize,
    hidden_act: String,
    rope_parameters: Option<qwen::RopeJson>,
}

impl Default for Qwen2Json {
    fn default() -> Self {
        Self {
            depth: 32,
            embed_dim: 1280,
            hidden_size: 3584,
            mlp_ratio: 4.0,
            num_heads: 16,
            in_channels: 3,
            patch_size: 14,
            temporal_patch_size: 2,
            spatial_merge_size: 2,
            hidden_act: "quick_gelu".to_owned(),
            rope_parameters: None,
        }
    }
}

/// From `vision_config`, in which `hidden_size` is the width of the output.
///
/// # Errors
/// Names the entry that is impossible.
pub(crate) fn config(vision: &Value) -> Result<ModelConfig, String> {
    let json: Qwen2Json = parse(vision, &qwen::SYNONYMS)?;
    qwen::only_released_base(json.rope_parameters)?;
    let d_mlp = json.embed_dim as f64 * json.mlp_ratio;
    if !(d_mlp.is_finite() && (1.0..1e9).contains(&d_mlp)) {
        return Err(format!(
            "`mlp_ratio` is {}; expected a small positive number",
            json.mlp_ratio
        ));
    }
    let tower = QwenVitConfig {
        depth: json.depth,
        d_model: json.embed_dim,
        d_mlp: d_mlp as usize,
        heads: json.num_heads,
        channels: json.in_channels,
        patch: json.patch_size,
        temporal_patch: json.temporal_patch_size,
        merge: json.spatial_merge_size,
        generation: QwenGeneration::Qwen2 {
            activation: activation(&json.hidden_act)?,
        },
    };
    Ok(qwen::model(Family::Qwen2Vl, tower, json.hidden_size, true))
}
