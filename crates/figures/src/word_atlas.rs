//! The most used visual words, each with the patches that activate it most.

use std::path::Path;

use image::RgbImage;

use crate::FigureError;
use crate::figure::{self, Figure, Table};
use crate::font::{self, Weight};
use crate::legend;
use crate::numbers::{require, require_finite};
use crate::reading_marks::code_point;
use crate::scene::{Anchor, Label, Scene};
use crate::style::{Dash, Family, GRID, INK, MARGIN, MUTED, PAGE_WIDTH, SMALL_EM, STRIPE};

const NAME: &str = "WordAtlas";
const COLUMNS: usize = 2;
const COLUMN_GAP: f64 = 40.0;
const ROW_HEIGHT: f64 = 104.0;
/// Side of the box with a word's character.
const CHARACTER: f64 = 72.0;
const MAX_CHARACTER_EM: f64 = 46.0;
/// Width of the numbers beside it.
const NUMBERS: f64 = 240.0;
const PATCH_GAP: f64 = 6.0;
const PATCH_EM: f64 = 17.0;
const MAX_PATCH: f64 = 64.0;

/// A token that a word stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct AtlasPatch {
    /// What the token covers of its image.
    pub picture: RgbImage,
    /// The character, or characters, at its place; empty if not known.
    pub characters: String,
    /// Probability of the word; none where words are taken without one.
    pub activation: Option<f64>,
}

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub struct AtlasWord {
    /// Its number in the vocabulary.
    pub word: u64,
    /// Share of all tokens that it takes, 0 to 1.
    pub usage: f64,
    /// Its most common character or characters; empty if it has none.
    pub characters: String,
    /// Their share among its tokens, 0 to 1.
    pub purity: Option<f64>,
    /// Bits that the word says about the character.
    pub information_bits: Option<f64>,
    /// The tokens that activate it most, in falling order.
    pub patches: Vec<AtlasPatch>,
}

/// Words in falling order of use, down the first column, then down the second.
#[derive(Clone, Debug, PartialEq)]
pub struct WordAtlas {
    /// Headline.
    pub title: String,
    /// Caption under the headline: how many words and tokens, what the numbers are.
    pub subtitle: String,
    /// The words.
    pub words: Vec<AtlasWord>,
}

impl WordAtlas {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`. In the table characters go by code point,
    /// so that none is taken for a formula.
    ///
    /// # Errors
    /// If there are no words, a number is not finite, or a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }

    fn column_width() -> f64 {
        let page = PAGE_WIDTH - 2.0 * MARGIN + COLUMN_GAP;
        page / COLUMNS as f64 - COLUMN_GAP
    }

    /// Side of a patch: as many as any word has stand side by side.
    fn patch_side(&self) -> f64 {
        let most = self.words.iter().map(|word| word.patches.len()).max();
        let room = Self::column_width() - CHARACTER - NUMBERS - 2.0 * 14.0;
        (room / most.unwrap_or(1).max(1) as f64 - PATCH_GAP).min(MAX_PATCH)
    }
}

impl AtlasWord {
    /// Draws the word with its upper left corner at `left`, `top`.
    fn draw(&self, scene: &mut Scene, (left, top): (f64, f64), patch_side: f64) {
        let box_top = top + 4.0;
        let corner = (left + CHARACTER, box_top + CHARACTER);
        scene.rectangle((left, box_top), corner, STRIPE);
        if !self.characters.is_empty() {
            let width = font::width(&self.characters, 1.0, Weight::Bold).max(1e-9);
            let em = MAX_CHARACTER_EM.min((CHARACTER - 8.0) / width);
            let middle = (left + CHARACTER / 2.0, box_top + CHARACTER / 2.0);
            let label = Label::new(&self.characters, middle).sized(em).bold();
            scene.text(label.anchored(Anchor::Middle));
        }
        let numbers = left + CHARACTER + 14.0;
        let lines = [
            (format!("word {}", self.word), INK),
            (format!("used {}", percent(self.usage)), MUTED),
            (self.quality(), MUTED),
        ];
        for (index, (text, colour)) in lines.into_iter().enumerate() {
            let middle = box_top + (index as f64 + 0.5) * 25.0;
            let label = Label::new(text, (numbers, middle)).sized(SMALL_EM);
            scene.text(match index {
                0 => label.bold(),
                _ => label.coloured(colour),
            });
        }
        let patches = numbers + NUMBERS + 14.0;
        for (index, patch) in self.patches.iter().enumerate() {
            let x = patches + index as f64 * (patch_side + PATCH_GAP);
            let to = (x + patch_side, box_top + patch_side);
            scene.picture((x, box_top), to, &patch.picture);
            let differs = !patch.characters.is_empty() && patch.characters != self.characters;
            if differs {
                let corners = [(x, box_top), (to.0, box_top), to, (x, to.1), (x, box_top)];
                scene.line(&corners, 3.0, Family::VetHard.colour(), Dash::Solid);
            }
            let width = font::width(&patch.characters, 1.0, Weight::Bold).max(1e-9);
            let em = PATCH_EM.min(patch_side / width);
            let middle = ((x + to.0) / 2.0, to.1 + 4.0 + PATCH_EM / 2.0);
            let label = Label::new(&patch.characters, middle).sized(em);
            let label = label.anchored(Anchor::Middle);
            scene.text(if differs {
                label.bold().coloured(Family::VetHard.colour())
            } else {
                label.coloured(MUTED)
            });
        }
    }

    fn quality(&self) -> String {
        let purity = self
            .purity
            .map(|share| format!("purity {}", percent(share)));
        let bits = self.information_bits.map(|bits| format!("{bits:.1} bits"));
        let parts: Vec<String> = purity.into_iter().chain(bits).collect();
        parts.join(", ")
    }
}

fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent > 0.0 && percent < 10.0 {
        format!("{percent:.2}%")
    } else {
        format!("{percent:.0}%")
    }
}

impl Figure for WordAtlas {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.words, NAME, "words")?;
        for word in &self.words {
            require_finite(word.usage, NAME, "the use of a word")?;
            let others = [word.purity, word.information_bits];
            let activations = word.patches.iter().map(|patch| patch.activation);
            for value in others.into_iter().chain(activations).flatten() {
                require_finite(value, NAME, "a number of a word")?;
            }
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let top = legend::heading(&mut scene, &self.title, &self.subtitle);
        let rows = self.words.len().div_ceil(COLUMNS);
        let patch_side = self.patch_side();
        for (index, word) in self.words.iter().enumerate() {
            let (column, row) = (index / rows, index % rows);
            let left = MARGIN + column as f64 * (Self::column_width() + COLUMN_GAP);
            let top = top + row as f64 * ROW_HEIGHT;
            if row > 0 {
                let rule = [(left, top - 4.0), (left + Self::column_width(), top - 4.0)];
                scene.line(&rule, 1.0, GRID, Dash::Solid);
            }
            word.draw(&mut scene, (left, top), patch_side);
        }
        scene.height = top + rows as f64 * ROW_HEIGHT + MARGIN / 2.0;
        scene
    }

    fn table(&self) -> Table {
        let points = |text: &str| {
            let points: Vec<String> = text.chars().map(|c| code_point(Some(c))).collect();
            points.join(" ")
        };
        let number = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
        let mut rows = Vec::new();
        for word in &self.words {
            rows.push(vec![
                "word".to_owned(),
                word.word.to_string(),
                word.usage.to_string(),
                points(&word.characters),
                number(word.purity),
                number(word.information_bits),
                String::new(),
            ]);
            rows.extend(word.patches.iter().map(|patch| {
                let mut row = vec!["patch".to_owned(), word.word.to_string(), String::new()];
                row.extend([points(&patch.characters), String::new(), String::new()]);
                row.push(number(patch.activation));
                row
            }));
        }
        Table {
            header: &[
                "kind",
                "word",
                "usage",
                "characters",
                "purity",
                "information_bits",
                "activation",
            ],
            rows,
        }
    }
}
