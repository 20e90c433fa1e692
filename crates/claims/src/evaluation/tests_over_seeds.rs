//! The two tests that must agree: sign flips over seeds, and the hierarchical bootstrap.

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{
    BootstrapPlan, Interval, ItemOutcome, Rate, ResampledUnit, TestSetArms, bootstrap_statistic,
};
use probe_statistics::sign_flip::{Alternative, MonteCarlo, sign_flip_test, smallest_p};

use super::Evaluator;
use super::wording::number;
use crate::finding::Outcome;
use crate::registration::{Metric, Sides};
use crate::selection::Paired;

/// A claim that a number is above 0, by both tests.
#[derive(Debug, Clone)]
pub(super) struct Tested {
    /// The number over all seeds and items.
    pub value: f64,
    pub by_seed: Vec<f64>,
    pub interval: Option<Interval>,
    /// For "above 0".
    pub p: f64,
    /// For "below 0".
    pub p_against: f64,
    pub smallest_p: f64,
    sides: Sides,
}

impl Evaluator<'_> {
    pub(super) fn monte_carlo(&self) -> MonteCarlo {
        MonteCarlo {
            draws: self.settings.permutations,
            seed: self.settings.seed,
        }
    }

    pub(super) fn plan(&self, unit: ResampledUnit) -> BootstrapPlan {
        BootstrapPlan {
            unit,
            draws: self.settings.draws,
            level: self.settings.level,
            seed: self.settings.seed,
        }
    }

    /// Tests whether `statistic` is above 0.
    pub(super) fn above_zero(
        &self,
        sets: &[TestSetArms],
        unit: ResampledUnit,
        sides: Sides,
        statistic: impl Fn(&[Vec<Rate>]) -> f64,
    ) -> Result<Tested, StatisticsError> {
        let found = bootstrap_statistic(sets, &self.plan(unit), statistic)?;
        self.tested(found.value, found.by_seed, found.bca, sides)
    }

    /// Tests whether the error of the first of two `arms`, by their place in `paired`, is above that
    /// of the second.
    ///
    /// A difference on one test set that the study publishes by itself is not estimated again.
    pub(super) fn difference_above_zero(
        &self,
        paired: &Paired,
        arms: [(&str, usize); 2],
        metric: Metric,
        sides: Sides,
    ) -> Result<Tested, StatisticsError> {
        let [(left, l), (right, r)] = arms;
        let difference = |rates: &[Rate]| metric.of(&rates[l]) - metric.of(&rates[r]);
        match self.published(paired, [left, right], metric) {
            Some((value, interval)) => {
                let by_seed = self.errors_by_seed(paired, difference);
                self.tested(value, by_seed, interval, sides)
            }
            None => {
                let unit = paired.unit(self.settings.fewest_clusters);
                let sets = std::slice::from_ref(&paired.set);
                self.above_zero(sets, unit, sides, |rates| difference(&rates[0]))
            }
        }
    }

    /// The published difference of two arms over the one test set and all seeds of `paired`.
    fn published(
        &self,
        paired: &Paired,
        [left, right]: [&str; 2],
        metric: Metric,
    ) -> Option<(f64, Option<Interval>)> {
        let [cell] = paired.cells.as_slice() else {
            return None;
        };
        let find = |arm: &str, reference: &str| {
            let series = self.measurements.series.iter();
            series
                .filter(|s| s.arm == arm && s.evaluation == paired.evaluation)
                .filter(|s| s.cell() == *cell)
                .flat_map(|s| &s.published)
                .find(|known| {
                    known.reference == reference
                        && known.metric == metric
                        && known.seeds == paired.seeds.len()
                })
        };
        let turned = || {
            let known = find(right, left)?;
            Some((-known.value, known.interval.map(Interval::negated)))
        };
        let straight = find(left, right).map(|known| (known.value, known.interval));
        straight.or_else(turned)
    }

    /// A number from the rates of the arms, for every seed over all its items.
    pub(super) fn errors_by_seed(
        &self,
        paired: &Paired,
        number: impl Fn(&[Rate]) -> f64,
    ) -> Vec<f64> {
        let rate = |items: &[ItemOutcome]| Rate {
            errors: items.iter().map(|item| f64::from(item.edits)).sum(),
            chars: items.iter().map(|item| f64::from(item.chars)).sum(),
            exact: items.iter().filter(|item| item.edits == 0).count() as f64,
            items: items.len() as f64,
        };
        let arms = &paired.set.arms;
        (0..paired.seeds.len())
            .map(|seed| {
                let rates: Vec<Rate> = arms.iter().map(|arm| rate(&arm[seed].items)).collect();
                number(&rates)
            })
            .collect()
    }

    /// As [`Self::above_zero`], from values that exist already.
    pub(super) fn tested(
        &self,
        value: f64,
        by_seed: Vec<f64>,
        interval: Option<Interval>,
        sides: Sides,
    ) -> Result<Tested, StatisticsError> {
        let p = |alternative| sign_flip_test(&by_seed, alternative, self.monte_carlo());
        let scale = |p: f64| match sides {
            Sides::One => p,
            Sides::Two => (2.0 * p).min(1.0),
        };
        // Twice the smaller one-sided value is the two-sided one, and stays large on the other side.
        let (above, below) = (p(Alternative::Greater)?.p, p(Alternative::Less)?.p);
        let alternative = match sides {
            Sides::One => Alternative::Greater,
            Sides::Two => Alternative::TwoSided,
        };
        Ok(Tested {
            value,
            interval,
            p: scale(above),
            p_against: scale(below),
            smallest_p: smallest_p(by_seed.len(), alternative),
            by_seed,
            sides,
        })
    }
}

impl Tested {
    /// The same for the number with its sign turned.
    pub fn negated(self) -> Self {
        Self {
            value: -self.value,
            by_seed: self.by_seed.iter().map(|value| -value).collect(),
            interval: self.interval.map(Interval::negated),
            p: self.p_against,
            p_against: self.p,
            ..self
        }
    }

    /// What both tests together say.
    pub fn outcome(&self, context: &Evaluator<'_>) -> Outcome {
        let above = self.interval.is_some_and(|i| i.low > 0.0);
        let below = self.interval.is_some_and(|i| i.high < 0.0);
        if above && self.p <= context.settings.alpha {
            Outcome::Supports
        } else if below && self.p_against <= context.alpha_against {
            Outcome::Contradicts
        } else {
            Outcome::Open
        }
    }

    /// Seeds too few for any significant result: the reason, as a sentence with a space before it.
    pub fn seeds_reason(&self, context: &Evaluator<'_>) -> String {
        if self.smallest_p <= context.settings.alpha {
            return String::new();
        }
        let sides = match self.sides {
            Sides::One => "one",
            Sides::Two => "two",
        };
        format!(
            " {} seeds: the smallest {sides}-sided p is {}.",
            self.by_seed.len(),
            number(self.smallest_p)
        )
    }
}
