//! Do used bits predict the error of an arm?

use std::collections::BTreeMap;

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::Interval;
use probe_statistics::correlation::{partial_spearman, partial_spearman_test};
use probe_statistics::sign_flip::Alternative;

use super::rate_trend::mean;
use super::wording::{interval, number};
use super::{Evaluator, in_study};
use crate::finding::{Outcome, PartFinding};
use crate::measurements::Series;
use crate::registration::{Given, Metric, UsageCorrelation};

/// Fewest arms beyond what is held fixed for which there is an interval.
const FEWEST_ARMS_LEFT: usize = 4;

impl Evaluator<'_> {
    /// One point for each arm: seeds of an arm share what makes the arm.
    pub(super) fn usage_correlation(
        &self,
        rule: &UsageCorrelation,
    ) -> Result<PartFinding, StatisticsError> {
        let UsageCorrelation {
            data,
            role,
            metric,
            rho: wanted,
            given,
        } = rule;
        let fewest_arms = given.len() + FEWEST_ARMS_LEFT;
        let given_names: Vec<&str> = given.iter().map(|given| given.name()).collect();
        let comparison = format!("used bits and {} over {} arms", metric.name(), role.name());
        let mut arms: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
        for series in data.series(self.measurements) {
            let facts = self.measurements.facts(&data.study, &series.arm);
            if facts.is_some_and(|facts| facts.role == *role) {
                arms.entry(&series.arm).or_default().push(series);
            }
        }
        // Arms with fewer test sets would be compared on easier or harder ones.
        let most = arms.values().map(Vec::len).max().unwrap_or(0);
        arms.retain(|_, series| series.len() == most);
        let (mut bits, mut errors) = (Vec::new(), Vec::new());
        let mut controls = vec![Vec::new(); given.len()];
        let (mut seeds, mut items) = (usize::MAX, usize::MAX);
        for (arm, series) in &arms {
            let all = |value: fn(&Series) -> Option<f64>| -> Option<Vec<f64>> {
                series.iter().map(|series| value(series)).collect()
            };
            let value_of = |given: &Given| match given {
                Given::LearningRate => all(|s| s.learning_rate).map(|rates| mean(&rates)),
                Given::Vocabulary => {
                    let facts = self.measurements.facts(&data.study, arm);
                    facts.and_then(|f| f.vocabulary).map(|words| words as f64)
                }
                Given::NominalBits => all(|s| s.bits_nominal).map(|bits| mean(&bits)),
            };
            let values: Option<Vec<f64>> = given.iter().map(value_of).collect();
            let (Some(used), Some(values)) = (all(|s| s.bits_used), values) else {
                let names = [&["used bits"], given_names.as_slice()].concat();
                let what = format!("{} of {arm} in {}", listed(&names), data.describe());
                return Ok(PartFinding::missing(comparison, what));
            };
            let of_seeds: Vec<f64> = series
                .iter()
                .flat_map(|s| error_by_seed(s, *metric))
                .collect();
            if of_seeds.is_empty() {
                let what = format!("test items of {arm} in {}", data.describe());
                return Ok(PartFinding::missing(comparison, what));
            }
            bits.push(mean(&used));
            errors.push(mean(&of_seeds));
            for (column, value) in controls.iter_mut().zip(values) {
                column.push(value);
            }
            seeds = seeds.min(series.iter().map(|s| s.seeds.len()).min().unwrap_or(0));
            let of_arm = series.iter().filter_map(|s| s.seeds.first());
            items = items.min(of_arm.map(|seed| seed.items.len()).sum());
        }
        let names: Vec<String> = arms.keys().map(|&arm| arm.to_owned()).collect();
        let n = names.len();
        if n == 0 {
            let what = format!("a {} arm in {}", role.name(), data.describe());
            return Ok(PartFinding::missing(comparison, what));
        }
        if n < fewest_arms || partial_spearman(&bits, &errors, &controls)?.is_none() {
            let why = format!(
                "{n} arms do not tell used bits from {}; at least {fewest_arms} that differ in all \
                 of them are needed.",
                listed(&given_names)
            );
            return Ok(PartFinding {
                seeds,
                items,
                arms: in_study(data, &names),
                ..PartFinding::open(comparison, why)
            });
        }
        let test = partial_spearman_test(
            &bits,
            &errors,
            &controls,
            Alternative::Less,
            self.monte_carlo(),
        )?;
        let range = |level: f64| fisher_interval(test.rho, n - given.len(), level);
        let against = range(1.0 - self.alpha_against);
        let range = range(self.settings.level);
        let outcome = if test.rho <= *wanted && test.p <= self.settings.alpha && range.high < 0.0 {
            Outcome::Supports
        } else if against.low > *wanted {
            Outcome::Contradicts
        } else {
            Outcome::Open
        };
        Ok(PartFinding {
            comparison,
            outcome,
            effect: Some(test.rho),
            p: Some(test.p),
            seeds,
            items,
            words: format!(
                "Over {n} arms, used bits and {} correlate by {:.2} {} given {} (p {}; \
                 {wanted} or less was claimed).",
                metric.name(),
                test.rho,
                interval(Some(range)),
                listed(&given_names),
                number(test.p),
            ),
            arms: in_study(data, &names),
            ..PartFinding::open("", "")
        }
        .with_interval(Some(range)))
    }
}

/// Names as "one, another and a third".
fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    ::wording::listed(&names)
}

fn error_by_seed(series: &Series, metric: Metric) -> Vec<f64> {
    let seeds = series.seeds.iter().filter(|seed| !seed.items.is_empty());
    seeds
        .map(|seed| {
            let items = &seed.items;
            match metric {
                Metric::CharacterError | Metric::VarianceLost => {
                    let edits: f64 = items.iter().map(|item| f64::from(item.edits)).sum();
                    edits / items.iter().map(|item| f64::from(item.chars)).sum::<f64>()
                }
                Metric::WordError => {
                    let wrong = items.iter().filter(|item| item.edits > 0).count();
                    wrong as f64 / items.len() as f64
                }
            }
        })
        .collect()
}

/// Interval of a rank correlation of `n` values by Fisher's z, whose variance is 1.06 / (n − 3)
/// (E. C. Fieller, H. O. Hartley, E. S. Pearson, 1957).
fn fisher_interval(rho: f64, n: usize, level: f64) -> Interval {
    let z = rho.clamp(-0.999_999, 0.999_999).atanh();
    let quantile = probe_statistics::multiplicity::normal_quantile(0.5 + level / 2.0);
    let half = quantile * (1.06 / (n as f64 - 3.0)).sqrt();
    Interval {
        low: (z - half).tanh(),
        high: (z + half).tanh(),
    }
}
