//! How the errors depend on the length of training.

use super::{Page, Report, code};
use crate::wording;

impl Report<'_> {
    /// The error of every arm after each doubling of the steps; nothing where there was none.
    pub(super) fn training_lengths(&self, page: &mut Page) {
        let lengths = &self.summary.lengths;
        let Some(until) = self.scored.config.training.until_converged else {
            return;
        };
        if lengths.is_empty() {
            return;
        }
        page.section("Error by length of training");
        page.paragraph(&format!(
            "Every column is a training of its own, whose learning rate falls to zero at its end. {}",
            self.standing_of_training(until.tolerance)
        ));
        let columns: Vec<String> = lengths
            .iter()
            .map(|length| wording::counted(length.steps, "step"))
            .collect();
        let mut header = vec!["arm"];
        header.extend(columns.iter().map(String::as_str));
        for (group, info) in self.summary.groups.iter().enumerate() {
            page.heading(&format!(
                "{}, {}",
                info.condition,
                wording::density(info.density)
            ));
            let rows = self.arms().iter().map(|&arm| {
                let errors = lengths.iter().map(|length| length.error(arm, group));
                let values = errors.map(|error| match error {
                    Some(error) => wording::percent(error.mean),
                    None => "failed".to_owned(),
                });
                std::iter::once(code(arm)).chain(values).collect()
            });
            page.table(&header, rows.collect());
        }
    }

    /// Whether the arms have converged.
    pub(super) fn standing_of_training(&self, tolerance: f64) -> String {
        let points = wording::significant(100.0 * tolerance, 9);
        let moving: Vec<String> = self
            .scored
            .run
            .moving
            .iter()
            .map(|&arm| code(arm))
            .collect();
        if moving.is_empty() {
            format!(
                "The last doubling moved no arm's error on validation images by more than {points} points."
            )
        } else {
            format!(
                "The last doubling still moved the error on validation images by more than {points} points, \
                 or the arm broke down, for {}: these have not converged.",
                wording::listed(&moving)
            )
        }
    }
}
