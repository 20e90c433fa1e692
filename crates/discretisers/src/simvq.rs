//! SimVQ: a frozen random codebook behind one learnt linear map.
//!
//! `E = C W`, `q = nearest row of E to z`; loss `‖sg(z) − q‖² + β ‖z − sg(q)‖²`
//!
//! A codebook of parameters moves only the rows that are nearest to something; the others stay
//! behind and die. `W` moves all rows at once.
//!
//! # Source
//! arXiv:2411.02038 §3. `C` is drawn once from `N(0, 1)` and `W` starts as a fresh linear layer
//! without bias, which puts the rows at the scale of `z`; the paper's smaller start leaves them all
//! near the origin. From a sample, `C` is its k-means and `W` the identity, so that `E` starts as that
//! k-means exactly; arXiv:2406.11837 freezes features of an encoder behind a learnt map in the same way.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::{
    Cost, Pass, PatchGrid, Projector, StartSample, VisualTokens, k_means, linear, seeded, values,
};
use rand_chacha::ChaCha8Rng;

use crate::bottleneck::{Bottleneck, Sizes};
use crate::nearest::nearest;
use crate::{DiscretiserError, GradientEstimator, mean_square};

/// Width of a code, as of [`crate::vq`].
pub const D_CODE: usize = 16;
/// `β`.
pub const COMMITMENT: f64 = 0.25;

/// Projection, codebook behind a map, projection.
#[derive(Module, Debug)]
pub struct SimVq {
    /// The layers on both sides.
    pub bottleneck: Bottleneck,
    /// `W`.
    pub map: Linear,
    /// `C`, `[words, d_code]`; a frozen parameter, which no optimiser sees but which is saved.
    frozen: Param<Tensor<2>>,
    #[module(skip)]
    estimator: GradientEstimator,
}

impl SimVq {
    /// A quantiser of `words` codes.
    ///
    /// # Errors
    /// If there are fewer than 2 codes or an axis is 0.
    pub fn init(
        sizes: Sizes,
        words: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, DiscretiserError> {
        if words < 2 {
            return Err(DiscretiserError::TooFewCodes {
                name: "simvq",
                found: words,
            });
        }
        let bottleneck = Bottleneck::init("simvq", sizes, D_CODE, rng, device)?;
        let map = seeded::linear(D_CODE, D_CODE, false, rng, device);
        let frozen = seeded::normal([words, D_CODE], 1.0, rng, device);
        Ok(Self {
            bottleneck,
            map,
            frozen: Param::from_tensor(frozen).set_require_grad(false),
            estimator: GradientEstimator::default(),
        })
    }

    /// The same layers with another gradient.
    #[must_use]
    pub fn with_estimator(self, estimator: GradientEstimator) -> Self {
        Self { estimator, ..self }
    }

    /// `E`, `[words, d_code]`.
    #[must_use]
    pub fn codebook(&self) -> Tensor<2> {
        linear::apply(&self.map, self.frozen.val())
    }
}

impl Projector for SimVq {
    fn merge_size(&self) -> usize {
        self.bottleneck.merge()
    }

    fn d_out(&self) -> usize {
        self.bottleneck.d_out()
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        let z = self.bottleneck.codes(patches);
        let ids = nearest(z.clone(), self.codebook());
        // Only the rows in use go through the map that learns.
        let q = linear::apply(&self.map, self.frozen.val().select(0, ids.clone()));
        let loss = z.is_tracked().then(|| {
            let commitment = mean_square(z.clone(), q.clone().detach()) * COMMITMENT;
            mean_square(q.clone(), z.clone().detach()) + commitment
        });
        let quantised = self.estimator.pass(q, z);
        self.bottleneck.tokens(quantised, vec![ids], loss, patches)
    }

    /// Parameters are those that gradients train; the frozen codebook is not among them.
    fn cost(&self) -> Cost {
        let [words, d_code] = self.frozen.dims();
        Cost {
            parameters: self.bottleneck.num_params() + self.map.num_params(),
            multiply_adds_per_token: self.bottleneck.multiply_adds() + words * d_code,
            bits_per_token: Some((words as f64).log2()),
            words: Some(words),
        }
    }
    /// `C` is the k-means of the codes that the fresh layer makes of the sample, and `W` the identity.
    fn start_from(&mut self, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
        let points = self.bottleneck.sample_codes(sample);
        if points.is_empty() {
            return;
        }
        let [words, d_code] = self.frozen.dims();
        let device = self.frozen.val().device().without_autodiff();
        let centres = k_means::k_means(&points, d_code, words, rng, &device);
        self.frozen = values::frozen(self.frozen.clone(), centres);
        let identity = (0..d_code * d_code).map(|place| {
            let diagonal = place.is_multiple_of(d_code + 1);
            if diagonal { 1.0 } else { 0.0 }
        });
        self.map.weight = values::trained(self.map.weight.clone(), identity.collect());
    }
}
