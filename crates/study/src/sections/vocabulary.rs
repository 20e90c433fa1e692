//! How many words does a visual vocabulary need?

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::design::{arms, base, vocabulary};
use crate::figure::{StudyFigure, continuous_references, curves, scale, sizes};
use crate::scale::Scale;
use crate::section::Section;
use anyhow::Result;
use figures::{CurvePanel, ErrorCurves};
use probe::ProbeConfig;
use run_results::wording;
use text_images::Charset;

const VOCABULARY: &str = "A vocabulary that is large enough shows as a line that has become level; \
    soft words and the MLP of the same width should then coincide.";

pub(super) const DEFINITION: Definition = Definition {
    findings,
    ..Definition::new("vocabulary", "How many visual words are needed?", runs)
};

/// Soft and hard words and the MLP of the same width, at equal training.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let sizes = [6, 8, 10, 12, 14].into_iter().filter(|&bits| bits <= most);
    let mut sizes: Vec<usize> = sizes.map(vocabulary).collect();
    if most >= 16 {
        // That of the releases: 65,532 words and 4 indicator rows.
        sizes.push(65_536);
    }
    let mut names = vec!["patch-merger".to_owned()];
    for kind in ["gelu-mlp", "vet-softmax", "vet-st-argmax"] {
        let usage = if kind == "vet-st-argmax" {
            "+usage"
        } else {
            ""
        };
        names.extend(sizes.iter().map(|k| format!("{kind}@{k}{usage}")));
    }
    let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
    config.arms = arms(&names);
    vec![(String::new(), config)]
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    Ok(Findings {
        figures: StudyFigure::of("vocabulary", VOCABULARY, figure(study))
            .into_iter()
            .collect(),
        ..Findings::default()
    })
}

fn figure(study: &StudyResults<'_>) -> Option<ErrorCurves> {
    let result = study.of(Section::Vocabulary).next()?;
    let sized = result.part.config.arms.iter();
    let points = sized.filter_map(|&arm| Some((arm, arm.words()? as f64, result.error(arm, 0))));
    let curves = curves(points);
    let references = continuous_references(result, 0);
    let panels = vec![CurvePanel {
        title: wording::density(result.summary.groups[0].density),
        curves,
        references: references.into_iter().take(1).collect(),
        bounds: Vec::new(),
    }];
    (!panels[0].curves.is_empty()).then(|| ErrorCurves {
        title: "How many visual words are needed?".to_owned(),
        subtitle: format!("equal training; {}", sizes(result)),
        x_title: "visual words (hidden units of the MLP)".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale(&panels),
        panels,
    })
}
