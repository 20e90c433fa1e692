//! Residual vector quantisation of what a PatchMerger makes of a block, and an MLP behind the look-up.
//!
//! `z = PatchMerger(block)`, `q = Σ nearest codes`, `token = q + W2 gelu(W1 q + b1) + b2`
//!
//! # Source
//! Fig. 9 and §3 of LongCat-Next (arXiv:2603.27538), which quantises Qwen2.5-VL's features behind its
//! merger with 8 codes of 16,384 words and finds that an MLP behind the look-up helps OCR. Differs, where
//! the paper does not say or our scale asks for it:
//!
//! - The merger is trained with the rest; in the paper it is Qwen's, pre-trained.
//! - The MLP has two layers, as wide inside as twice a token, and a connection around it.
//! - Codes are as wide as a token. Their running means, restarts and start are those of [`Vq`](crate::Vq).

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use fused_ops::gelu;
use projector::{
    Cost, Pass, PatchGrid, Projector, StartSample, VisualTokens, WordUse, linear, seeded,
};
use qwen_merger::{PatchMerger, PatchMergerConfig};
use rand_chacha::ChaCha8Rng;

use crate::bottleneck::Sizes;
use crate::residual::{self, ResidualCodebooks};
use crate::{DiscretiserError, GradientEstimator};

const NAME: &str = "rvq-merger";

/// PatchMerger, residual codebooks, MLP.
#[derive(Module, Debug)]
pub struct RvqMerger {
    /// Makes the points.
    pub merger: PatchMerger,
    /// The codebooks, all of one size.
    pub codebooks: ResidualCodebooks,
    /// `d_out -> 2 * d_out`.
    pub fc1: Linear,
    /// `2 * d_out -> d_out`.
    pub fc2: Linear,
}

impl RvqMerger {
    /// `stages` codebooks of `words` codes each, which the first batch will set, between fresh layers.
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
        let Sizes { d_in, merge, d_out } = sizes;
        for (axis, extent) in [("d_in", d_in), ("merge", merge), ("d_out", d_out)] {
            if extent == 0 {
                return Err(DiscretiserError::EmptyAxis { name: NAME, axis });
            }
        }
        residual::check(NAME, stages, words)?;
        let merger = PatchMergerConfig { d_in, merge, d_out };
        Ok(Self {
            merger: merger
                .init(rng, device)
                .expect("no axis is 0, which is all that a merger asks"),
            codebooks: ResidualCodebooks::init(NAME, [stages, words, d_out], rng, device)?,
            fc1: seeded::linear(d_out, 2 * d_out, true, rng, device),
            fc2: seeded::linear(2 * d_out, d_out, true, rng, device),
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

    /// Points to be quantised, `[batch * tokens, d_out]`.
    fn points(&self, patches: &PatchGrid) -> Tensor<2> {
        let merged = self.merger.forward(patches, &mut Pass::deterministic());
        merged.embeddings.flatten(0, 1)
    }
}

impl Projector for RvqMerger {
    fn merge_size(&self) -> usize {
        self.merger.merge_size()
    }

    fn d_out(&self) -> usize {
        self.merger.d_out()
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        let shape = [patches.features().dims()[0], patches.tokens()];
        let found = self.codebooks.quantise(self.points(patches));
        let hidden = gelu(linear::apply(&self.fc1, found.points.clone()));
        let tokens = linear::apply(&self.fc2, hidden) + found.points;
        let words = found.ids.into_iter().map(|ids| WordUse {
            probabilities: None,
            ids: Some(ids.reshape(shape)),
        });
        VisualTokens {
            embeddings: tokens.reshape([shape[0], shape[1], self.d_out()]),
            words: words.collect(),
            auxiliary_loss: found.loss,
            levels: Vec::new(),
        }
    }

    /// Parameters are those that gradients train; the codebooks are running means and not among them.
    fn cost(&self) -> Cost {
        let merger = self.merger.cost();
        let layers = self.fc1.num_params() + self.fc2.num_params();
        let [d_out, d_hidden] = self.fc1.weight.dims();
        Cost {
            parameters: merger.parameters + layers,
            multiply_adds_per_token: merger.multiply_adds_per_token
                + self.codebooks.multiply_adds()
                + 2 * d_out * d_hidden,
            bits_per_token: Some(self.codebooks.bits()),
            words: Some(self.codebooks.words()),
        }
    }

    /// Codebooks are the k-means of the points that the fresh merger makes of the sample.
    fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        let layers = self.valid();
        let (points, _) = sample.rows(|patches| layers.points(patches));
        self.codebooks.start_at(points, rng);
    }

    /// Codebooks follow the points of the merger as it is after the step.
    fn after_step(&mut self, patches: impl FnOnce() -> PatchGrid, rng: &mut ChaCha8Rng) {
        let points = self.valid().points(&patches());
        self.codebooks.learn(points, rng);
    }
}
