//! What is found out about one backend.

use super::{CURVE_BOUND, FORWARD_BOUND};
use anyhow::Result;
use run_support::backend::{BackendChoice, Child, End};
use run_support::stop::Stop;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One line from a child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// The device measured, and those that a number would choose.
    Devices {
        /// In words.
        names: Vec<String>,
    },
    /// Speed of a matrix product, 512 x 1024 x 1024 in f32.
    Matmul {
        /// 10^9 operations per second; a multiplication and an addition are two.
        gflops: f64,
    },
    /// A forward pass next to that of flex.
    Forward {
        /// What was computed.
        case: String,
        /// Largest absolute difference; none if a number is not finite.
        difference: Option<f64>,
    },
    /// A training curve next to that of flex.
    Curve {
        /// The arm trained.
        arm: String,
        /// Largest absolute difference of a loss, in nats per character; none if a loss is missing.
        difference: Option<f64>,
        /// First and last loss on flex.
        losses: [f64; 2],
    },
}

impl Finding {
    /// Whether a comparison stays within its bound; `None` if it is no comparison.
    #[must_use]
    pub fn agrees(&self) -> Option<bool> {
        let within = |difference: &Option<f64>, bound| difference.is_some_and(|d| d <= bound);
        match self {
            Self::Devices { .. } | Self::Matmul { .. } => None,
            Self::Forward { difference, .. } => Some(within(difference, FORWARD_BOUND)),
            Self::Curve { difference, .. } => Some(within(difference, CURVE_BOUND)),
        }
    }
}

/// What a survey of a backend came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is within its bound of flex.
    Agrees,
    /// It works, but there is no flex to compare with.
    Alone,
    /// Something is not within its bound.
    Differs,
    /// It is compiled in and does not work here.
    Broken,
    /// It is not compiled in.
    Missing,
}

/// A backend and all that was found out about it.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// The backend.
    pub choice: BackendChoice,
    /// How the child ended; none if the backend is not compiled in.
    pub end: Option<End>,
    /// What it found before.
    pub findings: Vec<Finding>,
}

impl Surveyed {
    /// Surveys a backend in a child process, for no longer than `limit`.
    ///
    /// # Errors
    /// If no process can be started or `stop` is raised. A backend that does not work is no error.
    pub fn make(choice: BackendChoice, limit: Duration, stop: &Stop) -> Result<Self> {
        let mut surveyed = Self {
            choice,
            end: None,
            findings: Vec::new(),
        };
        if choice.backend.is_compiled_in() {
            let arguments = ["backends", &choice.to_string(), "--child", "survey"];
            let findings = &mut surveyed.findings;
            // Libraries write to standard output too.
            let end = Child::start(&arguments)?.lines(limit, stop, |line| {
                findings.extend(serde_json::from_str::<Finding>(line));
            })?;
            surveyed.end = Some(end);
        }
        Ok(surveyed)
    }

    /// What it comes to.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let mut comparisons = self.findings.iter().filter_map(Finding::agrees).peekable();
        match self.end {
            None => Outcome::Missing,
            Some(End::Finished) if comparisons.peek().is_none() => Outcome::Alone,
            Some(End::Finished) if comparisons.all(|agrees| agrees) => Outcome::Agrees,
            Some(End::Finished) => Outcome::Differs,
            Some(_) => Outcome::Broken,
        }
    }

    /// The outcome in words.
    #[must_use]
    pub fn verdict(&self) -> String {
        match (self.outcome(), &self.end) {
            (Outcome::Agrees, _) => "agrees with flex".to_owned(),
            (Outcome::Alone, _) => "works; build with `flex` to compare".to_owned(),
            (Outcome::Differs, _) => {
                let all = self.findings.iter().filter_map(Finding::agrees);
                let bad = all.clone().filter(|agrees| !agrees).count();
                format!("differs from flex in {bad} of {} comparisons", all.count())
            }
            (Outcome::Missing, _) | (_, None) => {
                format!(
                    "not compiled in; build with --features {}",
                    self.choice.backend
                )
            }
            (Outcome::Broken, Some(end)) => {
                let during = match self.findings.last() {
                    None => "opening it",
                    Some(Finding::Devices { .. }) => "the matrix product",
                    Some(Finding::Matmul { .. } | Finding::Forward { .. }) => "forward passes",
                    Some(Finding::Curve { .. }) => "training",
                };
                match end {
                    End::Failed(message) => message.clone(),
                    End::Finished | End::Crashed(_) | End::Silent(_) => {
                        format!("{end}, during {during}")
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use run_support::backend::Backend;

    fn surveyed(end: Option<End>, findings: Vec<Finding>) -> Surveyed {
        Surveyed {
            choice: Backend::Vulkan.into(),
            end,
            findings,
        }
    }

    fn forward(difference: Option<f64>) -> Finding {
        Finding::Forward {
            case: "linear".to_owned(),
            difference,
        }
    }

    #[test]
    fn findings_survive_the_way_to_the_parent() {
        for finding in [
            Finding::Matmul { gflops: 12.5 },
            forward(Some(1e-7)),
            forward(None),
        ] {
            let line = serde_json::to_string(&finding).unwrap();
            assert_eq!(serde_json::from_str::<Finding>(&line).unwrap(), finding);
        }
    }

    #[test]
    fn a_difference_above_the_bound_or_not_finite_fails() {
        let finished = || Some(End::Finished);
        let good = forward(Some(1e-6));
        assert_eq!(
            surveyed(finished(), vec![good.clone()]).outcome(),
            Outcome::Agrees
        );
        for bad in [forward(Some(1.1e-4)), forward(None)] {
            let all = surveyed(finished(), vec![good.clone(), bad]);
            assert_eq!(all.outcome(), Outcome::Differs);
            assert_eq!(all.verdict(), "differs from flex in 1 of 2 comparisons");
        }
    }

    #[test]
    fn a_crash_is_told_with_its_signal_and_place() {
        let devices = Finding::Devices { names: Vec::new() };
        let crashed = surveyed(Some(End::Crashed(11)), vec![devices]);
        assert_eq!(crashed.outcome(), Outcome::Broken);
        assert_eq!(
            crashed.verdict(),
            "crashed: signal 11 (SIGSEGV), during the matrix product"
        );
    }

    #[test]
    fn a_crash_after_good_comparisons_is_no_agreement() {
        let crashed = surveyed(Some(End::Crashed(6)), vec![forward(Some(0.0))]);
        assert_eq!(crashed.outcome(), Outcome::Broken);
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        assert!(
            surveyed(None, Vec::new())
                .verdict()
                .contains("--features vulkan")
        );
    }
}
