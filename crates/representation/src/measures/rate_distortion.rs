//! The least distortion that a number of bits can leave.

use anyhow::{Context, Result, ensure};
use nalgebra::DMatrix;

/// Halvings of the interval in which the water level is looked for.
const HALVINGS: usize = 200;

/// Variances of vectors along their principal axes: a Gaussian source with the same mean and covariance.
#[derive(Clone, Debug)]
pub struct GaussianSource {
    /// Falling.
    variances: Vec<f64>,
    /// Mean square of a vector, that of the mean vector included.
    square: f64,
}

impl GaussianSource {
    /// Of vectors `[n, d]`.
    ///
    /// # Errors
    /// If there are fewer than two vectors, or they do not vary.
    pub fn of(vectors: &[f32], d: usize) -> Result<Self> {
        let n = vectors.len() / d.max(1);
        ensure!(d > 0 && n > 1, "a covariance needs at least two vectors");
        let data = DMatrix::from_row_iterator(n, d, vectors.iter().map(|&x| f64::from(x)));
        let mean = data.row_mean();
        let mut centred = data;
        for mut row in centred.row_iter_mut() {
            row -= &mean;
        }
        let covariance = centred.tr_mul(&centred) / n as f64;
        let eigenvalues = covariance.symmetric_eigenvalues();
        let variances = eigenvalues.iter().map(|&value| value.max(0.0));
        let source = Self::with_variances(variances.collect())?;
        let square = vectors.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / n as f64;
        Ok(Self { square, ..source })
    }

    /// With these variances and a mean of zero.
    ///
    /// # Errors
    /// If none is above 0, or one is not finite.
    pub fn with_variances(mut variances: Vec<f64>) -> Result<Self> {
        ensure!(
            variances.iter().all(|v| v.is_finite()),
            "a variance is not finite"
        );
        variances.sort_by(|a, b| b.total_cmp(a));
        let first = variances.first().context("a source without an axis")?;
        ensure!(*first > 0.0, "vectors that do not vary have no rate");
        let square = variances.iter().sum();
        Ok(Self { variances, square })
    }

    /// Share of the mean square that is lost at best when a vector is described in `bits`: reverse
    /// water-filling, `D = Σ min(θ, σᵢ²)` where `Σ max(0, ½ log₂(σᵢ² / θ)) = bits`.
    ///
    /// Of standardised pixels, whose zero is the mean grey of their picture, it is a share of the picture's
    /// variance, as what arms lose. Their mean vector needs no bits, so that less than all is lost without any.
    ///
    /// No code of vectors one by one, or of many together, has a smaller mean squared error on a
    /// Gaussian source. Of all sources with one covariance the Gaussian one is the hardest, so pictures
    /// may be described better than that; a code that is worse leaves something on the table.
    ///
    /// # Source
    /// T. M. Cover, J. A. Thomas, "Elements of Information Theory", 2nd ed., theorem 10.3.3.
    #[must_use]
    pub fn least_distortion(&self, bits: f64) -> f64 {
        let rate = |level: f64| -> f64 {
            let above = self.variances.iter().take_while(|&&v| v > level);
            above.map(|v| 0.5 * (v / level).log2()).sum()
        };
        let (mut low, mut high) = (self.variances[0] * 1e-12, self.variances[0]);
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            if rate(middle) > bits {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.variances.iter().map(|v| v.min(high)).sum::<f64>() / self.square
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NumPy, for standard deviations `linspace(4, 0.1, 12)`, by bisection in double precision.
    #[test]
    fn the_water_level_is_that_of_another_program() {
        let deviations = (0..12).map(|i| 4.0 - 3.9 * f64::from(i) / 11.0);
        let source = GaussianSource::with_variances(deviations.map(|d| d * d).collect()).unwrap();
        let expected = [
            (0.0, 1.0),
            (1.0, 0.778_280_359_290_212_7),
            (4.0, 0.442_008_047_730_124_1),
            (10.0, 0.175_677_273_017_730_6),
            (30.0, 0.012_988_767_332_606_77),
        ];
        for (bits, distortion) in expected {
            let found = source.least_distortion(bits);
            assert!((found - distortion).abs() < 1e-9, "{bits} bits: {found}");
        }
    }

    #[test]
    fn one_axis_loses_a_quarter_of_its_variance_for_every_bit_kept() {
        // The second axis does not vary, the first has 0, 2, 4, 6: a variance of 5, a mean square of 14 + 1.
        let vectors: Vec<f32> = (0..4).flat_map(|i| [2.0 * i as f32, 1.0]).collect();
        let source = GaussianSource::of(&vectors, 2).unwrap();
        for bits in [0.0, 1.0, 3.0] {
            let expected = 5.0 / 15.0 * 0.25_f64.powf(bits);
            let found = source.least_distortion(bits);
            assert!((found - expected).abs() < 1e-6, "{bits} bits: {found}");
        }
    }

    #[test]
    fn sources_without_variance_are_refused() {
        assert!(GaussianSource::of(&[1.0, 1.0, 1.0], 1).is_err());
        assert!(GaussianSource::of(&[1.0, 2.0], 2).is_err());
        assert!(GaussianSource::with_variances(vec![f64::NAN]).is_err());
    }
}
