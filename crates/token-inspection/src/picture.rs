//! The figure of the tokens.

use super::config::InspectConfig;
use super::looking::Inspection;
use super::reading;
use super::view::{ShownArm, ShownImage, TokenView};
use figures::{Quantity, TokenCell, TokenImage, TokenMap, TokenMaps};
use run_results::wording;

/// Codes of a token that are written into it.
const MOST_CODES: usize = 4;

/// One sentence for those who see it for the first time.
pub const HOW_TO_READ: &str = "One row per image: at the left the image with the borders of its \
    tokens, then one map per arm, in which a token's colour is the entropy of its distribution over \
    words and the numbers are its likeliest word and that word's probability; for arms without words \
    the grey is the length of the token's vector. Below each map stands what the probe reads from \
    it, wrong characters on orange with the right one small beside them.";

/// Tokens of every image and arm.
#[must_use]
pub fn figure(config: &InspectConfig, inspection: &Inspection) -> TokenMaps {
    let images = inspection.images.iter().enumerate().map(|(index, image)| {
        let text = image.text.as_deref();
        TokenImage {
            name: image.name.clone(),
            picture: image.picture.clone(),
            rows: image.rows,
            cols: image.cols,
            text: text.map_or_else(Vec::new, |text| reading::plain(text, image.columns)),
            maps: inspection
                .arms
                .iter()
                .map(|arm| map(arm, image, index))
                .collect(),
        }
    });
    TokenMaps {
        title: "What the tokens look like".to_owned(),
        subtitle: subtitle(config, inspection),
        images: images.collect(),
    }
}

fn subtitle(config: &InspectConfig, inspection: &Inspection) -> String {
    let mut parts = Vec::new();
    let has = |quantity| inspection.arms.iter().any(|arm| arm.quantity() == quantity);
    if has(Quantity::EntropyBits) {
        parts.push(
            "colour: entropy of the token's words; numbers: likeliest word and its probability"
                .to_owned(),
        );
    }
    if has(Quantity::Norm) {
        parts.push("grey: length of the token's vector, for arms without words".to_owned());
    }
    if inspection.arms.iter().any(|arm| arm.readings.is_some()) {
        let texts = inspection.images.iter().any(|image| image.text.is_some());
        parts.push(match texts {
            true => "below: what is read, errors on orange with the truth beside".to_owned(),
            false => "below: what is read".to_owned(),
        });
    }
    if let Some(density) = config.density.filter(|_| inspection.prepared.is_some()) {
        parts.push(wording::density(density));
    }
    parts.join("; ")
}

fn map(arm: &ShownArm, image: &ShownImage, index: usize) -> TokenMap {
    let tokens = &arm.tokens[index];
    let read = arm.readings.as_ref().map(|readings| &readings[index]);
    let marks = read.map_or_else(Vec::new, |read| {
        reading::marks(image.text.as_deref(), read, image.columns)
    });
    let mut notes = Vec::new();
    if arm.vocabulary.is_some() {
        let entropies = tokens.iter().filter_map(|token| token.entropy_bits);
        let mean = entropies.sum::<f64>() / tokens.len().max(1) as f64;
        let kind = if arm.is_hard { "hard" } else { "soft" };
        notes.push(format!("{kind}, {mean:.1} bits"));
    } else {
        notes.push("no words".to_owned());
    }
    if image.text.is_some() && read.is_some() {
        let places = marks.iter().map(Vec::len).sum::<usize>();
        notes.push(format!("{} of {places} wrong", reading::errors(&marks)));
    }
    TokenMap {
        arm: arm.label.clone(),
        note: notes.join("; "),
        quantity: arm.quantity(),
        tokens: tokens.iter().map(|token| cell(token, arm)).collect(),
        reading: marks,
    }
}

fn cell(token: &TokenView, arm: &ShownArm) -> TokenCell {
    let best = token.words.iter().filter_map(|words| words.first());
    let mut words: Vec<String> = best
        .clone()
        .take(MOST_CODES)
        .map(|ranked| ranked.word.to_string())
        .collect();
    if token.words.len() > MOST_CODES {
        words.push("…".to_owned());
    }
    let detail = match (arm.quantity(), token.words.len()) {
        (Quantity::Norm, _) => format!("{:.1}", token.norm),
        (Quantity::EntropyBits, 1) => best
            .clone()
            .next()
            .and_then(|ranked| ranked.probability)
            .map_or_else(String::new, |p| format!("p {p:.2}")),
        (Quantity::EntropyBits, _) => String::new(),
    };
    TokenCell {
        value: match arm.quantity() {
            Quantity::EntropyBits => token.entropy_bits.unwrap_or(0.0),
            Quantity::Norm => token.norm,
        },
        words: words.join(" "),
        detail,
    }
}
