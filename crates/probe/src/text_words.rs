//! The text of a token as a word, for arms that are told their words.
//!
//! A token with characters `c₁ … c_d` of an alphabet of `A` is the word `c₁ + c₂ A + …`.

use super::config::ProbeConfig;
use super::data_config::LayoutKind;
use super::image_source::ImageSource;
use anyhow::{Context, Result, ensure};
use arms::ArmSpec;
use burn::tensor::{Device, Int, Tensor, TensorData};
use probe_data::Group;

/// The words of all tokens of a group.
#[derive(Clone, Debug)]
pub(super) struct TextWords {
    /// `[images, tokens]` in row-major order.
    words: Vec<i64>,
    tokens: usize,
}

impl TextWords {
    /// Of the images of `group`, for a vocabulary of `most` words.
    ///
    /// # Errors
    /// If places of characters are not known, tokens hold different numbers of them, or there are more
    /// texts than words.
    pub(super) fn of(group: &Group, alphabet: usize, most: usize) -> Result<Self> {
        let layout = group.layout;
        let side = (layout.patch * layout.merge) as f32;
        let (columns, tokens) = (layout.cols / layout.merge, layout.tokens());
        let mut words = Vec::with_capacity(group.len() * tokens);
        for label in &group.labels {
            ensure!(
                label.slots_px.len() == label.classes.len() && !label.classes.is_empty(),
                "the places of the characters of {} are not known",
                group.key
            );
            let mut texts = vec![Vec::new(); tokens];
            for (&[x, y], &class) in label.slots_px.iter().zip(&label.classes) {
                let token = (y / side) as usize * columns + (x / side) as usize;
                texts
                    .get_mut(token)
                    .context("a character outside the image")?
                    .push(class);
            }
            let characters = label.classes.len() / tokens;
            check_count(characters, alphabet, most)?;
            for text in texts {
                ensure!(
                    text.len() == characters,
                    "tokens of {} hold different numbers of characters",
                    group.key
                );
                let word = text
                    .iter()
                    .rev()
                    .fold(0, |word, &class| word * alphabet as i64 + i64::from(class));
                words.push(word);
            }
        }
        Ok(Self { words, tokens })
    }

    /// Words of some images, `[items, tokens]`.
    pub(super) fn batch(&self, items: &[usize], device: &Device) -> Tensor<2, Int> {
        let rows = items
            .iter()
            .flat_map(|item| &self.words[item * self.tokens..(item + 1) * self.tokens]);
        let data = TensorData::new(rows.copied().collect(), [items.len(), self.tokens]);
        Tensor::from_data(data, device)
    }
}

/// Whether an arm that is told the texts of tokens can be, in a run.
///
/// # Errors
/// If not; the message says what to write.
pub(super) fn check(arm: &ArmSpec, config: &ProbeConfig) -> Result<()> {
    if !arm.settings.text {
        return Ok(());
    }
    let data = &config.data;
    let is_text = match &data.source {
        ImageSource::Text { .. } => true,
        ImageSource::Relabelled(_) | ImageSource::Perception(_) | ImageSource::Photographs(_) => {
            false
        }
    };
    ensure!(
        is_text && data.layout == LayoutKind::Grid,
        "arm `{arm}`: `+text` needs to know which characters stand in a token, in rendered text on a \
         grid; leave out `+text`"
    );
    for &density in &data.densities {
        ensure!(
            density >= 1.0 && density.fract() == 0.0,
            "arm `{arm}`: `+text` needs whole numbers of characters per token, 1 or more, not \
             {density}; change --densities"
        );
        let words = arm.words().unwrap_or(0);
        check_count(density as usize, data.charset.size(), words)
            .with_context(|| format!("arm `{arm}`"))?;
    }
    Ok(())
}

fn check_count(characters: usize, alphabet: usize, most: usize) -> Result<()> {
    let exponent = u32::try_from(characters).unwrap_or(u32::MAX);
    let texts = alphabet.checked_pow(exponent);
    ensure!(
        characters > 0 && texts.is_some_and(|texts| texts <= most),
        "`+text` needs a word for each of the {alphabet}^{characters} texts of a token{}; write a larger \
         vocabulary than {most}, or lower --densities or --charset",
        texts.map_or_else(String::new, |texts| format!(" ({texts})"))
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::presets::Preset;
    use super::*;
    use probe_data::{RenderPlan, render_group};
    use run_support::lanes::Lanes;
    use text_images::{Charset, Content, Degradation, Fonts, Split};

    fn group(density: f64) -> Group {
        let plan = RenderPlan {
            charset: Charset::Digits,
            content: Content::Random,
            corpus: None,
            density: Some(density),
            width_px: 64,
            height_px: 32,
            patch: 8,
            merge: 2,
            split: Split::Train,
            images: 5,
            first: 0,
            seed: 1,
            degradation: Degradation::default(),
        };
        render_group(&plan, &Fonts::embedded(), &Lanes::open(1).unwrap()).unwrap()
    }

    #[test]
    fn a_word_is_the_text_of_its_token_in_reading_order() {
        let device = Device::flex();
        for density in [1.0, 2.0] {
            let group = group(density);
            let words = TextWords::of(&group, 10, 100).unwrap();
            let found = words.batch(&[3, 0], &device).into_data();
            let found: Vec<i64> = found.iter::<i64>().collect();
            // Two rows of four tokens; a line of text per row.
            let per_token = density as usize;
            for (image, found) in [3, 0].into_iter().zip(found.chunks(8)) {
                let classes = &group.labels[image].classes;
                for (token, &word) in found.iter().enumerate() {
                    let text = &classes[token * per_token..(token + 1) * per_token];
                    let expected = match *text {
                        [one] => i64::from(one),
                        [first, second] => i64::from(first) + 10 * i64::from(second),
                        _ => panic!("{text:?}"),
                    };
                    assert_eq!(word, expected, "{density} {image} {token}");
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_told_is_refused_with_what_to_write() {
        let error = |result: Result<TextWords>| result.unwrap_err().to_string();
        let few = error(TextWords::of(&group(2.0), 10, 99));
        assert!(few.contains("10^2") && few.contains("(100)"), "{few}");
        let sparse = error(TextWords::of(&group(0.5), 10, 99));
        assert!(sparse.contains("10^0"), "{sparse}");
        let mut config = Preset::Smoke.config();
        config.arms = vec!["oracle-words@1296+text".parse().unwrap()];
        config.check().unwrap();
        for (density, part) in [(0.5, "whole numbers"), (3.0, "36^3"), (2.5, "not 2.5")] {
            config.data.densities = vec![density];
            let message = format!("{:#}", config.check().unwrap_err());
            assert!(
                message.contains(part) && message.contains("oracle-words@1296+text"),
                "{message}"
            );
        }
        config.data.layout = LayoutKind::Strip;
        let message = config.check().unwrap_err().to_string();
        assert!(message.contains("leave out `+text`"), "{message}");
    }
}
