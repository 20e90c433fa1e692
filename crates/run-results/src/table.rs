//! The table that closes a run in the terminal.

use super::summary::{ArmSummary, Summary, UsageSummary};
use super::wording;
use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};

impl Summary {
    /// Arms with their parameters, error rates and differences to `patch-merger` at every density
    /// of the primary kind of text, codes used and token entropy; read without noise. Before it stands what
    /// has to be said about data sets.
    #[must_use]
    pub fn table(&self) -> String {
        let Some(condition) = self.conditions.first() else {
            return "no test sets, nothing to show".to_owned();
        };
        let groups = self.groups_of(condition);
        let mut header = vec!["arm".to_owned(), "params".to_owned()];
        for &group in &groups {
            let density = wording::rounded(self.groups[group].density);
            header.push(format!("CER at {density}\nminus patch-merger"));
        }
        header.push("codes used\nof words".to_owned());
        header.push("token entropy\nbits".to_owned());
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        // Rows of two lines each stay apart without rules.
        table.remove_style(TableComponent::HorizontalLines);
        table.remove_style(TableComponent::MiddleIntersections);
        table.set_header(header);
        for arm in &self.arms {
            table.add_row(self.row_of(arm, &groups));
        }
        let openings = self.openings().into_iter();
        let openings = openings.map(|opening| opening.replace(['`', '*'], "") + "\n");
        let mut text = openings.collect::<String>();
        text.push_str(&table.trim_fmt());
        text.push_str(&format!(
            "\nCER on {condition} text by characters per token, [95% interval], differences in \
             points; codes and entropy at {}\n",
            self.densities(&groups)
        ));
        for arm in self.arms.iter().filter(|arm| !arm.failures.is_empty()) {
            let all = arm.finished + arm.failures.len();
            let failed = arm.failures.len();
            text.push_str(&format!("{}: {failed} of {all} seeds failed\n", arm.arm));
        }
        for arm in &self.arms {
            for trouble in &arm.troubles {
                text.push_str(&format!("{}\n", trouble.told(arm.arm).replace('`', "")));
            }
        }
        text
    }

    fn densities(&self, groups: &[usize]) -> String {
        let densities = groups.iter().map(|&group| self.groups[group].density);
        let densities: Vec<String> = densities
            .map(|density| wording::rounded(density).to_string())
            .collect();
        format!("{} characters per token", densities.join(", "))
    }

    fn row_of(&self, arm: &ArmSummary, groups: &[usize]) -> Vec<Cell> {
        let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
        let parameters = arm.parameters.map_or_else(String::new, wording::count);
        let mut cells = vec![Cell::new(arm.arm), right(parameters)];
        let rows: Vec<_> = groups
            .iter()
            .map(|&group| self.cer(arm.arm, group))
            .collect();
        for row in &rows {
            let mut text = wording::value(row.and_then(|row| row.value));
            if let Some(comparison) = row.and_then(|row| row.against_merger) {
                text.push_str(&format!("\n{}", wording::difference(&comparison)));
            }
            cells.push(right(text));
        }
        let usages: Vec<UsageSummary> = rows
            .iter()
            .filter_map(|row| row.and_then(|row| row.usage))
            .collect();
        let listed = |of: &dyn Fn(&UsageSummary) -> String| {
            usages.iter().map(of).collect::<Vec<_>>().join(", ")
        };
        let mut codes = listed(&|usage| format!("{:.0}", usage.codes_used));
        // A mixture has no code that anything reads.
        if !arm.arm.kind.is_hard() {
            codes.clear();
        } else if let Some(usage) = usages.first() {
            codes.push_str(&format!("\nof {}", wording::count(usage.words)));
        }
        cells.push(right(codes));
        cells.push(right(listed(&|usage| {
            format!("{:.1}", usage.token_entropy_bits)
        })));
        cells
    }
}
