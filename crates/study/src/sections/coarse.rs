//! Coarse properties of the whole image, against which the loss in reading is held.

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::answer::{self, Answer};
use crate::design::{MAIN_BITS, base, contrasted_arms, vocabulary};
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use crate::table::{StudyTable, cer, header};
use anyhow::Result;
use arms::{ArmKind, ArmSpec};
use probe::{EvaluationMode, ImageSource, ProbeConfig, ReaderKind};
use probe_data::Relabelling;
use run_results::wording;
use text_images::Charset;

pub(super) const DEFINITION: Definition = Definition {
    findings,
    ..Definition::new(
        "coarse",
        "Do coarse properties suffer as reading does?",
        runs,
    )
};

/// The face that the text is set in, and its slant, from the mean of the tokens.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(MAIN_BITS.min(scale.largest_vocabulary.ilog2()));
    [Relabelling::Face, Relabelling::Slant]
        .into_iter()
        .map(|labels| {
            let mut config = base(scale, Charset::Printable94, &[2.0], scale.seeds);
            config.arms = contrasted_arms("identity", k);
            config.data.source = ImageSource::Relabelled(labels);
            config.reader = ReaderKind::Pooled;
            (labels.name().to_owned(), config)
        })
        .collect()
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    Ok(Findings {
        tables: interaction(study).into_iter().collect(),
        answer: Answer::of(losses(study)),
        ..Findings::default()
    })
}

/// Reading beside coarse properties, in points and on the logit scale, against PatchMerger.
fn interaction(study: &StudyResults<'_>) -> Option<StudyTable> {
    let reading = study.of(Section::Ocr).next()?;
    let coarse = |labels| {
        let source = ImageSource::Relabelled(labels);
        study
            .of(Section::Coarse)
            .find(|result| result.part.config.data.source == source)
    };
    let (face, slant) = (coarse(Relabelling::Face)?, coarse(Relabelling::Slant)?);
    // The densest random text of the main comparison is that of the coarse tasks.
    let group = *reading.summary.groups_of("random").last()?;
    let columns = [(reading, group), (face, 0), (slant, 0)];
    let merger = merger(reading)?;
    let arms = face.part.config.arms.iter();
    let rows = arms
        .filter(|arm| reading.part.config.arms.contains(arm))
        .map(|&arm| {
            let mut row = vec![format!("`{arm}`")];
            for (result, group) in columns {
                row.push(cer(result, arm, group, EvaluationMode::Deterministic));
            }
            for (result, group) in columns {
                let logit = |arm| result.mean_error(arm, group).and_then(logit_of_accuracy);
                let difference = logit(arm).zip(logit(merger)).map(|(a, b)| a - b);
                row.push(difference.map_or_else(String::new, |d| wording::fixed(d, 2)));
            }
            row
        });
    Some(StudyTable {
        name: "interaction",
        title: "Errors in reading and in naming the face and its slant",
        note: "Errors on the same kind of images; differences to PatchMerger in the log-odds of \
               being right, where a loss at the ceiling weighs as much as one in the middle. A \
               loss in reading that is larger than the coarse ones is one of detail.",
        header: header(&[
            "arm",
            "reading",
            "face",
            "slant",
            "reading (logit)",
            "face (logit)",
            "slant (logit)",
        ]),
        rows: rows.collect(),
    })
}

/// `ln(accuracy / error)`; none at 0 and 1.
fn logit_of_accuracy(error: f64) -> Option<f64> {
    (error > 0.0 && error < 1.0).then(|| ((1.0 - error) / error).ln())
}

fn merger(result: &PartResult) -> Option<ArmSpec> {
    let mut arms = result.part.config.arms.iter();
    arms.find(|arm| arm.kind == ArmKind::PatchMerger).copied()
}

/// Whether the loss in reading is one of reading.
fn losses(study: &StudyResults<'_>) -> Option<String> {
    let reading = study.of(Section::Ocr).next()?;
    let arm = reading.best_hard()?;
    let group = *reading.summary.groups_of("random").last()?;
    let compared = |result: &PartResult, group: usize| {
        let row = result.summary.cer(arm, group)?;
        Some(
            [row.against_matched, row.against_merger]
                .into_iter()
                .flatten(),
        )
    };
    let of_reading = compared(reading, group)?.next()?;
    let reference = of_reading.reference;
    let mut parts = vec![format!(
        "{} points in reading",
        wording::difference(&of_reading)
    )];
    for result in study.of(Section::Coarse) {
        let name = match result.part.config.data.source {
            ImageSource::Relabelled(Relabelling::Face) => "naming the face",
            ImageSource::Relabelled(Relabelling::Slant) => "telling slanted from upright",
            ImageSource::Relabelled(Relabelling::Control)
            | ImageSource::Text { .. }
            | ImageSource::Perception(_)
            | ImageSource::Photographs(_) => continue,
        };
        // Losses to different arms say nothing beside each other.
        let loss = compared(result, 0)?.find(|loss| loss.reference.kind == reference.kind)?;
        parts.push(format!("{} points in {name}", wording::difference(&loss)));
    }
    (parts.len() > 1).then(|| {
        format!(
            "What `{arm}` costs at {}, in errors, against {}: {}.",
            wording::density(reading.summary.groups[group].density),
            answer::named(reference),
            parts.join(", ")
        )
    })
}
