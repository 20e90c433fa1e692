//! Ways to pass a gradient through the choice of a word.

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::design::{arms, base, vocabulary};
use crate::figure::CER_BY_ARM;
use crate::scale::Scale;
use crate::section::Section;
use crate::table::{StudyTable, cer, codes};
use anyhow::Result;
use probe::{EvaluationMode, ProbeConfig};
use run_results::wording;
use text_images::Charset;

pub(super) const DEFINITION: Definition = Definition {
    run_plots: &[CER_BY_ARM],
    findings,
    ..Definition::new(
        "estimators",
        "Which gradient estimator trains hard words?",
        runs,
    )
};

/// Every estimator with and without the usage regulariser; sampled arms are tested with and without
/// noise.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(8));
    let mut names = vec!["patch-merger".to_owned(), format!("vet-softmax@{k}")];
    for kind in [
        "vet-st-argmax",
        "vet-st-argmax-raw",
        "vet-gumbel",
        "vet-gumbel-annealed",
    ] {
        names.push(format!("{kind}@{k}"));
        names.push(format!("{kind}@{k}+usage"));
    }
    names.push(format!("vet-curriculum@{k}"));
    names.push(format!("vet-curriculum@{k}+usage"));
    let mut config = base(scale, Charset::Alnum36, &[1.0, 2.0], scale.few_seeds);
    config.arms = arms(&names);
    vec![(String::new(), config)]
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    Ok(Findings {
        tables: table(study).into_iter().collect(),
        ..Findings::default()
    })
}

/// Estimators with and without noise.
fn table(study: &StudyResults<'_>) -> Option<StudyTable> {
    let result = study.of(Section::Estimators).next()?;
    let groups = result.summary.groups_of("random");
    let mut names = vec!["arm".to_owned()];
    for &group in &groups {
        let density = result.summary.groups[group].density;
        names.push(wording::density(density));
        names.push(format!("{}, sampled", wording::density(density)));
    }
    names.extend(["codes used".to_owned(), "used bits".to_owned()]);
    let rows = result.part.config.arms.iter().map(|&arm| {
        let mut row = vec![format!("`{arm}`")];
        for &group in &groups {
            for mode in [EvaluationMode::Deterministic, EvaluationMode::Sampled] {
                row.push(cer(result, arm, group, mode));
            }
        }
        row.extend(codes(result, arm, groups.last().copied().unwrap_or(0)));
        row
    });
    Some(StudyTable {
        name: "estimators",
        title: "Error rate by gradient estimator",
        note: "Sampled: read with the Gumbel noise that both reference implementations add at \
               inference too. Codes and bits at the highest density.",
        header: names,
        rows: rows.collect(),
    })
}
