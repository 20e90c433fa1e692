//! One run of the study, and what was measured in it.

use super::section::Section;
use arms::ArmSpec;
use figures::Estimate;
use probe::{ProbeConfig, RunOutcome};
use run_results::{Manifest, Summary};

/// One run of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The section.
    pub section: Section,
    /// What distinguishes it within the section; empty where it is the only run.
    pub variant: String,
    /// Its settings.
    pub config: ProbeConfig,
}

/// A run of the study with its results.
#[derive(Debug)]
pub struct PartResult {
    /// What was run.
    pub part: Part,
    /// What was measured.
    pub outcome: RunOutcome,
    /// What it comes to.
    pub summary: Summary,
    /// Where it came from.
    pub manifest: Manifest,
}

impl PartResult {
    /// The error rate of an arm on a test group.
    pub(crate) fn error(&self, arm: ArmSpec, group: usize) -> Estimate {
        self.summary.error(arm, group)
    }

    /// Characters per token, where the run has one density.
    pub(crate) fn density(&self) -> f64 {
        self.part.config.data.densities[0]
    }

    /// Mean error rate over seeds; none if no seed finished.
    pub(crate) fn mean_error(&self, arm: ArmSpec, group: usize) -> Option<f64> {
        Some(self.summary.cer(arm, group)?.value?.mean)
    }

    /// Mean over seeds of the entropy of the words in use on a test group, in bits.
    pub(crate) fn used_bits(&self, arm: ArmSpec, group: usize) -> Option<f64> {
        Some(self.summary.cer(arm, group)?.usage?.marginal_entropy_bits)
    }

    /// Bits that a token of an arm could carry, where tokens are hard.
    pub(crate) fn nominal_bits(&self, arm: ArmSpec) -> Option<f64> {
        let cells = self.outcome.cells.iter();
        cells
            .filter(|cell| cell.spec.arm == arm)
            .find_map(|cell| cell.bits_per_token)
    }

    /// The hard visual embedding table that reads validation images best.
    pub(crate) fn best_hard(&self) -> Option<ArmSpec> {
        let tuned = self.outcome.tuning.iter();
        tuned
            .filter(|tuning| tuning.arm.kind.is_vet() && tuning.arm.kind.is_hard())
            .filter_map(|tuning| {
                let errors = tuning.candidates.iter().filter_map(|(_, cer)| *cer);
                Some((tuning.arm, errors.reduce(f64::min)?))
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map(|(arm, _)| arm)
    }
}

/// The runs of a section.
pub(crate) fn of_section(
    results: &[PartResult],
    section: Section,
) -> impl Iterator<Item = &PartResult> {
    results
        .iter()
        .filter(move |result| result.part.section == section)
}
