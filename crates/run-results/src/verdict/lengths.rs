//! How the errors depend on the length of training.

use super::{Page, Report, code};
use crate::by_steps::{AtShare, SHARES};
use crate::wording;
use arms::ArmSpec;

impl Report<'_> {
    /// The validation error of every arm after a quarter, half and all of its steps.
    pub(super) fn on_the_way(&self, page: &mut Page) {
        let arms = self.arms().iter();
        let points: Vec<(ArmSpec, [Option<AtShare>; 3])> = arms
            .map(|&arm| {
                (
                    arm,
                    SHARES.map(|(share, _)| self.scored.at_share(arm, share)),
                )
            })
            .collect();
        page.heading("After a quarter, half and all of the steps");
        let densities: Vec<String> = self
            .scored
            .densities()
            .into_iter()
            .map(|density| density.to_string())
            .collect();
        let of = match densities.len() {
            0 | 1 => String::new(),
            _ => format!(
                ", of {} characters per token together",
                wording::listed(&densities)
            ),
        };
        page.paragraph(&format!(
            "Error on validation images{of}, mean over seeds, at the evaluation nearest to each share of the \
             steps. It is one training on its way, whose learning rate falls to zero at its end: what it gains \
             last is no proof that it would gain more, and a shorter training of its own would usually end \
             lower than this one stands there (`--until-converged` makes these)."
        ));
        let step = |share: usize| {
            let mut found = points.iter().filter_map(|(_, points)| points[share]);
            found.next().map(|point| point.step)
        };
        let columns: Vec<String> = SHARES
            .iter()
            .enumerate()
            .map(|(index, (_, name))| match step(index) {
                Some(step) => format!("{name} (step {})", wording::count(step)),
                None => (*name).to_owned(),
            })
            .collect();
        let mut header = vec!["arm"];
        header.extend(columns.iter().map(String::as_str));
        let rows = points.iter().map(|(arm, points)| {
            let values = points.iter().map(|point| match point {
                Some(point) => wording::percent(point.error),
                None => "failed".to_owned(),
            });
            std::iter::once(code(*arm)).chain(values).collect()
        });
        page.table(&header, rows.collect());
    }

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
