//! The control task: how much of what a probe reads could it have learnt by heart?

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::design::{base, contrasted_arms, vocabulary};
use crate::part::{PartResult, of_section};
use crate::scale::Scale;
use crate::section::Section;
use crate::series;
use crate::table::{StudyTable, header};
use anyhow::Result;
use claims::ArmFacts;
use probe::{EvaluationMode, ImageSource, ProbeConfig};
use probe_data::Relabelling;
use run_results::{item_series, wording};
use text_images::Charset;

pub(super) const DEFINITION: Definition = Definition {
    findings,
    measure: |_, _| Ok(()),
    main_facts,
    ..Definition::new(
        "control",
        "How much could the probe have learnt by heart?",
        runs,
    )
};

/// Labels that nothing in an image tells.
const CONTROL: ImageSource = ImageSource::Relabelled(Relabelling::Control);

/// Reading and its control task on the same images.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(10));
    [ImageSource::default(), CONTROL]
        .into_iter()
        .map(|source| {
            let mut config = base(scale, Charset::Alnum36, &[1.0], scale.few_seeds);
            config.arms = contrasted_arms("linear", k);
            config.data.source = source;
            (config.data.source.name().to_owned(), config)
        })
        .collect()
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    Ok(Findings {
        tables: selectivity(study).into_iter().collect(),
        ..Findings::default()
    })
}

/// Accuracy in reading minus that in the control task.
fn selectivity(study: &StudyResults<'_>) -> Option<StudyTable> {
    let of_source = |source: ImageSource| {
        study
            .of(Section::Control)
            .find(|result| result.part.config.data.source == source)
    };
    let (text, control) = (of_source(ImageSource::default())?, of_source(CONTROL)?);
    let arms = text.part.config.arms.iter();
    let rows = arms.filter_map(|&arm| {
        let accuracy = |result: &PartResult| Some(1.0 - result.mean_error(arm, 0)?);
        let (read, learnt) = (accuracy(text)?, accuracy(control)?);
        Some(vec![
            format!("`{arm}`"),
            wording::percent(read),
            wording::percent(learnt),
            wording::fixed((read - learnt) * 100.0, 1),
        ])
    });
    Some(StudyTable {
        name: "selectivity",
        title: "Accuracy in reading and in the control task",
        note: "In the control task every image has a random alphabet of its own, and the images that \
               were trained on are read, so that only what was learnt by heart helps \
               (arXiv:1909.03368). Differences between arms in reading that the control task does \
               not show are not the probe's memory.",
        header: header(&["arm", "reading", "control task", "selectivity (points)"]),
        rows: rows.collect(),
    })
}

/// Accuracy in the control task of an arm that both sections have.
fn main_facts(results: &[PartResult], facts: &mut ArmFacts) {
    for result in of_section(results, Section::Control) {
        if facts.study == Section::Ocr.name() && result.part.config.data.source == CONTROL {
            facts
                .control_accuracy
                .extend(control_accuracy(result, &facts.arm));
        }
    }
}

/// Accuracy of an arm in a run of the control task, by seed.
pub(super) fn control_accuracy(result: &PartResult, arm: &str) -> Vec<(u64, f64)> {
    let found =
        series::arm_of(result, arm).zip(item_series(&result.part.config, &result.outcome).ok());
    let Some((arm, series)) = found else {
        return Vec::new();
    };
    // Read once: words that are drawn would count a seed twice.
    let of_arm = series
        .into_iter()
        .filter(|series| series.arm == arm && series.mode == EvaluationMode::Deterministic);
    let seeds = of_arm.flat_map(|series| series.seeds).map(|seed| {
        let (edits, chars) = seed.items.iter().fold((0, 0), |(edits, chars), item| {
            (edits + item.edits, chars + item.chars)
        });
        (seed.seed, 1.0 - f64::from(edits) / f64::from(chars.max(1)))
    });
    seeds.collect()
}
