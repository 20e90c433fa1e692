//! From `config.json` to the shapes of tower and projector.

use ovis_vet::Tokenize;
use qwen_merger::{PatchMergerConfig, Qwen3MergerConfig};
use serde_json::Value;
use vision_backbone::{
    Aimv2Config, Aimv2Naming, InternVitConfig, InternVitNaming, NavitConfig, Qwen3VitConfig,
    QwenVitConfig,
};
use vlm_connectors::InternVlMlpConfig;

pub use crate::families::Family;

/// The `model_type`s that are known.
#[must_use]
pub fn model_types() -> Vec<&'static str> {
    Family::ALL
        .iter()
        .flat_map(|family| family.facts().model_types)
        .map(|(model_type, _)| *model_type)
        .collect()
}

/// Shape of a tower.
#[derive(Clone, Debug, PartialEq)]
pub enum TowerConfig {
    /// Qwen2-VL and Qwen2.5-VL.
    Qwen(QwenVitConfig),
    /// Qwen3-VL and Qwen3.5.
    Qwen3(Qwen3VitConfig),
    /// Ovis2.5 and Ovis2.6.
    Navit(NavitConfig),
    /// Ovis2, and how its tensors are named.
    Aimv2(Aimv2Config, Aimv2Naming),
    /// InternVL, and how its tensors are named.
    InternVit(InternVitConfig, InternVitNaming),
}

impl TowerConfig {
    /// Width of a patch feature.
    #[must_use]
    pub fn d_model(&self) -> usize {
        match self {
            Self::Qwen(tower) => tower.d_model,
            Self::Qwen3(tower) => tower.d_model,
            Self::Navit(tower) => tower.d_model,
            Self::Aimv2(tower, _) => tower.d_model,
            Self::InternVit(tower, _) => tower.d_model,
        }
    }

    /// Side of a patch in pixels.
    #[must_use]
    pub fn patch(&self) -> usize {
        match self {
            Self::Qwen(tower) => tower.patch,
            Self::Qwen3(tower) => tower.patch,
            Self::Navit(tower) => tower.patch,
            Self::Aimv2(tower, _) => tower.patch,
            Self::InternVit(tower, _) => tower.patch,
        }
    }

    /// Frames per patch.
    #[must_use]
    pub fn temporal_patch(&self) -> usize {
        match self {
            Self::Qwen(tower) => tower.temporal_patch,
            Self::Qwen3(tower) => tower.temporal_patch,
            Self::Navit(tower) => tower.temporal_patch,
            Self::Aimv2(..) | Self::InternVit(..) => 1,
        }
    }

    /// Side of the block of patches that becomes one token.
    #[must_use]
    pub fn merge(&self) -> usize {
        match self {
            Self::Qwen(tower) => tower.merge,
            Self::Qwen3(tower) => tower.merge,
            Self::Navit(tower) => tower.merge,
            Self::Aimv2(tower, _) => tower.merge,
            Self::InternVit(tower, _) => tower.merge,
        }
    }

    /// Number of inner levels that a projector reads as well (DeepStack).
    #[must_use]
    pub fn inner_levels(&self) -> usize {
        match self {
            Self::Qwen3(tower) => tower.deepstack.len(),
            Self::Qwen(_) | Self::Navit(_) | Self::Aimv2(..) | Self::InternVit(..) => 0,
        }
    }
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
    /// Merger of Qwen3-VL; those of its DeepStack levels have the same sizes.
    Qwen3Merger(Qwen3MergerConfig),
    /// Visual head and table.
    Vet(VetSizes),
    /// `mlp1` of InternVL.
    InternVlMlp(InternVlMlpConfig),
}

/// Into how many tiles a model lets an image be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Fewest tiles.
    pub min_tiles: u32,
    /// Most tiles.
    pub max_tiles: u32,
    /// Whether the whole image stands behind more than one tile.
    pub thumbnail: bool,
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
    /// Its tiles, where `config.json` says it and not the file of the image processor.
    pub tiling: Option<Tiling>,
}

impl ModelConfig {
    /// Reads a whole `config.json`; `None` for an unknown `model_type`.
    ///
    /// # Errors
    /// Names the entry that is missing or impossible.
    pub fn from_json(model_type: &str, config: &Value) -> Option<Result<Self, String>> {
        let (_, read) = Family::ALL
            .iter()
            .flat_map(|family| family.facts().model_types)
            .find(|(known, _)| *known == model_type)?;
        Some(read(config))
    }

    /// Whether the projector is a visual embedding table.
    #[must_use]
    pub fn has_vocabulary(&self) -> bool {
        matches!(self.projector, ProjectorConfig::Vet(_))
    }
}
