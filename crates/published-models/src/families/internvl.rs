//! InternVL2.5 and InternVL3, in the official layout (`internvl_chat`) and in that of transformers
//! (`internvl`): configuration, tensor names and image processor.
//!
//! The official code reads the numbers of tiles from `config.json`, transformers from the file of the
//! image processor.
//!
//! Source: `InternVLChatModel` and its configuration in OpenGVLab/InternVL at 2410d1d; `InternVLConfig` and
//! `InternVLProcessor` in transformers 5.23.0.

use image_processor::{MAX_TILES, TileConfig};
use serde::Deserialize;
use serde_json::Value;
use vision_backbone::{InternVitConfig, InternVitNaming, InternVitNorm};
use vlm_connectors::InternVlMlpConfig;

use super::{
    FamilyFacts, Names, ProcessorDefaults, ProjectorNames, SequenceShape, activation, parse, vision,
};
use crate::config::{Family, ModelConfig, ProjectorConfig, Tiling, TowerConfig};

pub(super) static FACTS: FamilyFacts = FamilyFacts {
    name: "InternVL",
    model_types: &[("internvl_chat", official), ("internvl", transformers)],
    layouts: &[&OFFICIAL, &TRANSFORMERS],
    names: |tower| match tower {
        TowerConfig::InternVit(_, InternVitNaming::Official) => &OFFICIAL,
        TowerConfig::InternVit(_, InternVitNaming::Transformers)
        | TowerConfig::Qwen(_)
        | TowerConfig::Qwen3(_)
        | TowerConfig::Navit(_)
        | TowerConfig::Aimv2(..) => &TRANSFORMERS,
    },
    processor: ProcessorDefaults::Tiles(TileConfig::internvl()),
    processor_classes: &["GotOcr2", "InternVL", "CLIP"],
    sequence: SequenceShape::Tokens,
};

static OFFICIAL: Names = Names {
    tower: &["vision_model."],
    witness: "embeddings.class_embedding",
    heads: &[],
    tables: &[],
    projector: Some(&ProjectorNames {
        prefixes: &["mlp1."],
        norm: "0",
        layers: ["1", "3"],
    }),
};

static TRANSFORMERS: Names = Names {
    tower: &["model.vision_tower.", "vision_tower.", "w.vision_tower."],
    witness: "embeddings.cls_token",
    heads: &[],
    tables: &[],
    projector: Some(&ProjectorNames {
        prefixes: &[
            "model.multi_modal_projector.",
            "multi_modal_projector.",
            "w.multi_modal_projector.",
        ],
        norm: "layer_norm",
        layers: ["linear_1", "linear_2"],
    }),
};

/// Epsilon that transformers gives the norms of queries and keys, whatever `layer_norm_eps` is.
const QK_NORM_EPS: f64 = 1e-6;

/// The whole `config.json` of the official checkpoints.
#[derive(Deserialize)]
#[serde(default)]
struct ChatJson {
    select_layer: i64,
    ps_version: String,
    downsample_ratio: f64,
    force_image_size: Option<usize>,
    pad2square: bool,
    use_backbone_lora: u64,
    dynamic_image_size: bool,
    use_thumbnail: bool,
    min_dynamic_patch: u32,
    max_dynamic_patch: u32,
    flash_mode: Value,
    flash_relative_threshold: Value,
}

impl Default for ChatJson {
    fn default() -> Self {
        Self {
            select_layer: -1,
            ps_version: "v1".to_owned(),
            downsample_ratio: 0.5,
            force_image_size: None,
            pad2square: false,
            use_backbone_lora: 0,
            dynamic_image_size: false,
            use_thumbnail: false,
            min_dynamic_patch: 1,
            max_dynamic_patch: 6,
            flash_mode: Value::Null,
            flash_relative_threshold: Value::Null,
        }
    }
}

impl ChatJson {
    /// What is not known.
    fn check(&self, image: usize) -> Result<(), String> {
        if self.select_layer != -1 {
            return Err(format!(
                "`select_layer` is {}; only -1, the last block, is known; set it to -1 if the \
                 projector was trained on that",
                self.select_layer
            ));
        }
        if self.ps_version != "v2" {
            return Err(format!(
                "`ps_version` is `{}` (v1 if missing); only v2 is known, which InternVL2.5 \
                 and InternVL3 have; v1 hands the tokens over in columns",
                self.ps_version
            ));
        }
        if let Some(side) = self.force_image_size.filter(|side| *side != image) {
            return Err(format!(
                "`force_image_size` is {side}, but `vision_config.image_size` is {image}; positions \
                 are not resampled, so use a checkpoint whose table was resampled when it was saved"
            ));
        }
        if self.pad2square {
            return Err(
                "`pad2square` is true; images are stretched to tiles only, so use a checkpoint that \
                 was trained with false, as the releases were"
                    .to_owned(),
            );
        }
        if self.use_backbone_lora != 0 {
            return Err(format!(
                "`use_backbone_lora` is {}; LoRA weights of the tower are not read: merge them into \
                 it, and set this to 0",
                self.use_backbone_lora
            ));
        }
        let says_nothing = self.flash_mode.is_null() && self.flash_relative_threshold.is_null();
        if self.flash_mode != false && !says_nothing {
            return Err(
                "`flash_mode` or `flash_relative_threshold` makes this a Flash model, whose router gives \
                 some tiles a quarter of the tokens; it is not known: use the release without Flash"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn tiling(&self) -> Result<Tiling, String> {
        let (least, most) = (self.min_dynamic_patch, self.max_dynamic_patch);
        if !(1..=MAX_TILES).contains(&most) {
            return Err(format!(
                "`max_dynamic_patch` is {most}; expected 1 to {MAX_TILES} tiles"
            ));
        }
        if !(1..=most).contains(&least) {
            return Err(format!(
                "`min_dynamic_patch` is {least}; expected 1 to {most} tiles, which is \
                 `max_dynamic_patch`"
            ));
        }
        Ok(match self.dynamic_image_size {
            true => Tiling {
                min_tiles: least,
                max_tiles: most,
                thumbnail: self.use_thumbnail,
            },
            // The whole image is the only tile.
            false => Tiling {
                min_tiles: 1,
                max_tiles: 1,
                thumbnail: false,
            },
        })
    }
}

/// The official `vision_config`.
#[derive(Deserialize)]
#[serde(default)]
struct InternVisionJson {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_channels: usize,
    image_size: usize,
    patch_size: usize,
    qkv_bias: bool,
    qk_normalization: bool,
    norm_type: String,
    layer_norm_eps: f64,
    hidden_act: String,
}

impl Default for InternVisionJson {
    fn default() -> Self {
        Self {
            hidden_size: 3200,
            intermediate_size: 12800,
            num_hidden_layers: 48,
            num_attention_heads: 25,
            num_channels: 3,
            image_size: 224,
            patch_size: 14,
            qkv_bias: false,
            qk_normalization: true,
            norm_type: "rms_norm".to_owned(),
            layer_norm_eps: 1e-6,
            hidden_act: "gelu".to_owned(),
        }
    }
}

fn official(json: &Value) -> Result<ModelConfig, String> {
    let chat: ChatJson = parse(json, &[])?;
    let vision: InternVisionJson = parse(vision(json, "vision_config")?, &[])?;
    chat.check(vision.image_size)?;
    let tower = InternVitConfig {
        depth: vision.num_hidden_layers,
        d_model: vision.hidden_size,
        d_mlp: vision.intermediate_size,
        heads: vision.num_attention_heads,
        channels: colours(vision.num_channels)?,
        image: vision.image_size,
        patch: vision.patch_size,
        merge: merge(chat.downsample_ratio)?,
        norm: norm(&vision.norm_type)?,
        norm_eps: vision.layer_norm_eps,
        qk_norm_eps: vision.qk_normalization.then_some(vision.layer_norm_eps),
        qkv_bias: vision.qkv_bias,
        activation: activation(&vision.hidden_act)?,
    };
    let mut model = model(
        tower,
        InternVitNaming::Official,
        token_width(json, "llm_config")?,
    );
    model.tiling = Some(chat.tiling()?);
    Ok(model)
}

/// The whole `config.json` of transformers.
#[derive(Deserialize)]
#[serde(default)]
struct InternVlJson {
    downsample_ratio: f64,
    projector_hidden_act: String,
    vision_feature_layer: Value,
    vision_feature_select_strategy: String,
}

impl Default for InternVlJson {
    fn default() -> Self {
        Self {
            downsample_ratio: 0.5,
            projector_hidden_act: "gelu".to_owned(),
            vision_feature_layer: Value::from(-1),
            vision_feature_select_strategy: "default".to_owned(),
        }
    }
}

impl InternVlJson {
    /// What is not known.
    fn check(&self) -> Result<(), String> {
        if self.vision_feature_layer != -1 {
            return Err(format!(
                "`vision_feature_layer` is {}; only -1, the last block, is known; set it to -1 if the \
                 projector was trained on that",
                super::excerpt(&self.vision_feature_layer)
            ));
        }
        if self.vision_feature_select_strategy != "default" {
            return Err(format!(
                "`vision_feature_select_strategy` is `{}`; only `default` is known, which drops the \
                 class token: with it, patches would be no square to merge",
                self.vision_feature_select_strategy
            ));
        }
        match self.projector_hidden_act.as_str() {
            "gelu" => Ok(()),
            other => Err(format!(
                "`projector_hidden_act` is `{other}`; the projector is known with gelu only, as released"
            )),
        }
    }
}

/// The `vision_config` of transformers.
#[derive(Deserialize)]
#[serde(default)]
struct InternVlVisionJson {
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    attention_bias: bool,
    use_qk_norm: bool,
    intermediate_size: usize,
    hidden_act: String,
    norm_type: String,
    layer_norm_eps: f64,
    image_size: Side,
    patch_size: Side,
    num_channels: usize,
    use_mask_token: bool,
    use_absolute_position_embeddings: bool,
    use_mean_pooling: bool,
}

impl Default for InternVlVisionJson {
    fn default() -> Self {
        Self {
            hidden_size: 1024,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            attention_bias: false,
            use_qk_norm: false,
            intermediate_size: 4096,
            hidden_act: "gelu".to_owned(),
            norm_type: "layer_norm".to_owned(),
            layer_norm_eps: 1e-6,
            image_size: Side::Square(448),
            patch_size: Side::Square(14),
            num_channels: 3,
            use_mask_token: false,
            use_absolute_position_embeddings: true,
            use_mean_pooling: true,
        }
    }
}

impl InternVlVisionJson {
    /// What is not known.
    fn check(&self) -> Result<(), String> {
        if self.use_mask_token {
            return Err(
                "`use_mask_token` is true; it is of use for pre-training only: remove the tensor \
                 `embeddings.mask_token`, and set this to false"
                    .to_owned(),
            );
        }
        if !self.use_absolute_position_embeddings {
            return Err(
                "`use_absolute_position_embeddings` is false; the tower is known with its table of \
                 positions only: use a checkpoint that has it, as the releases have"
                    .to_owned(),
            );
        }
        if !self.use_mean_pooling {
            return Err(
                "`use_mean_pooling` is false, which puts a norm behind the last block; the tower is \
                 known without it only: use a checkpoint with true, as the releases have"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

/// A side in px, or height and width.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "a side in px, or height and width")]
enum Side {
    Square(usize),
    Sides([usize; 2]),
}

impl Side {
    fn square(self, name: &str) -> Result<usize, String> {
        match self {
            Self::Square(side) => Ok(side),
            Self::Sides([height, width]) if height == width => Ok(width),
            Self::Sides([height, width]) => Err(format!(
                "`{name}` is [{height}, {width}]; only squares are known: give two equal sides"
            )),
        }
    }
}

/// From the whole `config.json` of transformers, which is also that of a parity file.
///
/// # Errors
/// Names the entry that is missing or impossible.
pub(crate) fn transformers(json: &Value) -> Result<ModelConfig, String> {
    let whole: InternVlJson = parse(json, &[])?;
    let vision: InternVlVisionJson = parse(vision(json, "vision_config")?, &[])?;
    whole.check()?;
    vision.check()?;
    let tower = InternVitConfig {
        depth: vision.num_hidden_layers,
        d_model: vision.hidden_size,
        d_mlp: vision.intermediate_size,
        heads: vision.num_attention_heads,
        channels: colours(vision.num_channels)?,
        image: vision.image_size.square("image_size")?,
        patch: vision.patch_size.square("patch_size")?,
        merge: merge(whole.downsample_ratio)?,
        norm: norm(&vision.norm_type)?,
        norm_eps: vision.layer_norm_eps,
        qk_norm_eps: vision.use_qk_norm.then_some(QK_NORM_EPS),
        qkv_bias: vision.attention_bias,
        activation: activation(&vision.hidden_act)?,
    };
    let d_out = token_width(json, "text_config")?;
    Ok(model(tower, InternVitNaming::Transformers, d_out))
}

fn model(tower: InternVitConfig, naming: InternVitNaming, d_out: usize) -> ModelConfig {
    let mlp = InternVlMlpConfig {
        d_in: tower.d_model,
        merge: tower.merge,
        d_out,
    };
    ModelConfig {
        family: Family::InternVl,
        tower: TowerConfig::InternVit(tower, naming),
        projector: ProjectorConfig::InternVlMlp(mlp),
        tiling: None,
    }
}

/// Width of the language model, which is that of a token.
fn token_width(json: &Value, section: &str) -> Result<usize, String> {
    let found = json.get(section).and_then(|text| text.get("hidden_size"));
    found
        .and_then(Value::as_u64)
        .and_then(|width| usize::try_from(width).ok())
        .ok_or_else(|| {
            format!(
                "no whole number `{section}.hidden_size`; add the width of the language model, which is \
                 that of a token"
            )
        })
}

/// Side of the block that `downsample_ratio` makes one token of.
fn merge(ratio: f64) -> Result<usize, String> {
    const LARGEST: f64 = 64.0;
    let side = (1.0 / ratio).round();
    // 1 / 3 has no exact form in JSON.
    if (1.0..=LARGEST).contains(&side) && (side * ratio - 1.0).abs() < 1e-3 {
        Ok(side as usize)
    } else {
        Err(format!(
            "`downsample_ratio` is {ratio}; expected 1 over a whole number, as 0.5 for tokens of 2 x 2 \
             patches"
        ))
    }
}

fn norm(name: &str) -> Result<InternVitNorm, String> {
    match name {
        "layer_norm" => Ok(InternVitNorm::Layer),
        "rms_norm" => Ok(InternVitNorm::Rms),
        other => Err(format!(
            "`norm_type` is `{other}`; known are layer_norm and rms_norm"
        )),
    }
}

/// Image files become three channels.
fn colours(channels: usize) -> Result<usize, String> {
    match channels {
        3 => Ok(3),
        other => Err(format!(
            "`num_channels` is {other}; images are read in colour only, so it must be 3"
        )),
    }
}
