//! Thresholds of fine-grained tasks.

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::Interval;
use probe_statistics::psychometric::{
    PsychometricModel, SeedTrials, ThresholdPlan, Trial, threshold_ratio,
};

use super::wording::{interval, number};
use super::{Context, in_study};
use crate::finding::PartFinding;
use crate::measurements::Series;
use crate::registration::ThresholdRatio;

/// Psychometric functions are fitted anew in every draw, so there are fewer draws than elsewhere.
const MOST_DRAWS: usize = 2000;

impl Context<'_> {
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
        // Pairing finds what both arms have; the levels come back from the series themselves.
        let (arms, paired) = match self.resolve_paired(data, subject, &[reference]) {
            Ok(found) => found,
            Err(what) => return Ok(PartFinding::missing(planned, what)),
        };
        let cells = |arm: &str| {
            let mut found: Vec<&Series> = data
                .series(self.measurements)
                .filter(|s| s.arm == arm && s.stimulus.is_some())
                .collect();
            found.sort_by_key(|series| series.cell());
            found
        };
        let (left, right) = (cells(&arms[0]), cells(&arms[1]));
        let shared = |own: &[&'_ Series], other: &[&'_ Series]| -> Vec<usize> {
            (0..own.len())
                .filter(|&i| other.iter().any(|series| series.cell() == own[i].cell()))
                .collect()
        };
        let levels = shared(&left, &right);
        if levels.len() < 3 {
            let what = format!(
                "three stimulus levels of {} in {}",
                arms.join(" and "),
                data.describe()
            );
            return Ok(PartFinding::missing(planned, what));
        }
        let trials = |series: &[&Series], chosen: &[usize]| -> Vec<SeedTrials> {
            let of_seed = |&seed: &u64| SeedTrials {
                seed,
                trials: chosen
                    .iter()
                    .flat_map(|&index| {
                        let one = series[index];
                        let runs = one.seeds.iter().filter(move |run| run.seed == seed);
                        runs.flat_map(move |run| {
                            run.items.iter().map(move |item| Trial {
                                level: one.stimulus.unwrap_or(f64::NAN),
                                cluster: item.cluster,
                                correct: item.edits == 0,
                            })
                        })
                    })
                    .collect(),
            };
            paired.seeds.iter().map(of_seed).collect()
        };
        let answers = left[levels[0]].charset.max(2);
        let plan = ThresholdPlan {
            model: PsychometricModel {
                guess: 1.0 / answers as f64,
                largest_lapse: *largest_lapse,
            },
            proportion: *proportion,
            unit: paired.unit(self.settings.fewest_clusters),
            draws: self.settings.draws.min(MOST_DRAWS),
            level: self.settings.level,
            seed: self.settings.seed,
        };
        let base = PartFinding {
            comparison: format!("threshold of {} over that of {}", arms[0], arms[1]),
            seeds: paired.seeds.len(),
            items: paired.items,
            arms: in_study(data, &arms),
            ..PartFinding::open("", "")
        };
        let right_levels = shared(&right, &left);
        let found = threshold_ratio(
            &trials(&left, &levels),
            &trials(&right, &right_levels),
            &plan,
        );
        let found = match found {
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
                super::differences::capital(&data.describe()),
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
