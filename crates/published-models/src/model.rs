//! The vision side of a published model, from patches to visual tokens.

use std::path::Path;

use burn::tensor::{Device, Tensor};
use checkpoint::{Checkpoint, Tensors};
use ovis_vet::Tokenize;
use projector::{Pass, PatchGrid, Projector, VisualTokens};
use vision_backbone::{PackedPatches, TowerOutput, VisionTower};

use crate::config::{Family, ModelConfig};
use crate::error::{ModelError, Result};
use crate::load::{Parts, load, refuse_quantised};
use crate::projectors::PublishedProjector;
use crate::tower::Tower;

/// Which state of the tower the projector reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeatureState {
    /// Before the tower's final norm: the official code of Ovis2 and Ovis2.5. The towers of Qwen,
    /// Ovis2.6 and InternVL have no final norm.
    #[default]
    PreNorm,
    /// After it: transformers for Ovis2, vLLM before February 2026 for Ovis2.5.
    PostNorm,
}

/// Tower, projector and image processor of a published model.
#[derive(Clone, Debug)]
pub struct VisionModel {
    config: ModelConfig,
    /// From pixels to patch features.
    pub tower: Tower,
    /// From patch features to visual tokens.
    pub projector: PublishedProjector,
    /// Which of the tower's states the projector reads.
    pub state: FeatureState,
}

impl VisionModel {
    /// Reads the vision side of a checkpoint; the language model is left alone.
    ///
    /// # Errors
    /// If the model is not known, its vision side is quantised, or its configuration and tensors do
    /// not fit: names what is missing, left over or of another shape.
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let config = config_of(checkpoint)?;
        refuse_quantised(&config, checkpoint)?;
        Self::from_tensors(config, checkpoint.tensors(), device)
    }

    /// The same from tensors alone.
    ///
    /// # Errors
    /// As [`VisionModel::load`].
    pub fn from_tensors(config: ModelConfig, tensors: &Tensors, device: &Device) -> Result<Self> {
        let Parts { tower, projector } = load(&config, tensors, device)?;
        Ok(Self {
            config,
            tower,
            projector,
            state: FeatureState::default(),
        })
    }

    /// The shape it was built with.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Which model it is.
    #[must_use]
    pub fn family(&self) -> Family {
        self.config.family
    }

    /// The model with another tokenize function, its parameters unchanged.
    ///
    /// # Errors
    /// If it has no visual vocabulary, or the function has no valid parameters.
    pub fn with_tokenize(mut self, tokenize: Tokenize) -> Result<Self> {
        tokenize.check()?;
        self.projector = match self.projector {
            PublishedProjector::Vet(vet) => PublishedProjector::Vet(vet.with_tokenize(tokenize)),
            PublishedProjector::Merger(_)
            | PublishedProjector::Qwen3Merger(_)
            | PublishedProjector::DeepStack(_)
            | PublishedProjector::InternVlMlp(_) => {
                return Err(ModelError::NoVocabulary {
                    family: self.config.family.name(),
                });
            }
        };
        Ok(self)
    }

    /// Patch features that the projector reads, in merge order.
    ///
    /// # Errors
    /// If the pixels are not this tower's.
    pub fn features(&self, pixels: &PackedPatches) -> Result<PackedPatches> {
        Ok(self.states(pixels)?.0)
    }

    /// The same, and the [levels](PublishedProjector::levels) that the projector reads beside them, in the
    /// order of the blocks.
    ///
    /// # Errors
    /// As [`features`](Self::features).
    pub fn states(&self, pixels: &PackedPatches) -> Result<(PackedPatches, Vec<PackedPatches>)> {
        let output = self.tower.forward(pixels)?;
        let last = self.last_state(&output)?.clone();
        Ok((last, output.inner))
    }

    /// The one of the tower's states that the projector reads.
    ///
    /// # Errors
    /// [`ModelError::NoFinalNorm`].
    pub fn last_state<'a>(&self, output: &'a TowerOutput) -> Result<&'a PackedPatches> {
        match self.state {
            FeatureState::PreNorm => Ok(&output.pre_norm),
            FeatureState::PostNorm => output.post_norm.as_ref().ok_or(ModelError::NoFinalNorm {
                family: self.config.family.name(),
            }),
        }
    }

    /// Visual tokens of patch features, image after image in raster order of blocks, without
    /// [levels](Self::deepstack_tokens).
    ///
    /// # Shapes
    /// - embeddings: `[1, tokens, d_out]`
    ///
    /// # Errors
    /// If the features are not in the order of the projector.
    pub fn tokens(&self, features: &PackedPatches, pass: &mut Pass<'_>) -> Result<VisualTokens> {
        let blocks = blocks(features)?;
        Ok(match &self.projector {
            PublishedProjector::DeepStack(mergers) => mergers.merger.forward(&blocks, pass),
            projector @ (PublishedProjector::Merger(_)
            | PublishedProjector::Qwen3Merger(_)
            | PublishedProjector::Vet(_)
            | PublishedProjector::InternVlMlp(_)) => projector.forward(&blocks, pass),
        })
    }

    /// What Qwen3-VL adds to the hidden states behind its first decoder layers, level by level; none
    /// without DeepStack.
    ///
    /// # Shapes
    /// - every tensor: `[1, tokens, d_out]`, tokens as those of [`tokens`](Self::tokens)
    ///
    /// # Errors
    /// If the features are not in the order of the mergers.
    pub fn deepstack_tokens(
        &self,
        output: &TowerOutput,
        pass: &mut Pass<'_>,
    ) -> Result<Vec<Tensor<3>>> {
        let PublishedProjector::DeepStack(mergers) = &self.projector else {
            return Ok(Vec::new());
        };
        let levels = mergers.levels.iter().zip(&output.inner);
        levels
            .map(|(merger, level)| Ok(merger.forward(&blocks(level)?, pass).embeddings))
            .collect()
    }

    /// The vector of an image boundary: a row of the table behind the visual words.
    #[must_use]
    pub fn indicator(&self, index: usize) -> Option<Tensor<1>> {
        match &self.projector {
            PublishedProjector::Vet(vet) => {
                (index < vet.indicators()).then(|| vet.indicator(index))
            }
            PublishedProjector::Merger(_)
            | PublishedProjector::Qwen3Merger(_)
            | PublishedProjector::DeepStack(_)
            | PublishedProjector::InternVlMlp(_) => None,
        }
    }
}

fn blocks(features: &PackedPatches) -> Result<PatchGrid> {
    features
        .row_of_blocks()
        .map_err(|error| ModelError::Config {
            path: Path::new("features").to_owned(),
            problem: error.to_string(),
        })
}

/// The shapes of a checkpoint's vision side.
///
/// # Errors
/// If the model is not known or its configuration is impossible.
pub fn config_of(checkpoint: &Checkpoint) -> Result<ModelConfig> {
    let path = checkpoint.folder().join("config.json");
    let model_type = checkpoint.model_type()?;
    match ModelConfig::from_json(model_type, checkpoint.config()) {
        None => Err(ModelError::UnknownModel {
            path,
            found: model_type.to_owned(),
        }),
        Some(Err(problem)) => Err(ModelError::Config { path, problem }),
        Some(Ok(config)) => Ok(config),
    }
}
