//! Comparisons: how much every arm loses against the reference arms.

use super::{Page, Report, code};
use crate::comparison::{ALPHA, Comparison, Judgement, arm_of, matched_mlp};
use crate::scored::RANDOM;
use crate::summary::SummaryRow;
use crate::wording;
use arms::{ArmKind, ArmSpec};
use probe::EvaluationMode;
use probe_statistics::bootstrap::Measure;
use probe_statistics::sign_flip::{Alternative, smallest_p};

/// Arms that pass one row of the table on.
pub(super) const HARD: &str = "Hard visual words (one table row per token)";
/// Arms that mix rows.
pub(super) const SOFT: &str = "Soft VET (softmax mixture of rows, as released)";

pub(super) type Pick = fn(&SummaryRow) -> Option<Comparison>;

impl Report<'_> {
    pub(super) fn comparisons(&self, page: &mut Page) {
        if self.nothing_finished() {
            page.paragraph("No cell finished.");
            return;
        }
        let (condition, groups) = self.primary();
        // From images that are beyond the reader follows nothing about classes of arms.
        let (hard, soft) = match self.concludes() {
            true => (self.untaught_hard_arms(), self.soft_arms()),
            false => (Vec::new(), Vec::new()),
        };
        let has_merger = arm_of(self.scored.config, ArmKind::PatchMerger).is_some();
        let has_mlp = |arms: &[ArmSpec]| {
            arms.iter()
                .any(|&arm| matched_mlp(self.scored.config, arm).is_some())
        };
        for (name, arms) in [(HARD, &hard), (SOFT, &soft)] {
            if arms.is_empty() {
                continue;
            }
            if has_merger {
                let against: Pick = |row| row.against_merger;
                self.headline(
                    page,
                    &format!("{name} against `patch-merger`"),
                    arms,
                    &groups,
                    against,
                );
            }
            if has_mlp(arms) {
                let against: Pick = |row| row.against_matched;
                let title = format!("{name} against the MLP of the same width");
                self.headline(page, &title, arms, &groups, against);
            }
        }
        if !has_merger {
            page.paragraph("Nothing is compared with `patch-merger`: the run does not have it.");
        }
        page.paragraph(&format!(
            "All arms on {}, read without noise. Brackets are 95% intervals; differences are in \
             points of CER.",
            text_kind(condition)
        ));
        for &group in &groups {
            self.comparison_table(page, group);
        }
        self.on_the_way(page);
    }

    /// What the number of seeds can carry.
    pub(super) fn standing(&self) -> String {
        let n = self.scored.config.seeds.len();
        let seeds = wording::counted(n, "paired seed");
        let smallest = smallest_p(n, Alternative::TwoSided);
        if self.exploratory() {
            format!(
                "**Exploratory.** With {seeds} no two-sided sign-flip p can be below {smallest}, \
                 which is above {ALPHA}. The intervals describe this run; they carry no claim."
            )
        } else {
            format!(
                "With {seeds} the two-sided sign-flip p can be as small as {smallest}, so the \
                 seeds can carry a claim. A difference counts as resolved if its 95% interval \
                 excludes 0 and its exact sign-flip p is at most {ALPHA}; p-values are not \
                 corrected for the number of comparisons."
            )
        }
    }

    /// Whether the run has too few seeds for any claim.
    fn exploratory(&self) -> bool {
        smallest_p(self.scored.config.seeds.len(), Alternative::TwoSided) > ALPHA
    }

    /// One sentence on a class of arms and one line per density.
    fn headline(
        &self,
        page: &mut Page,
        title: &str,
        arms: &[ArmSpec],
        groups: &[usize],
        pick: Pick,
    ) {
        let of_group = |group: usize| -> Vec<(ArmSpec, Comparison)> {
            let rows = arms.iter().filter_map(|&arm| self.summary.cer(arm, group));
            rows.filter_map(|row| Some((row.arm, pick(row)?))).collect()
        };
        let all: Vec<_> = groups.iter().flat_map(|&group| of_group(group)).collect();
        if all.is_empty() {
            page.paragraph(&format!("{title}: no seed finished in both."));
            return;
        }
        page.paragraph(&format!("{title}: {}.", tally(&all)));
        let lines = groups.iter().map(|&group| (group, of_group(group)));
        let lines: Vec<String> = lines
            .filter(|(_, found)| !found.is_empty())
            .map(|(group, found)| {
                let density = wording::density(self.summary.groups[group].density);
                format!("{density}: {}", extremes(&found))
            })
            .collect();
        page.bullets(&lines);
    }

    /// Every arm on one group.
    pub(super) fn comparison_table(&self, page: &mut Page, group: usize) {
        let info = &self.summary.groups[group];
        page.heading(&format!(
            "{}{}",
            wording::density(info.density),
            if info.condition == RANDOM {
                String::new()
            } else {
                format!(", {}", text_kind(&info.condition))
            }
        ));
        let rows: Vec<Vec<String>> = self
            .arms()
            .iter()
            .filter_map(|&arm| self.summary.cer(arm, group))
            .map(|row| {
                vec![
                    code(row.arm),
                    wording::value(row.value),
                    self.against(row, row.against_merger),
                    self.against(row, row.against_matched),
                ]
            })
            .collect();
        let header = [
            "arm",
            "CER [95%]",
            "against `patch-merger`",
            "against the MLP of its width",
        ];
        page.table(&header, rows);
    }

    fn against(&self, row: &SummaryRow, comparison: Option<Comparison>) -> String {
        let Some(comparison) = comparison else {
            let finished = row.value.is_some();
            return if finished { "–" } else { "failed" }.to_owned();
        };
        let mut text = match self.summary.allows_conclusions(row.group) {
            true => wording::judged(&comparison),
            false => wording::difference(&comparison),
        };
        if comparison.seeds < self.scored.config.seeds.len() {
            let seeds = wording::counted(comparison.seeds, "shared seed");
            text.push_str(&format!("; {seeds}"));
            if comparison.smallest_p > ALPHA && !self.exploratory() {
                text.push_str(", exploratory");
            }
        }
        text
    }

    /// The other kinds of text.
    pub(super) fn other_texts(&self, page: &mut Page) {
        let others: Vec<&String> = self.summary.conditions.iter().skip(1).collect();
        if others.is_empty() || self.nothing_finished() {
            return;
        }
        page.section("Other kinds of text");
        for condition in others {
            for group in self.summary.groups_of(condition) {
                self.comparison_table(page, group);
            }
        }
    }

    /// Arms that were also evaluated as the reference implementations do.
    pub(super) fn noise(&self, page: &mut Page) {
        let (_, groups) = self.primary();
        let sampled = self.summary.rows.iter().filter(|row| {
            row.mode == EvaluationMode::Sampled
                && row.measure == Measure::CharacterErrorRate
                && groups.contains(&row.group)
        });
        let rows: Vec<Vec<String>> = sampled
            .map(|row| {
                let group = &self.summary.groups[row.group];
                let without = self.summary.cer(row.arm, row.group);
                vec![
                    code(row.arm),
                    wording::rounded(group.density).to_string(),
                    wording::value(without.and_then(|row| row.value)),
                    wording::value(row.value),
                ]
            })
            .collect();
        if rows.is_empty() {
            return;
        }
        page.section("With sampled words");
        page.paragraph(
            "The reference implementations keep the Gumbel noise when they evaluate. Everything \
             else on this page is read without it.",
        );
        let header = [
            "arm",
            "characters per token",
            "CER without noise",
            "CER with noise",
        ];
        page.table(&header, rows);
    }
}

/// How often worse, better, neither.
fn tally(found: &[(ArmSpec, Comparison)]) -> String {
    let count = |judgement: Judgement| {
        let found = found.iter();
        found.filter(|(_, c)| c.judgement() == judgement).count()
    };
    let [worse, better, unresolved] =
        [Judgement::Higher, Judgement::Lower, Judgement::Unresolved].map(count);
    let of = found.len();
    if of == 1 {
        return wording::judged(&found[0].1);
    }
    format!(
        "worse in {worse} of {of} comparisons (arm × density), better in {better}, no difference \
         resolved in {unresolved}"
    )
}

/// The smallest and the largest difference.
fn extremes(found: &[(ArmSpec, Comparison)]) -> String {
    let by_difference = |a: &&(ArmSpec, Comparison), b: &&(ArmSpec, Comparison)| {
        a.1.difference.total_cmp(&b.1.difference)
    };
    let one = |(arm, comparison): &(ArmSpec, Comparison)| {
        format!("{} {}", code(*arm), wording::judged(comparison))
    };
    let (low, high) = (
        found.iter().min_by(by_difference),
        found.iter().max_by(by_difference),
    );
    match (low, high) {
        (Some(low), Some(high)) if found.len() > 1 => {
            format!("at best {}; at worst {}", one(low), one(high))
        }
        (Some(only), _) => one(only),
        _ => String::new(),
    }
}

pub(super) fn text_kind(condition: &str) -> String {
    match condition {
        RANDOM => "random characters".to_owned(),
        other => format!("`{other}` text"),
    }
}
