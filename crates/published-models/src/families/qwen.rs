//! What Qwen2-VL and Qwen2.5-VL share, and what Qwen3-VL and Qwen3.5 share with them.

use image_processor::Transparency;
use qwen_merger::PatchMergerConfig;
use serde::Deserialize;
use vision_backbone::QwenVitConfig;
use vision_backbone::qwen::ROTARY_BASE;

use super::{Names, ProcessorDefaults};
use crate::config::{Family, ModelConfig, ProjectorConfig, TowerConfig};

/// Names of one thing in `vision_config`: ours, and that of the released files. transformers 5 writes
/// both.
pub(super) const SYNONYMS: [[&str; 2]; 1] = [["in_channels", "in_chans"]];

pub(super) static NAMES: Names = Names {
    tower: &["visual.", "model.visual.", "w.", ""],
    witness: "patch_embed.proj.weight",
    heads: &[],
    tables: &[],
    projector: None,
};

/// All these families have the processor class of Qwen2-VL, or know those of each other.
pub(super) const PROCESSOR_CLASSES: &[&str] = &["Qwen2VL", "Qwen2_5_VL", "Qwen2_5VL", "Qwen3VL"];

/// All lay transparent images on white.
pub(super) const fn processor(config: image_processor::PackedConfig) -> ProcessorDefaults {
    ProcessorDefaults::Packed {
        config,
        transparency: Transparency::OverWhite,
    }
}

pub(super) fn model(
    family: Family,
    tower: QwenVitConfig,
    d_out: usize,
    layer_norm: bool,
) -> ModelConfig {
    let config = PatchMergerConfig {
        d_in: tower.d_model,
        merge: tower.merge,
        d_out,
    };
    ModelConfig {
        family,
        tower: TowerConfig::Qwen(tower),
        projector: ProjectorConfig::Merger { config, layer_norm },
        tiling: None,
    }
}

/// `rope_parameters` of the tower: transformers 5 writes them; older files have none.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RopeJson {
    rope_theta: Option<f64>,
    rope_type: Option<String>,
}

/// Base of the rotary positions. The reference reads `default` as `axial`, too.
pub(super) fn rotary_base(rope: Option<RopeJson>) -> Result<f64, String> {
    let rope = rope.unwrap_or_default();
    match rope.rope_type.as_deref() {
        None | Some("axial" | "default") => Ok(rope.rope_theta.unwrap_or(ROTARY_BASE)),
        Some(other) => Err(format!(
            "`rope_parameters.rope_type` of the vision tower is `{other}`; known is axial"
        )),
    }
}

/// For towers that have the released base only.
pub(super) fn only_released_base(rope: Option<RopeJson>) -> Result<(), String> {
    let base = rotary_base(rope)?;
    if base == ROTARY_BASE {
        return Ok(());
    }
    Err(format!(
        "`rope_parameters.rope_theta` of the vision tower is {base}; this family is known with {ROTARY_BASE} only"
    ))
}
