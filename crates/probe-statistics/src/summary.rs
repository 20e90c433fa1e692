//! Mean, spread and range of a few values, such as one number per seed.

use crate::StatisticsError;
use crate::error::{require_count, require_finite};

/// Location and spread of `n` values, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (divisor `n − 1`); `None` for a single value.
    pub sd: Option<f64>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
}

impl Summary {
    /// Summarises `values`.
    ///
    /// # Errors
    /// If `values` is empty or holds a NaN or infinity.
    pub fn of(values: &[f64]) -> Result<Self, StatisticsError> {
        require_count("values to summarise", 1, values.len())?;
        require_finite("values to summarise", values)?;
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>();
        Ok(Self {
            n,
            mean,
            sd: (n > 1).then(|| (squares / (n - 1) as f64).sqrt()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_agrees_with_numpy() {
        // d = np.array([0.001, -0.002, 0.003, 0.0005, -0.001, 0.002]); d.mean(), d.std(ddof=1)
        let summary = Summary::of(&[0.001, -0.002, 0.003, 0.0005, -0.001, 0.002]).unwrap();
        assert_eq!(summary.n, 6);
        assert!((summary.mean - 0.000_583_333_333_333_333_4).abs() < 1e-16);
        assert!((summary.sd.unwrap() - 0.001_855_172_947_912_584).abs() < 1e-15);
        assert_eq!((summary.min, summary.max), (-0.002, 0.003));
    }

    #[test]
    fn single_value_has_no_spread() {
        assert_eq!(Summary::of(&[2.5]).unwrap().sd, None);
    }

    #[test]
    fn failed_runs_are_refused() {
        assert!(matches!(
            Summary::of(&[]),
            Err(StatisticsError::TooFew { .. })
        ));
        assert!(matches!(
            Summary::of(&[1.0, f64::NAN]),
            Err(StatisticsError::NotFinite { index: 1, .. })
        ));
    }
}
