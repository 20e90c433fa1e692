//! Sampled hard tokens: the Gumbel-max trick with a tempered straight-through gradient.

use burn::tensor::{Tensor, TensorData};
use fused_ops::softmax;
use projector::Pass;
use rand::RngExt;
use rand::distr::Open01;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{HardChoice, Selection, best_words};
use crate::error::{VetError, check_scale};

/// Temperature over the course of training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Tau {
    /// The same throughout; 1 in transformers.
    Fixed(f64),
    /// Linear in the fraction of training done.
    Linear {
        /// At the first step.
        from: f64,
        /// At the last step.
        to: f64,
    },
    /// By equal factors from step to step.
    Geometric {
        /// At the first step.
        from: f64,
        /// At the last step.
        to: f64,
    },
}

impl Tau {
    /// The schedule of the Ovis trainer.
    pub const OVIS: Self = Self::Linear {
        from: 5.0,
        to: 0.05,
    };

    /// The temperature at a fraction of training, which is clamped to `0..=1`.
    #[must_use]
    pub fn at(&self, progress: f64) -> f64 {
        match *self {
            Self::Fixed(tau) => tau,
            Self::Linear { from, to } => from + (to - from) * progress.clamp(0.0, 1.0),
            Self::Geometric { from, to } => from * (to / from).powf(progress.clamp(0.0, 1.0)),
        }
    }

    pub(super) fn check(&self) -> Result<(), VetError> {
        match *self {
            Self::Fixed(tau) => check_scale("tau", tau),
            Self::Linear { from, to } | Self::Geometric { from, to } => {
                check_scale("tau at the start", from)?;
                check_scale("tau at the end", to)
            }
        }
    }
}

/// A word drawn from `softmax(l)` (the best word without noise), gradient of
/// `softmax((l + g) / tau)`.
pub(super) fn select(logits: Tensor<3>, tau: f64, pass: &mut Pass<'_>) -> Selection {
    let probabilities = softmax(logits.clone());
    let scores = match pass.noise.as_deref_mut() {
        Some(rng) => {
            let noise = noise_like(&logits, rng);
            logits + noise
        }
        None => logits,
    };
    Selection {
        probabilities,
        hard: Some(HardChoice {
            ids: best_words(scores.clone()),
            surrogate: Some(softmax(scores.div_scalar(tau))),
        }),
    }
}

/// Standard Gumbel noise `-ln(-ln u)` of the shape of `logits`.
///
/// `u` is drawn in double precision from the open interval: single precision cuts the tail at 16.6
/// and a closed interval makes infinities, while the largest of 65,532 draws is 11.1 + Gumbel.
#[must_use]
pub fn noise_like(logits: &Tensor<3>, rng: &mut ChaCha8Rng) -> Tensor<3> {
    let shape = logits.dims();
    let values: Vec<f64> = (0..shape.iter().product()).map(|_| draw(rng)).collect();
    Tensor::from_data(
        TensorData::new(values, shape),
        (&logits.device(), logits.dtype()),
    )
}

/// One number.
pub(crate) fn draw(rng: &mut ChaCha8Rng) -> f64 {
    let u: f64 = rng.sample(Open01);
    -(-u.ln()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ovis_schedule_runs_from_5_to_one_twentieth() {
        assert_eq!(Tau::OVIS.at(0.0), 5.0);
        assert!((Tau::OVIS.at(0.5) - 2.525).abs() < 1e-12);
        assert!((Tau::OVIS.at(1.0) - 0.05).abs() < 1e-12);
        assert!((Tau::OVIS.at(7.0) - 0.05).abs() < 1e-12);
        assert_eq!(Tau::Fixed(1.5).at(0.3), 1.5);
    }

    #[test]
    fn temperatures_that_are_not_positive_are_refused() {
        assert!(Tau::Fixed(0.0).check().is_err());
        let tau = Tau::Linear {
            from: 5.0,
            to: -0.05,
        };
        assert!(tau.check().unwrap_err().to_string().contains("at the end"));
    }

    #[test]
    fn the_largest_noise_of_a_released_vocabulary_is_not_cut_off() {
        let words = 65_532;
        let mut rng = projector::seeded::stream(3, "gumbel");
        let maxima: Vec<f64> = (0..20)
            .map(|_| (0..words).map(|_| draw(&mut rng)).fold(f64::MIN, f64::max))
            .collect();
        // The maximum of n Gumbel draws is ln(n) plus a Gumbel draw: mean 11.67, std 1.28.
        let mean = maxima.iter().sum::<f64>() / maxima.len() as f64;
        assert!((mean - 11.67).abs() < 3.0 * 1.28 / 20f64.sqrt(), "{mean}");
        assert!(maxima.iter().all(|m| (9.0..20.0).contains(m)), "{maxima:?}");
    }
}
