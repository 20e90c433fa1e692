//! A knee within the code budget for hard arms, none for smooth ones.

use std::collections::BTreeMap;

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::Interval;
use probe_statistics::knee::{
    self, DensityCounts, FEWEST_DENSITIES, KneeModel, breakpoint_draws, knee_test, rising_part,
    saturating_breakpoint_draws, saturating_test,
};
use probe_statistics::sign_flip::MonteCarlo;

use super::Evaluator;
use super::wording::{interval, number};
use crate::finding::{Outcome, PartFinding};
use crate::measurements::Series;
use crate::registration::{Against, Bend, Facets, Knee};
use crate::selection::{best_by_validation, resolve};

/// One arm on one alphabet.
struct Fitted {
    arm: String,
    charset: usize,
    bits: f64,
    /// p-value of a break.
    p: f64,
    /// Where a break fits best, if any does.
    breakpoint: Option<f64>,
    draws: Vec<Option<f64>>,
    seeds: usize,
    items: usize,
}

impl Evaluator<'_> {
    pub(super) fn knee(&self, rule: &Knee) -> Result<PartFinding, StatisticsError> {
        let Knee {
            data,
            role,
            smooth,
            bits_pair,
            ratio,
            ..
        } = rule;
        let comparison = format!("knee in errors by density, {}", data.describe());
        let missing = |what: String| Ok(PartFinding::missing(comparison.clone(), what));
        let is_hard = |series: &&Series| {
            let facts = self.measurements.facts(&data.study, &series.arm);
            facts.is_some_and(|facts| facts.role == *role)
        };
        let mut charsets: Vec<usize> = data
            .series(self.measurements)
            .filter(is_hard)
            .map(|series| series.charset)
            .collect();
        charsets.sort_unstable();
        charsets.dedup();
        if charsets.is_empty() {
            return missing(format!("a {} arm in {}", role.name(), data.describe()));
        }

        let (mut hard, mut continuous) = (Vec::new(), Vec::new());
        for &charset in &charsets {
            let here = Facets {
                charset: Some(charset),
                ..data.clone()
            };
            for &bits in bits_pair {
                let with_bits = here
                    .series(self.measurements)
                    .filter(is_hard)
                    .filter(|s| s.bits_nominal.is_some_and(|b| (b - bits).abs() < 0.5));
                let arm = match best_by_validation(with_bits) {
                    Ok(Some(arm)) => arm,
                    Ok(None) => {
                        let role = role.name();
                        return missing(format!(
                            "a {role} arm of {bits} bits in {}",
                            here.describe()
                        ));
                    }
                    Err(what) => return missing(what),
                };
                match self.fit(&here, &arm, rule)? {
                    Ok(fitted) => hard.push(fitted),
                    Err(what) => return missing(what),
                }
            }
            for selector in smooth {
                let subject = &hard[hard.len() - 2].arm;
                let found = resolve(self.measurements, &here, selector, Some(subject));
                let fitted = match found {
                    Ok(arm) => self.fit(&here, &arm, rule)?,
                    Err(what) => Err(what),
                };
                match fitted {
                    Ok(fitted) => continuous.push(fitted),
                    Err(what) => return missing(what),
                }
            }
        }
        Ok(self.judge_knees(data, comparison, &hard, &continuous, *ratio))
    }

    fn judge_knees(
        &self,
        data: &Facets,
        comparison: String,
        hard: &[Fitted],
        smooth: &[Fitted],
        expected_ratio: f64,
    ) -> PartFinding {
        let (mut supports, mut contradicts) = (true, false);
        let mut sentences = Vec::new();
        let mut smallest_seeds = usize::MAX;
        for fitted in hard {
            let place = self.place(fitted, self.settings.level);
            let limit = fitted.bits / (fitted.charset as f64).log2();
            let knee = self.breaks(fitted);
            let within = place.is_some_and(|i| i.low <= limit);
            supports &= knee && within;
            let against = self.place(fitted, 1.0 - self.alpha_against);
            contradicts |= knee && against.is_some_and(|i| i.low > limit);
            smallest_seeds = smallest_seeds.min(fitted.seeds);
            let found = fitted.breakpoint.filter(|_| knee);
            sentences.push(found.map_or_else(
                || format!("{} shows no knee (p {})", fitted.name(), number(fitted.p)),
                |breakpoint| {
                    format!(
                        "{} breaks at {:.2} {} characters per token, its {:.1} bits hold {limit:.2}",
                        fitted.name(),
                        breakpoint,
                        interval(place),
                        fitted.bits,
                    )
                },
            ));
        }
        let mut first_ratio = None;
        for pair in hard.chunks(2) {
            let ratio = |level| self.ratio(&pair[0], &pair[1], level);
            let against = ratio(1.0 - self.alpha_against);
            if let Some((value, found)) = ratio(self.settings.level) {
                let holds = found.contains(expected_ratio) && found.low > 1.0;
                supports &= holds;
                // Where nothing breaks, the places of the best breaks say nothing.
                let both = pair.iter().all(|fitted| self.breaks(fitted));
                contradicts |= both && against.is_some_and(|(_, i)| !i.contains(expected_ratio));
                sentences.push(format!(
                    "ratio of the break-points over {} symbols {value:.2} {}, {expected_ratio} \
                     expected",
                    pair[0].charset,
                    interval(Some(found))
                ));
                first_ratio = first_ratio.or(Some((value, found)));
            } else {
                supports = false;
            }
        }
        for fitted in smooth {
            let knee = fitted.p <= self.settings.alpha;
            supports &= !knee;
            contradicts |= fitted.p <= self.alpha_against / smooth.len() as f64;
            let state = if knee { "a" } else { "no" };
            let p = number(fitted.p);
            sentences.push(format!("{} shows {state} knee (p {p})", fitted.name()));
        }
        let p = hard.iter().map(|fitted| fitted.p).fold(0.0, f64::max);
        let mut words = sentences.join("; ");
        words.push('.');
        if smallest_seeds < 2 {
            supports = false;
            contradicts = false;
            words.push_str(" 1 seed: break-points have no interval.");
        }
        let outcome = if contradicts {
            Outcome::Contradicts
        } else if supports {
            Outcome::Supports
        } else {
            Outcome::Open
        };
        let all = hard.iter().chain(smooth);
        PartFinding {
            comparison,
            outcome,
            effect: first_ratio.map(|(value, _)| value),
            p: Some(p),
            seeds: smallest_seeds,
            items: hard.iter().map(|fitted| fitted.items).min().unwrap_or(0),
            words,
            arms: all
                .map(|fitted| (data.study.clone(), fitted.arm.clone()))
                .collect(),
            ..PartFinding::open("", "")
        }
        .with_interval(first_ratio.map(|(_, found)| found))
    }

    /// Fits an arm; the inner `Err` says what is missing.
    fn fit(
        &self,
        data: &Facets,
        arm: &str,
        rule: &Knee,
    ) -> Result<Result<Fitted, String>, StatisticsError> {
        let mut series: Vec<&Series> = data
            .series(self.measurements)
            .filter(|series| series.arm == arm && series.density.is_some())
            .collect();
        series.sort_by(|a, b| {
            a.density
                .unwrap_or(0.0)
                .total_cmp(&b.density.unwrap_or(0.0))
        });
        let mut curves: BTreeMap<u64, Vec<DensityCounts>> = BTreeMap::new();
        for one in &series {
            for seed in &one.seeds {
                let sum = |count: fn(&probe_statistics::bootstrap::ItemOutcome) -> u32| -> u64 {
                    seed.items.iter().map(|item| u64::from(count(item))).sum()
                };
                curves.entry(seed.seed).or_default().push(DensityCounts {
                    density: one.density.unwrap_or(0.0),
                    errors: sum(|item| item.edits),
                    total: sum(|item| item.chars),
                });
            }
        }
        curves.retain(|_, curve| curve.len() == series.len());
        let mut curves: Vec<Vec<DensityCounts>> = curves.into_values().collect();
        if series.len() < FEWEST_DENSITIES || curves.is_empty() {
            return Ok(Err(format!(
                "{FEWEST_DENSITIES} densities of {arm} under the same seeds in {}",
                data.describe()
            )));
        }
        let charset = data.charset.unwrap_or(2);
        let model = KneeModel {
            ceiling: 1.0 - 1.0 / charset as f64,
            bend: match rule.bend {
                Bend::Upward => knee::Bend::Upward,
                Bend::Downward => knee::Bend::Downward,
                Bend::Either => knee::Bend::Either,
            },
        };
        let kept = rising_part(&curves, model, rule.saturation)?;
        curves.iter_mut().for_each(|curve| curve.truncate(kept));
        let monte_carlo = MonteCarlo {
            draws: self.settings.knee_draws(),
            ..self.monte_carlo()
        };
        let several = curves.len() > 1;
        let ((p, breakpoint), draws) = match rule.against {
            Against::Line => {
                let test = knee_test(&curves, model, monte_carlo)?;
                let draws = several.then(|| breakpoint_draws(&curves, model, monte_carlo));
                ((test.p, test.stick.map(|stick| stick.breakpoint)), draws)
            }
            Against::Saturating => {
                let ceiling = model.ceiling;
                let test = saturating_test(&curves, ceiling, monte_carlo)?;
                let draws =
                    several.then(|| saturating_breakpoint_draws(&curves, ceiling, monte_carlo));
                ((test.p, test.broken.map(|broken| broken.breakpoint)), draws)
            }
        };
        let draws = draws.transpose()?.unwrap_or_default();
        let bits = series.iter().filter_map(|s| s.bits_used.or(s.bits_nominal));
        Ok(Ok(Fitted {
            arm: arm.to_owned(),
            charset,
            bits: bits.fold(f64::NEG_INFINITY, f64::max),
            p,
            breakpoint,
            draws,
            seeds: curves.len(),
            items: series.iter().map(|s| s.seeds[0].items.len()).sum(),
        }))
    }

    /// Whether a break was shown, with a place.
    fn breaks(&self, fitted: &Fitted) -> bool {
        fitted.p <= self.settings.alpha && self.place(fitted, self.settings.level).is_some()
    }

    /// Interval of the break-point; none if a tenth of the draws or more had no break.
    fn place(&self, fitted: &Fitted, level: f64) -> Option<Interval> {
        percentiles(fitted.draws.iter().copied(), level)
    }

    fn ratio(&self, fewer: &Fitted, more: &Fitted, level: f64) -> Option<(f64, Interval)> {
        let value = more.breakpoint? / fewer.breakpoint?;
        let pairs = fewer.draws.iter().zip(&more.draws);
        let ratios = pairs.map(|(fewer, more)| Some((*more)? / (*fewer)?));
        Some((value, percentiles(ratios, level)?))
    }
}

fn percentiles(draws: impl Iterator<Item = Option<f64>>, level: f64) -> Option<Interval> {
    let all: Vec<Option<f64>> = draws.collect();
    let mut found: Vec<f64> = all.iter().flatten().copied().collect();
    if found.is_empty() || found.len() * 10 <= all.len() * 9 {
        return None;
    }
    found.sort_by(f64::total_cmp);
    Some(Interval::percentile(&found, level))
}

impl Fitted {
    fn name(&self) -> String {
        format!("{} over {} symbols", self.arm, self.charset)
    }
}
