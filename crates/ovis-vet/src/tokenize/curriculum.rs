//! Deferred quantisation: soft tokens that harden while training goes on.
//!
//! Hard codes from the first step shrink the vocabulary to the few words that win early (deferred
//! quantisation, arXiv:2603.17052; soft assignments that are hard at inference, arXiv:2602.16086).
//! Here training starts with mixtures, whose temperature falls until the best word has nearly all
//! the weight, and ends with look-ups, so that what is evaluated has been trained.

use burn::tensor::Tensor;
use fused_ops::softmax;
use serde::{Deserialize, Serialize};

use super::{HardChoice, Selection, Tau, best_words};
use crate::error::VetError;

/// When tokens harden.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curriculum {
    /// Temperature of the mixtures over the soft part of training, from its first step to its last.
    pub tau: Tau,
    /// Fraction of training from which tokens are table rows.
    pub hard_from: f64,
}

/// What a curriculum asks for at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Phase {
    /// Mixtures `softmax(l / tau)`.
    Soft { tau: f64 },
    /// Best words, gradient of the mixture at `tau`.
    Hard { tau: f64 },
}

impl Curriculum {
    /// Temperature 1 to 1/20, falling by equal factors over three quarters of training; hard for
    /// the last quarter.
    ///
    /// Fresh logits have unit variance and the best of some hundred words is about 0.3 ahead of the
    /// second, so at 1/20 a mixture is a row for all practical purposes and the change to look-ups
    /// moves nothing.
    pub const STANDARD: Self = Self {
        tau: Tau::Geometric {
            from: 1.0,
            to: 0.05,
        },
        hard_from: 0.75,
    };

    /// What is asked for at a fraction of training.
    pub(crate) fn phase(&self, progress: f64) -> Phase {
        if progress < self.hard_from {
            Phase::Soft {
                tau: self.tau.at(progress / self.hard_from),
            }
        } else {
            Phase::Hard {
                tau: self.tau.at(1.0),
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), VetError> {
        if !(self.hard_from > 0.0 && self.hard_from < 1.0) {
            return Err(VetError::BadShare {
                name: "curriculum hard_from",
                found: self.hard_from,
            });
        }
        self.tau.check()
    }
}

/// Mixtures or best words, as the time asks.
pub(super) fn select(logits: Tensor<3>, curriculum: Curriculum, progress: f64) -> Selection {
    match curriculum.phase(progress) {
        Phase::Soft { tau } => Selection {
            probabilities: softmax(logits.div_scalar(tau)),
            hard: None,
        },
        Phase::Hard { tau } => {
            let ids = best_words(logits.clone());
            let probabilities = softmax(logits.div_scalar(tau));
            Selection {
                hard: Some(HardChoice {
                    ids,
                    surrogate: Some(probabilities.clone()),
                }),
                probabilities,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_temperature_falls_by_equal_factors_until_tokens_are_hard() {
        let phase = |progress| Curriculum::STANDARD.phase(progress);
        assert_eq!(phase(0.0), Phase::Soft { tau: 1.0 });
        let Phase::Soft { tau } = phase(0.375) else {
            panic!("hard too early");
        };
        assert!((tau - 0.05_f64.sqrt()).abs() < 1e-12, "{tau}");
        for progress in [0.75, 1.0] {
            let Phase::Hard { tau } = phase(progress) else {
                panic!("soft too long");
            };
            assert!((tau - 0.05).abs() < 1e-12, "{tau}");
        }
    }

    #[test]
    fn tokens_are_mixtures_before_and_words_after() {
        let logits = Tensor::<3>::from_floats([[[0.0, 2f32.ln(), 0.0]]], &Device::flex());
        let soft = select(logits.clone(), Curriculum::STANDARD, 0.0);
        let weights: Vec<f32> = soft.probabilities.into_data().try_to_vec().unwrap();
        assert!(soft.hard.is_none());
        for (found, expected) in weights.iter().zip([0.25, 0.5, 0.25]) {
            assert!((found - expected).abs() < 1e-6, "{weights:?}");
        }
        let hard = select(logits, Curriculum::STANDARD, 0.9).hard.unwrap();
        assert_eq!(hard.ids.into_data().iter::<i64>().next(), Some(1));
        // 2^20 against 1: the surrogate is sharp as well.
        let weights: Vec<f32> = hard.surrogate.unwrap().into_data().try_to_vec().unwrap();
        assert!(weights[1] > 0.999_99, "{weights:?}");
    }

    #[test]
    fn a_curriculum_without_a_soft_or_a_hard_part_is_refused() {
        for hard_from in [0.0, 1.0, f64::NAN] {
            let curriculum = Curriculum {
                hard_from,
                ..Curriculum::STANDARD
            };
            let message = curriculum.check().unwrap_err().to_string();
            assert!(message.contains("hard_from"), "{message}");
        }
    }
}
