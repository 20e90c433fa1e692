//! Ovis2.6: configuration and image processor; the rest is Ovis2.5's.
//!
//! The modelling code of the releases is not at hand. That their vision side is Ovis2.5's is read off
//! those who run them: vLLM (#34426, February 2026; #43630, May 2026) gives both the same tower, head,
//! table, boundary rows and image processor, and takes the state before the final norm; GPTQModel
//! (#2899, May 2026) finds no such norm in the checkpoints. Model cards name images of up to 2880 x
//! 2880 px. A tower of another kind is refused.

use image_processor::{PackedConfig, Transparency};
use serde_json::Value;

use super::{FamilyFacts, ProcessorDefaults, SequenceShape, ovis2_5};
use crate::config::{Family, ModelConfig, TowerConfig};

pub(super) static FACTS: FamilyFacts = FamilyFacts {
    name: "Ovis2.6",
    model_types: &[("ovis2_6_moe", whole), ("ovis2_6_next", whole)],
    layouts: &[&ovis2_5::NAMES],
    names: |_| &ovis2_5::NAMES,
    processor: ProcessorDefaults::Packed {
        config: PackedConfig::ovis2_6(),
        transparency: Transparency::Dropped,
    },
    processor_classes: &["Siglip", "Ovis2_5", "Ovis2_6"],
    sequence: SequenceShape::Enclosed,
};

fn whole(json: &Value) -> Result<ModelConfig, String> {
    let kind = json
        .pointer("/vit_config/model_type")
        .and_then(Value::as_str);
    match kind {
        None | Some("siglip2_navit") => Ok(of_ovis2_5(ovis2_5::whole(json)?)),
        Some(other) => Err(format!(
            "`vit_config.model_type` is `{other}`; Ovis2.6 is known with siglip2_navit only"
        )),
    }
}

/// The vision side of Ovis2.5 as that of Ovis2.6.
pub(crate) fn of_ovis2_5(mut model: ModelConfig) -> ModelConfig {
    model.family = Family::Ovis2_6;
    match &mut model.tower {
        TowerConfig::Navit(tower) => tower.may_lack_final_norm = true,
        TowerConfig::Qwen(_)
        | TowerConfig::Qwen3(_)
        | TowerConfig::Aimv2(..)
        | TowerConfig::InternVit(..) => {}
    }
    model
}
