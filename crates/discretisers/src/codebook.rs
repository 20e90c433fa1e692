//! A codebook of running means.
//!
//! `N ← γ N + (1 − γ) n`, `m ← γ m + (1 − γ) Σ z`, `e = m / N` for every code, `n` and `Σ z` over the
//! points of a batch that are nearest to it.
//!
//! # Source
//! arXiv:1711.00937 appendix A.1; arXiv:1906.00446 §2.1. Differs: `N` is not smoothed towards a
//! uniform count, because a code is restarted long before its `N` comes near 0; codes that wait for
//! a restart keep a least count instead. Restarts: arXiv:2107.03312 §3.3. The start by k-means: the
//! same.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use projector::seeded;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use crate::k_means::k_means;
use crate::nearest::nearest;

/// `γ`. The references take 0.99 for hundreds of thousands of steps; a probe trains for hundreds,
/// in which the layer in front of the codebook moves fast.
pub const DECAY: f64 = 0.95;
/// A code whose running count has fallen below this share of an equal share of the points is dead.
/// At [`DECAY`] that is 45 steps without any.
pub const DEAD_BELOW: f64 = 0.1;
/// Where the running count of a code stops falling: so far below what one point adds (`1 - γ`) that
/// the sum of both is the same in `f64`, and a power of two, so that the code's vector times it and
/// divided by it is the vector again.
///
/// A batch can restart as many codes as it has points. Of a codebook larger than some 45 batches the
/// others are never restarted and never nearest, and without an end to their decay both running
/// values underflow: after 1,609 steps with 512 points and 65,536 codes, the code is then 0 / 0.
const LEAST_COUNT: f64 = 1.0 / (1_u128 << 83) as f64;
/// Standard deviation of an entry before the first batch has been seen: that of a fresh linear layer
/// behind the parameter-free norm.
const START_STD: f64 = 0.577;

/// Vectors that follow the points nearest to them.
///
/// All three tensors are frozen parameters: no optimiser sees them, but they are saved with the
/// weights.
#[derive(Module, Debug)]
pub struct Codebook {
    /// `e`, `[words, d]`.
    vectors: Param<Tensor<2>>,
    /// `N`, `[words]`; all 0 before the first batch.
    counts: Param<Tensor<1>>,
    /// `m`, `[words, d]`.
    sums: Param<Tensor<2>>,
}

impl Codebook {
    /// Random vectors, which the first batch replaces.
    #[must_use]
    pub fn new(words: usize, d: usize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let vectors = seeded::normal([words, d], START_STD, rng, device);
        Self {
            vectors: Param::from_tensor(vectors).set_require_grad(false),
            counts: Param::from_tensor(Tensor::zeros([words], device)).set_require_grad(false),
            sums: Param::from_tensor(Tensor::zeros([words, d], device)).set_require_grad(false),
        }
    }

    /// Number of vectors.
    #[must_use]
    pub fn words(&self) -> usize {
        self.vectors.dims()[0]
    }

    /// The vectors, `[words, d]`.
    #[must_use]
    pub fn vectors(&self) -> Tensor<2> {
        self.vectors.val()
    }

    /// The code of each point, `[n]`.
    #[must_use]
    pub fn nearest(&self, points: Tensor<2>) -> Tensor<1, Int> {
        nearest(points, self.vectors())
    }

    /// The vectors of codes, `[n, d]`, without a gradient.
    #[must_use]
    pub fn look_up(&self, ids: Tensor<1, Int>) -> Tensor<2> {
        self.vectors().select(0, ids)
    }

    /// Follows a batch of points `[n, d]`: the first one by k-means, all later ones by running
    /// means and a restart of dead codes at points of the batch.
    pub fn learn(&mut self, points: Tensor<2>, rng: &mut ChaCha8Rng) {
        let [n, d] = points.dims();
        let words = self.words();
        let equal_share = n as f64 / words as f64;
        let values: Vec<f32> = points.clone().into_data().iter::<f32>().collect();
        let mut counts = numbers(self.counts.val());
        if counts.iter().all(|&count| count == 0.0) {
            let centres = k_means(&values, d, words, rng);
            let centres: Vec<f64> = centres.into_iter().map(f64::from).collect();
            let sums: Vec<f64> = centres.iter().map(|x| x * equal_share).collect();
            replace(&mut self.counts, &vec![equal_share; words]);
            replace(&mut self.sums, &sums);
            replace(&mut self.vectors, &centres);
            return;
        }
        let mut sums = numbers(self.sums.val());
        let ids = nearest(points, self.vectors().without_autodiff());
        let mut added = vec![0.0; words];
        let mut added_sums = vec![0.0; words * d];
        for (id, point) in ids.into_data().iter::<i64>().zip(values.chunks_exact(d)) {
            let id = id as usize;
            added[id] += 1.0;
            for (sum, &x) in added_sums[id * d..(id + 1) * d].iter_mut().zip(point) {
                *sum += f64::from(x);
            }
        }
        decay(&mut counts, &added);
        decay(&mut sums, &added_sums);
        let dead: Vec<usize> = (0..words)
            .filter(|&id| counts[id] < DEAD_BELOW * equal_share)
            .collect();
        // Different points, so that restarted codes do not share one. Those that find none left
        // wait for the next batch and stay where they are.
        let places = index::sample(rng, n, dead.len().min(n));
        for (&id, place) in dead.iter().zip(places.iter()) {
            counts[id] = equal_share;
            let point = &values[place * d..(place + 1) * d];
            for (sum, &x) in sums[id * d..(id + 1) * d].iter_mut().zip(point) {
                *sum = f64::from(x) * equal_share;
            }
        }
        if counts.iter().any(|&count| count < LEAST_COUNT) {
            let vectors = numbers(self.vectors.val());
            let codes = counts.iter_mut().zip(sums.chunks_exact_mut(d));
            let codes = codes.zip(vectors.chunks_exact(d));
            for ((count, sums), vector) in codes.filter(|((count, _), _)| **count < LEAST_COUNT) {
                *count = LEAST_COUNT;
                for (sum, x) in sums.iter_mut().zip(vector) {
                    *sum = x * LEAST_COUNT;
                }
            }
        }
        let vectors = sums.chunks_exact(d).zip(&counts);
        let vectors = vectors.flat_map(|(sums, count)| sums.iter().map(move |sum| sum / count));
        replace(&mut self.vectors, &vectors.collect::<Vec<f64>>());
        replace(&mut self.counts, &counts);
        replace(&mut self.sums, &sums);
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Puts other numbers into a parameter, which stays frozen and where it is.
fn replace<const D: usize>(param: &mut Param<Tensor<D>>, values: &[f64]) {
    let values: Vec<f32> = values.iter().map(|&x| x as f32).collect();
    let tensor = param.val();
    let data = TensorData::new(values, tensor.dims());
    let fresh = Tensor::from_data(data, (&tensor.device(), tensor.dtype()));
    *param = param.clone().map(|_| fresh).set_require_grad(false);
}

fn decay(running: &mut [f64], added: &[f64]) {
    for (running, added) in running.iter_mut().zip(added) {
        *running = DECAY * *running + (1.0 - DECAY) * added;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors(book: &Codebook) -> Vec<f32> {
        book.vectors().into_data().try_to_vec().unwrap()
    }

    fn points<const N: usize>(rows: [[f32; 2]; N]) -> Tensor<2> {
        Tensor::from_floats(rows, &Device::flex())
    }

    fn rng() -> ChaCha8Rng {
        seeded::stream(1, "codebook")
    }

    /// Two codes at (0, 0) and (10, 0), after a first batch of four points.
    fn started() -> Codebook {
        let mut book = Codebook::new(2, 2, &mut rng(), &Device::flex());
        let batch = points([[0.0, 0.0], [0.0, 0.0], [10.0, 0.0], [10.0, 0.0]]);
        book.learn(batch, &mut rng());
        book
    }

    #[test]
    fn the_first_batch_sets_the_codes_by_k_means() {
        let mut found = vectors(&started());
        found.sort_by(f32::total_cmp);
        assert_eq!(found, [0.0, 0.0, 0.0, 10.0]);
    }

    #[test]
    fn codes_follow_their_points_by_the_formula() {
        let mut book = started();
        let near = book.nearest(points([[0.0, 0.0]])).into_data();
        let near = near.iter::<i64>().next().unwrap() as usize;
        // Counts were 2 and 2. Three points at the code of (0, 0), one at the other.
        book.learn(
            points([[1.0, 0.0], [1.0, 2.0], [2.0, 0.0], [10.0, 4.0]]),
            &mut rng(),
        );
        let count = 0.95 * 2.0 + 0.05 * 3.0;
        let expected = [0.05 * 4.0 / count, 0.05 * 2.0 / count];
        let far_count = 0.95 * 2.0 + 0.05;
        let far_expected = [
            (0.95 * 20.0 + 0.05 * 10.0) / far_count,
            0.05 * 4.0 / far_count,
        ];
        let found = vectors(&book);
        for (id, expected) in [(near, expected), (1 - near, far_expected)] {
            for (found, expected) in found[2 * id..2 * id + 2].iter().zip(expected) {
                assert!(
                    (f64::from(*found) - expected).abs() < 1e-5,
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_code_without_points_is_restarted_at_a_point_and_lives() {
        let mut book = started();
        let batch = points([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
        let used = |book: &Codebook| {
            let ids = book.nearest(batch.clone()).into_data();
            let ids: std::collections::BTreeSet<i64> = ids.iter::<i64>().collect();
            ids.len()
        };
        let mut steps = 0;
        while used(&book) == 1 {
            book.learn(batch.clone(), &mut rng());
            steps += 1;
            assert!(steps < 60, "never restarted");
        }
        // 0.95^44 > 0.1 > 0.95^45
        assert_eq!(steps, 45);
        for _ in 0..100 {
            book.learn(batch.clone(), &mut rng());
        }
        assert_eq!(used(&book), 2);
        let inside = vectors(&book).iter().all(|x| (0.0..=1.0).contains(x));
        assert!(inside, "{:?}", vectors(&book));
    }

    #[test]
    fn codes_that_wait_for_a_restart_stay_where_they_are() {
        // Two points restart two codes a batch, so that some 90 of the codes take turns and the
        // last ones wait for ever.
        let mut book = Codebook::new(128, 2, &mut rng(), &Device::flex());
        let batch = || points([[0.5, -0.25], [-1.0, 2.0]]);
        let mut rng = rng();
        book.learn(batch(), &mut rng);
        let first = vectors(&book);
        // 2 / 128 times 0.95^1,650 is below the normal numbers of f32.
        for _ in 0..2500 {
            book.learn(batch(), &mut rng);
        }
        let last = vectors(&book);
        assert!(last.iter().all(|x| x.is_finite()), "{last:?}");
        for (first, last) in first[2 * 100..].iter().zip(&last[2 * 100..]) {
            assert!((first - last).abs() < 1e-4 * first.abs(), "{first} {last}");
        }
        // The codes of the points are in use all the same.
        let near = book.look_up(book.nearest(batch())).into_data();
        let near: Vec<f32> = near.iter::<f32>().collect();
        for (near, point) in near.iter().zip([0.5, -0.25, -1.0, 2.0]) {
            assert!((near - point).abs() < 0.05, "{near} {point}");
        }
    }

    #[test]
    fn the_largest_codebook_outlives_counts_of_zero() {
        const WORDS: usize = 1 << 16;
        let mut rng = rng();
        let mut book = Codebook::new(WORDS, 16, &mut rng, &Device::flex());
        let batch = seeded::normal([64, 16], 1.0, &mut rng, &Device::flex());
        book.learn(batch.clone(), &mut rng);
        let first = vectors(&book);
        // What is left of codes that have waited for 1,700 steps, where numbers below the normal
        // ones of f32 count as 0.
        let (mut counts, mut sums) = (numbers(book.counts.val()), numbers(book.sums.val()));
        counts[1000..].fill(0.0);
        sums[16 * 1000..].fill(0.0);
        replace(&mut book.counts, &counts);
        replace(&mut book.sums, &sums);
        for _ in 0..20 {
            book.learn(batch.clone(), &mut rng);
        }
        let last = vectors(&book);
        assert!(last.iter().all(|x| x.is_finite()));
        assert_eq!(first[16 * (WORDS - 100)..], last[16 * (WORDS - 100)..]);
        let ids = book.nearest(batch.clone()).into_data();
        let used: std::collections::BTreeSet<i64> = ids.iter::<i64>().collect();
        assert_eq!(used.len(), 64, "every point has a code of its own");
    }

    #[test]
    fn the_codebook_is_frozen_and_stays_so_but_is_saved() {
        let mut book = started().train();
        book.learn(points([[0.0, 0.0], [9.0, 1.0]]), &mut rng());
        assert!(book.vectors().is_autodiff() && !book.vectors().is_tracked());
        assert!(!book.valid().vectors().is_autodiff());
        assert_eq!(projector::contract::trainable_parameters(&book), 0);
        let record = book.clone().into_record();
        let fresh = Codebook::new(2, 2, &mut seeded::stream(9, "other"), &Device::flex()).train();
        let mut read = fresh.try_load_record(record).unwrap();
        assert_eq!(vectors(&read), vectors(&book));
        let batch = points([[1.0, 0.0], [1.0, 2.0]]);
        for book in [&mut book, &mut read] {
            book.learn(batch.clone(), &mut rng());
        }
        assert_eq!(vectors(&read), vectors(&book));
    }
}
