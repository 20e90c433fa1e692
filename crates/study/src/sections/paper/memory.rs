//! The control task under the conditions of the claims: how much could each arm have learnt by heart?

use super::{headline, run, table};
use crate::part::PartResult;
use crate::part::of_section;
use crate::scale::Scale;
use crate::section::Section;
use crate::sections::control::control_accuracy;
use crate::sections::{Definition, Findings, FineGrained, StudyResults};
use anyhow::Result;
use claims::ArmFacts;
use probe::{ImageSource, ProbeConfig};
use probe_data::Relabelling;
use text_images::Charset;

/// So few that a probe can learn part of them by heart, and no arm stands at the floor.
const IMAGES: usize = 400;

pub(in crate::sections) const DEFINITION: Definition = Definition {
    findings,
    measure: |_, _| Ok(()),
    main_facts,
    ..Definition::new(
        "memory",
        "How much could the arms of the main comparison have learnt by heart?",
        runs,
    )
};

/// Alphabet, density, steps, towers and rates of the main comparison, and labels that nothing in an image tells. Its
/// images are the same for all seeds.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let mut config = run(scale, Charset::Printable94, 1.0, &headline(scale));
    config.data.source = ImageSource::Relabelled(Relabelling::Control);
    config.data.images.train = config.data.images.train.min(IMAGES);
    config.data.images.test = config.data.images.test.min(IMAGES);
    vec![(String::new(), config)]
}

/// What an arm of the main comparison remembers.
fn main_facts(results: &[PartResult], facts: &mut ArmFacts) {
    if facts.study == Section::Converged.name() {
        for result in of_section(results, Section::Memory) {
            facts
                .control_accuracy
                .extend(control_accuracy(result, &facts.arm));
        }
    }
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let columns: Vec<(String, &PartResult)> = study
        .of(Section::Memory)
        .map(|result| ("errors in the control task".to_owned(), result))
        .collect();
    let tables = table(
        "memory",
        "Errors on labels that nothing in an image tells",
        "Every image has a random alphabet of its own, and the images that were trained on are read: what is \
         right was learnt by heart.",
        &columns,
    );
    Ok(Findings {
        tables: tables.into_iter().collect(),
        ..Findings::default()
    })
}
