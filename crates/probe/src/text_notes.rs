//! What rendered text says, in bits, for the notes of a run.

use crate::data_config::{DataConfig, LayoutKind};
use anyhow::Result;
use text_images::{Content, Corpus};
use vision_backbone::PatchLayout;

/// One line per source of text, and one about the file of `corpus`. None if there is nothing but
/// random characters and words: these are as they always were.
pub(super) fn text_notes(
    data: &DataConfig,
    corpus: Option<&Corpus>,
    layout: PatchLayout,
) -> Result<Vec<String>> {
    let mut contents: Vec<Content> = Vec::new();
    for &content in data.train_contents.iter().chain(&data.test_contents) {
        if !contents.contains(&content) {
            contents.push(content);
        }
    }
    let is_plain = |content: &Content| match content {
        Content::Random | Content::Words | Content::Print => true,
        Content::Markov { .. } | Content::Zipf { .. } | Content::Text => false,
    };
    let mut notes = Vec::new();
    if contents.iter().all(is_plain) {
        return Ok(notes);
    }
    for content in contents {
        if let Some(note) = entropy_note(content, data, corpus, layout)? {
            notes.push(note);
        }
    }
    if let (Some(corpus), Some(path)) = (corpus, &data.text_file) {
        notes.push(format!("{}: {}", path.display(), corpus.note()));
    }
    Ok(notes)
}

fn entropy_note(
    content: Content,
    data: &DataConfig,
    corpus: Option<&Corpus>,
    layout: PatchLayout,
) -> Result<Option<String>> {
    let (per_char, how) = match content {
        Content::Random => (data.charset.bits_per_char(), ""),
        Content::Markov { bits, .. } | Content::Zipf { bits } => (bits.get(), ""),
        Content::Text => match corpus {
            Some(corpus) => (
                corpus.bits_per_char(),
                " at most, by an adaptive model with contexts of up to 5 characters",
            ),
            None => return Ok(None),
        },
        Content::Words | Content::Print => return Ok(None),
    };
    let mut note = format!("text `{content}` has {per_char:.2} bits per character{how}");
    let tokens = layout.tokens() as f64;
    let densities = match data.layout {
        LayoutKind::Grid => data.densities.as_slice(),
        LayoutKind::Strip => &[],
    };
    for (index, density) in densities.iter().enumerate() {
        let characters = (density * tokens).round() as usize;
        let bits = match (content, corpus) {
            (Content::Text, Some(corpus)) => Some(corpus.entropy_estimate(characters)),
            _ => content.entropy_bits(data.charset, characters)?,
        };
        if let Some(bits) = bits {
            let start = match index {
                0 => {
                    "; with the first characters of an image, about which nothing is known before, "
                }
                _ => ", ",
            };
            note += &format!(
                "{start}{:.2} bits per token at density {density}",
                bits / tokens
            );
        }
    }
    Ok(Some(note))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::Preset;
    use std::path::Path;
    use text_images::Charset;

    fn notes(contents: &[&str], corpus: Option<&Corpus>) -> Vec<String> {
        let mut data = Preset::Smoke.config().data;
        data.charset = Charset::Alnum36;
        data.densities = vec![1.0, 2.0];
        data.test_contents = contents.iter().map(|name| name.parse().unwrap()).collect();
        data.text_file = corpus.map(|_| "file.txt".into());
        let layout = PatchLayout::of_image(64, 32, 8, 2).unwrap();
        text_notes(&data, corpus, layout).unwrap()
    }

    #[test]
    fn bits_per_token_are_those_of_the_text_of_an_image() {
        assert!(notes(&["random", "words"], None).is_empty());
        let notes = notes(&["markov:2.5", "words"], None);
        assert_eq!(notes.len(), 2, "{notes:?}");
        for part in [
            "`random` has 5.17 bits",
            "5.17 bits per token at density 1",
            ", 10.34 bits",
        ] {
            assert!(notes[0].contains(part), "{notes:?}");
        }
        // (log₂ 36 + 7 · 2.5) / 8 and (log₂ 36 + 15 · 2.5) / 8.
        for part in [
            "2.50 bits per character",
            "2.83 bits per token",
            ", 5.33 bits",
        ] {
            assert!(notes[1].contains(part), "{notes:?}");
        }
    }

    #[test]
    fn a_file_is_named_with_what_was_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.txt");
        std::fs::write(&path, "the same again ".repeat(1000)).unwrap();
        let corpus = Corpus::read(Path::new(&path), Charset::Alnum36).unwrap();
        let notes = notes(&["text"], Some(&corpus));
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(
            notes[1].contains("at most, by an adaptive model"),
            "{notes:?}"
        );
        assert!(notes[2].contains("file.txt: 12000 characters"), "{notes:?}");
    }
}
