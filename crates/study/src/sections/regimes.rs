//! Does a tower that trains along find a way around the vocabulary?

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::design::{arms, base, vocabulary};
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use crate::series;
use crate::table::{StudyTable, cer, codes};
use anyhow::Result;
use claims::Measurements;
use probe::{EvaluationMode, ProbeConfig, Regime};
use text_images::Charset;

/// The regime of all other sections.
const FROZEN: &str = "frozen";

pub(super) const DEFINITION: Definition = Definition {
    findings,
    measure,
    ..Definition::new(
        "regimes",
        "Does a tower that trains along make up for the vocabulary?",
        runs,
    )
};

/// Frozen tower, last block trained (as in Ovis's first stage), whole tower trained.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(8));
    let regimes = [
        (FROZEN, Regime::Frozen),
        ("last-block", Regime::LastBlock),
        ("joint", Regime::Joint),
    ];
    regimes
        .into_iter()
        .map(|(name, regime)| {
            let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
            config.arms = arms(&[
                "patch-merger".to_owned(),
                format!("vet-softmax@{k}"),
                format!("vet-st-argmax@{k}+usage"),
            ]);
            config.regime = regime;
            // A pre-trained tower wants smaller steps than a fresh projector.
            let rates = config.training.learning_rates.iter();
            if regime == Regime::Joint {
                // A step takes ten times as long.
                config.seeds.truncate(2.max(scale.few_seeds as usize - 1));
                config.training.learning_rates = rates.map(|rate| rate / 4.0).collect();
            }
            (name.to_owned(), config)
        })
        .collect()
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    Ok(Findings {
        tables: table(study).into_iter().collect(),
        ..Findings::default()
    })
}

/// Other regimes than the frozen one read the same images with other towers, so that claims have
/// other names for them.
fn measure(result: &PartResult, measurements: &mut Measurements) -> Result<()> {
    let study = match result.part.variant.as_str() {
        FROZEN => Section::Regimes.name().to_owned(),
        _ => result.part.name(),
    };
    series::add(result, &study, measurements)
}

/// Regimes side by side.
fn table(study: &StudyResults<'_>) -> Option<StudyTable> {
    let parts: Vec<&PartResult> = study.of(Section::Regimes).collect();
    let arms = &parts.first()?.part.config.arms;
    let rows = arms.iter().map(|&arm| {
        let mut row = vec![format!("`{arm}`")];
        for result in &parts {
            row.push(cer(result, arm, 0, EvaluationMode::Deterministic));
            let [_, bits] = codes(result, arm, 0);
            row.push(bits);
        }
        row
    });
    let mut names = vec!["arm".to_owned()];
    for result in &parts {
        names.push(result.part.variant.clone());
        names.push("used bits".to_owned());
    }
    Some(StudyTable {
        name: "regimes",
        title: "Error rate by what trains along",
        note: "Frozen: projector and probe. Last-block: the tower's last block as well. Joint: \
               the whole tower.",
        header: names,
        rows: rows.collect(),
    })
}
