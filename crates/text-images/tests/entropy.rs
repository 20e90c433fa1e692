//! The entropies of sources, against a compressor.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::io::Write;

use ppmd_rust::Ppmd7Encoder;
use text_images::{
    Charset, Content, Degradation, Fonts, Grid, Layout, Renderer, RendererConfig, Split,
};

/// Memory of the compressor, in bytes.
const MEMORY: u32 = 1 << 25;

/// Bits that PPMd takes, with contexts of up to `order` characters.
fn compressed_bits(text: &str, order: u32) -> f64 {
    let mut encoder = Ppmd7Encoder::new(Vec::new(), order, MEMORY).unwrap();
    encoder.write_all(text.as_bytes()).unwrap();
    8.0 * encoder.finish(false).unwrap().len() as f64
}

/// Three images of 100,000 characters, of the smallest size that is drawn.
fn long_text(charset: Charset, content: Content) -> String {
    let grid = Grid {
        columns: 1000,
        lines: 100,
    };
    let config = RendererConfig {
        content,
        width_px: 4000,
        height_px: 400,
        degradation: Degradation::none(),
        ..RendererConfig::new(charset, Layout::Grid(grid), Split::Test, 3)
    };
    let renderer = Renderer::new(config, &Fonts::embedded()).unwrap();
    [0, 1, 2].map(|index| renderer.render(index).text).concat()
}

/// That the compressor never takes less than the source says, and with contexts of `order` at most
/// this share more. `prepare` brings the text into a form that is easier to compress and says the
/// same.
fn agrees(charset: Charset, name: &str, order: u32, share: f64, prepare: impl Fn(&str) -> String) {
    let content: Content = name.parse().unwrap();
    let text = long_text(charset, content);
    let entropy = content.entropy_bits(charset, text.len() / 3).unwrap();
    let entropy = 3.0 * entropy.unwrap();
    for order in [2, 4, 16] {
        for text in [&text, &prepare(&text)] {
            let taken = compressed_bits(text, order);
            // A single text may say a little less than texts do on average.
            assert!(taken > 0.995 * entropy, "{name} {order}: {taken} {entropy}");
        }
    }
    let taken = compressed_bits(&prepare(&text), order);
    assert!(taken < (1.0 + share) * entropy, "{name}: {taken} {entropy}");
}

#[test]
fn a_compressor_needs_what_a_markov_source_says_and_little_more() {
    for (charset, name) in [
        (Charset::Alnum36, "markov:3"),
        (Charset::Alnum36, "markov:1"),
        (Charset::Printable94, "markov:5.5"),
        (Charset::Hex, "markov:2:2"),
    ] {
        agrees(charset, name, 2, 0.06, str::to_owned);
    }
}

#[test]
fn a_compressor_needs_what_words_say_and_what_it_takes_to_learn_them() {
    // It learns 4,096 words, and to be told where they begin spares it as much again.
    let with_spaces = |text: &str| {
        let words = text.as_bytes().chunks(4);
        let words = words.map(|word| str::from_utf8(word).unwrap());
        words.collect::<Vec<_>>().join(" ")
    };
    agrees(Charset::Alnum36, "zipf:1.5", 3, 0.2, with_spaces);
    agrees(Charset::Digits, "zipf:2", 4, 0.2, with_spaces);
}

#[test]
fn a_compressor_needs_what_random_text_says_and_little_more() {
    agrees(Charset::Hex, "random", 2, 0.03, str::to_owned);
}
