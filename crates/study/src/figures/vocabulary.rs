//! Errors against the size of the vocabulary.

use super::super::run::PartResult;
use super::super::section::Section;
use super::{continuous_references, curves, estimate, of_section, scale, sizes};
use figures::{CurvePanel, ErrorCurves};
use run_results::wording;

pub(super) fn vocabulary(results: &[PartResult]) -> Option<ErrorCurves> {
    let result = of_section(results, Section::Vocabulary).next()?;
    let sized = result.part.config.arms.iter();
    let points =
        sized.filter_map(|&arm| Some((arm, arm.words()? as f64, estimate(result, arm, 0))));
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
