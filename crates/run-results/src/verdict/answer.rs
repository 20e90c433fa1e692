//! The answer: one paragraph with the numbers, and the same numbers to remember.

use super::comparisons::{HARD, Pick, SOFT, text_kind};
use super::{Report, code};
use crate::comparison::{Comparison, arm_of};
use crate::wording;
use arms::{ArmKind, ArmSpec};
use html_report::KeyNumber;

/// The arm of a class that reads best at one density.
struct Best {
    arm: ArmSpec,
    density: f64,
    comparison: Comparison,
    /// Its error rate and the reference's.
    rates: [String; 2],
}

impl Report<'_> {
    /// What has to be said about data sets first, then the paragraph with the numbers and what the number
    /// of seeds can carry. From images that are beyond the reader follows nothing.
    pub(super) fn answer(&self) -> Vec<String> {
        let mut answer = self.summary.openings();
        if self.nothing_finished() {
            let lead = "No cell finished, so there is no answer. The failed cells are below.";
            answer.push(lead.to_owned());
        } else if self.concludes() {
            answer.push(self.lead());
        }
        answer.push(self.standing());
        answer
    }

    /// The differences in the answer, one by one.
    pub(super) fn key_numbers(&self) -> Vec<KeyNumber> {
        let classes = [
            ("hard words", self.untaught_hard_arms()),
            ("soft words", self.soft_arms()),
        ];
        let concludes = self.concludes();
        let classes = classes.iter().filter(|_| concludes);
        let classes = classes.flat_map(|(name, arms)| {
            let best = self.best_by_density(arms).into_iter();
            best.map(move |best| KeyNumber {
                label: format!(
                    "{name} minus {}, {}",
                    code(best.comparison.reference),
                    wording::density(best.density)
                ),
                value: wording::points(&best.comparison),
                note: format!(
                    "{}{}: {} against {}",
                    wording::interval_in_note(best.comparison.difference, best.comparison.interval),
                    code(best.arm),
                    best.rates[0],
                    best.rates[1]
                ),
            })
        });
        self.words_in_short().into_iter().chain(classes).collect()
    }

    fn lead(&self) -> String {
        let classes = [(HARD, self.untaught_hard_arms()), (SOFT, self.soft_arms())];
        let classes: Vec<_> = classes
            .into_iter()
            .filter(|(_, arms)| !arms.is_empty())
            .collect();
        if classes.is_empty() {
            return "The run has no arm with a visual vocabulary.".to_owned();
        }
        let sentences = classes.into_iter().map(|(name, arms)| {
            let best = self.best_by_density(&arms);
            let Some(first) = best.first() else {
                return format!("{name}: there is nothing to compare with.");
            };
            let reference = code(first.comparison.reference);
            let choice = if arms.len() == 1 {
                "one arm".to_owned()
            } else {
                let arms = arms.len();
                format!("the best of {arms} arms at each density (picked on the same images)")
            };
            let parts: Vec<String> = best.iter().map(part).collect();
            format!(
                "{name}, {choice}, against {reference}: {}.",
                parts.join("; ")
            )
        });
        let sentences: Vec<String> = sentences.collect();
        format!(
            "Differences in character error rate (CER) on {}, with 95% intervals. {}",
            text_kind(self.primary().0),
            sentences.join(" ")
        )
    }

    /// The arm that loses least against `patch-merger`, or without one against the MLP of its
    /// width, at every density of the primary kind of text at which there is one.
    fn best_by_density(&self, arms: &[ArmSpec]) -> Vec<Best> {
        let has_merger = arm_of(self.scored.config, ArmKind::PatchMerger).is_some();
        let against: Pick = if has_merger {
            |row| row.against_merger
        } else {
            |row| row.against_matched
        };
        let (_, groups) = self.primary();
        let best = groups.into_iter().filter_map(|group| {
            let rows = arms.iter().filter_map(|&arm| self.summary.cer(arm, group));
            let compared = rows.filter_map(|row| Some((row, against(row)?)));
            let (row, comparison) =
                compared.min_by(|a, b| a.1.difference.total_cmp(&b.1.difference))?;
            let reference = self.summary.cer(comparison.reference, group)?;
            Some(Best {
                arm: row.arm,
                density: self.summary.groups[group].density,
                comparison,
                rates: [
                    wording::percent(row.value?.mean),
                    wording::percent(reference.value?.mean),
                ],
            })
        });
        best.collect()
    }
}

/// One density in the answer.
fn part(best: &Best) -> String {
    format!(
        "at {} {} ({}, {} against {})",
        wording::density(best.density),
        wording::judged(&best.comparison),
        code(best.arm),
        best.rates[0],
        best.rates[1]
    )
}
