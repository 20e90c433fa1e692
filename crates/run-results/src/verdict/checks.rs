//! Integrity checks: a run whose ceiling is not the best or whose floor reads something measures
//! something else than it says.

use super::Report;
use super::comparisons::text_kind;
use crate::comparison::{Comparison, Judgement, LEVEL, arm_of};
use crate::scored::{RANDOM, ScoredTest};
use crate::summary::SummaryRow;
use crate::trouble::TroubleKind;
use crate::wording;
use arms::{ArmKind, ArmSpec};
use claims::ceiling::{AgainstCeiling, TOLERANCE};
use html_report::{Gate, GateState};
use probe::EvaluationMode;
use probe_statistics::text_metrics::PositionAccuracy;

/// Standard deviations around chance within which a blind reader has to stay. Wide, because a
/// false alarm here would discredit a whole run: 4 are left once in 16,000 times.
const TOLERANCE_SD: f64 = 4.0;

/// What a check found.
enum Finding {
    Pass(String),
    Fail(String),
    NotChecked(String),
}

impl Finding {
    fn gate(self, check: &str) -> Gate {
        let (state, reason) = match self {
            Self::Pass(text) => (GateState::Passed, text),
            Self::Fail(text) => (GateState::Failed, text),
            Self::NotChecked(text) => (GateState::NotMeasured, text),
        };
        Gate {
            name: check.to_owned(),
            state,
            reason,
        }
    }
}

impl Report<'_> {
    pub(super) fn checks(&self) -> Vec<Gate> {
        let ceiling = "the ceiling, `identity`, reads at least as well as every arm";
        let floor = "the floor, `blind`, is at chance";
        vec![
            self.ceiling().gate(ceiling),
            self.floor().gate(floor),
            self.codebooks().gate("no codebook is dead"),
            self.losses().gate("no training loss explodes"),
        ]
    }

    /// An arm whose codebook is dead says nothing about discreteness.
    fn codebooks(&self) -> Finding {
        let dead = self.troubles(|kind| matches!(kind, TroubleKind::DeadCodebooks { .. }));
        if !dead.is_empty() {
            return Finding::Fail(format!(
                "{}. A codebook is dead if the entropy of its words is below 0.1 bits, as when 99 in \
                 100 tokens become one word: what such a cell loses, it loses to collapse and not to \
                 discreteness. It is in the means.",
                wording::listed(&dead)
            ));
        }
        let hard = self.hard_arms();
        let measured = hard.iter().filter(|arm| {
            let mut arms = self.summary.arms.iter();
            arms.any(|summary| summary.arm == **arm && summary.finished > 0)
        });
        match measured.count() {
            0 => Finding::NotChecked("no cell of an arm with hard words finished.".to_owned()),
            arms => Finding::Pass(format!(
                "in all seeds of {} with hard words, the words of every codebook have an entropy \
                 of 0.1 bits or more.",
                wording::counted(arms, "arm")
            )),
        }
    }

    /// Training that blows up without leaving the numbers is no better than one that ends in NaN.
    fn losses(&self) -> Finding {
        let exploded = self.troubles(|kind| matches!(kind, TroubleKind::ExplodedLoss { .. }));
        let explained = "more than twice the loss of guessing (for lines, twice the first loss)";
        if !exploded.is_empty() {
            Finding::Fail(format!(
                "{}, {explained}. These cells are in the means.",
                wording::listed(&exploded)
            ))
        } else if self.nothing_finished() {
            Finding::NotChecked("no cell finished.".to_owned())
        } else {
            Finding::Pass(format!("no finished cell ever had {explained}."))
        }
    }

    fn troubles(&self, wanted: impl Fn(&TroubleKind) -> bool) -> Vec<String> {
        let mut found = Vec::new();
        for arm in &self.summary.arms {
            let troubles = arm.troubles.iter();
            let troubles = troubles.filter(|trouble| wanted(&trouble.kind));
            found.extend(troubles.map(|trouble| trouble.told(arm.arm)));
        }
        found
    }

    /// No arm may be better than the untouched features: by the rule and the tolerance of the gate of
    /// a study, so that a run and its study do not contradict each other.
    fn ceiling(&self) -> Finding {
        let Some(identity) = arm_of(self.scored.config, ArmKind::Identity) else {
            return Finding::NotChecked("the run does not have `identity`.".to_owned());
        };
        let rows: Vec<(&SummaryRow, Comparison)> = self
            .summary
            .rows
            .iter()
            .filter_map(|row| Some((row, row.against_ceiling?)))
            .collect();
        if rows.is_empty() {
            return Finding::NotChecked(format!(
                "`{identity}` shares no finished seed with another arm."
            ));
        }
        let described = rows.into_iter().map(|(row, comparison)| {
            let group = &self.summary.groups[row.group];
            let text = format!(
                "`{}` reads {} ({}, {})",
                row.arm,
                wording::judged(&comparison),
                wording::density(group.density),
                text_kind(&group.condition)
            );
            (text, comparison)
        });
        against_ceiling(&described.collect::<Vec<_>>())
    }

    /// A reader that sees nothing gets `1 − 1/A` of uniformly random characters wrong, place by
    /// place. (Its CER lies lower: aligning two texts forgives shifts.)
    fn floor(&self) -> Finding {
        let Some(blind) = arm_of(self.scored.config, ArmKind::Blind) else {
            return Finding::NotChecked("the run does not have `blind`.".to_owned());
        };
        let mut at_chance = true;
        let mut found = Vec::new();
        for group in self.summary.groups_of(RANDOM) {
            let Some(level) = self.blind_level(blind, group) else {
                continue;
            };
            at_chance &= level.is_chance();
            let density = wording::density(self.summary.groups[group].density);
            found.push(format!(
                "{} at {density} (chance ± {})",
                wording::percent(level.error),
                wording::fixed(level.tolerance * 100.0, 1)
            ));
        }
        if found.is_empty() {
            return Finding::NotChecked(
                "no `blind` cell finished on random characters, the only text whose chance level \
                 is known."
                    .to_owned(),
            );
        }
        let chance = 1.0 - 1.0 / self.scored.config.data.charset.size() as f64;
        let text = format!(
            "character places read wrong: {}. Chance is {}, 1 − 1/A; ± is {TOLERANCE_SD} standard \
             deviations of guessing. The CER of `{blind}` may be lower, because the edit distance \
             forgives shifts.",
            wording::listed(&found),
            wording::percent(chance)
        );
        if at_chance {
            Finding::Pass(text)
        } else {
            Finding::Fail(text)
        }
    }

    fn blind_level(&self, blind: ArmSpec, group: usize) -> Option<BlindLevel> {
        let mode = EvaluationMode::Deterministic;
        let tests: Vec<&ScoredTest<'_>> = self
            .scored
            .tests_of(blind, group, mode)
            .map(|(_, test)| test)
            .collect();
        let mut positions = PositionAccuracy::default();
        for test in &tests {
            positions.merge(&test.positions());
        }
        let error = 1.0 - positions.mean()?;
        let right = 1.0 / self.scored.config.data.charset.size() as f64;
        // Seeds share their images and may guess alike, so they count as one.
        let places = tests.first()?.scores.reference_chars as f64;
        Some(BlindLevel {
            error,
            chance: 1.0 - right,
            tolerance: TOLERANCE_SD * (right * (1.0 - right) / places).sqrt(),
            fixed_length: self.scored.run.test_sets[group].density.is_some(),
        })
    }
}

/// What comparisons with the ceiling say together; each has its words.
fn against_ceiling(comparisons: &[(String, Comparison)]) -> Finding {
    // One of a hundred single intervals excludes 0 by chance; a gate has to hold for all.
    let beyond = |tolerance: f64| -> Vec<String> {
        let better = comparisons.iter().filter(|(_, comparison)| {
            comparison.interval.is_some_and(|interval| {
                let against = AgainstCeiling {
                    difference: comparison.difference,
                    interval,
                };
                against.is_better(comparisons.len(), LEVEL, tolerance)
            })
        });
        better.map(|(words, _)| words.clone()).collect()
    };
    let alone = comparisons.iter().filter(|(_, comparison)| {
        comparison.interval.is_some() && comparison.judgement() == Judgement::Lower
    });
    let alone = alone.count();
    let made = wording::counted(comparisons.len(), "comparison");
    let remark = format!(
        "Taken one by one, without correction, {alone} of {made} (arm × test group) favour \
         the arm. A probe of limited capacity can gain from the layers of a projector, so \
         small ones need not be an error, and behind a tower that was not taught to read large ones \
         need not be one. Arms that read beyond their block are left out."
    );
    let limit = format!("{} points", wording::fixed(100.0 * TOLERANCE, 1));
    let (better, tolerated) = (beyond(TOLERANCE), beyond(0.0));
    if !better.is_empty() {
        Finding::Fail(format!(
            "by more than {limit}, beyond intervals that hold for all comparisons at once: {}. \
             {remark}",
            wording::listed(&better)
        ))
    } else if !tolerated.is_empty() {
        Finding::Pass(format!(
            "no arm reads better by more than {limit}, which is tolerated, beyond intervals that hold \
             for all comparisons at once; by less: {}. {remark}",
            wording::listed(&tolerated)
        ))
    } else {
        Finding::Pass(format!(
            "no arm reads better beyond intervals that hold for all comparisons at once. {remark}"
        ))
    }
}

/// Errors per character place of the blind arm.
struct BlindLevel {
    error: f64,
    chance: f64,
    tolerance: f64,
    fixed_length: bool,
}

impl BlindLevel {
    /// Lines of free length can be read worse than chance, by leaving them empty.
    fn is_chance(&self) -> bool {
        let above = self.error - self.chance;
        above >= -self.tolerance && (above <= self.tolerance || !self.fixed_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe_statistics::bootstrap::Interval;

    fn compared(arm: &str, difference: f64, half_width: f64) -> (String, Comparison) {
        let comparison = Comparison {
            reference: "identity".parse().unwrap(),
            seeds: 8,
            difference,
            interval: Some(Interval {
                low: difference - half_width,
                high: difference + half_width,
            }),
            p: 0.008,
            smallest_p: 0.008,
        };
        (format!("`{arm}`"), comparison)
    }

    fn finding(comparisons: &[(String, Comparison)]) -> (bool, String) {
        match against_ceiling(comparisons) {
            Finding::Pass(words) => (true, words),
            Finding::Fail(words) => (false, words),
            Finding::NotChecked(words) => panic!("{words}"),
        }
    }

    /// `gates.csv` of a study and `verdict.md` of its run once said different things of such an arm.
    #[test]
    fn a_small_certain_gain_is_tolerated_as_in_the_gate_of_a_study() {
        let small = compared("vet-softmax@1028", -0.003, 0.0015);
        let (passed, words) = finding(std::slice::from_ref(&small));
        assert!(passed, "{words}");
        let expected = "by more than 0.5 points, which is tolerated, beyond";
        assert!(words.contains(expected), "{words}");
        assert!(words.contains("by less: `vet-softmax@1028`"), "{words}");
        assert!(words.contains("1 of 1 comparison "), "{words}");

        let large = compared("linear", -0.02, 0.005);
        let (passed, words) = finding(&[small, large]);
        assert!(!passed && words.contains("at once: `linear`."), "{words}");
    }

    #[test]
    fn an_uncertain_gain_is_not_named() {
        let (passed, words) = finding(&[compared("linear", -0.02, 0.025)]);
        assert!(passed, "{words}");
        let expected =
            "no arm reads better beyond intervals that hold for all comparisons at once.";
        assert!(words.starts_with(expected), "{words}");
        assert!(!words.contains("`linear`"), "{words}");
    }
}
