//! Look-up-free quantisation: the code is the sign of every number.
//!
//! `q = sign(z)`, `p(c | z) = softmax_c(−τ ‖z − c‖²)` over all `2^d` corners, loss
//! `w (E[H(p)] − γ H(E[p])) + β ‖z − sg(q)‖²`
//!
//! The first entropy makes codes sure of themselves, the second has all of them used.
//!
//! # Source
//! arXiv:2310.05737 §3.2, weights as usual since (0.1 for the entropies, 0.25 for the commitment).
//! `τ = 1`, which gives a bit of a number at ±1 a probability of 0.98. The entropy of the mean is
//! taken over whole codes, not over groups of bits, so vocabularies end at 2^16.

use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use rand_chacha::ChaCha8Rng;

use crate::binary::{bit_entropy, bits, signs};
use crate::bottleneck::{Bottleneck, Sizes};
use crate::{DiscretiserError, mean_square, straight_through};

/// Largest vocabulary: a training step holds a matrix of tokens by words.
pub const MOST_BITS: usize = 16;
/// `w`.
pub const ENTROPY_WEIGHT: f64 = 0.1;
/// `γ`.
pub const DIVERSITY: f64 = 1.0;
/// `β`.
pub const COMMITMENT: f64 = 0.25;
/// `τ`.
const SHARPNESS: f64 = 1.0;
/// Keeps the logarithm of a code that no token is near finite.
const SMALLEST_SHARE: f64 = 1e-30;

/// Projection, signs, projection.
#[derive(Module, Debug)]
pub struct Lfq {
    /// The layers on both sides; a code has one number per bit.
    pub bottleneck: Bottleneck,
    /// All corners, `[bits, words]`; a constant.
    corners: Tensor<2>,
}

/// Corners `±1`, bit `i` of a word in row `i`.
fn corners(bits: usize, device: &Device) -> Tensor<2> {
    let words = 1_usize << bits;
    let sign = |bit: usize, word: usize| if (word >> bit) & 1 == 1 { 1.0 } else { -1.0 };
    let values: Vec<f32> = (0..bits)
        .flat_map(|bit| (0..words).map(move |word| sign(bit, word)))
        .collect();
    Tensor::from_data(TensorData::new(values, [bits, words]), device)
}

/// Whether there is a quantiser of `words` codes.
///
/// # Errors
/// If `words` is not a power of two up to 2^[`MOST_BITS`].
pub fn check(words: usize) -> Result<(), DiscretiserError> {
    bits("lfq", words, MOST_BITS).map(|_| ())
}

impl Lfq {
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
        let bits = bits("lfq", words, MOST_BITS)?;
        Ok(Self {
            bottleneck: Bottleneck::init("lfq", sizes, bits, rng, device)?,
            corners: corners(bits, device),
        })
    }

    /// `E[H(p)] − γ H(E[p])` in nats, over tokens `[n, bits]`.
    #[must_use]
    pub fn entropy_loss(&self, z: Tensor<2>) -> Tensor<1> {
        let [_, bits] = z.dims();
        // The bits of one token are independent, so its entropy is the sum of theirs; the mean over
        // tokens has no such form.
        let per_token = bit_entropy(z.clone() * (4.0 * SHARPNESS)).mean() * bits as f64;
        let scores = z.matmul(self.corners.clone()) * (2.0 * SHARPNESS);
        let share = softmax(scores, 1).mean_dim(0);
        let log_share = share.clone().clamp_min(SMALLEST_SHARE).log();
        per_token + (share * log_share).sum() * DIVERSITY
    }
}

impl Projector for Lfq {
    fn merge_size(&self) -> usize {
        self.bottleneck.merge()
    }

    fn d_out(&self) -> usize {
        self.bottleneck.d_out()
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        let z = self.bottleneck.codes(patches);
        let (signs, ids) = signs(&z);
        let loss = z.is_tracked().then(|| {
            let commitment = mean_square(z.clone(), signs.clone()) * COMMITMENT;
            self.entropy_loss(z.clone()) * ENTROPY_WEIGHT + commitment
        });
        let quantised = straight_through(signs, z);
        self.bottleneck.tokens(quantised, vec![ids], loss, patches)
    }

    fn cost(&self) -> Cost {
        let [bits, words] = self.corners.dims();
        Cost {
            parameters: self.num_params(),
            multiply_adds_per_token: self.bottleneck.multiply_adds(),
            bits_per_token: Some(bits as f64),
            words: Some(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use projector::seeded;

    fn lfq() -> Lfq {
        let sizes = Sizes {
            d_in: 4,
            merge: 2,
            d_out: 6,
        };
        Lfq::init(sizes, 4, &mut seeded::stream(1, "lfq"), &Device::flex()).unwrap()
    }

    #[test]
    fn the_entropies_are_those_of_all_corners_one_by_one() {
        let points = [[0.3_f64, -0.8], [0.1, 0.05], [-0.6, 0.2]];
        let entropy = |p: &[f64]| -p.iter().map(|p| p * p.ln()).sum::<f64>();
        let mut mean = [0.0; 4];
        let mut per_token = 0.0;
        for point in points {
            let weights: Vec<f64> = (0..4)
                .map(|word| {
                    let corner = [0, 1].map(|bit| if (word >> bit) & 1 == 1 { 1.0 } else { -1.0 });
                    let square = |i: usize| (point[i] - corner[i]).powi(2);
                    (-(square(0) + square(1))).exp()
                })
                .collect();
            let sum: f64 = weights.iter().sum();
            let p: Vec<f64> = weights.iter().map(|w| w / sum).collect();
            per_token += entropy(&p) / 3.0;
            for (mean, p) in mean.iter_mut().zip(&p) {
                *mean += p / 3.0;
            }
        }
        let expected = per_token - entropy(&mean);
        let z = Tensor::<2>::from_floats(points.map(|row| row.map(|x| x as f32)), &Device::flex());
        let found: f32 = lfq().entropy_loss(z).into_scalar();
        assert!(
            (f64::from(found) - expected).abs() < 1e-5,
            "{found} {expected}"
        );
    }

    #[test]
    fn sure_and_different_tokens_have_the_lowest_loss() {
        let loss = |points: [[f32; 2]; 4]| -> f32 {
            let z = Tensor::<2>::from_floats(points, &Device::flex());
            lfq().entropy_loss(z).into_scalar()
        };
        let best = loss([[5.0, 5.0], [-5.0, 5.0], [5.0, -5.0], [-5.0, -5.0]]);
        assert!((best + 4f32.ln()).abs() < 1e-4, "{best}");
        assert!(loss([[5.0, 5.0]; 4]).abs() < 1e-4);
        assert!(loss([[0.0, 0.0]; 4]).abs() < 1e-4);
    }
}
