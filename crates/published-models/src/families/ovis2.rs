//! Ovis2, in the layout of transformers and in the official one: configuration, tensor names and image
//! processor.

use image_processor::TileConfig;
use ovis_vet::{Tau, Tokenize};
use serde::Deserialize;
use serde_json::Value;
use vision_backbone::{Aimv2Config, Aimv2Naming};

use super::{
    FamilyFacts, Names, ProcessorDefaults, SequenceShape, five, one, only_silu, parse, softmax,
    three, vision, width,
};
use crate::config::{Family, ModelConfig, ProjectorConfig, TowerConfig, VetSizes};

/// Names of one thing: that of transformers, and the official one.
const SYNONYMS: [[&str; 2]; 1] = [["mlp_bias", "use_bias"]];

pub(super) static FACTS: FamilyFacts = FamilyFacts {
    name: "Ovis2",
    model_types: &[
        ("ovis2", |json| {
            transformers(vision(json, "vision_config")?, width(json)?)
        }),
        ("ovis", |json| {
            official(vision(json, "visual_tokenizer_config")?, width(json)?)
        }),
    ],
    layouts: &[&TRANSFORMERS, &OFFICIAL],
    names: |tower| match tower {
        TowerConfig::Aimv2(_, Aimv2Naming::Official) => &OFFICIAL,
        TowerConfig::Aimv2(_, Aimv2Naming::Transformers)
        | TowerConfig::Qwen(_)
        | TowerConfig::Qwen3(_)
        | TowerConfig::Navit(_)
        | TowerConfig::InternVit(..) => &TRANSFORMERS,
    },
    processor: ProcessorDefaults::Tiles(TileConfig::ovis2()),
    processor_classes: &["Ovis2", "CLIP", "AIMv2", "Aimv2"],
    sequence: SequenceShape::Tiles,
};

static TRANSFORMERS: Names = Names {
    tower: &["model.vision_tower.", "vision_tower.", "w.", ""],
    witness: "transformer.embeddings.patch_embedding.weight",
    heads: &[
        (
            "model.vision_tower.head_linear",
            "model.vision_tower.head_norm",
        ),
        ("vision_tower.head_linear", "vision_tower.head_norm"),
        ("w.head_linear", "w.head_norm"),
        ("head_linear", "head_norm"),
    ],
    tables: &[
        "model.visual_embeddings_table.weight",
        "visual_embeddings_table.weight",
        "w.vet.weight",
    ],
    projector: None,
};

static OFFICIAL: Names = Names {
    tower: &["visual_tokenizer.backbone.", "backbone."],
    witness: "preprocessor.patchifier.proj.weight",
    heads: &[("visual_tokenizer.head.0", "visual_tokenizer.head.1")],
    tables: &["vte.weight"],
    projector: None,
};

/// AIMv2 as transformers and as the official code describe it.
#[derive(Deserialize)]
struct Aimv2Json {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    image_size: usize,
    patch_size: usize,
    #[serde(default = "three")]
    num_channels: usize,
    #[serde(default = "eps_5")]
    rms_norm_eps: f64,
    #[serde(default)]
    qkv_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    #[serde(default = "silu")]
    hidden_act: String,
}

impl Aimv2Json {
    fn tower(&self, merge: usize) -> Result<Aimv2Config, String> {
        only_silu(&self.hidden_act)?;
        Ok(Aimv2Config {
            depth: self.num_hidden_layers,
            d_model: self.hidden_size,
            d_mlp: self.intermediate_size,
            heads: self.num_attention_heads,
            channels: self.num_channels,
            image: self.image_size,
            patch: self.patch_size,
            merge,
            norm_eps: self.rms_norm_eps,
            attention_bias: self.qkv_bias,
            mlp_bias: self.mlp_bias,
        })
    }
}

#[derive(Deserialize)]
struct Ovis2Json {
    vocab_size: usize,
    #[serde(default = "one")]
    hidden_stride: usize,
    #[serde(default = "five")]
    num_visual_indicator_tokens: usize,
    #[serde(default = "softmax")]
    tokenize_function: String,
}

/// From the `vision_config` of transformers.
///
/// # Errors
/// Names the entry that is missing or impossible.
pub(crate) fn transformers(vision: &Value, d_out: Option<usize>) -> Result<ModelConfig, String> {
    let json: Ovis2Json = parse(vision, &[])?;
    let tower: Aimv2Json = parse(vision, &SYNONYMS)?;
    // transformers never passes a temperature on.
    let tokenize = match json.tokenize_function.as_str() {
        "softmax" => Tokenize::Softmax,
        "st_argmax" => Tokenize::StArgmax,
        "gumbel_argmax" => Tokenize::GumbelArgmax {
            tau: Tau::Fixed(1.0),
        },
        other => return Err(unknown_tokenize(other)),
    };
    Ok(ModelConfig {
        family: Family::Ovis2,
        tower: TowerConfig::Aimv2(tower.tower(json.hidden_stride)?, Aimv2Naming::Transformers),
        projector: ProjectorConfig::Vet(VetSizes {
            words_total: Some(json.vocab_size),
            indicators: Some(json.num_visual_indicator_tokens),
            d_out,
            tokenize,
        }),
        tiling: None,
    })
}

#[derive(Deserialize)]
struct OvisJson {
    #[serde(default)]
    model_type: String,
    vocab_size: usize,
    #[serde(default = "one")]
    hidden_stride: usize,
    #[serde(default = "softmax")]
    tokenize_function: String,
    #[serde(default = "unit")]
    tau: f64,
    #[serde(default)]
    drop_cls_token: Option<bool>,
    backbone_config: Value,
}

/// From the `visual_tokenizer_config` of the official checkpoints.
///
/// # Errors
/// Names the entry that is missing or impossible.
pub(crate) fn official(tokenizer: &Value, d_out: Option<usize>) -> Result<ModelConfig, String> {
    let json: OvisJson = parse(tokenizer, &[])?;
    if json.model_type != "aimv2_visual_tokenizer" {
        return Err(format!(
            "the visual tokenizer is `{}`, but only `aimv2_visual_tokenizer` (Ovis2) is supported; \
             Ovis 1.x has other towers",
            json.model_type
        ));
    }
    if json.drop_cls_token == Some(true) {
        return Err(
            "`drop_cls_token` is true; AIMv2 has no class token, so that the first patch would be dropped: \
             set it to false, as in the releases"
                .to_owned(),
        );
    }
    let tower: Aimv2Json = parse(&json.backbone_config, &SYNONYMS)?;
    let tokenize = match json.tokenize_function.as_str() {
        "softmax" => Tokenize::Softmax,
        "st_argmax" => Tokenize::StArgmaxRaw,
        "gumbel_argmax" => Tokenize::GumbelArgmax {
            tau: Tau::Fixed(json.tau),
        },
        other => return Err(unknown_tokenize(other)),
    };
    Ok(ModelConfig {
        family: Family::Ovis2,
        tower: TowerConfig::Aimv2(tower.tower(json.hidden_stride)?, Aimv2Naming::Official),
        projector: ProjectorConfig::Vet(VetSizes {
            words_total: Some(json.vocab_size),
            indicators: Some(five()),
            d_out,
            tokenize,
        }),
        tiling: None,
    })
}

fn unknown_tokenize(name: &str) -> String {
    format!("`tokenize_function` is `{name}`; known are softmax, st_argmax, gumbel_argmax")
}

fn eps_5() -> f64 {
    1e-5
}

fn unit() -> f64 {
    1.0
}

fn silu() -> String {
    "silu".to_owned()
}
