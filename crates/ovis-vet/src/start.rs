//! A start of head and table from the features of a training set.
//!
//! A fresh head gives each of 65,536 words a random direction, and the words that no block points at get
//! no gradient. Here every word starts in the middle of some blocks:
//!
//! 1. What the head takes in is centred by leaving out the direction of its mean `μ`:
//!    `y = x − (x·μ̂) μ̂`, `μ̂ = μ/‖μ‖`. Its mean is 0.
//! 2. K-means of the directions `y/‖y‖` gives the centres; `u` is a centre at length 1.
//! 3. The column of the head for a word is `s u`. Since `u·μ̂ = 0`, `s u·x = s u·y`.
//! 4. The gain of the LayerNorm is the one at which the best word of a token has half of its softmax, on
//!    average; its bias stays 0.
//! 5. The row of the table for a word is `u` through one random projection, at the scale that the fresh
//!    rows had. Indicator rows stay as they are.
//!
//! # What is exact
//! The best word is the one whose `u` is nearest to `y` by cosine, exactly: the LayerNorm takes the same
//! mean from the scores of all words and divides them by the same number. That holds at the start, before
//! gains and biases of words part.
//!
//! # What is not
//! - Lengths are forgotten: of two blocks in one direction the head cannot tell the longer one. A linear
//!   layer without bias has no place for the `−‖c‖²/2` that the nearest centre would need.
//! - What lies along the mean is forgotten as well, one of the head's dimensions.
//! - K-means assigns by distance to centres, whose lengths differ a little, and the head by cosine.
//! - The centres of the tokens of a batch are sampled as widely as the sample is large: with fewer tokens
//!   than words, the words left over are slightly moved copies of others.
//!
//! # The gain
//! Scores of 65,536 words have variance 1 behind the LayerNorm; the best is some 4 to 5 above the mean, and
//! the softmax gives it a thousandth. The straight-through gradient of a word goes with `p (1 − p)`, which
//! is largest at one half. In our trials nothing is tuned beyond that.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use projector::start::{projected_rows, root_mean_square};
use projector::{StartSample, k_means, values};
use rand_chacha::ChaCha8Rng;

use crate::Vet;

/// Tokens on which gain and scale are set.
const MEASURED: usize = 64;
/// Share of the softmax that the best word gets, on average.
const BEST_SHARE: f64 = 0.5;
/// Gains that are looked at.
const GAINS: [f64; 2] = [0.1, 1000.0];
/// Halvings of the logarithm of the gain, to three digits.
const HALVINGS: usize = 16;

/// Starts `vet` from the sample; leaves it as it is where the sample is empty.
pub(crate) fn start(vet: &mut Vet, sample: StartSample<'_>, rng: &mut ChaCha8Rng) {
    let layers = vet.valid();
    let (mut blocks, d) = sample.rows(|patches| {
        let merged = patches.merged();
        let [batch, tokens, d_block] = merged.dims();
        layers.reduce(merged.reshape([batch * tokens, d_block]))
    });
    drop(layers);
    if blocks.is_empty() {
        return;
    }
    let device = vet.table.val().device().without_autodiff();
    let lengths = centre_and_normalise(&mut blocks, d);
    let words = vet.words();
    let mut centres = k_means::k_means(&blocks, d, words, rng, &device);
    for centre in centres.chunks_exact_mut(d) {
        normalise(centre);
    }
    let measured = Measured::of(&blocks, &lengths, &centres, d, &device);
    drop(blocks);

    let head = transposed(&centres, d, measured.scale as f32);
    vet.head.weight = values::trained(vet.head.weight.clone(), head);
    let gain = measured.gain() as f32;
    vet.norm.gamma = values::trained(vet.norm.gamma.clone(), vec![gain; words]);
    vet.norm.beta = values::trained(vet.norm.beta.clone(), vec![0.0; words]);

    let [_, d_out] = vet.table.dims();
    let fresh: Vec<f32> = vet.table.val().into_data().iter::<f32>().collect();
    let (rows, indicators) = fresh.split_at(words * d_out);
    let scale = root_mean_square(rows);
    let mut table = projected_rows(&centres, [d, d_out], scale, rng, &device);
    table.extend_from_slice(indicators);
    vet.table = values::trained(vet.table.clone(), table);
}

/// Takes the direction of the mean from every row and brings it to length 1; the lengths before that.
fn centre_and_normalise(blocks: &mut [f32], d: usize) -> Vec<f32> {
    let mut mean = vec![0.0_f64; d];
    for block in blocks.chunks_exact(d) {
        for (mean, &x) in mean.iter_mut().zip(block) {
            *mean += f64::from(x);
        }
    }
    let mut mean: Vec<f32> = {
        let length = mean.iter().map(|x| x * x).sum::<f64>().sqrt();
        mean.into_iter().map(|x| (x / length) as f32).collect()
    };
    if mean.iter().any(|x| !x.is_finite()) {
        // It has no direction.
        mean.fill(0.0);
    }
    let centred = blocks.chunks_exact_mut(d).map(|block| {
        let along: f64 = block
            .iter()
            .zip(&mean)
            .map(|(&x, &mean)| f64::from(x) * f64::from(mean))
            .sum();
        for (x, &mean) in block.iter_mut().zip(&mean) {
            *x -= along as f32 * mean;
        }
        normalise(block)
    });
    centred.collect()
}

/// Brings a row to length 1, if it has one; the length before that.
fn normalise(row: &mut [f32]) -> f32 {
    let length = row
        .iter()
        .map(|&x| f64::from(x).powi(2))
        .sum::<f64>()
        .sqrt();
    if length > 0.0 {
        row.iter_mut()
            .for_each(|x| *x = (f64::from(*x) / length) as f32);
    }
    length as f32
}

/// `[words, d]` as `[d, words]`, times `scale`.
fn transposed(centres: &[f32], d: usize, scale: f32) -> Vec<f32> {
    let words = centres.len() / d;
    let mut head = vec![0.0; centres.len()];
    for (word, centre) in centres.chunks_exact(d).enumerate() {
        for (axis, x) in centre.iter().enumerate() {
            head[axis * words + word] = scale * x;
        }
    }
    head
}

/// Scores of some tokens.
struct Measured {
    /// What brings scores to standard deviation 1 over words, on average.
    scale: f64,
    /// Scores of each token in front of the gain, below its best one.
    below_best: Vec<Vec<f32>>,
}

impl Measured {
    fn of(blocks: &[f32], lengths: &[f32], centres: &[f32], d: usize, device: &Device) -> Self {
        let (n, words) = (lengths.len(), centres.len() / d);
        let count = n.min(MEASURED);
        let places: Vec<usize> = (0..count).map(|token| token * n / count).collect();
        let rows = places
            .iter()
            .flat_map(|&place| &blocks[place * d..(place + 1) * d]);
        let tensor = |values: Vec<f32>, rows| {
            Tensor::<2>::from_data(TensorData::new(values, [rows, d]), device)
        };
        let centres = tensor(centres.to_vec(), words).transpose();
        let scores = tensor(rows.copied().collect(), count).matmul(centres);
        let scores: Vec<f32> = scores.into_data().iter::<f32>().collect();
        let mut spread = 0.0;
        let mut below_best = Vec::with_capacity(count);
        for (scores, &place) in scores.chunks_exact(words).zip(&places) {
            let of = |term: &dyn Fn(f64) -> f64| -> f64 {
                let terms = scores.iter().map(|&score| term(f64::from(score)));
                terms.sum::<f64>() / words as f64
            };
            let mean = of(&|score| score);
            let deviation = of(&|score| (score - mean).powi(2)).sqrt();
            spread += deviation * f64::from(lengths[place]) / count as f64;
            let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let units = deviation.max(f64::MIN_POSITIVE);
            let below = scores
                .iter()
                .map(|score| (f64::from(score - best) / units) as f32);
            below_best.push(below.collect());
        }
        Self {
            scale: if spread > 0.0 { 1.0 / spread } else { 1.0 },
            below_best,
        }
    }

    /// The gain at which the best words have [`BEST_SHARE`].
    fn gain(&self) -> f64 {
        let [mut low, mut high] = GAINS;
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            if self.best_share(middle) < BEST_SHARE {
                low = middle;
            } else {
                high = middle;
            }
        }
        (low * high).sqrt()
    }

    fn best_share(&self, gain: f64) -> f64 {
        let shares = self.below_best.iter().map(|below| {
            let sum: f32 = below.iter().map(|&x| (gain as f32 * x).exp()).sum();
            1.0 / f64::from(sum)
        });
        shares.sum::<f64>() / self.below_best.len() as f64
    }
}
