//! Do several arms have the same error?

use probe_statistics::StatisticsError;
use probe_statistics::equivalence::equivalence_test;
use probe_statistics::multiplicity::holm;
use probe_statistics::rank_tests::friedman_test;

use super::rate_trend::mean;
use super::wording::{number, points, points_interval};
use super::{Evaluator, in_study};
use crate::finding::{Outcome, PartFinding};
use crate::registration::{ArmsDiffer, Sides};
use crate::selection::resolve;

impl Evaluator<'_> {
    pub(super) fn arms_differ(&self, rule: &ArmsDiffer) -> Result<PartFinding, StatisticsError> {
        let ArmsDiffer {
            data,
            arms: selectors,
            metric,
            margin,
        } = rule;
        let comparison = format!("{} of {} arms", metric.name(), selectors.len());
        let mut arms: Vec<String> = Vec::new();
        for selector in selectors {
            let first = arms.first().map(String::as_str);
            match resolve(self.measurements, data, selector, first) {
                Ok(arm) => arms.push(arm),
                Err(what) => return Ok(PartFinding::missing(comparison, what)),
            }
        }
        let paired = match self.pair(data, &arms, None) {
            Ok(paired) => paired,
            Err(what) => return Ok(PartFinding::missing(comparison, what)),
        };
        let seeds = paired.seeds.len();
        let base = PartFinding {
            seeds,
            items: paired.items,
            arms: in_study(data, &arms),
            ..PartFinding::open(comparison, "")
        };
        if seeds < 2 {
            return Ok(PartFinding {
                words: "1 seed: arms cannot be ranked over seeds; at least 2 are needed."
                    .to_owned(),
                ..base
            });
        }
        let columns: Vec<Vec<f64>> = (0..arms.len())
            .map(|arm| self.errors_by_seed(&paired, |rates| metric.of(&rates[arm])))
            .collect();
        let blocks: Vec<Vec<f64>> = (0..seeds)
            .map(|seed| columns.iter().map(|column| column[seed]).collect())
            .collect();
        let friedman = friedman_test(&blocks, self.monte_carlo())?;

        let means: Vec<f64> = columns.iter().map(|column| mean(column)).collect();
        let by_mean = |&a: &usize, &b: &usize| means[a].total_cmp(&means[b]);
        let worst = (0..arms.len()).max_by(by_mean).unwrap_or(0);
        let best = (0..arms.len()).min_by(by_mean).unwrap_or(0);
        let (mut p_values, mut equal) = (Vec::new(), true);
        let mut widest = None;
        for left in 0..arms.len() {
            for right in 0..left {
                let differences: Vec<f64> = columns[left]
                    .iter()
                    .zip(&columns[right])
                    .map(|(l, r)| l - r)
                    .collect();
                equal &= equivalence_test(&differences, *margin)?.p <= self.alpha_against;
                let tested = self.tested(mean(&differences), differences, None, Sides::Two)?;
                p_values.push(tested.p.min(tested.p_against));
                if [left, right] == [worst.max(best), worst.min(best)] {
                    let ends = [worst, best].map(|arm| (arms[arm].as_str(), arm));
                    widest =
                        Some(self.difference_above_zero(&paired, ends, *metric, Sides::Two)?);
                }
            }
        }
        let adjusted = holm(&p_values)?;
        let significant = adjusted
            .iter()
            .filter(|p| **p <= self.settings.alpha)
            .count();
        let (range, reason) = widest.as_ref().map_or((None, String::new()), |tested| {
            (tested.interval, tested.seeds_reason(self))
        });
        let agrees = range.is_some_and(|i| i.low > 0.0);
        let outcome = if friedman.p <= self.settings.alpha && agrees && significant > 0 {
            Outcome::Supports
        } else if equal {
            Outcome::Contradicts
        } else {
            Outcome::Open
        };
        let effect = means[worst] - means[best];
        Ok(PartFinding {
            outcome,
            effect: Some(effect),
            p: Some(friedman.p),
            smallest_p: widest.map(|tested| tested.smallest_p),
            words: format!(
                "Friedman's χ² {:.1}, p {}; {} is worst and {} best, {} {} apart in {}; {significant} \
                 of {} pairs differ after Holm's correction.{reason}{}",
                friedman.statistic,
                number(friedman.p),
                arms[worst],
                arms[best],
                points(effect).trim_start_matches('+'),
                points_interval(range),
                metric.name(),
                p_values.len(),
                if equal {
                    " All pairs are equal within the margin."
                } else {
                    ""
                },
            ),
            ..base
        }
        .with_interval(range))
    }
}
