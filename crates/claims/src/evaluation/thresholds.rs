//! Thresholds of fine-grained tasks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{BootstrapPlan, Interval};
use probe_statistics::psychometric::{
    PsychometricModel, SeedTrials, ThresholdDraws, ThresholdEstimate, ThresholdPlan, Trial,
};

use super::wording::{interval, number};
use super::{Evaluator, in_study};
use crate::finding::PartFinding;
use crate::measurements::{Cell, Series};
use crate::registration::{Facets, ThresholdRatio};
use crate::selection::Paired;

/// Fewest levels of a stimulus that a function is fitted to.
const FEWEST_LEVELS: usize = 3;

/// The fits of every arm so far, by arm, test sets, seeds and plan.
#[derive(Debug, Default)]
pub(super) struct ThresholdCache(RefCell<BTreeMap<Key, Rc<ThresholdDraws>>>);

type Key = (String, Vec<Cell>, Vec<u64>, String);

/// Share of right answers at a threshold, and the largest share of slips.
#[derive(Debug, Clone, Copy)]
struct Asked {
    proportion: f64,
    largest_lapse: f64,
}

impl Evaluator<'_> {
    /// The threshold of an arm over all its seeds: the level of the stimulus at which the share
    /// `proportion` of its answers is right, with at most `largest_lapse` slips. `None` without
    /// answers at three levels.
    ///
    /// # Errors
    /// If the answers cannot be fitted.
    pub fn threshold(
        &self,
        data: &Facets,
        arm: &str,
        proportion: f64,
        largest_lapse: f64,
    ) -> Result<Option<ThresholdEstimate>, StatisticsError> {
        let Ok(paired) = self.pair(data, &[arm.to_owned()], None) else {
            return Ok(None);
        };
        let asked = Asked {
            proportion,
            largest_lapse,
        };
        let found = self.threshold_draws(data, arm, &paired, asked)?;
        Ok(found.map(|found| found.estimate()))
    }

    /// The fits of an arm on the test sets and seeds of `paired`; `None` where these are too few
    /// levels of a stimulus.
    fn threshold_draws(
        &self,
        data: &Facets,
        arm: &str,
        paired: &Paired,
        asked: Asked,
    ) -> Result<Option<Rc<ThresholdDraws>>, StatisticsError> {
        let mut levels: Vec<(Cell, f64, &Series)> = data
            .series(self.measurements)
            .filter(|series| series.arm == arm)
            .filter_map(|series| Some((series.cell(), series.stimulus?, series)))
            .filter(|(cell, ..)| paired.cells.contains(cell))
            .collect();
        levels.sort_by(|a, b| a.0.cmp(&b.0));
        if levels.len() < FEWEST_LEVELS {
            return Ok(None);
        }
        let answers = levels[0].2.charset.max(2);
        let plan = ThresholdPlan {
            model: PsychometricModel {
                guess: 1.0 / answers as f64,
                largest_lapse: asked.largest_lapse,
            },
            proportion: asked.proportion,
            bootstrap: BootstrapPlan {
                unit: paired.unit(self.settings.fewest_clusters),
                draws: self.settings.threshold_draws(),
                level: self.settings.level,
                seed: self.settings.seed,
            },
        };
        let cells = levels.iter().map(|(cell, ..)| cell.clone()).collect();
        let key = (
            arm.to_owned(),
            cells,
            paired.seeds.clone(),
            format!("{plan:?}"),
        );
        if let Some(known) = self.thresholds.0.borrow().get(&key) {
            return Ok(Some(Rc::clone(known)));
        }
        let of_seed = |&seed: &u64| SeedTrials {
            seed,
            trials: levels
                .iter()
                .flat_map(|(_, level, series)| {
                    let runs = series.seeds.iter().filter(|run| run.seed == seed);
                    runs.flat_map(|run| {
                        run.items.iter().map(|item| Trial {
                            level: *level,
                            cluster: item.cluster,
                            correct: item.edits == 0,
                        })
                    })
                })
                .collect(),
        };
        let trials: Vec<SeedTrials> = paired.seeds.iter().map(of_seed).collect();
        let fitted = Rc::new(ThresholdDraws::of(&trials, &plan)?);
        let mut known = self.thresholds.0.borrow_mut();
        known.insert(key, Rc::clone(&fitted));
        Ok(Some(fitted))
    }

    pub(super) fn threshold_ratio(
        &self,
        rule: &ThresholdRatio,
    ) -> Result<PartFinding, StatisticsError> {
        let ThresholdRatio {
            data,
            subject,
            reference,
            proportion,
            largest_lapse,
            sides,
        } = rule;
        let planned = format!(
            "threshold of {} over that of {}",
            subject.describe(),
            reference.describe()
        );
        let (arms, paired) = match self.resolve_paired(data, subject, &[reference]) {
            Ok(found) => found,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let asked = Asked {
            proportion: *proportion,
            largest_lapse: *largest_lapse,
        };
        let fitted = |arm: &str| self.threshold_draws(data, arm, &paired, asked);
        let (Some(left), Some(right)) = (fitted(&arms[0])?, fitted(&arms[1])?) else {
            let what = format!(
                "three stimulus levels of {} in {}",
                arms.join(" and "),
                data.describe()
            );
            return Ok(PartFinding::missing(planned, what));
        };
        let base = PartFinding {
            comparison: format!("threshold of {} over that of {}", arms[0], arms[1]),
            seeds: paired.seeds.len(),
            items: paired.items,
            arms: in_study(data, &arms),
            ..PartFinding::open("", "")
        };
        let found = match left.ratio(&right) {
            Ok(found) => found,
            // Never seeing the stimulus is a result, not a mistake in the data.
            Err(StatisticsError::NoThreshold { .. }) => {
                return Ok(PartFinding {
                    words: format!(
                        "{} or {} never gives {proportion} of the answers right: there is no \
                         threshold to compare; add easier levels.",
                        arms[0], arms[1]
                    ),
                    ..base
                });
            }
            Err(error) => return Err(error),
        };
        if found.extrapolated {
            return Ok(PartFinding {
                words: format!(
                    "The threshold of {} or {} lies outside the levels tested; add easier or harder \
                     ones.",
                    arms[0], arms[1]
                ),
                ..base
            });
        }
        let logs: Option<Vec<f64>> = found.seed_log_ratios.iter().copied().collect();
        let Some(logs) = logs else {
            return Ok(PartFinding {
                effect: Some(found.ratio),
                words: format!(
                    "The ratio of the thresholds is {:.2} {}, but some seeds have none.",
                    found.ratio,
                    interval(found.interval)
                ),
                ..base
            }
            .with_interval(found.interval));
        };
        let log_interval = found.interval.map(|i| Interval {
            low: i.low.ln(),
            high: i.high.ln(),
        });
        let tested = self.tested(found.ratio.ln(), logs, log_interval, *sides)?;
        Ok(PartFinding {
            outcome: tested.outcome(self),
            effect: Some(found.ratio),
            p: Some(tested.p),
            smallest_p: Some(tested.smallest_p),
            words: format!(
                "{}: the threshold of {} is {:.2} {} times that of {}, p {}.{}",
                ::wording::capital(&data.describe()),
                arms[0],
                found.ratio,
                interval(found.interval),
                arms[1],
                number(tested.p),
                tested.seeds_reason(self),
            ),
            ..base
        }
        .with_interval(found.interval))
    }
}
