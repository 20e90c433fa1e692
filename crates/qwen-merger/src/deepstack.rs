//! Qwen3-VL's mergers together: that of the last block, and one for each of three earlier ones.
//!
//! Level i is not part of the token: it is added to the reader's hidden states at the place of the token,
//! behind the reader's block i ([`VisualTokens::levels`](projector::VisualTokens::levels)).
//!
//! Source: `Qwen3VLVisionModel.forward` with `deepstack_visual_indexes` and `_deepstack_process` in
//! transformers 5.23.0 (arXiv:2511.21631). There the levels come from blocks
//! 8, 16 and 24 of 27, numbered from 0, unless the configuration names others.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use rand_chacha::ChaCha8Rng;

use crate::merger::MergerError;
use crate::qwen3::{Qwen3Merger, Qwen3MergerConfig};

/// Levels below the last block in every release.
pub const LEVELS: usize = 3;

/// Sizes of a [`DeepStack`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeepStackConfig {
    /// Width of one patch feature, of every level.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

impl DeepStackConfig {
    /// Checks the sizes and builds the mergers with PyTorch's default start.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<DeepStack, MergerError> {
        let (d_in, merge, d_out) = (self.d_in, self.merge, self.d_out);
        let merger = Qwen3MergerConfig::new(d_in, merge, d_out).init(rng, device)?;
        let level = Qwen3MergerConfig::deepstack(d_in, merge, d_out);
        let levels: Result<_, _> = (0..LEVELS).map(|_| level.init(rng, device)).collect();
        Ok(DeepStack {
            merger,
            levels: levels?,
        })
    }
}

/// A merger of the last block and one of every level.
#[derive(Module, Debug)]
pub struct DeepStack {
    /// `merger` in checkpoints.
    pub merger: Qwen3Merger,
    /// `deepstack_merger_list` in checkpoints.
    pub levels: Vec<Qwen3Merger>,
}

impl Projector for DeepStack {
    fn merge_size(&self) -> usize {
        self.merger.merge_size()
    }

    fn d_out(&self) -> usize {
        self.merger.d_out()
    }

    /// # Panics
    /// If the patches have another number of levels as well.
    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        assert_eq!(
            patches.levels().len(),
            self.levels.len(),
            "DeepStack was built for another number of levels than the patches have"
        );
        let mut merged = |merger: &Qwen3Merger, features: Tensor<3>| {
            let level = patches.map_features(|_| features);
            merger.forward(&level, pass).embeddings
        };
        let levels = self.levels.iter().zip(patches.levels());
        let levels = levels.map(|(merger, level)| merged(merger, level.clone()));
        let levels: Vec<Tensor<3>> = levels.collect();
        VisualTokens {
            levels,
            ..VisualTokens::continuous(merged(&self.merger, patches.features().clone()))
        }
    }

    fn cost(&self) -> Cost {
        let mergers = std::iter::once(&self.merger).chain(&self.levels);
        let costs: Vec<Cost> = mergers.map(Projector::cost).collect();
        Cost::continuous(
            costs.iter().map(|cost| cost.parameters).sum(),
            costs.iter().map(|cost| cost.multiply_adds_per_token).sum(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use projector::{conformance, seeded};

    fn deepstack() -> DeepStack {
        let config = DeepStackConfig {
            d_in: 3,
            merge: 2,
            d_out: 5,
        };
        config
            .init(&mut seeded::stream(0, "deepstack"), &Device::flex())
            .unwrap()
    }

    fn patches() -> PatchGrid {
        let mut rng = seeded::stream(1, "patches");
        let mut features = || seeded::normal([2, 24, 3], 1.0, &mut rng, &Device::flex());
        let last = features();
        let levels = (0..LEVELS).map(|_| features()).collect();
        PatchGrid::new(last, 4, 6, 2).unwrap().with_levels(levels)
    }

    #[test]
    fn every_level_has_a_merger_of_its_own_and_none_is_in_the_token() {
        let (deepstack, patches) = (deepstack(), patches());
        let tokens = deepstack.forward(&patches, &mut Pass::deterministic());
        let of = |merger: &Qwen3Merger, features: &Tensor<3>| {
            let grid = PatchGrid::new(features.clone(), 4, 6, 2).unwrap();
            merger.forward(&grid, &mut Pass::deterministic()).embeddings
        };
        let same = |a: Tensor<3>, b: Tensor<3>| a.equal(b).all().into_scalar::<bool>();
        assert!(same(
            tokens.embeddings,
            of(&deepstack.merger, patches.features())
        ));
        assert_eq!(tokens.levels.len(), LEVELS);
        for (number, level) in tokens.levels.into_iter().enumerate() {
            let merger = &deepstack.levels[number];
            assert!(same(level, of(merger, &patches.levels()[number])));
        }
    }

    #[test]
    fn shapes_batch_independence_seeds_and_gradients_hold() {
        conformance::assert_conforms(deepstack, &patches());
        conformance::assert_trains(deepstack(), &patches(), &[]);
        conformance::assert_true_gradient(deepstack(), &patches());
        let merger = 2 * 3 + 12 * 12 + 12 + 12 * 5 + 5;
        let level = 2 * 12 + 12 * 12 + 12 + 12 * 5 + 5;
        assert_eq!(deepstack().cost().parameters, merger + 3 * level);
    }
}
