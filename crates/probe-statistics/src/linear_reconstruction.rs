//! How much of some vectors a linear map finds in others.
//!
//! Ridge least squares on a training part, `R²` on a part held out:
//! `W = argmin ‖Y − X W‖² + λ ‖W‖²` on centred data, `R² = 1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖²` with `ȳ` the
//! mean of the training part. A predictor that always says `ȳ` has `R² = 0` by definition, one that
//! is right has 1, and one that is worse than the mean is below 0: a reconstruction loss says
//! nothing without this baseline.

use crate::StatisticsError;
use crate::error::require_count;

/// `λ` as a share of the mean variance of an input, which keeps inputs that hardly vary from being
/// blown up.
pub const RIDGE: f64 = 1e-4;

/// Pairs of input and target, row by row.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// `[n, d_in]`.
    pub inputs: &'a [f32],
    /// `[n, d_out]`.
    pub targets: &'a [f32],
}

/// How well held-out targets are reconstructed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reconstruction {
    /// Of the linear map.
    pub r2: f64,
    /// Of the mean of the training part: 0 by definition, here so that reports print it.
    pub mean_predictor_r2: f64,
    /// Pairs trained on.
    pub trained_on: usize,
    /// Pairs held out.
    pub held_out: usize,
}

/// Fits `training` and measures `R²` on `held_out`.
///
/// About `n d_in (d_in + 2 d_out)` multiply-adds for `n` pairs, in double precision.
///
/// # Errors
/// If a part holds no whole pairs or not as many inputs as targets, there are fewer than two pairs
/// to train on, the held-out targets do not vary, or a number is not finite.
pub fn linear_reconstruction(
    training: Pairs<'_>,
    held_out: Pairs<'_>,
    d_in: usize,
    d_out: usize,
) -> Result<Reconstruction, StatisticsError> {
    LinearMap::fit(training, d_in, d_out)?.measure(held_out)
}

/// A linear map that was fitted once, to be measured on several held-out parts.
#[derive(Clone, Debug)]
pub struct LinearMap {
    /// `[d_in]`.
    input_mean: Vec<f64>,
    /// `[d_out]`.
    target_mean: Vec<f64>,
    /// `[d_in, d_out]`.
    weights: Vec<f64>,
    trained_on: usize,
}

impl LinearMap {
    /// Fits `training`.
    ///
    /// # Errors
    /// If it holds no whole pairs, not as many inputs as targets, or fewer than two.
    pub fn fit(training: Pairs<'_>, d_in: usize, d_out: usize) -> Result<Self, StatisticsError> {
        let n = pairs("training pairs", training, d_in, d_out)?;
        require_count("training pairs", 2, n)?;
        let (input_mean, target_mean) =
            (mean(training.inputs, d_in), mean(training.targets, d_out));
        let (mut gram, mut cross) = (vec![0.0; d_in * d_in], vec![0.0; d_in * d_out]);
        let rows = training.inputs.chunks_exact(d_in);
        for (input, target) in rows.zip(training.targets.chunks_exact(d_out)) {
            let (x, y) = (centred(input, &input_mean), centred(target, &target_mean));
            for (i, &xi) in x.iter().enumerate() {
                // The lower triangle is enough.
                add_scaled(&mut gram[i * d_in..i * d_in + i + 1], xi, &x[..=i]);
                add_scaled(&mut cross[i * d_out..(i + 1) * d_out], xi, &y);
            }
        }
        let trace: f64 = (0..d_in).map(|i| gram[i * d_in + i]).sum();
        // Inputs that do not vary at all leave the mean as the prediction.
        let ridge = (RIDGE * trace / d_in as f64).max(f64::MIN_POSITIVE.sqrt());
        for i in 0..d_in {
            gram[i * d_in + i] += ridge;
        }
        factor(&mut gram, d_in);
        solve(&gram, &mut cross, d_in, d_out);
        Ok(Self {
            input_mean,
            target_mean,
            weights: cross,
            trained_on: n,
        })
    }

    /// Measures `R²` on `held_out`.
    ///
    /// # Errors
    /// If it holds no whole pairs or none at all, its targets do not vary, or a number is not finite.
    pub fn measure(&self, held_out: Pairs<'_>) -> Result<Reconstruction, StatisticsError> {
        let (d_in, d_out) = (self.input_mean.len(), self.target_mean.len());
        let m = pairs("held-out pairs", held_out, d_in, d_out)?;
        require_count("held-out pairs", 1, m)?;
        let (mut left, mut total) = (0.0, 0.0);
        let rows = held_out.inputs.chunks_exact(d_in);
        for (input, target) in rows.zip(held_out.targets.chunks_exact(d_out)) {
            let (x, mut y) = (
                centred(input, &self.input_mean),
                centred(target, &self.target_mean),
            );
            total += y.iter().map(|y| y * y).sum::<f64>();
            for (i, &xi) in x.iter().enumerate() {
                add_scaled(&mut y, -xi, &self.weights[i * d_out..(i + 1) * d_out]);
            }
            left += y.iter().map(|y| y * y).sum::<f64>();
        }
        if !(left.is_finite() && total > 0.0) {
            return Err(StatisticsError::OutOfRange {
                what: "the squared distance of held-out targets from the training mean",
                value: total,
                expected: "above 0 and, like all inputs, finite",
            });
        }
        Ok(Reconstruction {
            r2: 1.0 - left / total,
            mean_predictor_r2: 0.0,
            trained_on: self.trained_on,
            held_out: m,
        })
    }
}

/// Where a falling function reaches `target`, between `low` and `high`, both above 0.
///
/// The interval is halved on a logarithmic scale `steps` times; if the function does not reach the
/// target inside, the end nearer to it is returned.
///
/// # Errors
/// Those of `function`.
pub fn bisect_falling<E>(
    target: f64,
    [mut low, mut high]: [f64; 2],
    steps: usize,
    mut function: impl FnMut(f64) -> Result<f64, E>,
) -> Result<f64, E> {
    for _ in 0..steps {
        let middle = (low * high).sqrt();
        if function(middle)? > target {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok((low * high).sqrt())
}

fn pairs(
    what: &'static str,
    pairs: Pairs<'_>,
    d_in: usize,
    d_out: usize,
) -> Result<usize, StatisticsError> {
    require_count("numbers of an input", 1, d_in)?;
    require_count("numbers of a target", 1, d_out)?;
    let n = pairs.inputs.len() / d_in;
    if pairs.inputs.len() != n * d_in || pairs.targets.len() != n * d_out {
        return Err(StatisticsError::TooFew {
            what,
            needed: n.max(1) * d_out,
            found: pairs.targets.len(),
        });
    }
    Ok(n)
}

fn mean(rows: &[f32], d: usize) -> Vec<f64> {
    let mut mean = vec![0.0; d];
    for row in rows.chunks_exact(d) {
        for (mean, &x) in mean.iter_mut().zip(row) {
            *mean += f64::from(x);
        }
    }
    let n = (rows.len() / d) as f64;
    mean.iter().map(|sum| sum / n).collect()
}

fn centred(row: &[f32], mean: &[f64]) -> Vec<f64> {
    let numbers = row.iter().zip(mean);
    numbers.map(|(&x, mean)| f64::from(x) - mean).collect()
}

fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

/// Cholesky factor of a positive definite matrix, in its lower triangle.
fn factor(matrix: &mut [f64], d: usize) {
    for i in 0..d {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| matrix[i * d + k] * matrix[j * d + k]).sum();
            let rest = matrix[i * d + j] - dot;
            matrix[i * d + j] = if i == j {
                rest.sqrt()
            } else {
                rest / matrix[j * d + j]
            };
        }
    }
}

/// Solves `L Lᵀ W = B` in place of `B`, `[d, columns]`.
fn solve(factor: &[f64], right: &mut [f64], d: usize, columns: usize) {
    let mut eliminate = |i: usize, others: std::ops::Range<usize>, entry: &dyn Fn(usize) -> f64| {
        for k in others {
            let (from, to) = (k * columns, i * columns);
            for column in 0..columns {
                right[to + column] -= entry(k) * right[from + column];
            }
        }
        for x in &mut right[i * columns..(i + 1) * columns] {
            *x /= factor[i * d + i];
        }
    };
    for i in 0..d {
        eliminate(i, 0..i, &|k| factor[i * d + k]);
    }
    for i in (0..d).rev() {
        eliminate(i, i + 1..d, &|k| factor[k * d + i]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_stream::stream;
    use rand::RngExt;

    /// Inputs uniform in ±√3, so of variance 1, and targets `x W + σ n` with noise like the inputs.
    fn sample(n: usize, seed: u64, sigma: f32) -> (Vec<f32>, Vec<f32>) {
        let weights = [[1.0, 0.5, 0.0], [-2.0, 1.0, 1.0]];
        let mut rng = stream(seed, "reconstruction", 0);
        let mut draw = || (rng.random::<f32>() * 2.0 - 1.0) * 3f32.sqrt();
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let x = [draw(), draw(), draw()];
            inputs.extend(x.map(|x| x + 5.0));
            for weights in weights {
                let clean: f32 = x.iter().zip(weights).map(|(x, w)| x * w).sum();
                targets.push(clean + sigma * draw() - 7.0);
            }
        }
        (inputs, targets)
    }

    fn r2(sigma: f32) -> Reconstruction {
        let (train, test) = (sample(4000, 1, sigma), sample(4000, 2, sigma));
        linear_reconstruction(pair(&train), pair(&test), 3, 2).unwrap()
    }

    fn pair((inputs, targets): &(Vec<f32>, Vec<f32>)) -> Pairs<'_> {
        Pairs { inputs, targets }
    }

    #[test]
    fn a_linear_relation_is_found_up_to_its_noise() {
        let exact = r2(0.0);
        assert!((exact.r2 - 1.0).abs() < 1e-6, "{}", exact.r2);
        assert_eq!((exact.trained_on, exact.held_out), (4000, 4000));
        assert_eq!(exact.mean_predictor_r2, 0.0);
        // Variance of the clean targets 1.25 and 6, of the noise 2 σ².
        for sigma in [0.5_f32, 1.0, 2.0] {
            let noise = 2.0 * f64::from(sigma * sigma);
            let expected = 1.0 - noise / (7.25 + noise);
            let found = r2(sigma).r2;
            assert!((found - expected).abs() < 0.02, "{found} {expected}");
        }
    }

    #[test]
    fn unrelated_inputs_are_no_better_than_the_mean() {
        let (inputs, _) = sample(2000, 3, 0.0);
        let (_, targets) = sample(2000, 4, 0.0);
        let train = (inputs, targets);
        let test = (sample(2000, 5, 0.0).0, sample(2000, 6, 0.0).1);
        let found = linear_reconstruction(pair(&train), pair(&test), 3, 2).unwrap();
        assert!(found.r2 < 0.005 && found.r2 > -0.02, "{}", found.r2);
        // Constant inputs carry nothing, and do not break the fit.
        let constant = (vec![1.0; 6000], train.1);
        let found = linear_reconstruction(pair(&constant), pair(&test), 3, 2).unwrap();
        assert!(found.r2.abs() < 0.01, "{}", found.r2);
    }

    #[test]
    fn noise_for_a_given_r2_is_found_by_halving() {
        let sigma = bisect_falling(0.7, [1e-3, 100.0], 30, |sigma| {
            Ok::<f64, StatisticsError>(r2(sigma as f32).r2)
        });
        // 1 - 2σ²/(7.25 + 2σ²) = 0.7
        let expected = (7.25_f64 * 0.3 / 0.7 / 2.0).sqrt();
        assert!((sigma.unwrap() / expected - 1.0).abs() < 0.05);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let (train, test) = (sample(10, 1, 0.0), sample(10, 2, 0.0));
        let short = Pairs {
            targets: &test.1[1..],
            ..pair(&test)
        };
        assert!(linear_reconstruction(pair(&train), short, 3, 2).is_err());
        assert!(linear_reconstruction(pair(&train), pair(&test), 0, 2).is_err());
        let nan = (vec![f32::NAN; 30], train.1.clone());
        assert!(linear_reconstruction(pair(&nan), pair(&test), 3, 2).is_err());
        let constant = (test.0, (0..10).flat_map(|_| [1.0, 2.0]).collect());
        let same = (train.0, (0..10).flat_map(|_| [1.0, 2.0]).collect());
        let error = linear_reconstruction(pair(&same), pair(&constant), 3, 2).unwrap_err();
        assert!(error.to_string().contains("above 0"), "{error}");
    }
}
