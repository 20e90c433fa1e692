//! Ways to pass a gradient through the choice of a word, after long training.

use super::{by_load, rows, run, table};
use crate::scale::Scale;
use crate::section::Section;
use crate::sections::{Definition, Findings, FineGrained, StudyResults};
use anyhow::Result;
use probe::ProbeConfig;
use text_images::Charset;

pub(in crate::sections) const DEFINITION: Definition = Definition {
    findings,
    ..Definition::new(
        "gradients",
        "Does the gradient estimator matter after long training?",
        runs,
    )
};

fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let rows = rows(scale);
    let estimators = [
        "vet-st-argmax",
        "vet-st-argmax-raw",
        "vet-gumbel",
        "vet-gumbel-annealed",
    ];
    let mut names = vec!["patch-merger".to_owned()];
    names.extend(estimators.map(|kind| format!("{kind}@{rows}+usage")));
    vec![(String::new(), run(scale, Charset::Printable94, 1.0, &names))]
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let tables = table(
        "gradients",
        "Character error rate by gradient estimator",
        "All with the usage regulariser, read without noise.",
        &by_load(study.of(Section::Gradients)),
    );
    Ok(Findings {
        tables: tables.into_iter().collect(),
        ..Findings::default()
    })
}
