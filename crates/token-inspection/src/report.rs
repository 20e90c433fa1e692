//! `report.html` of an inspection.

use super::DrawnFigure;
use super::atlas;
use super::config::InspectConfig;
use super::looking::{Inspection, Vocabulary};
use super::reading;
use super::view::{ShownArm, TokenView};
use anyhow::{Context, Result};
use html_report::{Column, Figure, Gate, GateState, KeyNumber, Picture, Report, Section, Table};
use run_results::{Manifest, wording};
use run_support::atomic;
use std::path::Path;

const TITLE: &str = "What the tokens look like";
const QUESTION: &str = "What does each projector make of every token of an image, what can be read \
    from it, and what do the words of a visual vocabulary stand for?";

/// Writes the page; the figures are drawn already.
pub(super) fn write(
    folder: &Path,
    config: &InspectConfig,
    inspection: &Inspection,
    drawn: &[DrawnFigure],
    manifest: &Manifest,
) -> Result<()> {
    let path = folder.join("report.html");
    let mut figures = Section::new("Figures");
    for figure in drawn {
        let svg = folder.join("plots").join(format!("{}.svg", figure.name));
        let text = std::fs::read_to_string(&svg)
            .with_context(|| format!("cannot read {}", svg.display()))?;
        figures.figure(Figure {
            title: figure.title.clone(),
            how_to_read: figure.how_to_read.clone(),
            picture: Picture::Svg(text),
            data_file: format!("plots/{}.csv", figure.name),
        });
    }
    let mut sections = vec![figures, arms(inspection)];
    if !inspection.vocabularies.is_empty() {
        sections.push(vocabularies(inspection));
    }
    sections.push(how(config, inspection));
    let report = Report {
        title: TITLE.to_owned(),
        question: QUESTION.to_owned(),
        answer: answer(config, inspection),
        key_numbers: key_numbers(inspection),
        warnings: warnings(config, inspection),
        claims: Vec::new(),
        gates: gates(inspection),
        sections,
        configuration: toml::to_string(config)
            .context("the configuration does not fit into TOML")?,
        provenance: manifest.provenance(),
    };
    let page =
        html_report::render(&report).with_context(|| format!("cannot make {}", path.display()))?;
    atomic::write_bytes(&path, page.as_bytes())
}

/// What there is to see, in numbers.
fn answer(config: &InspectConfig, inspection: &Inspection) -> Vec<String> {
    let mut paragraphs = vec![format!(
        "{} on {}.",
        wording::counted(inspection.arms.len(), "arm"),
        wording::counted(inspection.images.len(), "image")
    )];
    for arm in &inspection.arms {
        let mut parts = Vec::new();
        match arm.vocabulary {
            Some(words) => {
                parts.push(format!(
                    "{} words, {}; a token's entropy is {} bits on average",
                    wording::count(words),
                    if arm.is_hard { "hard" } else { "soft" },
                    wording::bits(mean_entropy(arm))
                ));
            }
            None => {
                parts.push("no visual words, so its maps show the length of a token".to_owned())
            }
        }
        if let Some((cer, images)) = arm.cell.as_ref().and_then(|cell| cell.test_cer) {
            parts.push(format!(
                "reads {} of the characters wrong over {}",
                wording::percent(cer),
                wording::counted(images, "test image")
            ));
        }
        if let Some((wrong, places)) = shown_errors(inspection, arm) {
            parts.push(format!("{wrong} of {places} wrong in the images shown"));
        }
        paragraphs.push(format!("`{}`: {}.", arm.arm, parts.join("; ")));
    }
    for vocabulary in &inspection.vocabularies {
        let summary = &vocabulary.summary;
        paragraphs.push(format!(
            "The likeliest words of `{}` say {} of {} bits about {} (Chao–Shen).",
            atlas::title(vocabulary),
            wording::bits(summary.corrected.information().bits()),
            wording::bits(summary.corrected.labels.bits()),
            atlas::labels(inspection.counted_on.as_ref())
        ));
    }
    if config.probe.checkpoint.is_some() {
        paragraphs.push(
            "The projectors are those of a published checkpoint; no probe is trained on them here, \
             so nothing is read. `ocr-probe --checkpoint` reads."
                .to_owned(),
        );
    }
    paragraphs
}

/// In bits, over the tokens of the images shown.
fn mean_entropy(arm: &ShownArm) -> f64 {
    mean_over_tokens(arm, |token| token.entropy_bits.unwrap_or(0.0))
}

fn mean_over_tokens(arm: &ShownArm, value: impl Fn(&TokenView) -> f64) -> f64 {
    let tokens = || arm.tokens.iter().flatten();
    tokens().map(value).sum::<f64>() / tokens().count().max(1) as f64
}

fn shown_errors(inspection: &Inspection, arm: &ShownArm) -> Option<(usize, usize)> {
    let readings = arm.readings.as_ref()?;
    let pairs = inspection.images.iter().zip(readings);
    let known = pairs.filter(|(image, _)| image.text.is_some());
    let found = known.map(|(image, read)| {
        let marks = reading::marks(image.text.as_deref(), read, image.columns);
        (reading::errors(&marks), marks.iter().map(Vec::len).sum())
    });
    found.reduce(|a: (usize, usize), b| (a.0 + b.0, a.1 + b.1))
}

fn key_numbers(inspection: &Inspection) -> Vec<KeyNumber> {
    let read = inspection.arms.iter().filter_map(|arm| {
        let (cer, images) = arm.cell.as_ref()?.test_cer?;
        Some(KeyNumber {
            label: format!("wrong characters, {}", arm.arm),
            value: wording::percent(cer),
            note: wording::counted(images, "test image"),
        })
    });
    let says = inspection.vocabularies.iter().map(|vocabulary| {
        let summary = &vocabulary.summary;
        KeyNumber {
            label: format!(
                "the word about {}, {}",
                atlas::labels(inspection.counted_on.as_ref()),
                atlas::title(vocabulary)
            ),
            value: format!(
                "{} bits",
                wording::bits(summary.corrected.information().bits())
            ),
            note: format!(
                "of {}; Chao–Shen",
                wording::bits(summary.corrected.labels.bits())
            ),
        }
    });
    read.chain(says).collect()
}

fn warnings(config: &InspectConfig, inspection: &Inspection) -> Vec<String> {
    let mut warnings = Vec::new();
    if inspection.arms.iter().any(|arm| arm.cell.is_some()) {
        warnings.push(
            "One seed: which number a word has, and which words stand for a character, is an \
             accident of it, and the numbers here have no interval. A study gives intervals over \
             seeds."
                .to_owned(),
        );
    }
    if !config.images.is_empty() && config.probe.checkpoint.is_none() {
        warnings.push(format!(
            "The files are scaled, without distortion, into the images of this tower, and read as \
             if their characters stood on its grid{}. Other text is misread for that reason alone.",
            config.density.map_or_else(String::new, |density| format!(
                " of {}",
                wording::density(density)
            ))
        ));
    }
    let most = inspection.counted_on.as_ref().map(|on| on.most_characters);
    if most.is_some_and(|most| most > 1) {
        warnings.push(
            "A token has several characters here, and words are compared with all of them \
             together: there are many more such groups than tokens can count, so mutual \
             information is too high even after correction; compare it with that of shuffled \
             characters, or choose `--density 1`."
                .to_owned(),
        );
    }
    let uncounted =
        |vocabulary: &&Vocabulary| vocabulary.summary.is_soft && vocabulary.summary.soft.is_none();
    warnings.extend(inspection.vocabularies.iter().filter(uncounted).map(|vocabulary| {
        format!(
            "`{}`: words drawn from a token's distribution are not counted, because there are too many words and \
             labels for a table of both; what words say is about the likeliest.",
            atlas::title(vocabulary)
        )
    }));
    warnings
}

/// Whether the arms are those of the run whose tuning was taken over.
fn gates(inspection: &Inspection) -> Vec<Gate> {
    let trained = inspection.arms.iter().filter_map(|arm| {
        let cell = arm.cell.as_ref()?;
        let here = wording::percent(cell.validation_cer);
        let (state, reason) = match cell.tuned_cer {
            Some(there) if there == cell.validation_cer => (
                GateState::Passed,
                format!("{here} of the validation characters are wrong in both, to the last bit"),
            ),
            Some(there) => (
                GateState::Failed,
                format!(
                    "{here} here and {} there: another version, backend or processor",
                    wording::percent(there)
                ),
            ),
            None => (
                GateState::NotMeasured,
                format!("{here} of the validation characters are wrong; no run to compare with"),
            ),
        };
        Some(Gate {
            name: format!("`{}` reads as the cell of the run does", arm.arm),
            state,
            reason,
        })
    });
    trained.collect()
}

fn arms(inspection: &Inspection) -> Section {
    let mut section = Section::new("Arms");
    let columns = vec![
        Column::text("arm"),
        Column::number("seed"),
        Column::number("learning rate"),
        Column::number("steps"),
        Column::number("validation CER"),
        Column::number("test CER"),
        Column::number("mean entropy (bits)"),
        Column::number("mean length"),
    ];
    let dash = || "–".to_owned();
    let rows = inspection.arms.iter().map(|arm| {
        let cell = arm.cell.as_ref();
        vec![
            format!("`{}`", arm.arm),
            cell.map_or_else(dash, |cell| cell.seed.to_string()),
            cell.map_or_else(dash, |cell| format!("{:?}", cell.learning_rate)),
            cell.map_or_else(dash, |cell| cell.steps.to_string()),
            cell.map_or_else(dash, |cell| wording::percent(cell.validation_cer)),
            cell.and_then(|cell| cell.test_cer)
                .map_or_else(dash, |(cer, _)| wording::percent(cer)),
            arm.vocabulary
                .map_or_else(dash, |_| wording::bits(mean_entropy(arm))),
            wording::fixed(mean_over_tokens(arm, |token| token.norm), 2),
        ]
    });
    section.table(Table {
        title: "Arms".to_owned(),
        rows: rows.collect(),
        columns,
    });
    section.paragraph(
        "Entropy and length are means over the tokens of the images shown; the error is that on \
         rendered images.",
    );
    section
}

fn vocabularies(inspection: &Inspection) -> Section {
    let mut section = Section::new("Vocabularies");
    section.paragraph(
        "How much the words say about what stands at their token: its character, or all of them where \
         there are several. The likeliest word is what a \
         hard token is; a drawn word is one taken from the token's distribution. What a sample says \
         is too much: the more pairs of word and character there are for the tokens, the more. \
         Chao–Shen corrects for pairs that were not seen; characters shuffled among tokens show what \
         the sample says where there is nothing to say. A soft token is a mixture of words and can \
         say more than any one of them.",
    );
    let mut columns = vec![Column::text("arm")];
    columns.extend(
        [
            "words used",
            "of",
            "mean purity",
            "bits, Chao–Shen",
            "bits, sample",
            "bits, shuffled",
            "drawn word, sample",
            "drawn word, shuffled",
            "entropy of the label, Chao–Shen",
        ]
        .map(Column::number),
    );
    let rows = inspection.vocabularies.iter().map(|vocabulary| {
        let summary = &vocabulary.summary;
        use wording::bits;
        let soft = |shuffled: bool| {
            let found = summary.soft.as_ref();
            found.map_or_else(
                || "–".to_owned(),
                |(soft, control)| {
                    let of = if shuffled { control } else { soft };
                    bits(of.information().bits())
                },
            )
        };
        vec![
            format!("`{}`", atlas::title(vocabulary)),
            wording::count(summary.words_used),
            wording::count(summary.words),
            wording::percent(summary.mean_purity),
            bits(summary.corrected.information().bits()),
            bits(summary.plug_in.information().bits()),
            bits(summary.shuffled.information().bits()),
            soft(false),
            soft(true),
            bits(summary.corrected.labels.bits()),
        ]
    });
    section.table(Table {
        title: "Vocabularies".to_owned(),
        rows: rows.collect(),
        columns,
    });
    section.paragraph(
        "All words that are the likeliest of some token are in `vocabulary.csv`, the tokens that \
         activate them most in `patches.csv`.",
    );
    section
}

fn how(config: &InspectConfig, inspection: &Inspection) -> Section {
    let mut section = Section::new("How it was made");
    let mut items = Vec::new();
    if inspection.arms.iter().any(|arm| arm.cell.is_some()) {
        items.push(format!(
            "A run keeps what was measured, not weights. The arms were trained again by the code \
             that trains the cells of a study, at the learning rates of {}.",
            config.rates
        ));
    }
    if let Some(on) = &inspection.counted_on {
        let what = match on.most_characters {
            1 => "the character whose centre lies in it",
            _ => "the characters whose centres lie in it, in reading order",
        };
        items.push(format!(
            "Vocabularies were counted on {}, {} with a token's label being {what}.",
            wording::counted(on.group.len(), "test image"),
            config.density.map_or_else(String::new, |density| format!(
                "{},",
                wording::density(density)
            )),
        ));
    }
    items.push(
        "A token's length is that of the projector's output, before the parameter-free norm in \
         front of the probe."
            .to_owned(),
    );
    section.bullets(items);
    section
}
