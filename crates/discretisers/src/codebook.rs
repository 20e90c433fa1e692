//! A codebook of running means.
//!
//! `N ← γ N + (1 − γ) n`, `m ← γ m + (1 − γ) Σ z`, `e = m / N` for every code, `n` and `Σ z` over the
//! points of a batch that are nearest to it.
//!
//! The window of the running means has [`WINDOW`] steps. In a large codebook a code is nearest to a point
//! once in many steps, and with that window its vector is little more than the last point it had. The
//! window is `SEEN · words / points` steps then, in which a code with an equal share has [`SEEN`] points.
//!
//! A code without points is dead after the same number of steps whatever the window. The layer in front
//! moves, most of all at first, and what has no points for some dozens of steps lies where no points are
//! any more. So codes in fair use are restarted as well, at points of today, which keeps a large codebook
//! in use; each point that a code gets puts its death off by `words / points` steps, the time that one in
//! fair use waits for the next.
//!
//! # Source
//! arXiv:1711.00937 appendix A.1; arXiv:1906.00446 §2.1. Differs: `N` is not smoothed towards a
//! uniform count, because a code is restarted long before its `N` comes near 0; codes that wait for
//! a restart keep a least count instead; and the window of large codebooks. Restarts: arXiv:2107.03312
//! §3.3. The start by k-means: the same.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};
use projector::{seeded, values};
use rand::seq::index;
use rand_chacha::ChaCha8Rng;

use crate::k_means::k_means;
use crate::nearest::{nearest, nearest_ids};

/// `1 / (1 − γ)`, so that `γ` is 0.95. The references take 0.99 for hundreds of thousands of steps; a probe
/// trains for hundreds, in which the layer in front of the codebook moves fast.
pub const WINDOW: f64 = 20.0;
/// Points that a code with an equal share has in the window of a large codebook, on average: as many as one
/// of 4,096 words has in [`WINDOW`] steps of 512 points. With twice as many, codes follow the layer in front
/// more slowly than it moves in a few hundred steps.
pub const SEEN: f64 = 2.5;
/// Codebooks of more words than this are large; up to it, results are those of earlier versions.
pub const LARGE_FROM: usize = 4096;
/// A code whose running count has fallen below this share of an equal share of the points is dead: after
/// 45 steps without any. In a longer window the share is the one that it falls below in as many steps.
pub const DEAD_BELOW: f64 = 0.1;
/// Where the running count of a code stops falling: so far below what one point adds (`1 - γ`, 2⁻²² with
/// a million words and a handful of points) that the sum of both is the same in `f64`, and a power of
/// two, so that the code's vector times it and divided by it is the vector again.
///
/// A batch can restart as many codes as it has points. Of a codebook larger than some 45 batches the
/// others are never restarted and never nearest, and without an end to their decay both running
/// values underflow; the code is then 0 / 0.
const LEAST_COUNT: f64 = 1.0 / (1_u128 << 83) as f64;
/// Standard deviation of an entry before the first batch has been seen: that of a fresh linear layer
/// behind the parameter-free norm.
const START_STD: f64 = 0.577;
/// Points that are looked up at a time where there are many.
const CHUNK: usize = 4096;

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
    /// `m`, `[words, d]`; before the first batch 0, or the vectors where they were started from a sample.
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

    /// Starts at `centres`, `[words, d]` in row-major order, and counts every code as one with an equal
    /// share when the first batch comes.
    ///
    /// # Panics
    /// If there are more or fewer centres than words.
    pub fn start_at(&mut self, centres: &[f32]) {
        let words = self.words();
        self.counts = values::frozen(self.counts.clone(), vec![0.0; words]);
        self.sums = values::frozen(self.sums.clone(), centres.to_vec());
        self.vectors = values::frozen(self.vectors.clone(), centres.to_vec());
    }

    /// Takes from each point `[n, d]` (row-major) its code.
    pub fn subtract_from(&self, points: &mut [f32]) {
        let [_, d] = self.vectors.dims();
        let vectors = self.vectors().without_autodiff();
        let codes = floats(vectors.clone());
        for some in points.chunks_mut(CHUNK * d) {
            let data = TensorData::new(some.to_vec(), [some.len() / d, d]);
            let ids = nearest_ids(Tensor::from_data(data, &vectors.device()), vectors.clone());
            for (point, id) in some.chunks_exact_mut(d).zip(ids) {
                for (x, code) in point.iter_mut().zip(&codes[id * d..(id + 1) * d]) {
                    *x -= code;
                }
            }
        }
    }

    /// Follows a batch of points `[n, d]` by running means and a restart of dead codes at points of the
    /// batch. The first one sets the codes by k-means, unless they were started from a sample.
    pub fn learn(&mut self, points: Tensor<2>, rng: &mut ChaCha8Rng) {
        let [n, d] = points.dims();
        let words = self.words();
        let equal_share = n as f64 / words as f64;
        let batch = floats(points.clone());
        let mut counts: Vec<f64> = floats(self.counts.val())
            .into_iter()
            .map(f64::from)
            .collect();
        let mut sums = floats(self.sums.val());
        if counts.iter().all(|&count| count == 0.0) {
            let is_started = sums.iter().any(|&sum| sum != 0.0);
            let centres = match is_started {
                true => sums,
                false => k_means(&batch, d, words, rng),
            };
            let shared = centres.iter().map(|&x| (f64::from(x) * equal_share) as f32);
            sums = shared.collect();
            counts.fill(equal_share);
            if !is_started {
                self.put(&counts, sums, centres);
                return;
            }
        }
        let Pace { decay, dead_below } = Pace::of(words, n);
        let mut vectors = floats(self.vectors.val());
        // The points of each code, in the order of the batch.
        let ids = nearest_ids(points, self.vectors().without_autodiff());
        let mut order: Vec<(usize, usize)> = ids.into_iter().zip(0..n).collect();
        order.sort_unstable();
        let mut added = vec![0.0; words];
        for &(id, _) in &order {
            added[id] += 1.0;
        }
        for (count, added) in counts.iter_mut().zip(&added) {
            *count = decay * *count + (1.0 - decay) * added;
        }
        let dead: Vec<usize> = (0..words)
            .filter(|&id| counts[id] < dead_below * equal_share)
            .collect();
        // Different points, so that restarted codes do not share one. Those that find none left
        // wait for the next batch and stay where they are.
        let places = index::sample(rng, n, dead.len().min(n));
        let mut restarts = dead.into_iter().zip(places.iter()).peekable();
        let mut order = order.into_iter().peekable();
        let mut sum = vec![0.0; d];
        for (id, count) in counts.iter_mut().enumerate() {
            let row = id * d..(id + 1) * d;
            sum.fill(0.0);
            while let Some((_, place)) = order.next_if(|&(of, _)| of == id) {
                for (sum, &x) in sum.iter_mut().zip(&batch[place * d..(place + 1) * d]) {
                    *sum += f64::from(x);
                }
            }
            for (sum, &running) in sum.iter_mut().zip(&sums[row.clone()]) {
                *sum = decay * f64::from(running) + (1.0 - decay) * *sum;
            }
            if let Some((_, place)) = restarts.next_if(|&(dead, _)| dead == id) {
                *count = equal_share;
                for (sum, &x) in sum.iter_mut().zip(&batch[place * d..(place + 1) * d]) {
                    *sum = f64::from(x) * equal_share;
                }
            }
            if *count < LEAST_COUNT {
                *count = LEAST_COUNT;
                for (sum, &x) in sum.iter_mut().zip(&vectors[row.clone()]) {
                    *sum = f64::from(x) * LEAST_COUNT;
                }
            }
            let kept = sums[row.clone()].iter_mut().zip(&mut vectors[row]);
            for ((kept, vector), &sum) in kept.zip(&sum) {
                *kept = sum as f32;
                *vector = (sum / *count) as f32;
            }
        }
        self.put(&counts, sums, vectors);
    }

    /// Other numbers for all three, which stay frozen and where they are.
    fn put(&mut self, counts: &[f64], sums: Vec<f32>, vectors: Vec<f32>) {
        let counts = counts.iter().map(|&count| count as f32).collect();
        self.counts = values::frozen(self.counts.clone(), counts);
        self.sums = values::frozen(self.sums.clone(), sums);
        self.vectors = values::frozen(self.vectors.clone(), vectors);
    }
}

/// How a codebook forgets.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pace {
    /// `γ`.
    decay: f64,
    /// Share of an equal share of the points below which a code is dead.
    dead_below: f64,
}

impl Pace {
    /// Of a codebook of `words` words that is given `n` points a step.
    fn of(words: usize, n: usize) -> Self {
        let window = SEEN * words as f64 / n.max(1) as f64;
        if words <= LARGE_FROM || window <= WINDOW {
            return Self {
                decay: 1.0 - 1.0 / WINDOW,
                dead_below: DEAD_BELOW,
            };
        }
        Self {
            decay: 1.0 - 1.0 / window,
            dead_below: DEAD_BELOW.powf(WINDOW / window),
        }
    }
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data();
    match data.as_slice::<f32>() {
        Ok(values) => values.to_vec(),
        // Another type of float.
        Err(_) => data.iter::<f32>().collect(),
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
    fn large_codebooks_forget_slowly_and_give_codes_up_as_fast_as_small_ones() {
        let small = Pace::of(1024, 512);
        assert_eq!((small.decay, small.dead_below), (0.95, 0.1));
        // So do the codebooks of the published runs, also with few points.
        for (words, n) in [(4096, 512), (4096, 256), (1024, 48), (8192, 4096)] {
            assert_eq!(Pace::of(words, n), small, "{words} {n}");
        }
        let large = Pace::of(1 << 16, 512);
        assert!((large.decay - (1.0 - 1.0 / (SEEN * 128.0))).abs() < 1e-12);
        // Steps without points until a code with an equal share is dead.
        let steps = |pace: Pace| (pace.dead_below.ln() / pace.decay.ln()).ceil();
        assert_eq!(steps(small), 45.0);
        assert!((steps(large) - 46.0).abs() <= 1.0, "{}", steps(large));
        // One point, of weight 1 - γ, puts that off by about the 128 steps between two of them.
        let share = 512.0 / 65_536.0;
        let after = 1.0 + (1.0 - large.decay) / share;
        let longer = (after.ln() / -large.decay.ln()).round();
        assert!((100.0..=128.0).contains(&longer), "{longer}");
        for (words, n) in [(1 << 24, 8), (5000, 1)] {
            let pace = Pace::of(words, n);
            assert!((0.0..1.0).contains(&pace.decay) && (0.0..1.0).contains(&pace.dead_below));
        }
    }

    #[test]
    fn a_large_codebook_follows_points_that_move_and_stays_in_use() {
        const WORDS: usize = 6000;
        let mut rng = rng();
        let device = Device::flex();
        let draw = |rng: &mut ChaCha8Rng| seeded::normal([256, 4], 1.0, rng, &device);
        let mut book = Codebook::new(WORDS, 4, &mut rng, &device);
        let start: Tensor<2> = seeded::normal([WORDS, 4], 1.0, &mut rng, &device);
        book.start_at(&vectors_of(start));
        let used = |book: &Codebook, points: Tensor<2>| {
            let ids = nearest_ids(points, book.vectors());
            let ids: std::collections::BTreeSet<usize> = ids.into_iter().collect();
            ids.len()
        };
        // 20 batches where the codes are, then 100 elsewhere.
        for step in 0..120 {
            let away = if step < 20 { 0.0 } else { 8.0 };
            book.learn(draw(&mut rng) + away, &mut rng);
        }
        let found = used(&book, draw(&mut rng) + 8.0);
        assert!(found > 220, "{found} codes for 256 points");
        assert!(vectors(&book).iter().all(|x| x.is_finite()));
    }

    fn vectors_of(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
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
        let (mut counts, mut sums) = (floats(book.counts.val()), floats(book.sums.val()));
        counts[1000..].fill(0.0);
        sums[16 * 1000..].fill(0.0);
        book.counts = values::frozen(book.counts, counts);
        book.sums = values::frozen(book.sums, sums);
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
