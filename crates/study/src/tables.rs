//! The tables that go over several runs of a study.

use super::figures::{nominal_bits, of_section, used_bits};
use super::run::PartResult;
use super::section::Section;
use arms::{ArmKind, ArmSpec};
use probe::{EvaluationMode, ImageSource};
use probe_data::Relabelling;
use probe_statistics::bootstrap::Measure;
use probe_statistics::capacity::{fano_error_bound, partition_code_accuracy};
use probe_statistics::codelength::{BlockLoss, Codelength, online_codelength};
use run_results::wording;

/// A table of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyTable {
    /// The section that it belongs to.
    pub section: Section,
    /// File name without extension.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// How to read it.
    pub note: &'static str,
    /// Heads of the columns; the first one is text.
    pub header: Vec<String>,
    /// Cells, as people read them.
    pub rows: Vec<Vec<String>>,
}

/// Every table that the results allow.
#[must_use]
pub fn tables(results: &[PartResult]) -> Vec<StudyTable> {
    [
        interaction(results),
        capacity(results),
        estimators(results),
        regimes(results),
        selectivity(results),
        codelength(results),
    ]
    .into_iter()
    .flatten()
    .filter(|table| !table.rows.is_empty())
    .collect()
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `12.3% [11.0, 13.9]`, or nothing where it was not measured.
fn cer(result: &PartResult, arm: ArmSpec, group: usize, mode: EvaluationMode) -> String {
    let row = result
        .summary
        .row(arm, group, mode, Measure::CharacterErrorRate);
    row.map_or_else(String::new, |row| wording::value(row.value))
}

/// Mean error rate over seeds.
fn mean_cer(result: &PartResult, arm: ArmSpec, group: usize) -> Option<f64> {
    Some(result.summary.cer(arm, group)?.value?.mean)
}

/// Codes in use and their entropy.
fn codes(result: &PartResult, arm: ArmSpec, group: usize) -> [String; 2] {
    let usage = result.summary.cer(arm, group).and_then(|row| row.usage);
    match usage {
        Some(usage) if arm.kind.is_hard() => [
            format!(
                "{} of {}",
                wording::count(usage.codes_used.round() as usize),
                wording::count(usage.words)
            ),
            format!("{:.2}", used_bits(result, arm, group).unwrap_or(0.0)),
        ],
        _ => [String::new(), String::new()],
    }
}

/// `ln(accuracy / error)`; none at 0 and 1.
fn logit_of_accuracy(error: f64) -> Option<f64> {
    (error > 0.0 && error < 1.0).then(|| ((1.0 - error) / error).ln())
}

/// Reading beside coarse properties, in points and on the logit scale, against PatchMerger.
fn interaction(results: &[PartResult]) -> Option<StudyTable> {
    let reading = of_section(results, Section::Ocr).next()?;
    let coarse = |labels| {
        let source = ImageSource::Relabelled(labels);
        of_section(results, Section::Coarse).find(|result| result.part.config.data.source == source)
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
                let logit = |arm| mean_cer(result, arm, group).and_then(logit_of_accuracy);
                let difference = logit(arm).zip(logit(merger)).map(|(a, b)| a - b);
                row.push(difference.map_or_else(String::new, |d| wording::fixed(d, 2)));
            }
            row
        });
    Some(StudyTable {
        section: Section::Coarse,
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

fn merger(result: &PartResult) -> Option<ArmSpec> {
    let mut arms = result.part.config.arms.iter();
    arms.find(|arm| arm.kind == ArmKind::PatchMerger).copied()
}

/// What hard tokens read, beside what their bits allow and what a simple code reaches.
fn capacity(results: &[PartResult]) -> Option<StudyTable> {
    let mut rows = Vec::new();
    for result in of_section(results, Section::Capacity) {
        let alphabet = result.part.config.data.charset.size();
        for &arm in &result.part.config.arms {
            let (Some(bits), Some(words)) = (nominal_bits(result, arm), arm.distinct_tokens())
            else {
                continue;
            };
            for (group, summary) in result.summary.groups.iter().enumerate() {
                let density = summary.density;
                let bound = fano_error_bound(bits, density, alphabet).ok();
                let code = (density.fract() == 0.0)
                    .then(|| partition_code_accuracy(words, alphabet, density as usize).ok());
                let percent = |error: Option<f64>| error.map_or_else(String::new, wording::percent);
                rows.push(vec![
                    format!("`{arm}`"),
                    alphabet.to_string(),
                    density.to_string(),
                    cer(result, arm, group, EvaluationMode::Deterministic),
                    percent(bound),
                    percent(code.flatten().map(|accuracy| 1.0 - accuracy)),
                    used_bits(result, arm, group).map_or_else(String::new, |b| format!("{b:.2}")),
                ]);
            }
        }
    }
    (!rows.is_empty()).then(|| StudyTable {
        section: Section::Capacity,
        name: "capacity",
        title: "Errors of hard tokens beside what their bits allow",
        note: "Bound: no code with so many words can do better (Fano). Partition code: a simple \
               code that exists, one character exactly and of the next one the group it is in; an \
               arm that reads worse has words that it has not learnt to use.",
        header: header(&[
            "arm",
            "alphabet",
            "characters per token",
            "CER",
            "bound",
            "partition code",
            "used bits",
        ]),
        rows,
    })
}

/// Estimators with and without noise.
fn estimators(results: &[PartResult]) -> Option<StudyTable> {
    let result = of_section(results, Section::Estimators).next()?;
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
        section: Section::Estimators,
        name: "estimators",
        title: "Error rate by gradient estimator",
        note: "Sampled: read with the Gumbel noise that both reference implementations add at \
               inference too. Codes and bits at the highest density.",
        header: names,
        rows: rows.collect(),
    })
}

/// Regimes side by side.
fn regimes(results: &[PartResult]) -> Option<StudyTable> {
    let parts: Vec<&PartResult> = of_section(results, Section::Regimes).collect();
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
        section: Section::Regimes,
        name: "regimes",
        title: "Error rate by what trains along",
        note: "Frozen: projector and probe. Last-block: the tower's last block as well. Joint: \
               the whole tower.",
        header: names,
        rows: rows.collect(),
    })
}

/// Accuracy in reading minus that in the control task.
fn selectivity(results: &[PartResult]) -> Option<StudyTable> {
    let of_source = |source: ImageSource| {
        of_section(results, Section::Control)
            .find(|result| result.part.config.data.source == source)
    };
    let text = of_source(ImageSource::default())?;
    let control = of_source(ImageSource::Relabelled(Relabelling::Control))?;
    let arms = text.part.config.arms.iter();
    let rows = arms.filter_map(|&arm| {
        let accuracy = |result| Some(1.0 - mean_cer(result, arm, 0)?);
        let (read, learnt) = (accuracy(text)?, accuracy(control)?);
        Some(vec![
            format!("`{arm}`"),
            wording::percent(read),
            wording::percent(learnt),
            wording::fixed((read - learnt) * 100.0, 1),
        ])
    });
    Some(StudyTable {
        section: Section::Control,
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

/// Length of the online code.
fn codelength(results: &[PartResult]) -> Option<StudyTable> {
    let parts: Vec<&PartResult> = of_section(results, Section::Codelength).collect();
    let first = parts.first()?;
    let rows = first.part.config.arms.iter().filter_map(|&arm| {
        let seeds = first.part.config.seeds.iter();
        let codes: Option<Vec<Codelength>> = seeds.map(|&seed| code(&parts, arm, seed)).collect();
        let codes = codes?;
        let lengths = || codes.iter().map(Codelength::bits_per_label);
        let mean = lengths().sum::<f64>() / codes.len() as f64;
        let [low, high] = [f64::min, f64::max].map(|pick| lengths().reduce(pick).unwrap_or(mean));
        let compression = codes.iter().map(Codelength::compression).sum::<f64>();
        Some(vec![
            format!("`{arm}`"),
            format!("{mean:.3} [{low:.3}, {high:.3}]"),
            format!("{:.2}", compression / codes.len() as f64),
        ])
    });
    Some(StudyTable {
        section: Section::Codelength,
        name: "codelength",
        title: "Online codelength of the labels",
        note: "Bits per character that it takes to send the labels of the training images to \
               someone who has the images and trains along (arXiv:2003.12298); brackets: smallest \
               and largest seed. Compression: bits of the uniform code over that.",
        header: header(&["arm", "bits per character", "compression"]),
        rows: rows.collect(),
    })
}

/// Length of the code of one arm and seed; none if a block was not measured.
pub(super) fn code(parts: &[&PartResult], arm: ArmSpec, seed: u64) -> Option<Codelength> {
    let first = &parts.first()?.part.config.data;
    // A grid fixes the number of characters of an image.
    let characters = |images: usize| -> Option<u64> {
        let set = parts.first()?.outcome.test_sets.first()?;
        Some((images * set.targets.first()?.units()) as u64)
    };
    let blocks: Option<Vec<BlockLoss>> = parts
        .iter()
        .map(|result| {
            let mut cells = result.outcome.cells.iter();
            let cell = cells.find(|cell| cell.spec.arm == arm && cell.spec.seed == seed)?;
            let labels = characters(result.part.config.data.images.validation)?;
            Some(BlockLoss {
                labels,
                nats: cell.validation_loss? * labels as f64,
            })
        })
        .collect();
    let sent_first = characters(first.images.train)?;
    online_codelength(first.charset.size(), sent_first, &blocks?).ok()
}
