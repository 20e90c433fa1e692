//! The figures of the vocabularies.

use super::config::InspectConfig;
use super::looking::{CountedOn, Inspection, Vocabulary};
use super::subjects;
use anyhow::Result;
use figures::{AtlasPatch, AtlasWord, WordAtlas};
use run_results::wording;

/// Name of the figure's files.
#[must_use]
pub fn name(vocabulary: &Vocabulary) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || "-+.".contains(c) {
            c
        } else {
            '-'
        }
    };
    let arm: String = vocabulary.label.label.chars().map(safe).collect();
    match vocabulary.codebook {
        (_, 1) => format!("vocabulary_{arm}"),
        (number, _) => format!("vocabulary_{arm}_codebook-{number}"),
    }
}

/// How to read the figure.
#[must_use]
pub fn how_to_read(vocabulary: &Vocabulary) -> String {
    let patches = match vocabulary.summary.is_soft {
        true => "the patches that give the word the most probability",
        false => "patches that are this word, those with the highest probability first",
    };
    format!(
        "The most used words, in falling order down the columns. The large character is the most \
         common one at the word's tokens; purity is its share, and the bits are what the word takes \
         from the uncertainty about the character. At the right {patches}, framed where the \
         character is another one."
    )
}

/// The most used words of a vocabulary.
///
/// # Errors
/// If an image is read from a data set that has been changed.
pub fn figure(
    config: &InspectConfig,
    inspection: &Inspection,
    vocabulary: &Vocabulary,
) -> Result<WordAtlas> {
    let words = vocabulary.rows.iter().take(config.words).map(|row| {
        let profile = row.profile();
        let counted = inspection.counted_on.as_ref();
        let label = |label: usize| counted.map_or_else(String::new, |on| on.labels[label].clone());
        let patches = row.patches.iter().filter_map(|patch| {
            let crop = subjects::crop(&counted?.group, patch.image, patch.token);
            Some(crop.map(|picture| AtlasPatch {
                picture,
                characters: label(patch.label),
                activation: patch.activation,
            }))
        });
        Ok(AtlasWord {
            word: row.word as u64,
            usage: row.usage,
            characters: profile.map_or_else(String::new, |profile| label(profile.label)),
            purity: profile.map(|profile| profile.purity),
            information_bits: profile.map(|profile| {
                let information = profile.corrected_information;
                information.unwrap_or(profile.information).bits()
            }),
            patches: patches.collect::<Result<_>>()?,
        })
    });
    Ok(WordAtlas {
        title: format!("Visual words of {}", title(vocabulary)),
        subtitle: subtitle(inspection.counted_on.as_ref(), vocabulary),
        words: words.collect::<Result<_>>()?,
    })
}

/// The arm, with the codebook where it has several.
#[must_use]
pub fn title(vocabulary: &Vocabulary) -> String {
    match vocabulary.codebook {
        (_, 1) => vocabulary.label.label.clone(),
        (number, of) => format!("{}, codebook {number} of {of}", vocabulary.label.label),
    }
}

/// What a token's label is: with more than one character per token, all of them.
#[must_use]
pub fn labels(counted_on: Option<&CountedOn>) -> &'static str {
    match counted_on.map_or(1, |on| on.most_characters) {
        1 => "the character",
        _ => "the characters of a token, together",
    }
}

fn subtitle(counted_on: Option<&CountedOn>, vocabulary: &Vocabulary) -> String {
    let summary = &vocabulary.summary;
    let images = counted_on.map_or(0, |on| on.group.len());
    let what = labels(counted_on);
    let mut text = format!(
        "{} of {} words are the likeliest of some token, over {} tokens of {}. ",
        wording::count(summary.words_used),
        wording::count(summary.words),
        wording::count(summary.tokens),
        wording::counted(images, "test image"),
    );
    text += &format!(
        "The likeliest word says {} of {} bits about {what} (Chao–Shen; sample {}; characters \
         shuffled {}), mean purity {}.",
        wording::bits(summary.corrected.information().bits()),
        wording::bits(summary.corrected.labels.bits()),
        wording::bits(summary.plug_in.information().bits()),
        wording::bits(summary.shuffled.information().bits()),
        wording::percent(summary.mean_purity),
    );
    if let Some((soft, shuffled)) = &summary.soft {
        text += &format!(
            " A word drawn from the token's distribution says {} bits (shuffled {}); use, \
             purity and bits below are of this kind.",
            wording::bits(soft.information().bits()),
            wording::bits(shuffled.information().bits())
        );
    }
    text
}
