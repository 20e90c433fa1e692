//! Finite scalar quantisation: every number of the code is rounded to one of a few levels.
//!
//! `f(z) = (L − 1)(1 + ε)/2 · tanh(z + s) − o`, rounded; `o = 1/2` and `s = atanh(2o / ((L − 1)(1 + ε)))`
//! for even `L`, both 0 for odd `L`; the code is the rounded value over `⌊L/2⌋`.
//!
//! # Source
//! arXiv:2309.15505, §3 and the code of its appendix A.1, but for `1 + ε`, which is `1 − ε` there, and for
//! `atanh`, where the code has `tan`: `f(0)` is 0 exactly. The product of all levels is the
//! vocabulary; there is no codebook to collapse and no term in the loss.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use rand_chacha::ChaCha8Rng;

use crate::bottleneck::{Bottleneck, Sizes};
use crate::{DiscretiserError, straight_through};

/// `ε`: lets the outermost levels be reached.
const EPS: f64 = 1e-3;

/// Levels by vocabulary. From 240 on those that the paper recommends for 2^8, 2^10, 2^12, 2^14 and
/// 2^16 (table 1); it recommends nothing below, and the first two are ours.
const LEVELS: [(usize, &[usize]); 7] = [
    (15, &[5, 3]),
    (64, &[8, 8]),
    (240, &[8, 6, 5]),
    (1000, &[8, 5, 5, 5]),
    (4375, &[7, 5, 5, 5, 5]),
    (15_360, &[8, 8, 8, 6, 5]),
    (64_000, &[8, 8, 8, 5, 5, 5]),
];

/// The levels whose product is `words`.
///
/// # Errors
/// If none are known; the message lists the vocabularies that there are.
pub fn levels(words: usize) -> Result<&'static [usize], DiscretiserError> {
    LEVELS
        .iter()
        .find(|(product, _)| *product == words)
        .map(|(_, levels)| *levels)
        .ok_or(DiscretiserError::Levels { found: words })
}

/// The vocabulary nearest to `words`, in bits.
#[must_use]
pub fn nearest(words: usize) -> usize {
    let bits = |words: usize| (words.max(1) as f64).log2();
    let distance = |product: usize| (bits(product) - bits(words)).abs();
    LEVELS
        .iter()
        .map(|(product, _)| *product)
        .fold(LEVELS[0].0, |best, product| {
            if distance(product) < distance(best) {
                product
            } else {
                best
            }
        })
}

/// The vocabularies as a list in words.
pub(crate) fn known() -> String {
    let products: Vec<String> = LEVELS
        .iter()
        .map(|(product, _)| product.to_string())
        .collect();
    let (last, first) = products
        .split_last()
        .map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
    format!("{} or {last}", first.join(", "))
}

/// Projection, rounding, projection.
#[derive(Module, Debug)]
pub struct Fsq {
    /// The layers on both sides; a code has one number per entry of the levels.
    pub bottleneck: Bottleneck,
    #[module(skip)]
    levels: &'static [usize],
}

impl Fsq {
    /// A quantiser of `words` codes, see [`levels`].
    ///
    /// # Errors
    /// If `words` is no product of known levels or an axis is 0.
    pub fn init(
        sizes: Sizes,
        words: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, DiscretiserError> {
        let levels = levels(words)?;
        Ok(Self {
            bottleneck: Bottleneck::init("fsq", sizes, levels.len(), rng, device)?,
            levels,
        })
    }

    /// A number per level as a row `[1, d_code]` beside `z`.
    fn row(&self, z: &Tensor<2>, of_level: impl Fn(usize) -> f64) -> Tensor<2> {
        let values: Vec<f64> = self.levels.iter().map(|&level| of_level(level)).collect();
        let data = TensorData::new(values, [1, self.levels.len()]);
        Tensor::from_data(data, (&z.device(), z.dtype()))
    }

    /// `f(z)`, between the outermost levels.
    ///
    /// # Shapes
    /// - `z`: `[n, d_code]`, output the same
    #[must_use]
    pub fn bound(&self, z: Tensor<2>) -> Tensor<2> {
        let half = |level: usize| (level as f64 - 1.0) * (1.0 + EPS) / 2.0;
        let offset = |level: usize| if level.is_multiple_of(2) { 0.5 } else { 0.0 };
        let shift = self.row(&z, |level| (offset(level) / half(level)).atanh());
        let (half, offset) = (self.row(&z, half), self.row(&z, offset));
        (z + shift).tanh() * half - offset
    }

    /// Rounded levels, from `-⌊L/2⌋` up, and the words that they are, `[n]`.
    fn round(&self, bounded: Tensor<2>) -> (Tensor<2>, Tensor<1, Int>) {
        let rounded = bounded.detach().round();
        let places = rounded.clone() + self.row(&rounded, |level| (level / 2) as f64);
        let strides: Vec<i64> = self
            .levels
            .iter()
            .scan(1, |stride, &level| {
                let here = *stride;
                *stride *= level as i64;
                Some(here)
            })
            .collect();
        let data = TensorData::new(strides, [1, self.levels.len()]);
        let strides: Tensor<2, Int> = Tensor::from_data(data, &rounded.device());
        let ids = (places.int() * strides).sum_dim(1).squeeze_dim(1);
        (rounded, ids)
    }
}

impl Projector for Fsq {
    fn merge_size(&self) -> usize {
        self.bottleneck.merge()
    }

    fn d_out(&self) -> usize {
        self.bottleneck.d_out()
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        let bounded = self.bound(self.bottleneck.codes(patches));
        let (rounded, ids) = self.round(bounded.clone());
        let half_width = self.row(&bounded, |level| (level / 2) as f64);
        let quantised = straight_through(rounded, bounded) / half_width;
        self.bottleneck.tokens(quantised, vec![ids], None, patches)
    }

    fn cost(&self) -> Cost {
        let words: usize = self.levels.iter().product();
        Cost {
            parameters: self.num_params(),
            multiply_adds_per_token: self.bottleneck.multiply_adds(),
            bits_per_token: Some((words as f64).log2()),
            words: Some(words),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use projector::seeded;

    fn fsq(words: usize) -> Fsq {
        let sizes = Sizes {
            d_in: 4,
            merge: 2,
            d_out: 6,
        };
        Fsq::init(sizes, words, &mut seeded::stream(1, "fsq"), &Device::flex()).unwrap()
    }

    #[test]
    fn levels_multiply_to_the_vocabulary() {
        for (words, levels) in LEVELS {
            assert_eq!(levels.iter().product::<usize>(), words);
            assert_eq!(super::levels(words).unwrap(), levels);
        }
        let message = levels(256).unwrap_err().to_string();
        assert!(
            message.contains("256") && message.contains("240, 1000"),
            "{message}"
        );
        assert!(message.ends_with("15360 or 64000"), "{message}");
        assert_eq!([1, 200, 600, 1 << 20].map(nearest), [15, 240, 1000, 64_000]);
    }

    #[test]
    fn numbers_become_levels_and_levels_words_as_computed_by_hand() {
        let fsq = fsq(240);
        // Levels 8, 6, 5: from -4 to 3, from -3 to 2, from -2 to 2. Far out are the outermost; at 0
        // even levels take 0 because of their shift.
        let z = Tensor::<2>::from_floats(
            [
                [-9.0, -9.0, -9.0],
                [9.0, 9.0, 9.0],
                [0.0, 0.0, 0.0],
                [0.5, -0.5, 0.5],
            ],
            &Device::flex(),
        );
        let bounded = fsq.bound(z);
        let values: Vec<f32> = bounded.clone().into_data().try_to_vec().unwrap();
        // 3.5035 tanh(0.5 + atanh(0.5 / 3.5035)) - 0.5 and so on.
        let by_hand = [
            3.5035 * (0.5 + (0.5_f64 / 3.5035).atanh()).tanh() - 0.5,
            2.5025 * (-0.5 + (0.5_f64 / 2.5025).atanh()).tanh() - 0.5,
            2.002 * 0.5_f64.tanh(),
        ];
        for (found, expected) in values[9..].iter().zip(by_hand) {
            assert!(
                (f64::from(*found) - expected).abs() < 1e-5,
                "{found} {expected}"
            );
        }
        let (rounded, ids) = fsq.round(bounded);
        let rounded: Vec<f32> = rounded.into_data().try_to_vec().unwrap();
        assert_eq!(
            rounded,
            [
                -4.0, -3.0, -2.0, 3.0, 2.0, 2.0, 0.0, 0.0, 0.0, 1.0, -1.0, 1.0
            ]
        );
        // place + 8 place + 48 place
        let ids: Vec<i64> = ids.into_data().iter::<i64>().collect();
        assert_eq!(ids, [0, 239, 4 + 8 * 3 + 48 * 2, 5 + 8 * 2 + 48 * 3]);
    }

    #[test]
    fn every_word_can_be_reached() {
        let fsq = fsq(15);
        let mut points = Vec::new();
        for a in 0..60 {
            for b in 0..60 {
                points.extend([(a - 30) as f32 / 10.0, (b - 30) as f32 / 10.0]);
            }
        }
        let data = TensorData::new(points, [3600, 2]);
        let z = Tensor::from_data(data, &Device::flex());
        let (_, ids) = fsq.round(fsq.bound(z));
        let ids: std::collections::BTreeSet<i64> = ids.into_data().iter::<i64>().collect();
        assert_eq!(ids.len(), 15);
    }
}
