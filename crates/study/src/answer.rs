//! What the study says, in sentences made from its numbers.

use super::figures::of_section;
use super::fine_grained::{self, TaskThresholds};
use super::run::PartResult;
use super::section::Section;
use arms::{ArmKind, ArmSpec};
use html_report::KeyNumber;
use probe::{EvaluationMode, ImageSource};
use probe_data::Relabelling;
use probe_statistics::bootstrap::Measure;
use run_results::{Comparison, Judgement, wording};

/// The paragraphs of the answer and the numbers to remember.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Paragraphs; the first one is the answer to the question.
    pub paragraphs: Vec<String>,
    /// Numbers to remember.
    pub key_numbers: Vec<KeyNumber>,
}

/// The answer that the results allow.
pub(super) fn answer(results: &[PartResult], thresholds: &[TaskThresholds]) -> Answer {
    let mut answer = Answer::default();
    if let Some(reading) = of_section(results, Section::Ocr).next() {
        main_comparison(reading, &mut answer);
    }
    answer.paragraphs.extend(coarse(results));
    answer.paragraphs.extend(ladder(results));
    let (paragraphs, key_numbers) = fine_grained::answer(results, thresholds);
    answer.paragraphs.extend(paragraphs);
    answer.key_numbers.extend(key_numbers);
    if answer.paragraphs.is_empty() {
        answer.paragraphs.push(
            "The sections that were run do not hold the main comparison; their figures and tables \
             follow."
                .to_owned(),
        );
    }
    answer
}

/// The soft arm with the most words.
fn soft(result: &PartResult) -> Option<ArmSpec> {
    let arms = result.part.config.arms.iter();
    arms.filter(|arm| arm.kind == ArmKind::VetSoftmax)
        .max_by_key(|arm| arm.vocabulary)
        .copied()
}

fn main_comparison(reading: &PartResult, answer: &mut Answer) {
    let groups = reading.summary.groups_of("random");
    let seeds = reading.part.config.seeds.len();
    let mut sentences = Vec::new();
    for (arm, what) in [
        (
            reading.best_hard(),
            "Hard visual words, one table row per token",
        ),
        (soft(reading), "Soft visual words, as Ovis releases them"),
    ] {
        let Some(arm) = arm else { continue };
        let mut parts = Vec::new();
        for &group in &groups {
            let Some(row) = reading.summary.cer(arm, group) else {
                continue;
            };
            let Some(comparison) = row.against_matched.or(row.against_merger) else {
                continue;
            };
            let density = wording::density(reading.summary.groups[group].density);
            let level = row.value.map_or_else(String::new, |value| {
                format!("CER {}", wording::percent(value.mean))
            });
            parts.push(format!("{} at {density} ({level})", judged(&comparison)));
            answer.key_numbers.push(KeyNumber {
                label: format!("`{arm}` − `{}`, {density}", comparison.reference),
                value: format!("{} points", wording::difference(&comparison)),
                note: format!("CER, 95% interval, {seeds} seeds"),
            });
        }
        if !parts.is_empty() {
            sentences.push(format!(
                "{what} (`{arm}`), against the MLP of the same width: {}.",
                parts.join("; ")
            ));
        }
    }
    let size = reading.part.config.data.charset.size();
    if !sentences.is_empty() {
        sentences.push(format!(
            "Text of {size} random characters, {seeds} paired seeds, {} test images a density.",
            wording::count(reading.part.config.data.images.test)
        ));
        answer.paragraphs.push(sentences.join(" "));
    }
    answer.paragraphs.extend(against_merger(reading, &groups));
}

/// Both kinds of words against PatchMerger.
fn against_merger(reading: &PartResult, groups: &[usize]) -> Option<String> {
    let mut parts = Vec::new();
    for arm in [reading.best_hard(), soft(reading)].into_iter().flatten() {
        for &group in groups {
            let row = reading.summary.cer(arm, group)?;
            let density = wording::density(reading.summary.groups[group].density);
            parts.push(format!(
                "`{arm}` {} at {density}",
                judged(&row.against_merger?)
            ));
        }
    }
    (!parts.is_empty()).then(|| format!("Against `patch-merger`: {}.", parts.join("; ")))
}

/// `worse by …`, or that no difference was found.
fn judged(comparison: &Comparison) -> String {
    wording::judged(comparison)
}

/// Whether the loss in reading is one of reading.
fn coarse(results: &[PartResult]) -> Option<String> {
    let reading = of_section(results, Section::Ocr).next()?;
    let arm = reading.best_hard()?;
    let group = *reading.summary.groups_of("random").last()?;
    let loss = |result: &PartResult, group: usize| {
        let row = result.summary.cer(arm, group)?;
        row.against_matched.or(row.against_merger)
    };
    let mut parts = vec![format!(
        "{} points in reading",
        wording::difference(&loss(reading, group)?)
    )];
    for result in of_section(results, Section::Coarse) {
        let name = match result.part.config.data.source {
            ImageSource::Relabelled(Relabelling::Face) => "naming the face",
            ImageSource::Relabelled(Relabelling::Slant) => "telling slanted from upright",
            ImageSource::Relabelled(Relabelling::Control)
            | ImageSource::Text { .. }
            | ImageSource::Perception(_)
            | ImageSource::Photographs(_) => continue,
        };
        parts.push(format!(
            "{} points in {name}",
            wording::difference(&loss(result, 0)?)
        ));
    }
    (parts.len() > 1).then(|| {
        format!(
            "What `{arm}` costs at {}, in errors: {}.",
            wording::density(reading.summary.groups[group].density),
            parts.join(", ")
        )
    })
}

/// The fewest bits at which a discretiser is no longer resolved from PatchMerger.
fn ladder(results: &[PartResult]) -> Option<String> {
    let result = of_section(results, Section::RateLadder).next()?;
    let group = 0;
    let mode = EvaluationMode::Deterministic;
    let mut best: Option<(f64, ArmSpec)> = None;
    let mut least: Option<(f64, ArmSpec)> = None;
    for &arm in &result.part.config.arms {
        let Some(bits) = super::figures::nominal_bits(result, arm) else {
            continue;
        };
        let Some(row) = result
            .summary
            .row(arm, group, mode, Measure::CharacterErrorRate)
        else {
            continue;
        };
        let (Some(value), Some(comparison)) = (row.value, row.against_merger) else {
            continue;
        };
        if comparison.judgement() != Judgement::Higher
            && least.is_none_or(|(fewest, _)| bits < fewest)
        {
            least = Some((bits, arm));
        }
        if best.is_none_or(|(error, _)| value.mean < error) {
            best = Some((value.mean, arm));
        }
    }
    let (error, best) = best?;
    let density = wording::density(result.summary.groups[group].density);
    let needed = match least {
        Some((bits, arm)) => format!(
            "`{arm}`, {bits:.0} bits per token, is the smallest code that is not resolved from \
             `patch-merger`"
        ),
        None => "no code reads as well as `patch-merger`".to_owned(),
    };
    Some(format!(
        "With more bits per token reading comes back: at {density} {needed}; the best discrete \
         arm, `{best}`, has a CER of {}.",
        wording::percent(error)
    ))
}
