//! The numbers behind the figures, and more of them.
//!
//! | File | One row per |
//! |---|---|
//! | `arms.csv` | arm |
//! | `tokens.csv` | image, arm and token |
//! | `words.csv` | image, arm, token, codebook and one of its best words |
//! | `readings.csv` | image, arm and character place |
//! | `vocabulary_summary.csv` | arm and codebook |
//! | `vocabulary.csv` | arm, codebook and word |
//! | `patches.csv` | arm, codebook, word and token that activates it |

use super::looking::{Inspection, Vocabulary};
use super::reading;
use super::view::TokenView;
use anyhow::Result;
use figures::Mark;
use probe_statistics::vocabulary_usage::{Association, WordProfile};
use run_results::csv_file::{self, number, optional};
use run_support::atomic;
use std::path::Path;

/// Writes all tables; those that have nothing to say are left out, and taken away if an earlier
/// inspection left them.
pub fn write(folder: &Path, inspection: &Inspection) -> Result<()> {
    arms(&folder.join("arms.csv"), inspection)?;
    tokens(&folder.join("tokens.csv"), inspection)?;
    let place = |name: &str, wanted: bool| {
        let path = folder.join(name);
        match wanted {
            true => Ok(Some(path)),
            false => atomic::remove_stale(&path).map(|()| None),
        }
    };
    let has_words = inspection.arms.iter().any(|arm| arm.vocabulary.is_some());
    if let Some(path) = place("words.csv", has_words)? {
        words(&path, inspection)?;
    }
    let reads = inspection.arms.iter().any(|arm| arm.readings.is_some());
    if let Some(path) = place("readings.csv", reads)? {
        readings(&path, inspection)?;
    }
    let counted = !inspection.vocabularies.is_empty();
    if let Some(path) = place("vocabulary_summary.csv", counted)? {
        summaries(&path, inspection)?;
    }
    if let Some(path) = place("vocabulary.csv", counted)? {
        vocabulary(&path, inspection)?;
    }
    if let Some(path) = place("patches.csv", counted)? {
        patches(&path, inspection)?;
    }
    Ok(())
}

fn arms(path: &Path, inspection: &Inspection) -> Result<()> {
    let header = [
        "arm",
        "seed",
        "learning_rate",
        "steps",
        "validation_cer",
        "validation_cer_of_run",
        "test_images",
        "test_cer",
        "words",
    ];
    csv_file::write(path, &header, |rows| {
        for arm in &inspection.arms {
            let cell = arm.cell.as_ref();
            let text = |value: Option<String>| value.unwrap_or_default();
            let tested = cell.and_then(|cell| cell.test_cer);
            rows.add([
                arm.arm.to_string(),
                text(cell.map(|cell| cell.seed.to_string())),
                optional(cell.map(|cell| cell.learning_rate)),
                text(cell.map(|cell| cell.steps.to_string())),
                optional(cell.map(|cell| cell.validation_cer)),
                optional(cell.and_then(|cell| cell.tuned_cer)),
                text(tested.map(|(_, images)| images.to_string())),
                optional(tested.map(|(cer, _)| cer)),
                text(arm.vocabulary.map(|words| words.to_string())),
            ])?;
        }
        Ok(())
    })
}

/// Every token under every arm: image, arm, row and column; what it shows; what it is made of.
fn each_token(inspection: &Inspection) -> impl Iterator<Item = ([String; 4], &str, &TokenView)> {
    let images = inspection.images.iter().enumerate();
    images.flat_map(|(index, image)| {
        inspection.arms.iter().flat_map(move |arm| {
            let tokens = arm.tokens[index].iter().enumerate();
            tokens.map(move |(token, view)| {
                let place = [
                    image.name.clone(),
                    arm.arm.to_string(),
                    (token / image.cols).to_string(),
                    (token % image.cols).to_string(),
                ];
                let characters = image.characters.get(token).map_or("", String::as_str);
                (place, characters, view)
            })
        })
    })
}

fn tokens(path: &Path, inspection: &Inspection) -> Result<()> {
    let header = [
        "image",
        "arm",
        "row",
        "col",
        "characters",
        "norm",
        "entropy_bits",
        "word",
        "probability",
    ];
    csv_file::write(path, &header, |rows| {
        for (place, characters, view) in each_token(inspection) {
            let best = view.words.iter().filter_map(|words| words.first());
            let ids: Vec<String> = best.clone().map(|w| w.word.to_string()).collect();
            // With several codebooks there is no one probability; words.csv has each.
            let probability = best.clone().next().and_then(|word| word.probability);
            let probability = probability.filter(|_| view.words.len() == 1);
            rows.add(place.into_iter().chain([
                characters.to_owned(),
                number(view.norm),
                optional(view.entropy_bits),
                ids.join(" "),
                optional(probability),
            ]))?;
        }
        Ok(())
    })
}

fn words(path: &Path, inspection: &Inspection) -> Result<()> {
    let header = [
        "image",
        "arm",
        "row",
        "col",
        "codebook",
        "rank",
        "word",
        "probability",
    ];
    csv_file::write(path, &header, |rows| {
        for (place, _, view) in each_token(inspection) {
            for (codebook, words) in view.words.iter().enumerate() {
                for (rank, word) in words.iter().enumerate() {
                    rows.add(place.clone().into_iter().chain([
                        (codebook + 1).to_string(),
                        (rank + 1).to_string(),
                        word.word.to_string(),
                        optional(word.probability),
                    ]))?;
                }
            }
        }
        Ok(())
    })
}

fn readings(path: &Path, inspection: &Inspection) -> Result<()> {
    let header = ["image", "arm", "line", "place", "target", "read", "status"];
    csv_file::write(path, &header, |rows| {
        for (index, image) in inspection.images.iter().enumerate() {
            for arm in &inspection.arms {
                let Some(read) = arm.readings.as_ref().map(|readings| &readings[index]) else {
                    continue;
                };
                let marks = reading::marks(image.text.as_deref(), read, image.columns);
                for (line, marks) in marks.iter().enumerate() {
                    for (place, mark) in marks.iter().enumerate() {
                        let text = |c: Option<char>| c.map(String::from).unwrap_or_default();
                        let (target, read, status) = match *mark {
                            Mark::Plain(c) => (None, Some(c), "unchecked"),
                            Mark::Right(c) => (Some(c), Some(c), "right"),
                            Mark::Wrong { target, read } => (target, read, "wrong"),
                        };
                        rows.add([
                            image.name.clone(),
                            arm.arm.to_string(),
                            line.to_string(),
                            place.to_string(),
                            text(target),
                            text(read),
                            status.to_owned(),
                        ])?;
                    }
                }
            }
        }
        Ok(())
    })
}

/// Every vocabulary, after its arm and the number of its codebook.
fn each_vocabulary(inspection: &Inspection) -> impl Iterator<Item = ([String; 2], &Vocabulary)> {
    inspection.vocabularies.iter().map(|vocabulary| {
        let arm = inspection.arms.get(vocabulary.arm);
        let name = arm.map_or_else(|| vocabulary.label.label.clone(), |arm| arm.arm.to_string());
        ([name, vocabulary.codebook.0.to_string()], vocabulary)
    })
}

fn summaries(path: &Path, inspection: &Inspection) -> Result<()> {
    let header = [
        "arm",
        "codebook",
        "kind",
        "estimator",
        "words",
        "words_used",
        "tokens",
        "mean_purity",
        "word_entropy_bits",
        "character_entropy_bits",
        "mutual_information_bits",
    ];
    csv_file::write(path, &header, |rows| {
        for (place, vocabulary) in each_vocabulary(inspection) {
            let summary = &vocabulary.summary;
            let best = [
                ("chao-shen", &summary.corrected),
                ("sample", &summary.plug_in),
                ("sample, characters shuffled", &summary.shuffled),
            ];
            let mut lines: Vec<(&str, &str, &Association)> = Vec::new();
            lines.extend(best.map(|(estimator, found)| ("likeliest word", estimator, found)));
            if let Some((soft, shuffled)) = &summary.soft {
                lines.push(("drawn word", "sample", soft));
                lines.push(("drawn word", "sample, characters shuffled", shuffled));
            }
            for (kind, estimator, found) in lines {
                rows.add(place.clone().into_iter().chain([
                    kind.to_owned(),
                    estimator.to_owned(),
                    summary.words.to_string(),
                    summary.words_used.to_string(),
                    summary.tokens.to_string(),
                    number(summary.mean_purity),
                    number(found.words.bits()),
                    number(found.labels.bits()),
                    number(found.information().bits()),
                ]))?;
            }
        }
        Ok(())
    })
}

fn vocabulary(path: &Path, inspection: &Inspection) -> Result<()> {
    let header = [
        "arm",
        "codebook",
        "rank",
        "word",
        "usage",
        "best_tokens",
        "character",
        "purity",
        "information_bits",
        "information_bits_chao_shen",
        "soft_character",
        "soft_purity",
        "soft_information_bits",
    ];
    let labels = inspection.counted_on.as_ref().map(|on| &on.labels);
    let label = |profile: Option<WordProfile>| {
        let name = profile
            .zip(labels)
            .map(|(profile, labels)| &labels[profile.label]);
        name.cloned().unwrap_or_default()
    };
    csv_file::write(path, &header, |rows| {
        for (place, vocabulary) in each_vocabulary(inspection) {
            for (rank, word) in vocabulary.rows.iter().enumerate() {
                let corrected = word.best.and_then(|best| best.corrected_information);
                rows.add(place.clone().into_iter().chain([
                    (rank + 1).to_string(),
                    word.word.to_string(),
                    number(word.usage),
                    word.best_tokens.to_string(),
                    label(word.best),
                    optional(word.best.map(|best| best.purity)),
                    optional(word.best.map(|best| best.information.bits())),
                    optional(corrected.map(|bits| bits.bits())),
                    label(word.soft),
                    optional(word.soft.map(|soft| soft.purity)),
                    optional(word.soft.map(|soft| soft.information.bits())),
                ]))?;
            }
        }
        Ok(())
    })
}

fn patches(path: &Path, inspection: &Inspection) -> Result<()> {
    let header = [
        "arm",
        "codebook",
        "word",
        "rank",
        "image",
        "token",
        "character",
        "activation",
    ];
    let Some(on) = &inspection.counted_on else {
        return Ok(());
    };
    csv_file::write(path, &header, |rows| {
        for (place, vocabulary) in each_vocabulary(inspection) {
            for word in &vocabulary.rows {
                for (rank, patch) in word.patches.iter().enumerate() {
                    rows.add(place.clone().into_iter().chain([
                        word.word.to_string(),
                        (rank + 1).to_string(),
                        (patch.image + 1).to_string(),
                        patch.token.to_string(),
                        on.labels[patch.label].clone(),
                        optional(patch.activation),
                    ]))?;
                }
            }
        }
        Ok(())
    })
}
