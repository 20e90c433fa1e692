//! Vector quantisation, of one stage or of several that each take what the last one left.
//!
//! `r₀ = z`, `qᵢ = nearest codeᵢ to rᵢ`, `rᵢ₊₁ = rᵢ − qᵢ`, `q = Σ qᵢ`; loss `β Σ ‖rᵢ − sg(qᵢ)‖²`
//!
//! # Source
//! arXiv:1711.00937 (VQ), arXiv:2107.03312 §3.3 (residual VQ, k-means start, restarts). The codes are
//! narrow, as arXiv:2110.04627 §3.2 found necessary for large codebooks to be used. The start from a
//! sample of the whole training set, instead of the first batch, is ours.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use projector::{Cost, Pass, PatchGrid, Projector, StartSample, VisualTokens, k_means};
use rand_chacha::ChaCha8Rng;

use crate::bottleneck::{Bottleneck, Sizes};
use crate::codebook::Codebook;
use crate::{DiscretiserError, GradientEstimator, mean_square};

/// Width of a code.
pub const D_CODE: usize = 16;
/// `β`, the weight of the commitment loss, which is a mean over the numbers of a code.
pub const COMMITMENT: f64 = 0.25;

/// Projection, one codebook per stage, projection.
#[derive(Module, Debug)]
pub struct Vq {
    /// The layers on both sides.
    pub bottleneck: Bottleneck,
    /// The codebooks, all of one size.
    pub stages: Vec<Codebook>,
    #[module(skip)]
    estimator: GradientEstimator,
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
        if words < 2 {
            return Err(DiscretiserError::TooFewCodes { name, found: words });
        }
        if stages == 0 {
            let axis = "codes per token";
            return Err(DiscretiserError::EmptyAxis { name, axis });
        }
        let bottleneck = Bottleneck::init(name, sizes, D_CODE, rng, device)?;
        let stages = (0..stages).map(|_| Codebook::new(words, D_CODE, rng, device));
        Ok(Self {
            bottleneck,
            stages: stages.collect(),
            estimator: GradientEstimator::default(),
        })
    }

    /// The same layers with another gradient; that of several stages goes from the sum of their codes.
    #[must_use]
    pub fn with_estimator(self, estimator: GradientEstimator) -> Self {
        Self { estimator, ..self }
    }

    /// What the stages make of points `[n, d]`: the sum of their codes, and code and remainder of
    /// every stage.
    fn quantise(&self, z: Tensor<2>) -> Quantised {
        let mut sum = z.zeros_like().detach();
        let (mut ids, mut commitment) = (Vec::new(), None);
        for stage in &self.stages {
            let residual = z.clone() - sum.clone();
            let code = stage.nearest(residual.clone());
            let vectors = stage.look_up(code.clone());
            if z.is_tracked() {
                let loss = mean_square(residual, vectors.clone());
                commitment = Some(match commitment {
                    Some(total) => total + loss,
                    None => loss,
                });
            }
            sum = sum + vectors;
            ids.push(code);
        }
        Quantised {
            sum,
            ids,
            commitment,
        }
    }
}

struct Quantised {
    sum: Tensor<2>,
    ids: Vec<Tensor<1, Int>>,
    commitment: Option<Tensor<1>>,
}

impl Projector for Vq {
    fn merge_size(&self) -> usize {
        self.bottleneck.merge()
    }

    fn d_out(&self) -> usize {
        self.bottleneck.d_out()
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        let z = self.bottleneck.codes(patches);
        let found = self.quantise(z.clone());
        let loss = found.commitment.map(|loss| loss * COMMITMENT);
        let quantised = self.estimator.pass(found.sum, z);
        self.bottleneck.tokens(quantised, found.ids, loss, patches)
    }

    /// Parameters are those that gradients train; the `stages * words * d_code` numbers of the
    /// codebooks are running means and not among them.
    fn cost(&self) -> Cost {
        let words = self.stages[0].words();
        let stages = self.stages.len();
        Cost {
            parameters: self.bottleneck.num_params(),
            multiply_adds_per_token: self.bottleneck.multiply_adds() + stages * words * D_CODE,
            bits_per_token: Some(stages as f64 * (words as f64).log2()),
            words: Some(words),
        }
    }

    /// Codebooks are the k-means of the codes that the fresh layer makes of the sample, each stage of what
    /// the ones before leave of them.
    fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        let mut rest = self.bottleneck.sample_codes(sample);
        if rest.is_empty() {
            return;
        }
        let last = self.stages.len() - 1;
        for (number, stage) in self.stages.iter_mut().enumerate() {
            let device = stage.vectors().device().without_autodiff();
            let centres = k_means::k_means(&rest, D_CODE, stage.words(), rng, &device);
            stage.start_at(&centres);
            if number < last {
                stage.subtract_from(&mut rest);
            }
        }
    }

    /// Codebooks follow the codes of the layer as it is after the step, each stage what the ones
    /// before leave of them.
    fn after_step(&mut self, patches: impl FnOnce() -> PatchGrid, rng: &mut ChaCha8Rng) {
        let mut residual = self.bottleneck.valid().codes(&patches());
        let last = self.stages.len() - 1;
        for (number, stage) in self.stages.iter_mut().enumerate() {
            stage.learn(residual.clone(), rng);
            if number < last {
                let learnt = stage.valid();
                let code = learnt.nearest(residual.clone());
                residual = residual - learnt.look_up(code);
            }
        }
    }
}
