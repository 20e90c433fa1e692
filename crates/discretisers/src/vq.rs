//! Vector quantisation, of one stage or of several that each take what the last one left.
//!
//! # Source
//! arXiv:1711.00937 (VQ), arXiv:2107.03312 §3.3 (residual VQ). The codes are narrow, as arXiv:2110.04627
//! §3.2 found necessary for large codebooks to be used. The start from a sample of the whole training
//! set, instead of the first batch, is ours.

use burn::module::Module;
use burn::tensor::Device;
use projector::{Cost, Pass, PatchGrid, Projector, StartSample, VisualTokens};
use rand_chacha::ChaCha8Rng;

use crate::bottleneck::{Bottleneck, Sizes};
use crate::residual::{self, ResidualCodebooks};
use crate::{DiscretiserError, GradientEstimator};

/// Width of a code.
pub const D_CODE: usize = 16;

/// Projection, one codebook per stage, projection.
#[derive(Module, Debug)]
pub struct Vq {
    /// The layers on both sides.
    pub bottleneck: Bottleneck,
    /// The codebooks, all of one size.
    pub codebooks: ResidualCodebooks,
}

impl Vq {
    /// `stages` codebooks of `words` codes each, which the first batch will set.
    ///
    /// # Errors
    /// If an axis or the number of stages is 0, or there are fewer than 2 codes.
    pub fn init(
        sizes: Sizes,
        words: usize,
        stages: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, DiscretiserError> {
        let name = if stages == 1 { "vq" } else { "rvq" };
        residual::check(name, stages, words)?;
        let bottleneck = Bottleneck::init(name, sizes, D_CODE, rng, device)?;
        let codebooks = ResidualCodebooks::init(name, [stages, words, D_CODE], rng, device)?;
        Ok(Self {
            bottleneck,
            codebooks,
        })
    }

    /// The same layers with another gradient.
    #[must_use]
    pub fn with_estimator(self, estimator: GradientEstimator) -> Self {
        Self {
            codebooks: self.codebooks.with_estimator(estimator),
            ..self
        }
    }
}

impl Projector for Vq {
    fn merge_size(&self) -> usize {
        self.bottleneck.merge()
    }

    fn d_out(&self) -> usize {
        self.bottleneck.d_out()
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        let found = self.codebooks.quantise(self.bottleneck.codes(patches));
        self.bottleneck
            .tokens(found.points, found.ids, found.loss, patches)
    }

    /// Parameters are those that gradients train; the `stages * words * d_code` numbers of the
    /// codebooks are running means and not among them.
    fn cost(&self) -> Cost {
        Cost {
            parameters: self.bottleneck.num_params(),
            multiply_adds_per_token: self.bottleneck.multiply_adds()
                + self.codebooks.multiply_adds(),
            bits_per_token: Some(self.codebooks.bits()),
            words: Some(self.codebooks.words()),
        }
    }

    /// Codebooks are the k-means of the codes that the fresh layer makes of the sample.
    fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        self.codebooks
            .start_at(self.bottleneck.sample_codes(sample), rng);
    }

    /// Codebooks follow the codes of the layer as it is after the step.
    fn after_step(&mut self, patches: impl FnOnce() -> PatchGrid, rng: &mut ChaCha8Rng) {
        self.codebooks
            .learn(self.bottleneck.valid().codes(&patches()), rng);
    }
}
