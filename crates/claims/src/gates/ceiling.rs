//! Does an arm read better than the ceiling, which passes on all that a tower sees?
//!
//! One rule for the gate of a study and for the check that a run makes of itself.

use std::collections::BTreeMap;

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{Interval, bootstrap_statistic};
use probe_statistics::multiplicity::simultaneous_stretch;

use super::culprits::{self, Culprit, MOST_NAMED};
use super::{Check, plan, with_role};
use crate::measurements::{Cell, Evaluation, Measurements, Role, Series};
use crate::registration::Settings;
use crate::selection::pair;

/// By how much an arm may read better than the ceiling, in character error: half a point. A probe of
/// limited capacity gains from the layers of a projector.
pub const TOLERANCE: f64 = 0.005;

/// An arm minus the ceiling on one test set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgainstCeiling {
    /// Difference of the character errors, as a fraction; below 0 if the arm reads better.
    pub difference: f64,
    /// Its interval, as if it were the only comparison.
    pub interval: Interval,
}

impl AgainstCeiling {
    /// Whether the arm reads better by more than the `tolerance`: the interval, stretched so that
    /// intervals of this `level` hold for all `comparisons` at once, lies beyond it.
    #[must_use]
    pub fn is_better(&self, comparisons: usize, level: f64, tolerance: f64) -> bool {
        let stretch = simultaneous_stretch(comparisons, level);
        let high = self.difference + stretch * (self.interval.high - self.difference);
        high < -tolerance
    }
}

pub(super) fn check(
    measurements: &Measurements,
    settings: &Settings,
    tolerance: f64,
) -> Result<Check, StatisticsError> {
    let ceilings: BTreeMap<Cell, &Series> = with_role(measurements, Role::Ceiling)
        .map(|series| (series.cell(), series))
        .collect();
    let others: Vec<(&Series, &Series)> = measurements
        .series
        .iter()
        .filter(|series| series.evaluation == Evaluation::Deterministic)
        .filter_map(|series| Some((series, *ceilings.get(&series.cell())?)))
        .filter(|(series, ceiling)| series.arm != ceiling.arm)
        .collect();
    let comparisons = others.len();
    let mut culprits = Vec::new();
    let mut above = Vec::new();
    let mut compared = 0;
    for (series, ceiling) in others {
        let column = |series: &Series| series.arm.clone();
        let columns = [series, ceiling].map(|s| (column(s), BTreeMap::from([(s.cell(), s)])));
        let Ok(paired) = pair(&columns, None) else {
            continue;
        };
        compared += 1;
        let plan = plan(settings, paired.unit(settings.fewest_clusters));
        let found = bootstrap_statistic(std::slice::from_ref(&paired.set), &plan, |rates| {
            rates[0][0].error_rate() - rates[0][1].error_rate()
        })?;
        // The kind of interval that a run shows for the same comparison.
        let Some(interval) = found.bca else {
            continue;
        };
        let against = AgainstCeiling {
            difference: found.value,
            interval,
        };
        if against.is_better(comparisons, settings.level, tolerance) {
            culprits.push(Culprit::Study(series.study.clone()));
            above.push(format!(
                "{} ({:+.2} points)",
                series.describe(),
                100.0 * found.value
            ));
        }
    }
    let words = if !above.is_empty() {
        above.truncate(MOST_NAMED);
        format!("Better than the ceiling: {}.", above.join("; "))
    } else if compared == 0 {
        "Ceiling: not measured.".to_owned()
    } else {
        format!(
            "No arm is better than the ceiling by more than {} points, in {compared} comparisons.",
            ::wording::rounded(100.0 * tolerance)
        )
    };
    Ok(Check {
        measured: compared > 0,
        culprits: culprits::distinct(culprits),
        words,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gain_within_the_tolerance_is_none_and_more_comparisons_need_more() {
        let against = |difference: f64, high: f64| AgainstCeiling {
            difference,
            interval: Interval {
                low: 2.0 * difference - high,
                high,
            },
        };
        let better =
            |found: AgainstCeiling, comparisons| found.is_better(comparisons, 0.95, TOLERANCE);
        // Soft words of the first study: 0.30 points better, certainly so.
        assert!(!better(against(-0.003, -0.0015), 1));
        assert!(against(-0.003, -0.0015).is_better(1, 0.95, 0.0));
        assert!(better(against(-0.010, -0.006), 1));
        assert!(!better(against(-0.010, -0.006), 100));
        assert!(!better(against(0.010, 0.012), 1));
    }
}
