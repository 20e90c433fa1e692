//! From `config.json` to the shapes of tower and projector.

use ovis_vet::Tokenize;
use qwen_merger::PatchMergerConfig;
use serde_json::Value;
use vision_backbone::{Aimv2Config, Aimv2Naming, NavitConfig, QwenVitConfig};

use crate::families::{either, ovis2, ovis2_5, qwen2_5_vl, qwen2_vl};

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
        let text = config
            .get("text_config")
            .and_then(|text| text.get("hidden_size"));
        let width = either([
            ("hidden_size", config.get("hidden_size")),
            ("text_config.hidden_size", text),
        ]);
        let width = || {
            let width = width.clone()?.and_then(Value::as_u64);
            Ok::<_, String>(width.and_then(|width| usize::try_from(width).ok()))
        };
        Some(match model_type {
            "qwen2_5_vl" => vision("vision_config").and_then(qwen2_5_vl::config),
            "qwen2_vl" => vision("vision_config").and_then(qwen2_vl::config),
            "ovis2" => vision("vision_config").and_then(|v| ovis2::transformers(v, width()?)),
            "ovis" => vision("visual_tokenizer_config").and_then(|v| ovis2::official(v, width()?)),
            "ovis2_5" => either(["vit_config", "vision_config"].map(|key| (key, config.get(key))))
                .and_then(|found| found.map_or_else(|| vision("vit_config"), Ok))
                .and_then(|v| ovis2_5::config(v, config.get("visual_vocab_size"), width()?)),
            _ => return None,
        })
    }

    /// Whether the projector is a visual embedding table.
    #[must_use]
    pub fn has_vocabulary(&self) -> bool {
        matches!(self.projector, ProjectorConfig::Vet(_))
    }
}
