//! Confidence intervals from bootstrap draws.

use statrs::distribution::{ContinuousCDF, Normal};

/// A confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// The interval of the same quantity with its sign turned.
    pub fn negated(self) -> Self {
        Self {
            low: -self.high,
            high: -self.low,
        }
    }

    /// Whether `value` lies inside, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Whether both ends are the same number. A bootstrap of values that do not vary draws nothing else, so
    /// such an interval tells nothing of what was not observed.
    pub fn is_point(&self) -> bool {
        self.low == self.high
    }

    /// The central `level` of ascending draws, of which there must be at least one.
    ///
    /// # Panics
    /// If there are no draws.
    pub fn percentile(sorted: &[f64], level: f64) -> Self {
        percentile_interval(sorted, level)
    }
}

/// The central `level` of ascending draws.
pub(super) fn percentile_interval(sorted: &[f64], level: f64) -> Interval {
    let tail = 0.5 * (1.0 - level);
    Interval {
        low: quantile(sorted, tail),
        high: quantile(sorted, 1.0 - tail),
    }
}

/// Efron's bias-corrected and accelerated interval from ascending draws.
///
/// The quantiles at probability `α` move to `Φ(z0 + (z0 + z_α) / (1 − a (z0 + z_α)))`, where
/// `Φ(z0)` is the share of draws below the value (ties count half) and `a` the acceleration. If all
/// draws lie on one side of the value, half a draw is taken to lie on the other.
pub(super) fn bca_interval(sorted: &[f64], value: f64, acceleration: f64, level: f64) -> Interval {
    let normal = Normal::standard();
    let draws = sorted.len() as f64;
    let below = sorted.partition_point(|&draw| draw < value) as f64;
    let at_most = sorted.partition_point(|&draw| draw <= value) as f64;
    let share = (0.5 * (below + at_most)).clamp(0.5, draws - 0.5) / draws;
    let bias = normal.inverse_cdf(share);
    let end = |probability: f64| {
        let shifted = bias + normal.inverse_cdf(probability);
        let stretch = 1.0 - acceleration * shifted;
        // |a| ≤ 1/6, so this is reached only beyond six standard deviations, where the map tends
        // to the end of the draws.
        let moved = if stretch > 0.0 {
            normal.cdf(bias + shifted / stretch)
        } else if shifted > 0.0 {
            1.0
        } else {
            0.0
        };
        quantile(sorted, moved)
    };
    let tail = 0.5 * (1.0 - level);
    Interval {
        low: end(tail),
        high: end(1.0 - tail),
    }
}

/// Acceleration of a BCa interval, `Σ l³ / (6 (Σ l²)^{3/2})`, from the influence `l` of every seed and
/// unit. Levels that are drawn independently of each other enter one sum, as in Efron's formula for
/// several samples.
pub(super) fn acceleration(influences: &[f64]) -> f64 {
    let squares: f64 = influences.iter().map(|l| l * l).sum();
    if squares <= 0.0 {
        return 0.0;
    }
    influences.iter().map(|l| l.powi(3)).sum::<f64>() / (6.0 * squares.powf(1.5))
}

/// Linear interpolation between order statistics (type 7 of Hyndman and Fan).
fn quantile(sorted: &[f64], probability: f64) -> f64 {
    let position = probability * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (position - below as f64) * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 101 skewed draws, ascending.
    fn draws() -> Vec<f64> {
        (0..101).map(|i| f64::from(i).powf(1.5) / 500.0).collect()
    }

    fn assert_interval(found: Interval, low: f64, high: f64) {
        assert!((found.low - low).abs() < 1e-9, "{found:?} for {low}");
        assert!((found.high - high).abs() < 1e-9, "{found:?} for {high}");
    }

    #[test]
    fn intervals_agree_with_scipy_and_numpy() {
        // d = np.arange(101) ** 1.5 / 500; value = 0.9; a = 0.05
        // z0 = norm.ppf((d < value).mean() + 0.5 * (d == value).mean())
        // z = norm.ppf([0.025, 0.975])
        // np.quantile(d, [0.025, 0.975]); np.quantile(d, norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z))))
        let percentile = percentile_interval(&draws(), 0.95);
        assert_interval(
            percentile,
            0.008_024_579_547_452_823,
            1.925_489_710_562_165_3,
        );
        let bca = bca_interval(&draws(), 0.9, 0.05, 0.95);
        assert_interval(bca, 0.046_643_337_461_323_535, 1.987_949_280_535_752_8);
    }

    #[test]
    fn without_bias_and_acceleration_both_intervals_agree() {
        let median = draws()[50];
        let bca = bca_interval(&draws(), median, 0.0, 0.9);
        let percentile = percentile_interval(&draws(), 0.9);
        assert_interval(bca, percentile.low, percentile.high);
    }

    #[test]
    fn equal_draws_and_one_sided_draws_give_finite_intervals() {
        let point = bca_interval(&[0.25; 9], 0.25, 0.0, 0.95);
        assert_interval(point, 0.25, 0.25);
        assert!(point.is_point() && !percentile_interval(&draws(), 0.95).is_point());
        for value in [-1.0, 9.0] {
            let bca = bca_interval(&draws(), value, 1.0 / 6.0, 0.999_999);
            assert!(draws()[0] <= bca.low && bca.low <= bca.high && bca.high <= draws()[100]);
        }
    }
    #[test]
    fn the_interval_of_the_negated_draws_is_the_negated_interval() {
        let negated: Vec<f64> = draws().iter().rev().map(|d| -d).collect();
        let expected = percentile_interval(&negated, 0.95);
        let turned = percentile_interval(&draws(), 0.95).negated();
        assert_interval(turned, expected.low, expected.high);
    }
}
