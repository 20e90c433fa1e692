//! From `config.json` to the shapes of tower and projector.
//!
//! Keys are those of the checkpoints (and of transformers 5.23.0, where it names them otherwise);
//! missing ones take the defaults of the reference's configuration class, except for those of
//! Ovis2.5 and the sizes of Ovis2, whose classes' defaults fit no release.

use ovis_vet::{Tau, Tokenize};
use qwen_merger::PatchMergerConfig;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vision_backbone::{
    Activation, Aimv2Config, Aimv2Naming, NavitConfig, QwenGeneration, QwenVitConfig,
};

/// The `model_type`s that are known.
pub const MODEL_TYPES: [&str; 5] = ["qwen2_5_vl", "qwen2_vl", "ovis2", "ovis", "ovis2_5"];

/// Which published model a checkpoint is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Qwen2-VL.
    Qwen2Vl,
    /// Qwen2.5-VL.
    Qwen2_5Vl,
    /// Ovis2, in the official layout or that of transformers.
    Ovis2,
    /// Ovis2.5.
    Ovis2_5,
}

impl Family {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Qwen2Vl => "Qwen2-VL",
            Self::Qwen2_5Vl => "Qwen2.5-VL",
            Self::Ovis2 => "Ovis2",
            Self::Ovis2_5 => "Ovis2.5",
        }
    }
}

/// Shape of a tower.
#[derive(Clone, Debug, PartialEq)]
pub enum TowerConfig {
    /// Qwen2-VL and Qwen2.5-VL.
    Qwen(QwenVitConfig),
    /// Ovis2.5.
    Navit(NavitConfig),
    /// Ovis2, and how its tensors are named.
    Aimv2(Aimv2Config, Aimv2Naming),
}

/// What a configuration says about a visual embedding table. Numbers that it leaves out follow from
/// the shapes of head and table.
#[derive(Clone, Debug, PartialEq)]
pub struct VetSizes {
    /// Rows of the table.
    pub words_total: Option<usize>,
    /// Rows kept for indicators.
    pub indicators: Option<usize>,
    /// Width of a token.
    pub d_out: Option<usize>,
    /// The model's own tokenize function.
    pub tokenize: Tokenize,
}

/// Shape of a projector.
#[derive(Clone, Debug, PartialEq)]
pub enum ProjectorConfig {
    /// PatchMerger; `layer_norm` in Qwen2-VL, an RMSNorm in Qwen2.5-VL.
    Merger {
        /// Sizes.
        config: PatchMergerConfig,
        /// Whether the norm has a mean and a bias.
        layer_norm: bool,
    },
    /// Visual head and table.
    Vet(VetSizes),
}

/// The vision side of a published model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    /// Which model.
    pub family: Family,
    /// Its tower.
    pub tower: TowerConfig,
    /// Its projector.
    pub projector: ProjectorConfig,
}

impl ModelConfig {
    /// Reads a whole `config.json`; `None` for an unknown `model_type`.
    ///
    /// # Errors
    /// Names the entry that is missing or impossible.
    pub fn from_json(model_type: &str, config: &Value) -> Option<Result<Self, String>> {
        let vision = |key: &str| {
            config
                .get(key)
                .ok_or_else(|| format!("no entry `{key}`, which describes the vision tower"))
        };
        let width = config
            .get("hidden_size")
            .or_else(|| config.get("text_config")?.get("hidden_size"))
            .and_then(Value::as_u64)
            .and_then(|width| usize::try_from(width).ok());
        Some(match model_type {
            "qwen2_5_vl" => vision("vision_config").and_then(qwen2_5_vl),
            "qwen2_vl" => vision("vision_config").and_then(qwen2_vl),
            "ovis2" => vision("vision_config").and_then(|v| ovis2_transformers(v, width)),
            "ovis" => vision("visual_tokenizer_config").and_then(|v| ovis2_official(v, width)),
            "ovis2_5" => vision("vit_config")
                .or_else(|_| vision("vision_config"))
                .and_then(|v| ovis2_5(v, config.get("visual_vocab_size"), width)),
            _ => return None,
        })
    }
}

fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| format!("the vision tower's configuration: {error}"))
}

#[derive(Deserialize)]
#[serde(default)]
struct Qwen2_5Json {
    depth: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_heads: usize,
    #[serde(alias = "in_chans")]
    in_channels: usize,
    patch_size: usize,
    temporal_patch_size: usize,
    spatial_merge_size: usize,
    window_size: usize,
    out_hidden_size: usize,
    fullatt_block_indexes: Vec<usize>,
    hidden_act: String,
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
        }
    }
}

/// The vision configuration of Qwen2.5-VL.
///
/// # Errors
/// Names the entry that is impossible.
pub fn qwen2_5_vl(vision: &Value) -> Result<ModelConfig, String> {
    let json: Qwen2_5Json = parse(vision)?;
    only_silu(&json.hidden_act)?;
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
    Ok(qwen(Family::Qwen2_5Vl, tower, json.out_hidden_size, false))
}

#[derive(Deserialize)]
#[serde(default)]
struct Qwen2Json {
    depth: usize,
    embed_dim: usize,
    hidden_size: usize,
    mlp_ratio: f64,
    num_heads: usize,
    #[serde(alias = "in_chans")]
    in_channels: usize,
    patch_size: usize,
    temporal_patch_size: usize,
    spatial_merge_size: usize,
    hidden_act: String,
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
        }
    }
}

/// The vision configuration of Qwen2-VL, in which `hidden_size` is the width of the output.
///
/// # Errors
/// Names the entry that is impossible.
pub fn qwen2_vl(vision: &Value) -> Result<ModelConfig, String> {
    let json: Qwen2Json = parse(vision)?;
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
    Ok(qwen(Family::Qwen2Vl, tower, json.hidden_size, true))
}

fn qwen(family: Family, tower: QwenVitConfig, d_out: usize, layer_norm: bool) -> ModelConfig {
    let config = PatchMergerConfig {
        d_in: tower.d_model,
        merge: tower.merge,
        d_out,
    };
    ModelConfig {
        family,
        tower: TowerConfig::Qwen(tower),
        projector: ProjectorConfig::Merger { config, layer_norm },
    }
}

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
    #[serde(default, alias = "use_bias")]
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

/// The vision configuration of Ovis2 in transformers.
///
/// # Errors
/// Names the entry that is missing or impossible.
pub fn ovis2_transformers(vision: &Value, d_out: Option<usize>) -> Result<ModelConfig, String> {
    let json: Ovis2Json = parse(vision)?;
    let tower: Aimv2Json = parse(vision)?;
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
    backbone_config: Value,
}

/// The `visual_tokenizer_config` of the official Ovis2 checkpoints.
///
/// # Errors
/// Names the entry that is missing or impossible.
pub fn ovis2_official(tokenizer: &Value, d_out: Option<usize>) -> Result<ModelConfig, String> {
    let json: OvisJson = parse(tokenizer)?;
    if json.model_type != "aimv2_visual_tokenizer" {
        return Err(format!(
            "the visual tokenizer is `{}`, but only `aimv2_visual_tokenizer` (Ovis2) is supported; \
             Ovis 1.x has other towers",
            json.model_type
        ));
    }
    let tower: Aimv2Json = parse(&json.backbone_config)?;
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
    })
}

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

/// The `vit_config` of Ovis2.5.
///
/// # Errors
/// Names the entry that is missing or impossible.
pub fn ovis2_5(
    vision: &Value,
    words_total: Option<&Value>,
    d_out: Option<usize>,
) -> Result<ModelConfig, String> {
    let json: NavitJson = parse(vision)?;
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
    })
}

fn activation(name: &str) -> Result<Activation, String> {
    Activation::from_name(name).ok_or_else(|| {
        format!("`hidden_act` is `{name}`; known are gelu, gelu_pytorch_tanh, gelu_new, quick_gelu")
    })
}

fn only_silu(name: &str) -> Result<(), String> {
    match name {
        "silu" | "swish" => Ok(()),
        other => Err(format!(
            "`hidden_act` is `{other}`; the gated MLP is known with silu only"
        )),
    }
}

fn unknown_tokenize(name: &str) -> String {
    format!("`tokenize_function` is `{name}`; known are softmax, st_argmax, gumbel_argmax")
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

fn two() -> usize {
    2
}

fn three() -> usize {
    3
}

fn five() -> usize {
    5
}

fn window_112() -> usize {
    112
}

fn unit() -> f64 {
    1.0
}

fn eps_5() -> f64 {
    1e-5
}

fn eps_6() -> f64 {
    1e-6
}

fn softmax() -> String {
    "softmax".to_owned()
}

fn silu() -> String {
    "silu".to_owned()
}

fn gelu_pytorch_tanh() -> String {
    "gelu_pytorch_tanh".to_owned()
}
