//! Kernel ridge regression on one-hot labels, in closed form: the smallest classifier that is
//! tuned by one number.

use nalgebra::{Cholesky, DMatrix};

/// How alike two images are.
#[derive(Clone, Copy, Debug)]
pub enum Kernel {
    /// Scalar product: a linear classifier on the features.
    Linear,
    /// Gaussian of the distance, its width the median distance of the training images times this.
    Gaussian(f64),
}

/// Rows of features and their labels.
pub struct Samples {
    pub features: Vec<Vec<f32>>,
    pub labels: Vec<usize>,
}

/// Ridge penalties, as shares of the mean of the kernel's diagonal.
const PENALTIES: [f64; 3] = [1e-4, 1e-2, 1.0];

/// Share of `test` answered correctly after fitting on `train`, with the best of the penalties on
/// `validation`.
pub fn accuracy(
    kernel: Kernel,
    classes: usize,
    train: &Samples,
    validation: &Samples,
    test: &Samples,
) -> f64 {
    let [x, v, t] = [train, validation, test].map(|samples| centred(samples, train));
    let mut scale = 0.0;
    let gram = similarity(kernel, &x, &x, &mut scale);
    let across = [&v, &t].map(|other| similarity(kernel, other, &x, &mut scale));
    let n = train.labels.len();
    let mut targets = DMatrix::from_element(n, classes, -1.0 / classes as f64);
    for (row, &label) in train.labels.iter().enumerate() {
        targets[(row, label)] += 1.0;
    }
    let mean_diagonal = gram.trace() / n as f64;
    let fits = PENALTIES.map(|penalty| {
        let mut regular = gram.clone();
        for row in 0..n {
            regular[(row, row)] += penalty * mean_diagonal;
        }
        let weights = Cholesky::new(regular)
            .expect("a kernel with a ridge is positive definite")
            .solve(&targets);
        let [on_validation, on_test] = [(&across[0], validation), (&across[1], test)]
            .map(|(across, samples)| correct(&(across * &weights), &samples.labels));
        (on_validation, on_test)
    });
    let best = fits.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    best.expect("there are penalties").1
}

fn centred(samples: &Samples, train: &Samples) -> DMatrix<f64> {
    let (n, d) = (samples.labels.len(), train.features[0].len());
    let mut mean = vec![0.0; d];
    for row in &train.features {
        for (mean, value) in mean.iter_mut().zip(row) {
            *mean += f64::from(*value) / train.labels.len() as f64;
        }
    }
    DMatrix::from_fn(n, d, |row, column| {
        f64::from(samples.features[row][column]) - mean[column]
    })
}

/// `scale` is set by the first call and kept for the others.
fn similarity(kernel: Kernel, a: &DMatrix<f64>, b: &DMatrix<f64>, scale: &mut f64) -> DMatrix<f64> {
    let products = a * b.transpose();
    let Kernel::Gaussian(width) = kernel else {
        return products;
    };
    let squares =
        |m: &DMatrix<f64>| -> Vec<f64> { m.row_iter().map(|row| row.norm_squared()).collect() };
    let (of_a, of_b) = (squares(a), squares(b));
    let distances = DMatrix::from_fn(a.nrows(), b.nrows(), |i, j| {
        (of_a[i] + of_b[j] - 2.0 * products[(i, j)]).max(0.0)
    });
    if *scale == 0.0 {
        let mut all: Vec<f64> = distances.iter().copied().collect();
        let middle = all.len() / 2;
        *scale = *all.select_nth_unstable_by(middle, f64::total_cmp).1;
    }
    let denominator = 2.0 * width * width * *scale;
    distances.map(|distance| (-distance / denominator).exp())
}

fn correct(scores: &DMatrix<f64>, labels: &[usize]) -> f64 {
    let hits = scores
        .row_iter()
        .zip(labels)
        .filter(|(row, label)| row.transpose().imax() == **label)
        .count();
    hits as f64 / labels.len() as f64
}
