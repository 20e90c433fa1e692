//! What the run says, in words and numbers. Every sentence is made from the data, once: `verdict.md`
//! and `report.html` show the same [`Verdict`].

mod answer;
mod checks;
mod circumstances;
mod comparisons;
mod lengths;
mod page;
mod vocabulary;
mod words_right;

use super::scored::ScoredRun;
use super::summary::Summary;
use super::wording;
use anyhow::Result;
use arms::ArmSpec;
use html_report::{Gate, GateState, KeyNumber, Section};
use page::Page;
use run_support::atomic;
use std::path::Path;

/// Headline of a run.
pub(super) const TITLE: &str = "What the projectors cost in reading";

/// What a run asks.
pub(super) const QUESTION: &str = "Does it cost reading to pass an image through a visual \
                                   vocabulary (the visual embedding table of Ovis, VET) instead of \
                                   a continuous projector (the PatchMerger of Qwen2.5-VL)? The same \
                                   small probe is trained to read behind each projector; the \
                                   character error rate (CER) says what is lost.";

/// The sentences and tables of a run.
pub(super) struct Verdict {
    /// The answer: one paragraph with the numbers, then what they can carry.
    pub answer: Vec<String>,
    /// The numbers of the answer.
    pub key_numbers: Vec<KeyNumber>,
    /// What a reader has to know before using the numbers.
    pub warnings: Vec<String>,
    /// Integrity checks.
    pub gates: Vec<Gate>,
    /// Words right on data sets on disk, if there are any.
    pub words_right: Option<Section>,
    /// Every arm against the reference arms.
    pub comparisons: Section,
    /// What explains the answer, and how the run was made.
    pub details: Vec<Section>,
}

impl Verdict {
    pub fn of(scored: &ScoredRun<'_>, summary: &Summary) -> Self {
        let report = Report { scored, summary };
        let mut comparisons = Page::new("Comparisons");
        report.comparisons(&mut comparisons);
        let mut page = Page::default();
        report.training_lengths(&mut page);
        report.live_codes(&mut page);
        report.capacity(&mut page);
        report.other_texts(&mut page);
        report.noise(&mut page);
        report.learning_rates(&mut page);
        report.failed_cells(&mut page);
        report.design(&mut page);
        report.images(&mut page);
        report.figures(&mut page);
        let gates = report.checks();
        Self {
            answer: report.answer(),
            key_numbers: report.key_numbers(),
            warnings: report.warnings(&gates),
            gates,
            words_right: report.words_right(),
            comparisons: comparisons.only_section(),
            details: page.sections,
        }
    }

    /// Writes `verdict.md`.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = self.markdown();
        atomic::write(path, |out| Ok(out.write_all(text.as_bytes())?))
    }

    fn markdown(&self) -> String {
        let mut page = Page::new("Answer");
        self.answer.iter().for_each(|text| page.paragraph(text));
        if !self.warnings.is_empty() {
            page.section("Before use");
            page.bullets(&self.warnings);
        }
        page.sections.extend(self.words_right.clone());
        page.sections.push(self.comparisons.clone());
        page.section("Integrity checks");
        let gates = self.gates.iter().map(|gate| {
            let state = match gate.state {
                GateState::Passed => "pass",
                GateState::Failed => "FAIL",
                GateState::NotMeasured => "not checked",
            };
            format!("**{state}** – {}: {}", gate.name, gate.reason)
        });
        page.bullets(&gates.collect::<Vec<_>>());
        page.sections.extend(self.details.iter().cloned());
        page.markdown(TITLE, QUESTION)
    }
}

struct Report<'a> {
    scored: &'a ScoredRun<'a>,
    summary: &'a Summary,
}

impl Report<'_> {
    /// What a reader has to know before using the numbers.
    fn warnings(&self, gates: &[Gate]) -> Vec<String> {
        let mut warnings = Vec::new();
        for gate in gates.iter().filter(|gate| gate.state == GateState::Failed) {
            warnings.push(format!(
                "An integrity check failed ({}): the differences may not be what they seem; find \
                 the cause before using them.",
                gate.name
            ));
        }
        if let Some(until) = self.scored.config.training.until_converged
            && !self.scored.run.moving.is_empty()
        {
            warnings.push(self.standing_of_training(until.tolerance));
        }
        warnings.extend(self.mixed_densities());
        let failed: usize = self.summary.arms.iter().map(|arm| arm.failures.len()).sum();
        if failed > 0 {
            let finished: usize = self.summary.arms.iter().map(|arm| arm.finished).sum();
            warnings.push(format!(
                "{failed} of {} failed and count nowhere; they are listed below.",
                wording::counted(failed + finished, "cell")
            ));
        }
        warnings
    }

    fn arms(&self) -> &[ArmSpec] {
        &self.scored.config.arms
    }

    fn hard_arms(&self) -> Vec<ArmSpec> {
        let arms = self.arms().iter();
        arms.filter(|arm| arm.kind.is_hard()).copied().collect()
    }

    /// Those that find their words themselves.
    fn untaught_hard_arms(&self) -> Vec<ArmSpec> {
        let mut arms = self.hard_arms();
        arms.retain(|arm| !arm.kind.is_taught() && arm.settings.on.is_none());
        arms
    }

    fn soft_arms(&self) -> Vec<ArmSpec> {
        let arms = self.arms().iter();
        arms.filter(|arm| self.scored.has_words(**arm) && !arm.kind.is_hard())
            // What the sentences are about is a table on the patches, as released.
            .filter(|arm| arm.settings.on.is_none())
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

    /// Whether arms may be compared on the primary kind of text.
    fn concludes(&self) -> bool {
        let (_, groups) = self.primary();
        let mut groups = groups.iter();
        groups.all(|&group| self.summary.allows_conclusions(group))
    }

    fn nothing_finished(&self) -> bool {
        self.summary.rows.iter().all(|row| row.value.is_none())
    }
}

/// An arm's name in running text.
fn code(arm: ArmSpec) -> String {
    format!("`{arm}`")
}
