//! Tokens and words of a plausible shape, made up to try the layout. Not results.

use figures::{
    Arm, AtlasPatch, AtlasWord, Family, Mark, Quantity, TokenCell, TokenImage, TokenMap, TokenMaps,
    WordAtlas,
};
use image::{Rgb, RgbImage};

const SUBTITLE: &str = "made-up tokens for layout checks – colour: entropy of the token's words; \
                        numbers: likeliest word and its probability; below: what is read";

/// Grey stripes, as an image of some size.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7 + y * 13) as u8; 3]))
}

fn token_map(name: &str, family: Family, tokens: usize, quantity: Quantity) -> TokenMap {
    let marks = |start: usize| {
        let place = |place: usize| match (start + place) % 5 {
            4 => Mark::Wrong {
                target: Some('W'),
                read: Some('M'),
            },
            3 => Mark::Wrong {
                target: Some('@'),
                read: None,
            },
            _ => Mark::Right('W'),
        };
        (0..4).map(place).collect()
    };
    TokenMap {
        arm: Arm::new(name, family),
        note: "soft, 4.2 bits; 3 of 8 wrong".to_owned(),
        quantity,
        tokens: (0..tokens)
            .map(|token| TokenCell {
                value: token as f64 * 9.5 / tokens as f64,
                words: (token * 997 % 65_536).to_string(),
                detail: "p 0.73".to_owned(),
            })
            .collect(),
        reading: vec![marks(0), marks(1)],
    }
}

/// Few tokens and many arms, a long row of tokens, a page of more tokens than words fit into.
pub fn token_maps() -> Vec<(&'static str, TokenMaps)> {
    let image = |rows: usize, cols: usize, arms: usize| TokenImage {
        name: format!("made-up image of {cols} × {rows} tokens"),
        picture: picture(16 * cols as u32, 16 * rows as u32),
        rows,
        cols,
        text: vec![vec![Mark::Plain('W'); 4]; 2],
        maps: (0..arms)
            .map(|arm| match arm {
                0 => token_map("patch-merger", Family::Merger, rows * cols, Quantity::Norm),
                _ => token_map(
                    ["vet-softmax@1024", "vet-st-argmax@1024+usage"][arm % 2],
                    Family::VetSoft,
                    rows * cols,
                    Quantity::EntropyBits,
                ),
            })
            .collect(),
    };
    let figure = |images| TokenMaps {
        title: "What made-up tokens look like".to_owned(),
        subtitle: SUBTITLE.to_owned(),
        images,
    };
    let mut page = image(40, 30, 2);
    page.maps.remove(0);
    page.text.clear();
    vec![
        ("token_maps", figure(vec![image(2, 4, 3), image(2, 4, 3)])),
        (
            "token_maps_many",
            figure(vec![image(2, 4, 7), image(4, 8, 2)]),
        ),
        ("token_maps_page", figure(vec![page, image(10, 20, 2)])),
    ]
}

/// Words with one character and with four.
pub fn word_atlases() -> Vec<(&'static str, WordAtlas)> {
    let atlas = |characters: &str, words: u64, patches: usize| WordAtlas {
        title: "Visual words of a made-up arm".to_owned(),
        subtitle: SUBTITLE.to_owned(),
        words: (0..words)
            .map(|word| AtlasWord {
                word: word * 2731,
                usage: 0.3 / (1.0 + word as f64),
                characters: characters.to_owned(),
                purity: (word % 7 != 6).then_some(1.0 - word as f64 / 60.0),
                information_bits: (word % 7 != 6).then_some(5.0 - word as f64 / 9.0),
                patches: (0..patches)
                    .map(|patch| AtlasPatch {
                        picture: picture(16, 16),
                        characters: if patch == 2 { "W" } else { characters }.to_owned(),
                        activation: Some(1.0 / (1.0 + patch as f64)),
                    })
                    .collect(),
            })
            .collect(),
    };
    vec![
        ("word_atlas", atlas("M", 24, 6)),
        ("word_atlas_of_four", atlas("WM@W", 7, 12)),
        ("word_atlas_of_one", atlas("", 1, 0)),
    ]
}
