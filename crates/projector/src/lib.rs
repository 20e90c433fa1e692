//! The interface between a vision tower and a language model.
//!
//! A tower leaves one feature vector per image patch ([`PatchGrid`]). A [`Projector`] turns every
//! `merge x merge` block of patches into one visual token ([`VisualTokens`]) of the width the
//! reader behind it expects. Qwen2.5-VL's `PatchMerger`, Ovis's visual embedding table and every
//! control of the comparison implement this one trait, so that whatever is measured for one of
//! them (parameters, multiply-adds, bits per token, the use of the vocabulary) is measured for all
//! of them by the same code.
//!
//! Files: [`grid`] holds the patch features and the merge order, [`tokens`] what a projector
//! returns, [`start`] training features that one may start from and
//! [`k_means`] the centres of them, [`values`] other numbers for a
//! parameter, [`seeded`] the parameter initialisers that do not depend on global random state,
//! [`norm`] LayerNorm and the parameter-free RMSNorm that equalises output scales, and [`linear`]
//! linear layers, both on the fused operations.

pub mod conformance;
pub mod contract;
pub mod grid;
pub mod k_means;
pub mod linear;
pub mod norm;
pub mod seeded;
pub mod start;
pub mod tokens;
pub mod values;

pub use grid::{GridError, PatchGrid};
pub use k_means::k_means;
pub use norm::{LayerNorm, rms_normalize};
pub use start::StartSample;
pub use tokens::{Cost, VisualTokens, WordUse};

use burn::module::Module;
use burn::tensor::{Int, Tensor};
use rand_chacha::ChaCha8Rng;

/// What a forward pass may depend on besides its input and parameters.
///
/// Training and evaluation are told apart by the caller, never by a hidden switch: the reference
/// implementations of Gumbel tokens add noise at inference too, and both behaviours are measured.
#[derive(Debug)]
pub struct Pass<'a> {
    /// Fraction of training done, 0 at the first step and 1 at the end; drives annealed schedules.
    pub progress: f64,
    /// Source of sampling noise; `None` asks for the deterministic output.
    pub noise: Option<&'a mut ChaCha8Rng>,
    /// Whether the distribution over visual words is wanted beside the tokens. A large vocabulary
    /// makes tokens in far less memory without it.
    pub distribution: bool,
    /// The words that the tokens should be, `[batch, tokens]`, where somebody knows: a teacher, in
    /// training. Only projectors that are taught look at them.
    pub words: Option<Tensor<2, Int>>,
}

impl Pass<'_> {
    /// The deterministic pass at the end of every schedule: what a deployed model computes, and the
    /// distribution over words.
    #[must_use]
    pub fn deterministic() -> Self {
        Pass {
            progress: 1.0,
            noise: None,
            distribution: true,
            words: None,
        }
    }
}

/// Maps blocks of patch features to visual tokens.
pub trait Projector: Module {
    /// Side of the square block of patches that becomes one token (`hidden_stride` in Ovis,
    /// `spatial_merge_size` in Qwen2.5-VL).
    fn merge_size(&self) -> usize;

    /// Width of a visual token.
    fn d_out(&self) -> usize;

    /// Rows and columns of the tokens of an image of `rows` x `columns` patches: one token per block,
    /// unless a projector says otherwise.
    fn token_grid(&self, rows: usize, columns: usize) -> [usize; 2] {
        [rows / self.merge_size(), columns / self.merge_size()]
    }

    /// Projects patch features to visual tokens.
    ///
    /// # Shapes
    /// - `patches.features()`: `[batch, rows * cols, d_in]` in merge order
    /// - embeddings: `[batch, tokens, d_out]`, row by row of the [grid](Self::token_grid)
    ///
    /// # Panics
    /// If the width or merge size of `patches` is not the one this projector was built for.
    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens;

    /// What one token costs and how much it can carry.
    fn cost(&self) -> Cost;

    /// Starts from features of the whole training set, before the first step: codebooks by k-means
    /// instead of random rows. Does nothing unless a projector says so, and nothing with an empty
    /// sample; a projector that is not asked to start so is trained from its random start.
    ///
    /// `sample` is read only as far as it is needed. `rng` is the only source of randomness.
    fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        let _ = (sample, rng);
    }

    /// Learns from a batch without gradients, after the optimiser's step on that batch: running
    /// means of codebooks, restarts of dead codes. Does nothing unless a projector says so.
    ///
    /// `patches` gives the features of the batch on a device without autodiff; it is not called
    /// where nothing is to be learnt. `rng` is the only source of randomness.
    fn after_step(&mut self, patches: impl FnOnce() -> PatchGrid, rng: &mut ChaCha8Rng) {
        let _ = (patches, rng);
    }
}
