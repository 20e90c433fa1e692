//! Error rate by arm and by density.

use super::{Reason, View, family, figure_arm, scale_of, validation_cer};
use crate::comparison::arm_of;
use crate::wording;
use arms::{ArmKind, ArmSpec};
use figures::{
    Bound, Capacity, CerByArm, CerByDensity, CerCell, DensityLine, DensityPanel, DensityPoint,
    Estimate, Family, LiveCodes, Reference,
};
use probe_statistics::capacity::fano_error_bound;

/// Lines beyond which only the best hard arms are drawn.
const MOST_LINES: usize = 10;
/// Points of a bound's curve.
const BOUND_STEPS: u32 = 60;

impl View<'_> {
    pub(super) fn cer_by_arm(&self) -> Result<CerByArm, Reason> {
        let arms = &self.scored.config.arms;
        self.require_results()?;
        let panel = |&group: &usize| DensityPanel {
            density: self.density(group),
            cells: arms.iter().map(|&arm| self.cell(arm, group)).collect(),
            references: self.references(group),
        };
        let hard = arms.iter().any(|arm| self.scored.has_words(*arm));
        let codes = if hard {
            "; codes used: mean over seeds, of the words of the table"
        } else {
            ""
        };
        Ok(CerByArm {
            title: format!("Character error rate by projector, {}", self.text_kind()),
            subtitle: format!("{}; {}{codes}", self.sizes(), self.whiskers()),
            scale: scale_of(self.means()),
            arms: arms
                .iter()
                .map(|&arm| figure_arm(self.scored, arm))
                .collect(),
            panels: self.groups.iter().map(panel).collect(),
        })
    }

    pub(super) fn cer_by_density(&self) -> Result<CerByDensity, Reason> {
        self.require_results()?;
        if self.groups.len() < 2 {
            return Err("the run has one density, and cer_by_arm shows it");
        }
        let (arms, choice) = self.drawn_arms();
        let line = |&arm: &ArmSpec| DensityLine {
            arm: figure_arm(self.scored, arm),
            points: self
                .groups
                .iter()
                .map(|&group| DensityPoint {
                    density: self.density(group),
                    cer: self.estimate(arm, group),
                })
                .collect(),
        };
        let words = self.hard_words();
        let mut subtitle = format!("{}; {}{choice}", self.sizes(), self.whiskers());
        if !words.is_empty() {
            subtitle.push_str("; K counts visual words, without indicator rows");
        }
        let bounds: Vec<Bound> = if self.is_random() {
            words
                .iter()
                .filter_map(|&words| self.bound(words))
                .collect()
        } else {
            Vec::new()
        };
        if !bounds.is_empty() {
            subtitle.push_str(
                ". Fano's bound is on errors per character place; the edit distance may fall \
                 slightly below it",
            );
        }
        // A word holds as many characters only where each has all the bits of the alphabet.
        let holding = words.iter().filter(|_| self.is_random());
        let capacities = holding.map(|&words| Capacity {
            words: words as u64,
            alphabet: self.alphabet() as u64,
        });
        Ok(CerByDensity {
            title: format!("Error rate by text density, {}", self.text_kind()),
            subtitle,
            scale: scale_of(self.means()),
            lines: arms.iter().map(line).collect(),
            capacities: capacities.collect(),
            bounds,
        })
    }

    fn require_results(&self) -> Result<(), Reason> {
        if self.groups.is_empty() {
            return Err("there are no test images");
        }
        if self.means().next().is_none() {
            return Err("no cell finished");
        }
        Ok(())
    }

    fn means(&self) -> impl Iterator<Item = f64> {
        let groups = self.groups.iter();
        groups.flat_map(move |&group| {
            let arms = self.scored.config.arms.iter();
            arms.filter_map(move |&arm| Some(self.summary.cer(arm, group)?.value?.mean))
        })
    }

    /// The error rate of an arm, or failed.
    pub(super) fn estimate(&self, arm: ArmSpec, group: usize) -> Estimate {
        self.summary.error(arm, group)
    }

    fn cell(&self, arm: ArmSpec, group: usize) -> CerCell {
        let usage = self.summary.cer(arm, group).and_then(|row| row.usage);
        CerCell {
            cer: self.estimate(arm, group),
            // A mixture has no code that anything reads.
            codes: usage.filter(|_| arm.kind.is_hard()).map(|usage| LiveCodes {
                used: usage.codes_used.round() as u64,
                total: usage.words as u64,
            }),
        }
    }

    /// PatchMerger's level, and chance where characters are uniform.
    pub(super) fn references(&self, group: usize) -> Vec<Reference> {
        let mut references = Vec::new();
        if let Some(merger) = arm_of(self.scored.config, ArmKind::PatchMerger) {
            references.push(Reference {
                label: format!("{merger} (reference)"),
                family: family(merger.kind),
                cer: self.estimate(merger, group).mean,
            });
        }
        if self.is_random() {
            let chance = 1.0 - 1.0 / self.alphabet() as f64;
            references.push(Reference {
                label: format!("chance per character: {}", wording::percent(chance)),
                family: Family::Blind,
                cer: chance,
            });
        }
        references
    }

    /// All arms, or, where they are many, the continuous and soft ones and the best hard arms;
    /// and how they were chosen.
    fn drawn_arms(&self) -> (Vec<ArmSpec>, &'static str) {
        let arms = &self.scored.config.arms;
        if arms.len() <= MOST_LINES {
            return (arms.clone(), "");
        }
        let best = |arm: &ArmSpec| {
            let rivals = arms.iter().filter(|other| {
                other.kind.is_hard()
                    && (other.vocabulary, other.usage, other.codes())
                        == (arm.vocabulary, arm.usage, arm.codes())
            });
            let scored =
                rivals.filter_map(|other| Some((*other, validation_cer(self.scored, *other)?)));
            scored
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .map(|(arm, _)| arm)
        };
        let drawn = arms
            .iter()
            .filter(|arm| !arm.kind.is_hard() || best(arm) == Some(**arm));
        let choice = "; of the hard arms only the best plain and the best +usage one of each K, \
                      by validation error (all are in cer_by_arm)";
        (drawn.copied().collect(), choice)
    }

    /// Sizes of the hard arms' vocabularies, without indicator rows, rising; for tokens of several
    /// codes, all their combinations, where those can be counted.
    fn hard_words(&self) -> Vec<usize> {
        let hard = self
            .scored
            .config
            .arms
            .iter()
            .filter(|arm| arm.kind.is_hard());
        let mut words: Vec<usize> = hard.filter_map(|arm| arm.distinct_tokens()).collect();
        words.retain(|&words| words >= 2);
        words.sort_unstable();
        words.dedup();
        words
    }

    fn bound(&self, words: usize) -> Option<Bound> {
        let densities = self.groups.iter().map(|&group| self.density(group));
        let (low, high) = densities.fold((f64::INFINITY, 0.0_f64), |(low, high), density| {
            (low.min(density), high.max(density))
        });
        // A single density still gets a piece of curve.
        let (low, high) = (low / 1.2, high * 1.2);
        let points: Vec<(f64, f64)> = (0..=BOUND_STEPS)
            .filter_map(|step| {
                let share = f64::from(step) / f64::from(BOUND_STEPS);
                let density = low * (high / low).powf(share);
                let bound = fano_error_bound((words as f64).log2(), density, self.alphabet());
                Some((density, bound.ok()?))
            })
            .collect();
        points.iter().any(|point| point.1 > 0.0).then(|| Bound {
            label: format!("lower bound (Fano), K = {words}"),
            points,
        })
    }
}
