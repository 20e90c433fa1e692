//! No rung of a ladder of bits reads worse than the one below, and the last reads better than the first.

use probe_statistics::StatisticsError;
use probe_statistics::t_test::mean_above_test;

use super::rate_trend::rounded;
use super::tests_over_seeds::Tested;
use super::wording::{number, points, points_interval};
use super::{Evaluator, in_study};
use crate::finding::{Outcome, PartFinding};
use crate::registration::{Rungs, Sides};

/// From fewer to more bits.
struct Step {
    bits: [f64; 2],
    /// The error with fewer bits minus that with more.
    drop: Tested,
    /// Of not being worse by the margin.
    p: f64,
    state: State,
}

/// What a step shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Holds,
    Worsens,
    Open,
}

impl Evaluator<'_> {
    pub(super) fn rungs(&self, rule: &Rungs) -> Result<PartFinding, StatisticsError> {
        let Rungs {
            data,
            role,
            metric,
            margin,
        } = rule;
        let comparison = format!("{} from rung to rung of bits per token", metric.name());
        let missing = |what: String| Ok(PartFinding::missing(comparison.clone(), what));
        let (bits, arms) = match self.ladder(data, *role, 2) {
            Ok(ladder) => ladder,
            Err(what) => return missing(what),
        };
        let paired = match self.pair(data, &arms, None) {
            Ok(paired) => paired,
            Err(what) => return missing(what),
        };
        let base = PartFinding {
            seeds: paired.seeds.len(),
            items: paired.items,
            arms: in_study(data, &arms),
            ..PartFinding::open(comparison, "")
        };
        let difference = |fewer: usize, more: usize| {
            let both = [fewer, more].map(|place| (arms[place].as_str(), place));
            self.difference_above_zero(&paired, both, *metric, Sides::One)
        };
        let ends = difference(0, arms.len() - 1)?;
        let base = PartFinding {
            effect: Some(ends.value),
            ..base
        }
        .with_interval(ends.interval);
        if base.seeds < 2 {
            return Ok(PartFinding {
                words: "1 seed: steps cannot be tested over seeds; at least 2 are needed."
                    .to_owned(),
                ..base
            });
        }
        let drops = (1..arms.len()).map(|more| difference(more - 1, more));
        let drops = drops.collect::<Result<Vec<Tested>, _>>()?;
        let mut steps = Vec::new();
        for (index, drop) in drops.into_iter().enumerate() {
            let (state, p) = self.state(&drop, *margin, arms.len() - 1)?;
            steps.push(Step {
                bits: [bits[index], bits[index + 1]],
                drop,
                p,
                state,
            });
        }
        let drops_overall = ends.outcome(self) == Outcome::Supports;
        let holds = |step: &Step| step.state == State::Holds;
        let outcome = if steps.iter().any(|step| step.state == State::Worsens) {
            Outcome::Contradicts
        } else if drops_overall && steps.iter().all(holds) {
            Outcome::Supports
        } else {
            Outcome::Open
        };
        // All have to hold, every step and the drop from end to end: the largest p is that of all, and nothing is
        // gained by looking at many steps.
        let p = steps.iter().map(|step| step.p).fold(ends.p, f64::max);
        let sentences: Vec<String> = steps
            .iter()
            .zip(arms.windows(2))
            .map(|(step, arms)| step.words(arms, *margin))
            .collect();
        Ok(PartFinding {
            outcome,
            p: Some(p),
            smallest_p: Some(ends.smallest_p),
            words: format!(
                "From step to step, {} falls: {}; from end to end by {} {}, p {}.",
                metric.name(),
                sentences.join("; "),
                points(ends.value),
                points_interval(ends.interval),
                number(ends.p),
            ),
            ..base
        })
    }

    /// Whether a step is worse by the margin or shown not to be, and the p of the latter; `steps` are looked at.
    fn state(
        &self,
        drop: &Tested,
        margin: f64,
        steps: usize,
    ) -> Result<(State, f64), StatisticsError> {
        let not_worse = mean_above_test(&drop.by_seed, -margin)?.p;
        let above = drop.interval.is_some_and(|i| i.low > -margin);
        if above && not_worse <= self.settings.alpha {
            return Ok((State::Holds, not_worse));
        }
        let rise: Vec<f64> = drop.by_seed.iter().map(|drop| -drop).collect();
        let beyond = mean_above_test(&rise, margin)?.p;
        let worse = drop.interval.is_some_and(|i| i.high < -margin);
        // One of many steps is worse by chance more often than a single one.
        if worse && beyond <= self.alpha_against / steps as f64 {
            return Ok((State::Worsens, not_worse));
        }
        Ok((State::Open, not_worse))
    }
}

impl Step {
    fn words(&self, arms: &[String], margin: f64) -> String {
        let limit = points(margin);
        let limit = limit.trim_start_matches('+');
        let state = match self.state {
            State::Holds => format!("not worse by {limit}"),
            State::Worsens => format!("worse by more than {limit}"),
            State::Open => format!("not shown not to be worse by {limit}"),
        };
        format!(
            "{} to {} bits ({} to {}) by {} {}, {state} (p {})",
            rounded(self.bits[0]),
            rounded(self.bits[1]),
            arms[0],
            arms[1],
            points(self.drop.value),
            points_interval(self.drop.interval),
            number(self.p),
        )
    }
}
