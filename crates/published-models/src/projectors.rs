//! The projector of any family.

use burn::module::Module;
use ovis_vet::Vet;
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use qwen_merger::{DeepStack, PatchMerger, Qwen3Merger};
use vlm_connectors::InternVlMlp;

/// The projector that a model was published with.
#[derive(Module, Debug)]
pub enum PublishedProjector {
    /// Qwen2-VL and Qwen2.5-VL.
    Merger(PatchMerger),
    /// Qwen3.5, after the last block.
    Qwen3Merger(Qwen3Merger),
    /// Qwen3-VL, after the last block and after inner ones: patches bring the levels of its tower.
    DeepStack(DeepStack),
    /// Ovis2, Ovis2.5 and Ovis2.6.
    Vet(Vet),
    /// InternVL2.5 and InternVL3.
    InternVlMlp(InternVlMlp),
}

impl PublishedProjector {
    /// Levels below the last block that it reads (DeepStack).
    #[must_use]
    pub fn levels(&self) -> usize {
        match self {
            Self::DeepStack(mergers) => mergers.levels.len(),
            Self::Merger(_) | Self::Qwen3Merger(_) | Self::Vet(_) | Self::InternVlMlp(_) => 0,
        }
    }
}

impl Projector for PublishedProjector {
    fn merge_size(&self) -> usize {
        match self {
            Self::Merger(merger) => merger.merge_size(),
            Self::Qwen3Merger(merger) => merger.merge_size(),
            Self::DeepStack(mergers) => mergers.merge_size(),
            Self::Vet(vet) => vet.merge_size(),
            Self::InternVlMlp(mlp) => mlp.merge_size(),
        }
    }

    fn d_out(&self) -> usize {
        match self {
            Self::Merger(merger) => merger.d_out(),
            Self::Qwen3Merger(merger) => merger.d_out(),
            Self::DeepStack(mergers) => mergers.d_out(),
            Self::Vet(vet) => vet.d_out(),
            Self::InternVlMlp(mlp) => mlp.d_out(),
        }
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        match self {
            Self::Merger(merger) => merger.forward(patches, pass),
            Self::Qwen3Merger(merger) => merger.forward(patches, pass),
            Self::DeepStack(mergers) => mergers.forward(patches, pass),
            Self::Vet(vet) => vet.forward(patches, pass),
            Self::InternVlMlp(mlp) => mlp.forward(patches, pass),
        }
    }

    fn cost(&self) -> Cost {
        match self {
            Self::Merger(merger) => merger.cost(),
            Self::Qwen3Merger(merger) => merger.cost(),
            Self::DeepStack(mergers) => mergers.cost(),
            Self::Vet(vet) => vet.cost(),
            Self::InternVlMlp(mlp) => mlp.cost(),
        }
    }
}
