//! The study's runs in the form that claims are evaluated on.

use super::part::{PartResult, of_section};
use super::section::Section;
use anyhow::Result;
use claims::Measurements;

/// Everything that was measured.
///
/// # Errors
/// If an outcome does not belong to its config.
pub fn measurements(results: &[PartResult]) -> Result<Measurements> {
    let mut measurements = Measurements::default();
    for result in results {
        let (section, definition) = (result.part.section, result.part.section.definition());
        if of_section(results, section).count() >= definition.fewest_runs {
            (definition.measure)(result, &mut measurements)?;
        }
    }
    // Each section knows which comparison it is about.
    for arm in &mut measurements.arms {
        for section in Section::all() {
            (section.definition().main_facts)(results, arm);
        }
    }
    Ok(measurements)
}
