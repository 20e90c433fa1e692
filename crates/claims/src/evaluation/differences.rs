//! Differences of two arms: one, in comparison with another, none, and along the size of text.

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{Interval, Rate, ResampledUnit, bootstrap_statistic};
use probe_statistics::equivalence::equivalence_test;

use super::wording::{interval, number, points, points_interval};
use super::{Evaluator, in_study};
use crate::finding::{Outcome, PartFinding};
use crate::registration::{
    Difference, Direction, Equivalence, Facets, GapSlope, Interaction, Sides,
};
use crate::selection::{Paired, by_cell, pair};

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
                capital(metric.name()),
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
        let outcome = if test.p <= self.settings.alpha {
            Outcome::Supports
        } else if outside && two_sided <= self.alpha_against {
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
                capital(metric.name()),
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

    pub(super) fn gap_slope(&self, rule: &GapSlope) -> Result<PartFinding, StatisticsError> {
        let GapSlope {
            data,
            subject,
            reference,
            metric,
            sides,
        } = rule;
        let planned = format!(
            "({} − {}) along pixels per character",
            subject.describe(),
            reference.describe()
        );
        let arms = match self.resolve(data, subject, &[reference]) {
            Ok(arms) => arms,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let mut widths: Vec<f64> = data
            .series(self.measurements)
            .filter(|series| arms.contains(&series.arm))
            .filter_map(|series| series.pixels_per_character)
            .collect();
        widths.sort_by(f64::total_cmp);
        widths.dedup();
        if widths.len() < 2 {
            let what = format!("two widths of characters in {}", data.describe());
            return Ok(PartFinding::missing(planned, what));
        }
        let at_width = |width: f64, seeds: Option<&[u64]>| {
            let columns: Vec<_> = arms
                .iter()
                .map(|arm| {
                    let series = data.series(self.measurements);
                    let of_width = series.filter(move |s| s.pixels_per_character == Some(width));
                    (arm.clone(), by_cell(of_width, arm))
                })
                .collect();
            pair(&columns, seeds).map_err(|what| format!("{what} at {width} px per character"))
        };
        let paired = (|| {
            let mut seeds = at_width(widths[0], None)?.seeds;
            for &width in &widths[1..] {
                seeds = at_width(width, Some(&seeds))?.seeds;
            }
            let sets = widths.iter().map(|&width| at_width(width, Some(&seeds)));
            sets.collect::<Result<Vec<Paired>, String>>()
        })();
        let paired = match paired {
            Ok(paired) => paired,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let unit = common_unit(&paired, self.settings.fewest_clusters);
        let (seeds, items) = (
            paired[0].seeds.len(),
            paired.iter().map(|paired| paired.items).sum(),
        );
        let sets: Vec<_> = paired.into_iter().map(|paired| paired.set).collect();
        let mean = widths.iter().sum::<f64>() / widths.len() as f64;
        let squares: f64 = widths.iter().map(|w| (w - mean).powi(2)).sum();
        // The claim is a falling gap.
        let tested = self.above_zero(&sets, unit, *sides, |rates| {
            let along = rates.iter().zip(&widths);
            -along
                .map(|(set, width)| {
                    (metric.of(&set[0]) - metric.of(&set[1])) * (width - mean) / squares
                })
                .sum::<f64>()
        })?;
        let slope = tested.interval.map(Interval::negated);
        Ok(PartFinding {
            comparison: format!(
                "slope of ({} − {}) along pixels per character, {}",
                arms[0],
                arms[1],
                metric.name()
            ),
            outcome: tested.outcome(self),
            effect: Some(-tested.value),
            p: Some(tested.p),
            smallest_p: Some(tested.smallest_p),
            seeds,
            items,
            words: format!(
                "The gap in {} between {} and {} changes by {} {} per pixel of a character's side, \
                 p {}.{}",
                metric.name(),
                arms[0],
                arms[1],
                points(-tested.value),
                points_interval(slope),
                number(tested.p),
                tested.seeds_reason(self),
            ),
            arms: in_study(data, &arms),
            ..PartFinding::open("", "")
        }
        .with_interval(slope))
    }
}

/// Clusters if every test set has enough of them.
fn common_unit(paired: &[Paired], fewest_clusters: usize) -> ResampledUnit {
    let items = paired
        .iter()
        .any(|paired| paired.unit(fewest_clusters) == ResampledUnit::Item);
    if items {
        ResampledUnit::Item
    } else {
        ResampledUnit::Cluster
    }
}

/// With a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
