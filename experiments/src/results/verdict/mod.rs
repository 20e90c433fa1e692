//! `verdict.md`: what the run says, in words and numbers. Every sentence is made from the data.

mod answer;
mod checks;
mod circumstances;
mod vocabulary;

use super::scored::ScoredRun;
use super::summary::Summary;
use crate::arm::ArmSpec;
use crate::atomic;
use anyhow::Result;
use std::path::Path;

const QUESTION: &str = "Does it cost reading to pass an image through a visual vocabulary (the \
                        visual embedding table of Ovis, VET) instead of a continuous projector \
                        (the PatchMerger of Qwen2.5-VL)? The same small probe is trained to read \
                        behind each projector; the character error rate (CER) says what is lost.";

/// Writes `verdict.md`.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>, summary: &Summary) -> Result<()> {
    let text = Report { scored, summary }.text();
    atomic::write(path, |out| Ok(out.write_all(text.as_bytes())?))
}

struct Report<'a> {
    scored: &'a ScoredRun<'a>,
    summary: &'a Summary,
}

impl Report<'_> {
    fn text(&self) -> String {
        let mut page = Page::default();
        page.heading("# What the projectors cost in reading");
        page.paragraph(QUESTION);
        self.answer(&mut page);
        self.checks(&mut page);
        self.live_codes(&mut page);
        self.capacity(&mut page);
        self.other_texts(&mut page);
        self.noise(&mut page);
        self.learning_rates(&mut page);
        self.failed_cells(&mut page);
        self.design(&mut page);
        self.figures(&mut page);
        page.0
    }

    fn arms(&self) -> &[ArmSpec] {
        &self.scored.config.arms
    }

    fn hard_arms(&self) -> Vec<ArmSpec> {
        let arms = self.arms().iter();
        arms.filter(|arm| arm.kind.is_hard()).copied().collect()
    }

    fn soft_arms(&self) -> Vec<ArmSpec> {
        let arms = self.arms().iter();
        arms.filter(|arm| self.scored.has_words(**arm) && !arm.kind.is_hard())
            .copied()
            .collect()
    }

    /// The kind of text that the answer is about, with its groups.
    fn primary(&self) -> (&str, Vec<usize>) {
        match self.summary.conditions.first() {
            Some(condition) => (condition, self.summary.groups_of(condition)),
            None => ("", Vec::new()),
        }
    }

    fn nothing_finished(&self) -> bool {
        self.summary.rows.iter().all(|row| row.value.is_none())
    }
}

/// A Markdown page that grows from top to bottom.
#[derive(Default)]
struct Page(String);

impl Page {
    fn heading(&mut self, text: &str) {
        self.gap();
        self.line(text);
    }

    fn paragraph(&mut self, text: &str) {
        self.gap();
        self.line(text);
    }

    fn bullets(&mut self, items: &[String]) {
        self.gap();
        for item in items {
            self.line(&format!("- {item}"));
        }
    }

    /// A table whose first column is text and whose others are aligned right.
    fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        self.gap();
        self.line(&format!("| {} |", header.join(" | ")));
        let rest = "|---:".repeat(header.len().saturating_sub(1));
        self.line(&format!("|:---{rest}|"));
        for row in rows {
            self.line(&format!("| {} |", row.join(" | ")));
        }
    }

    fn gap(&mut self) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }
}

/// An arm's name in running text.
fn code(arm: ArmSpec) -> String {
    format!("`{arm}`")
}

/// `a`, `b` and `c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}
