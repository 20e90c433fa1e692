//! Codebooks one behind another, each for what the ones before left of a point.
//!
//! `r₀ = z`, `qᵢ = nearest codeᵢ to rᵢ`, `rᵢ₊₁ = rᵢ − qᵢ`, `q = Σ qᵢ`; loss `β Σ ‖rᵢ − sg(qᵢ)‖²`
//!
//! # Source
//! arXiv:1711.00937 (one stage), arXiv:2107.03312 §3.3 (several, k-means start, restarts).

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use projector::k_means;
use rand_chacha::ChaCha8Rng;

use crate::codebook::Codebook;
use crate::{DiscretiserError, GradientEstimator, mean_square};

/// `β`, the weight of the commitment loss, which is a mean over the numbers of a code.
pub const COMMITMENT: f64 = 0.25;

/// Codebooks of one size, and the gradient that passes them.
#[derive(Module, Debug)]
pub struct ResidualCodebooks {
    /// In the order in which they are asked.
    pub stages: Vec<Codebook>,
    #[module(skip)]
    estimator: GradientEstimator,
}

/// What the stages make of some points.
#[derive(Clone, Debug)]
pub struct Quantised {
    /// Sums of codes, `[n, d]`; their gradient goes to the points.
    pub points: Tensor<2>,
    /// The code of each point, `[n]`, one entry per stage.
    pub ids: Vec<Tensor<1, Int>>,
    /// The commitment loss, weighted, `[1]`; `None` where no gradient is recorded.
    pub loss: Option<Tensor<1>>,
}

impl ResidualCodebooks {
    /// `stages` codebooks of `words` codes of width `d` each, which the first batch will set.
    ///
    /// # Errors
    /// If there are no stages, or fewer than 2 codes; `name` says of whom.
    pub fn init(
        name: &'static str,
        [stages, words, d]: [usize; 3],
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, DiscretiserError> {
        check(name, stages, words)?;
        Ok(Self {
            stages: (0..stages)
                .map(|_| Codebook::new(words, d, rng, device))
                .collect(),
            estimator: GradientEstimator::default(),
        })
    }

    /// The same codebooks with another gradient; that of several stages goes from the sum of their codes.
    #[must_use]
    pub fn with_estimator(self, estimator: GradientEstimator) -> Self {
        Self { estimator, ..self }
    }

    /// Codes of one codebook.
    #[must_use]
    pub fn words(&self) -> usize {
        self.stages[0].words()
    }

    /// Bits that the codes of a point hold at most.
    #[must_use]
    pub fn bits(&self) -> f64 {
        self.stages.len() as f64 * (self.words() as f64).log2()
    }

    /// Multiply-adds of finding the codes of a point.
    #[must_use]
    pub fn multiply_adds(&self) -> usize {
        let [words, d] = self.stages[0].vectors().dims();
        self.stages.len() * words * d
    }

    /// Points `[n, d]` as sums of codes.
    #[must_use]
    pub fn quantise(&self, z: Tensor<2>) -> Quantised {
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
            points: self.estimator.pass(sum, z),
            ids,
            loss: commitment.map(|loss| loss * COMMITMENT),
        }
    }

    /// Starts at the k-means of a sample of points `[n, d]` (row-major), each stage of what the ones before
    /// leave of them. Does nothing without points.
    pub fn start_at(&mut self, mut points: Vec<f32>, rng: &mut ChaCha8Rng) {
        if points.is_empty() {
            return;
        }
        let last = self.stages.len() - 1;
        for (number, stage) in self.stages.iter_mut().enumerate() {
            let [words, d] = stage.vectors().dims();
            let device = stage.vectors().device().without_autodiff();
            let centres = k_means::k_means(&points, d, words, rng, &device);
            stage.start_at(&centres);
            if number < last {
                stage.subtract_from(&mut points);
            }
        }
    }

    /// Follows points `[n, d]` of a batch without gradients, each stage what the ones before leave of them.
    pub fn learn(&mut self, points: Tensor<2>, rng: &mut ChaCha8Rng) {
        let mut residual = points;
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

/// Refuses codebooks that say nothing.
pub(crate) fn check(
    name: &'static str,
    stages: usize,
    words: usize,
) -> Result<(), DiscretiserError> {
    if words < 2 {
        return Err(DiscretiserError::TooFewCodes { name, found: words });
    }
    if stages == 0 {
        let axis = "codes per token";
        return Err(DiscretiserError::EmptyAxis { name, axis });
    }
    Ok(())
}
