//! Differences of two arms: one, in comparison with another, and none.

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{Rate, ResampledUnit, bootstrap_statistic};
use probe_statistics::equivalence::equivalence_test;
use probe_statistics::t_test::mean_above_test;

use super::wording::{interval, number, points, points_interval};
use super::{Evaluator, in_study};
use crate::finding::{Outcome, PartFinding};
use crate::registration::{Difference, Direction, Equivalence, Facets, Interaction, Sides};
use crate::selection::Paired;

impl Evaluator<'_> {
    pub(super) fn difference(&self, rule: &Difference) -> Result<PartFinding, StatisticsError> {
        let Difference {
            data,
            subject,
            reference,
            metric,
            direction,
            sides,
            margin,
        } = rule;
        let planned = format!("{} − {}", subject.describe(), reference.describe());
        let (arms, paired) = match self.resolve_paired(data, subject, &[reference]) {
            Ok(found) => found,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let both = [(arms[0].as_str(), 0), (arms[1].as_str(), 1)];
        let found = self.difference_above_zero(&paired, both, *metric, *sides)?;
        let (value, oriented) = (found.value, found.interval);
        let tested = match direction {
            Direction::Higher => found,
            Direction::Lower => found.negated(),
        };
        let mut outcome = tested.outcome(self);
        let mut remark = tested.seeds_reason(self);
        if let (Outcome::Open, Some(margin)) = (outcome, margin)
            && tested.by_seed.len() > 1
            && equivalence_test(&tested.by_seed, *margin)?.p <= self.alpha_against
        {
            outcome = Outcome::Contradicts;
            remark = format!(" The arms are equal within {}.", points(*margin));
        }
        Ok(PartFinding {
            comparison: format!("{} − {}, {}", arms[0], arms[1], metric.name()),
            outcome,
            effect: Some(value),
            p: Some(tested.p),
            smallest_p: Some(tested.smallest_p),
            seeds: paired.seeds.len(),
            items: paired.items,
            words: format!(
                "{} of {} minus {}: {} {}, p {}.{remark}",
                ::wording::capital(metric.name()),
                arms[0],
                arms[1],
                points(value),
                points_interval(oriented),
                number(tested.p),
            ),
            arms: in_study(data, &arms),
            ..PartFinding::open("", "")
        }
        .with_interval(oriented))
    }

    pub(super) fn interaction(&self, rule: &Interaction) -> Result<PartFinding, StatisticsError> {
        let Interaction {
            focus,
            contrast,
            subject,
            reference,
            metric,
            sides,
        } = rule;
        let planned = format!("{} − {}", subject.describe(), reference.describe());
        let arms = match self.resolve(focus, subject, &[reference]) {
            Ok(arms) => arms,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        // The seeds of an arm are those it has on both sides.
        let paired = self.pair(focus, &arms, None).and_then(|first| {
            let second = self.pair(contrast, &arms, Some(&first.seeds))?;
            let first = self.pair(focus, &arms, Some(&second.seeds))?;
            Ok([first, second])
        });
        let paired = match paired {
            Ok(paired) => paired,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let unit = common_unit(&paired, self.settings.fewest_clusters);
        let [first, second] = paired;
        let (seeds, items) = (first.seeds.len(), first.items + second.items);
        let sets = [first.set, second.set];
        let gap = |set: &[Rate]| metric.logit(&set[0]) - metric.logit(&set[1]);
        let tested =
            self.above_zero(&sets, unit, *sides, |rates| gap(&rates[0]) - gap(&rates[1]))?;
        let plain = |set: &[Rate]| metric.of(&set[0]) - metric.of(&set[1]);
        // A ratio of differences needs a denominator; without one it is left out of the words.
        let ratio = bootstrap_statistic(&sets, &self.plan(unit), |rates| {
            plain(&rates[0]) / plain(&rates[1])
        });
        let ratio = ratio.map_or(String::new(), |found| {
            format!(
                " Ratio of the plain differences: {:.2} {}.",
                found.value,
                interval(found.percentile)
            )
        });
        Ok(PartFinding {
            comparison: format!(
                "({} − {}) on {} minus on {}, log odds of {}",
                arms[0],
                arms[1],
                focus.describe(),
                contrast.describe(),
                metric.name()
            ),
            outcome: tested.outcome(self),
            effect: Some(tested.value),
            p: Some(tested.p),
            smallest_p: Some(tested.smallest_p),
            seeds,
            items,
            words: format!(
                "Log odds of {} of {} over {}: {:+.2} {} more on {} than on {}, p {}.{ratio}{}",
                metric.name(),
                arms[0],
                arms[1],
                tested.value,
                interval(tested.interval),
                focus.describe(),
                contrast.describe(),
                number(tested.p),
                tested.seeds_reason(self),
            ),
            arms: [in_study(focus, &arms), in_study(contrast, &arms)].concat(),
            ..PartFinding::open("", "")
        }
        .with_interval(tested.interval))
    }

    pub(super) fn equivalence(&self, rule: &Equivalence) -> Result<PartFinding, StatisticsError> {
        let Equivalence {
            data,
            subject,
            reference,
            metric,
            margin,
            matched_r2,
        } = rule;
        let planned = format!("{} − {}", subject.describe(), reference.describe());
        let (arms, paired) = match self.resolve_paired(data, subject, &[reference]) {
            Ok(found) => found,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let comparison = format!("{} − {}, {}", arms[0], arms[1], metric.name());
        let mut remark = String::new();
        if let Some(tolerance) = matched_r2 {
            match self.matched_r2(data, &arms, *tolerance) {
                Ok(words) => remark = words,
                Err(part) => {
                    return Ok(PartFinding {
                        comparison,
                        ..*part
                    });
                }
            }
        }
        let both = [(arms[0].as_str(), 0), (arms[1].as_str(), 1)];
        let tested = self.difference_above_zero(&paired, both, *metric, Sides::Two)?;
        let names = in_study(data, &arms);
        if tested.by_seed.len() < 2 {
            return Ok(PartFinding {
                seeds: tested.by_seed.len(),
                items: paired.items,
                arms: names,
                ..PartFinding::open(
                    comparison,
                    "1 seed: equality over seeds cannot be tested; at least 2 are needed.",
                )
            });
        }
        let test = equivalence_test(&tested.by_seed, *margin)?;
        let outside = tested
            .interval
            .is_some_and(|i| i.low > *margin || i.high < -margin);
        let two_sided = tested.p.min(tested.p_against);
        // On the side on which the difference lies: both sides of eight seeds have no p as small as `alpha_against`.
        let toward = tested.value.signum();
        let by_seed: Vec<f64> = tested.by_seed.iter().map(|value| toward * value).collect();
        let beyond = mean_above_test(&by_seed, *margin)?.p;
        let outcome = if test.p <= self.settings.alpha {
            Outcome::Supports
        } else if outside && beyond <= self.alpha_against {
            Outcome::Contradicts
        } else {
            Outcome::Open
        };
        if outcome != Outcome::Supports && two_sided <= self.settings.alpha {
            remark.push_str(" The arms differ.");
        }
        Ok(PartFinding {
            comparison,
            outcome,
            effect: Some(tested.value),
            p: Some(test.p),
            seeds: paired.seeds.len(),
            items: paired.items,
            words: format!(
                "{} of {} minus {}: {} {}; equal within {} with p {}.{remark}",
                ::wording::capital(metric.name()),
                arms[0],
                arms[1],
                points(tested.value),
                points_interval(tested.interval),
                points(*margin).trim_start_matches('+'),
                number(test.p),
            ),
            arms: names,
            ..PartFinding::open("", "")
        }
        .with_interval(tested.interval))
    }

    /// Whether the arms lose equally much of the patches; the part that results if not.
    fn matched_r2(
        &self,
        data: &Facets,
        arms: &[String],
        tolerance: f64,
    ) -> Result<String, Box<PartFinding>> {
        let r2 = |arm: &String| {
            let facts = self.measurements.facts(&data.study, arm);
            facts
                .and_then(|facts| facts.reconstruction_r2)
                .ok_or_else(|| {
                    let what = format!("the reconstruction R² of {arm} in study {}", data.study);
                    Box::new(PartFinding::missing("", what))
                })
        };
        let (left, right) = (r2(&arms[0])?, r2(&arms[1])?);
        let words = format!(
            " Reconstruction R²: {} and {}.",
            number(left),
            number(right)
        );
        if (left - right).abs() <= tolerance {
            return Ok(words);
        }
        let why = format!("The arms are not matched.{words}");
        Err(Box::new(PartFinding {
            arms: in_study(data, arms),
            ..PartFinding::open("", why)
        }))
    }
}

/// Clusters if every test set has enough of them.
pub(super) fn common_unit(paired: &[Paired], fewest_clusters: usize) -> ResampledUnit {
    let items = paired
        .iter()
        .any(|paired| paired.unit(fewest_clusters) == ResampledUnit::Item);
    if items {
        ResampledUnit::Item
    } else {
        ResampledUnit::Cluster
    }
}
