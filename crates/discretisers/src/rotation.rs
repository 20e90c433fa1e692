//! What gradient passes a quantiser: straight through, or turned from the point to its code.
//!
//! The rotation trick takes the rotation and the rescaling that carry `z` to `q` as a constant matrix:
//! `q = λ R z` with `e = z/‖z‖`, `q̂ = q/‖q‖`, `r = (e + q̂)/‖e + q̂‖`,
//!
//! `R = I − 2 r rᵀ + 2 q̂ eᵀ`, `λ = ‖q‖/‖z‖`
//!
//! so the gradient of `z` is `λ Rᵀ` times that of `q`: the angle between the gradient and the code is
//! that between the gradient's image and the point. Points of one code that lie on different sides of it
//! get different gradients, which straight-through ones do not.
//!
//! # Source
//! arXiv:2410.06424, in the form of two Householder reflections. Differs: where the rotation is not
//! defined (`z` or `q` is zero, or they point in opposite directions) the gradient goes straight through.

use burn::tensor::Tensor;

/// Shorter vectors have no direction.
const SHORTEST: f64 = 1e-6;

/// How a gradient gets from a code to the point that it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GradientEstimator {
    /// As it is.
    #[default]
    StraightThrough,
    /// By the rotation trick.
    Rotation,
}

impl GradientEstimator {
    /// `quantised` exactly, with the gradient going to `z`; none goes to `quantised`.
    ///
    /// The value is the code itself, to the bit, so a reader never sees a remainder of what was rounded
    /// away.
    ///
    /// # Shapes
    /// - `quantised`, `z`, output: `[n, d]`
    #[must_use]
    pub fn pass(self, quantised: Tensor<2>, z: Tensor<2>) -> Tensor<2> {
        let quantised = quantised.detach();
        let stand_in = match self {
            Self::Rotation if z.is_tracked() => rotated(quantised.clone(), z),
            Self::StraightThrough | Self::Rotation => z,
        };
        // The bracket is zero to the bit.
        quantised + (stand_in.clone() - stand_in.detach())
    }
}

/// `λ R z` with λ and R as constants.
fn rotated(quantised: Tensor<2>, z: Tensor<2>) -> Tensor<2> {
    let fixed = z.clone().detach();
    let norm = |x: &Tensor<2>| x.clone().square().sum_dim(1).sqrt();
    let (z_norm, q_norm) = (norm(&fixed), norm(&quantised));
    let safe = |norm: Tensor<2>| norm.clamp_min(SHORTEST);
    let from = fixed / safe(z_norm.clone());
    let to = quantised / safe(q_norm.clone());
    let between = from.clone() + to.clone();
    let between_norm = norm(&between);
    let axis = between / safe(between_norm.clone());
    let along = |direction: &Tensor<2>| (z.clone() * direction.clone()).sum_dim(1);
    let turned = z.clone() - axis.clone() * (along(&axis) * 2.0) + to * (along(&from) * 2.0);
    let scaled = turned * (q_norm.clone() / safe(z_norm.clone()));
    let undefined = |norm: Tensor<2>| norm.lower_elem(SHORTEST);
    let straight = undefined(z_norm)
        .bool_or(undefined(q_norm))
        .bool_or(undefined(between_norm));
    let [_, d] = z.dims();
    scaled.mask_where(straight.repeat_dim(1, d), z)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};
    use projector::seeded;

    fn numbers(tensor: Tensor<2>) -> Vec<f64> {
        tensor.into_data().iter::<f64>().collect()
    }

    fn draw(n: usize, d: usize, seed: u64) -> Tensor<2> {
        let mut rng = seeded::stream(seed, "rotation");
        seeded::normal([n, d], 1.0, &mut rng, &Device::flex())
    }

    /// Gradient of `Σ direction · output` with respect to `z`.
    fn gradient(estimator: GradientEstimator, q: &Tensor<2>, z: &Tensor<2>) -> Vec<f64> {
        let [n, d] = z.dims();
        let z = z.clone().autodiff().require_grad();
        let q = q.clone().autodiff().require_grad();
        let output = estimator.pass(q.clone(), z.clone());
        let directions = draw(n, d, 9).autodiff();
        let gradients = (output * directions).sum().backward();
        assert!(q.grad(&gradients).is_none(), "codes get no gradient");
        numbers(z.grad(&gradients).unwrap())
    }

    /// `λ R` of the formula, row by row, in `f64`.
    fn matrix(q: &[f64], z: &[f64]) -> Vec<Vec<f64>> {
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let unit = |x: &[f64]| -> Vec<f64> { x.iter().map(|v| v / norm(x)).collect() };
        let (e, to) = (unit(z), unit(q));
        let r: Vec<f64> = e.iter().zip(&to).map(|(a, b)| a + b).collect();
        let r = unit(&r);
        let entry = |i: usize, j: usize| {
            let identity = if i == j { 1.0 } else { 0.0 };
            norm(q) / norm(z) * (identity - 2.0 * r[i] * r[j] + 2.0 * to[i] * e[j])
        };
        let d = z.len();
        (0..d)
            .map(|i| (0..d).map(|j| entry(i, j)).collect())
            .collect()
    }

    #[test]
    fn the_matrix_carries_the_point_to_its_code_and_keeps_angles() {
        let (q, z) = (numbers(draw(1, 5, 1)), numbers(draw(1, 5, 2)));
        let matrix = matrix(&q, &z);
        for (row, q) in matrix.iter().zip(&q) {
            let image: f64 = row.iter().zip(&z).map(|(a, z)| a * z).sum();
            assert!((image - q).abs() < 1e-9, "{image} {q}");
        }
        let scale = matrix[0].iter().map(|x| x * x).sum::<f64>();
        for (i, a) in matrix.iter().enumerate() {
            for (j, b) in matrix.iter().enumerate() {
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                let expected = if i == j { scale } else { 0.0 };
                assert!(
                    (product - expected).abs() < 1e-9,
                    "rows {i}, {j}: {product}"
                );
            }
        }
    }

    #[test]
    fn gradients_are_the_finite_differences_of_the_linear_map() {
        let (n, d) = (7, 6);
        let (q, z) = (draw(n, d, 1), draw(n, d, 2));
        let found = gradient(GradientEstimator::Rotation, &q, &z);
        let directions = numbers(draw(n, d, 9));
        let (q, z) = (numbers(q), numbers(z));
        for row in 0..n {
            let part = |values: &[f64]| values[row * d..(row + 1) * d].to_vec();
            let map = matrix(&part(&q), &part(&z));
            let value = |z: &[f64]| -> f64 {
                let image = map
                    .iter()
                    .map(|row| row.iter().zip(z).map(|(a, z)| a * z).sum());
                let image: Vec<f64> = image.collect();
                image
                    .iter()
                    .zip(part(&directions))
                    .map(|(x, g)| x * g)
                    .sum()
            };
            for element in 0..d {
                let at = |step: f64| {
                    let mut moved = part(&z);
                    moved[element] += step;
                    value(&moved)
                };
                let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
                let found = found[row * d + element];
                assert!(
                    (slope - found).abs() < 1e-4,
                    "{row} {element}: {found} {slope}"
                );
            }
        }
    }

    #[test]
    fn the_value_is_the_code_to_the_bit() {
        let (q, z) = (draw(50, 16, 1) * 1e-3, draw(50, 16, 2) * 1e3);
        for estimator in [
            GradientEstimator::StraightThrough,
            GradientEstimator::Rotation,
        ] {
            let z = z.clone().autodiff().require_grad();
            let output = estimator.pass(q.clone().autodiff(), z);
            assert_eq!(output.into_data(), q.clone().into_data(), "{estimator:?}");
            let output = estimator.pass(q.clone(), draw(50, 16, 2));
            assert_eq!(output.into_data(), q.clone().into_data(), "{estimator:?}");
        }
    }

    #[test]
    fn a_point_on_its_code_and_one_without_a_direction_get_the_gradient_straight_through() {
        let rows = |values: [f32; 8]| {
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), [4, 2]), &Device::flex())
        };
        // On its code; at the origin; with a code at the origin; opposite to its code.
        let z = rows([0.3, -0.8, 0.0, 0.0, 1.0, 2.0, 1.0, 0.5]);
        let q = rows([0.3, -0.8, 1.0, 1.0, 0.0, 0.0, -1.0, -0.5]);
        let turned = gradient(GradientEstimator::Rotation, &q, &z);
        let straight = gradient(GradientEstimator::StraightThrough, &q, &z);
        for (turned, straight) in turned.iter().zip(&straight) {
            assert!((turned - straight).abs() < 1e-5, "{turned} {straight}");
        }
    }
}
