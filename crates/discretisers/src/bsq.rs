//! Binary spherical quantisation: the sign of every number of a point on the unit sphere.
//!
//! `u = z/‖z‖`, `q = sign(u)/√d`, `p(bit i = 1 | u) = σ(4 τ uᵢ/√d)`, loss
//! `w (E[Σ h(pᵢ)] − γ Σ h(E[pᵢ]))` with `h` the entropy of a bit
//!
//! # Source
//! arXiv:2406.07548 §3. Bits are taken as independent in the entropy of the mean too, which the paper
//! proposes because it needs no matrix of tokens by words; that entropy is then an upper bound. There
//! is no commitment loss, since points of a sphere cannot drift from their code without bound. The
//! temperature is ours: `τ = d`, so that a number at ±1/√d, the size that all have on average, gives
//! the same probability 0.98 at every width.

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use rand_chacha::ChaCha8Rng;

use crate::binary::{bit_entropy, bits, signs};
use crate::bottleneck::{Bottleneck, Sizes};
use crate::{DiscretiserError, straight_through};

/// Largest vocabulary.
pub const MOST_BITS: usize = 20;
/// `w`.
pub const ENTROPY_WEIGHT: f64 = 0.1;
/// `γ`.
pub const DIVERSITY: f64 = 1.0;
/// Keeps a point at the origin finite.
const EPS: f64 = 1e-12;

/// Projection, sphere, signs, projection.
#[derive(Module, Debug)]
pub struct Bsq {
    /// The layers on both sides; a code has one number per bit.
    pub bottleneck: Bottleneck,
    #[module(skip)]
    bits: usize,
}

/// Points moved to the unit sphere along their rays, `[n, d]`.
fn to_sphere(z: Tensor<2>) -> Tensor<2> {
    let norm = z.clone().square().sum_dim(1).add_scalar(EPS).sqrt();
    z / norm
}

/// Whether there is a quantiser of `words` codes.
///
/// # Errors
/// If `words` is not a power of two up to 2^[`MOST_BITS`].
pub fn check(words: usize) -> Result<(), DiscretiserError> {
    bits("bsq", words, MOST_BITS).map(|_| ())
}

impl Bsq {
    /// A quantiser of `words` codes.
    ///
    /// # Errors
    /// If `words` is not a power of two up to 2^[`MOST_BITS`], or an axis is 0.
    pub fn init(
        sizes: Sizes,
        words: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, DiscretiserError> {
        let bits = bits("bsq", words, MOST_BITS)?;
        Ok(Self {
            bottleneck: Bottleneck::init("bsq", sizes, bits, rng, device)?,
            bits,
        })
    }

    /// `E[Σ h(pᵢ)] − γ Σ h(E[pᵢ])` in nats, over points of the sphere `[n, bits]`.
    #[must_use]
    pub fn entropy_loss(&self, u: Tensor<2>) -> Tensor<1> {
        let logits = u * (4.0 * (self.bits as f64).sqrt());
        let per_token = bit_entropy(logits.clone()).mean() * self.bits as f64;
        let share = sigmoid(logits).mean_dim(0).clamp(1e-6, 1.0 - 1e-6);
        let other = share.clone().neg().add_scalar(1.0);
        let of_mean = share.clone() * share.log() + other.clone() * other.log();
        per_token + of_mean.sum() * DIVERSITY
    }
}

impl Projector for Bsq {
    fn merge_size(&self) -> usize {
        self.bottleneck.merge()
    }

    fn d_out(&self) -> usize {
        self.bottleneck.d_out()
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        let u = to_sphere(self.bottleneck.codes(patches));
        let (signs, ids) = signs(&u);
        let loss = u
            .is_tracked()
            .then(|| self.entropy_loss(u.clone()) * ENTROPY_WEIGHT);
        let corners = signs.div_scalar((self.bits as f64).sqrt());
        let quantised = straight_through(corners, u);
        self.bottleneck.tokens(quantised, vec![ids], loss, patches)
    }

    fn cost(&self) -> Cost {
        Cost {
            parameters: self.num_params(),
            multiply_adds_per_token: self.bottleneck.multiply_adds(),
            bits_per_token: Some(self.bits as f64),
            words: Some(1 << self.bits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use projector::seeded;

    fn bsq(words: usize) -> Bsq {
        let sizes = Sizes {
            d_in: 4,
            merge: 2,
            d_out: 6,
        };
        Bsq::init(sizes, words, &mut seeded::stream(1, "bsq"), &Device::flex()).unwrap()
    }

    #[test]
    fn points_and_codes_lie_on_the_unit_sphere() {
        let z = Tensor::<2>::from_floats([[3.0, -4.0], [1e-3, 1e-3]], &Device::flex());
        let u: Vec<f32> = to_sphere(z.clone()).into_data().try_to_vec().unwrap();
        let diagonal = std::f32::consts::FRAC_1_SQRT_2;
        for (found, expected) in u.iter().zip([0.6, -0.8, diagonal, diagonal]) {
            assert!((found - expected).abs() < 1e-4, "{u:?}");
        }
        // The value of a token is that of its code, whatever the point.
        let bsq = bsq(4);
        let corner = 1.0 / 2f32.sqrt();
        let codes =
            Tensor::<2>::from_floats([[corner, -corner], [corner, corner]], &Device::flex());
        let expected = projector::linear::apply(&bsq.bottleneck.up, codes);
        let (signs, _) = signs(&to_sphere(z.clone()));
        let quantised = straight_through(signs.div_scalar(2f64.sqrt()), to_sphere(z));
        let found = projector::linear::apply(&bsq.bottleneck.up, quantised);
        let difference: f32 = (found - expected).abs().max().into_scalar();
        assert!(difference < 1e-6, "{difference}");
    }

    #[test]
    fn the_entropies_are_those_of_the_bits_one_by_one() {
        let points = [[0.6_f64, -0.8], [0.28, 0.96], [-1.0, 0.0]];
        let h = |p: f64| {
            let part = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
            part(p) + part(1.0 - p)
        };
        let p = |x: f64| 1.0 / (1.0 + (-4.0 * 2.0 * x / 2f64.sqrt()).exp());
        let mut expected = 0.0;
        for bit in 0..2 {
            let bits: Vec<f64> = points.iter().map(|point| p(point[bit])).collect();
            expected += bits.iter().map(|&p| h(p)).sum::<f64>() / 3.0;
            expected -= h(bits.iter().sum::<f64>() / 3.0);
        }
        let u = Tensor::<2>::from_floats(points.map(|row| row.map(|x| x as f32)), &Device::flex());
        let found: f32 = bsq(4).entropy_loss(u).into_scalar();
        assert!(
            (f64::from(found) - expected).abs() < 1e-5,
            "{found} {expected}"
        );
    }

    #[test]
    fn large_vocabularies_need_no_large_matrix() {
        let cost = bsq(1 << 20).cost();
        assert_eq!(
            (cost.words, cost.bits_per_token),
            (Some(1 << 20), Some(20.0))
        );
        assert_eq!(cost.parameters, (16 + 1) * 20 + (20 + 1) * 6);
    }
}
