//! The two tests that must agree: sign flips over seeds, and the hierarchical bootstrap.

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{
    Interval, ItemOutcome, Rate, ResampledUnit, StatisticPlan, TestSetArms, bootstrap_statistic,
};
use probe_statistics::sign_flip::{Alternative, MonteCarlo, sign_flip_test, smallest_p};

use super::Context;
use super::wording::number;
use crate::finding::Outcome;
use crate::registration::Sides;
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

impl Context<'_> {
    pub(super) fn monte_carlo(&self) -> MonteCarlo {
        MonteCarlo {
            draws: self.settings.permutations,
            seed: self.settings.seed,
        }
    }

    pub(super) fn plan(&self, unit: ResampledUnit) -> StatisticPlan {
        StatisticPlan {
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
    /// What both tests together say.
    pub fn outcome(&self, context: &Context<'_>) -> Outcome {
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
    pub fn seeds_reason(&self, context: &Context<'_>) -> String {
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
