//! Training twice as long until it makes no difference.

use crate::cells::{Observer, run_cells};
use crate::config::ProbeConfig;
use crate::outcome::{CellOutcome, RunOutcome, TrainingLength};
use crate::preparation::Prepared;
use crate::store::CellStore;
use anyhow::{Result, ensure};
use arms::ArmSpec;
use burn::tensor::Device;
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use serde::{Deserialize, Serialize};

/// When training is long enough.
///
/// Steps are doubled, each time with a training of its own from the first step on (the learning rate
/// falls to zero at the end of every one), until no arm's error on validation images moves by more than
/// the tolerance, or the next training would be too long. All arms are trained equally long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convergence {
    /// Largest difference of the error on validation images, as a share up to 1: 0.005 is half a point.
    pub tolerance: f64,
    /// Longest training in steps.
    pub most_steps: usize,
}

impl Convergence {
    /// Checks that it can be met.
    pub(crate) fn check(&self, steps: usize) -> Result<()> {
        ensure!(
            self.tolerance > 0.0 && self.tolerance <= 1.0,
            "`training.until_converged.tolerance` is {}; give a share above 0 and up to 1, such as 0.005 for \
             half a point (--until-converged 0.5)",
            self.tolerance
        );
        ensure!(
            self.most_steps >= steps.saturating_mul(2),
            "`training.until_converged.most_steps` (--most-steps) is {}; it has to leave room for twice the \
             first {steps} steps (--steps)",
            self.most_steps
        );
        Ok(())
    }
}

/// Runs every cell of `config`, and as often again with twice the steps as it asks for; `store` opens the
/// cells of a configuration. The outcome is that of the longest training.
///
/// # Errors
/// As [`run_cells`].
pub fn run_until_converged(
    config: &ProbeConfig,
    prepared: &Prepared,
    store: impl Fn(&ProbeConfig) -> Result<CellStore>,
    lanes: &Lanes,
    devices: &[Device],
    stop: &Stop,
    observer: &dyn Observer,
) -> Result<RunOutcome> {
    let mut config = config.clone();
    let mut shorter: Vec<TrainingLength> = Vec::new();
    loop {
        let cells = store(&config)?;
        let mut outcome = run_cells(&config, prepared, &cells, lanes, devices, stop, observer)?;
        let steps = config.training.steps;
        let Some(until) = config.training.until_converged else {
            return Ok(outcome);
        };
        let moved = match shorter.last() {
            Some(before) => moving(&config, &before.cells, &outcome.cells, until.tolerance),
            None => config.arms.clone(),
        };
        if moved.is_empty() || 2 * steps > until.most_steps {
            outcome.moving = config.arms.clone();
            let known = |arm: &ArmSpec| known_error(&outcome.cells, *arm).is_some();
            outcome
                .moving
                .retain(|arm| moved.contains(arm) || !known(arm));
            outcome.shorter = shorter;
            return Ok(outcome);
        }
        shorter.push(TrainingLength {
            steps,
            cells: outcome.cells,
        });
        config.training.steps = 2 * steps;
    }
}

/// The arms whose mean error on validation images differs by more than `tolerance` between two trainings.
fn moving(
    config: &ProbeConfig,
    before: &[CellOutcome],
    after: &[CellOutcome],
    tolerance: f64,
) -> Vec<ArmSpec> {
    let mut arms = config.arms.clone();
    // Of an arm that broke down nothing is known, and longer training does not mend it.
    arms.retain(|&arm| {
        let errors = known_error(before, arm).zip(known_error(after, arm));
        errors.is_some_and(|(before, after)| (before - after).abs() > tolerance)
    });
    arms
}

/// Mean error of an arm on validation images; none if a seed broke down.
fn known_error(cells: &[CellOutcome], arm: ArmSpec) -> Option<f64> {
    let of_arm = cells.iter().filter(|cell| cell.spec.arm == arm);
    let errors: Option<Vec<f64>> = of_arm.map(|cell| cell.validation_cer).collect();
    let errors = errors.filter(|errors| !errors.is_empty())?;
    Some(errors.iter().sum::<f64>() / errors.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::CellSpec;
    use crate::presets::Preset;

    fn cell(arm: ArmSpec, seed: u64, error: Option<f64>) -> CellOutcome {
        let spec = CellSpec {
            arm,
            seed,
            learning_rate: 0.01,
        };
        CellOutcome {
            validation_cer: error,
            ..CellOutcome::begun(spec)
        }
    }

    #[test]
    fn an_arm_moves_by_the_mean_over_its_seeds() {
        let mut config = Preset::Smoke.config();
        let [still, falls, fails] = [0, 1, 2].map(|index| config.arms[index]);
        config.arms = vec![still, falls, fails];
        let cells = |errors: [Option<f64>; 4]| {
            [
                cell(still, 1, errors[0]),
                cell(still, 2, errors[1]),
                cell(falls, 1, errors[2]),
                cell(fails, 1, errors[3]),
            ]
        };
        let before = cells([Some(0.10), Some(0.12), Some(0.5), Some(0.9)]);
        let after = cells([Some(0.12), Some(0.10), Some(0.4), None]);
        assert_eq!(moving(&config, &before, &after, 0.01), [falls]);
        assert_eq!(moving(&config, &before, &after, 0.2), []);
    }

    #[test]
    fn what_cannot_be_met_is_refused() {
        let until = |tolerance, most_steps| Convergence {
            tolerance,
            most_steps,
        };
        assert!(until(0.005, 700).check(350).is_ok());
        let error = until(0.005, 699).check(350).unwrap_err().to_string();
        assert!(error.contains("--most-steps"), "{error}");
        for tolerance in [0.0, -1.0, 1.01, f64::NAN] {
            let error = until(tolerance, 700).check(350).unwrap_err().to_string();
            assert!(error.contains("--until-converged"), "{error}");
        }
    }
}
