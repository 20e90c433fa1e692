//! Ovis2.5: configuration, tensor names and image processor.

use image_processor::{PackedConfig, Transparency};
use ovis_vet::Tokenize;
use serde::Deserialize;
use serde_json::Value;
use vision_backbone::NavitConfig;

use super::{
    FamilyFacts, Names, ProcessorDefaults, SequenceShape, activation, either, one, parse, three,
    vision, width,
};
use crate::config::{Family, ModelConfig, ProjectorConfig, TowerConfig, VetSizes};

pub(super) static FACTS: FamilyFacts = FamilyFacts {
    name: "Ovis2.5",
    model_types: &[("ovis2_5", whole)],
    layouts: &[&NAMES],
    names: |_| &NAMES,
    // The two releases differ in the largest image only.
    processor: ProcessorDefaults::Packed {
        config: PackedConfig::ovis2_5_9b(),
        transparency: Transparency::Dropped,
    },
    processor_classes: &["Siglip", "Ovis2_5"],
    sequence: SequenceShape::Enclosed,
};

pub(super) static NAMES: Names = Names {
    tower: &[
        "visual_tokenizer.vit.vision_model.",
        "model.vision_tower.",
        "model.vision_tower.transformer.",
        "w.",
        "",
    ],
    witness: "embeddings.patch_embedding.weight",
    heads: &[
        ("visual_tokenizer.head.0", "visual_tokenizer.head.1"),
        (
            "model.visual_tokenizer.head_linear",
            "model.visual_tokenizer.head_norm",
        ),
        (
            "model.vision_tower.head_linear",
            "model.vision_tower.head_norm",
        ),
        ("w.head.0", "w.head.1"),
    ],
    tables: &[
        "vte.weight",
        "model.visual_embeddings_table.weight",
        "w.vte.weight",
    ],
    projector: None,
};

#[derive(Deserialize)]
struct NavitJson {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
    #[serde(default = "three")]
    num_channels: usize,
    #[serde(default = "two")]
    hidden_stride: usize,
    #[serde(default = "one")]
    temporal_patch_size: usize,
    #[serde(default = "eps_6")]
    layer_norm_eps: f64,
    #[serde(default = "gelu_pytorch_tanh")]
    hidden_act: String,
    #[serde(default = "window_112")]
    window_size: usize,
    #[serde(default)]
    fullatt_block_indexes: Option<Vec<usize>>,
    #[serde(default = "yes")]
    use_rope: bool,
    #[serde(default = "yes")]
    preserve_original_pe: bool,
}

/// From a whole `config.json`, in which the tower stands under one of two names.
///
/// # Errors
/// Names the entry that is missing or impossible.
pub(super) fn whole(json: &Value) -> Result<ModelConfig, String> {
    let described = either(["vit_config", "vision_config"].map(|key| (key, json.get(key))))?;
    let described = described.map_or_else(|| vision(json, "vit_config"), Ok)?;
    config(described, json.get("visual_vocab_size"), width(json)?)
}

/// From `vit_config`.
///
/// # Errors
/// Names the entry that is missing or impossible.
pub(crate) fn config(
    vision: &Value,
    words_total: Option<&Value>,
    d_out: Option<usize>,
) -> Result<ModelConfig, String> {
    let json: NavitJson = parse(vision, &[])?;
    if !json.preserve_original_pe {
        return Err(
            "`preserve_original_pe` is false: a tower without learned positions is not supported"
                .to_owned(),
        );
    }
    let words_total = match words_total {
        None => None,
        Some(value) => Some(
            value
                .as_u64()
                .and_then(|words| usize::try_from(words).ok())
                .ok_or_else(|| format!("`visual_vocab_size` is {value}; expected a number"))?,
        ),
    };
    let tower = NavitConfig {
        depth: json.num_hidden_layers,
        d_model: json.hidden_size,
        d_mlp: json.intermediate_size,
        heads: json.num_attention_heads,
        channels: json.num_channels,
        patch: json.patch_size,
        temporal_patch: json.temporal_patch_size,
        merge: json.hidden_stride,
        position_side: json.image_size / json.patch_size.max(1),
        activation: activation(&json.hidden_act)?,
        norm_eps: json.layer_norm_eps,
        rotary: json.use_rope,
        may_lack_final_norm: false,
        windows: json
            .fullatt_block_indexes
            .map(|full_attention| (json.window_size, full_attention)),
    };
    Ok(ModelConfig {
        family: Family::Ovis2_5,
        tower: TowerConfig::Navit(tower),
        projector: ProjectorConfig::Vet(VetSizes {
            words_total,
            indicators: None,
            d_out,
            tokenize: Tokenize::Softmax,
        }),
        tiling: None,
    })
}

fn yes() -> bool {
    true
}

fn two() -> usize {
    2
}

fn window_112() -> usize {
    112
}

fn eps_6() -> f64 {
    1e-6
}

fn gelu_pytorch_tanh() -> String {
    "gelu_pytorch_tanh".to_owned()
}
