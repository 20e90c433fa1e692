//! Images with their token grid, and beside them what each arm makes of every token.

use std::path::Path;

use image::RgbImage;

use crate::FigureError;
use crate::colour_map::{ColourMap, ColourScale, ink_on};
use crate::figure::{self, Figure, Table};
use crate::font::{self, Weight};
use crate::legend;
use crate::numbers::{Arm, require, require_finite};
use crate::reading_marks::{self, Mark};
use crate::scene::{Anchor, Label, Scene};
use crate::style::{Dash, MARGIN, MUTED, PAGE_WIDTH, PAPER, SMALL_EM, THIN_WIDTH};
use plotters::style::RGBColor;

const NAME: &str = "TokenMaps";
const PANEL_GAP: f64 = 28.0;
const MAX_PANELS_PER_LINE: usize = 4;
/// Width in pixels of a token below which the words in it would be hard to read.
const WANTED_CELL: f64 = 62.0;
const MAX_CELL: f64 = 150.0;
/// Width in pixels that the heading of a panel needs, however few tokens it has.
const HEADING_WIDTH: f64 = 340.0;
const MAX_PANEL_HEIGHT: f64 = 1400.0;
const LINE_HEIGHT: f64 = 1.35;
/// Font sizes of the words in a token; where they do not fit at the smallest, none is written.
const MAX_WORD_EM: f64 = 24.0;
const MIN_WORD_EM: f64 = 12.0;
const BAR_LENGTH: f64 = 680.0;
/// Lines between the tokens of an image: seen on black and on white.
const TOKEN_EDGE: RGBColor = RGBColor(0x56, 0xb4, 0xe9);

/// What the colour of a token means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Entropy of the token's distribution over words, in bits.
    EntropyBits,
    /// Euclidean length of the token's vector, for arms without words.
    Norm,
}

impl Quantity {
    const ALL: [Self; 2] = [Self::EntropyBits, Self::Norm];

    fn name(self) -> &'static str {
        match self {
            Self::EntropyBits => "entropy_bits",
            Self::Norm => "norm",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::EntropyBits => "entropy of the token's distribution over words (bits)",
            Self::Norm => "no words: length of the token's vector",
        }
    }

    fn map(self) -> ColourMap {
        match self {
            Self::EntropyBits => ColourMap::Viridis,
            Self::Norm => ColourMap::Greys,
        }
    }
}

/// One token of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenCell {
    /// Its quantity; at least 0.
    pub value: f64,
    /// The word, or words, that it is or would be.
    pub words: String,
    /// What stands below them, for example the word's probability.
    pub detail: String,
}

/// What one arm makes of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenMap {
    /// The arm.
    pub arm: Arm,
    /// What is remarkable, below the arm's name.
    pub note: String,
    /// What the colours mean.
    pub quantity: Quantity,
    /// Tokens, row by row.
    pub tokens: Vec<TokenCell>,
    /// What was read, line by line; empty where nothing reads.
    pub reading: Vec<Vec<Mark>>,
}

/// An image and its maps.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenImage {
    /// Its name.
    pub name: String,
    /// The image itself; it is stretched over the grid.
    pub picture: RgbImage,
    /// Rows of tokens.
    pub rows: usize,
    /// Columns of tokens.
    pub cols: usize,
    /// Its text, line by line; empty if it is not known.
    pub text: Vec<Vec<Mark>>,
    /// One map per arm.
    pub maps: Vec<TokenMap>,
}

/// One row of panels per image: the image with its token grid, then a heat map per arm with the
/// words in the tokens and the reading below.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenMaps {
    /// Headline.
    pub title: String,
    /// Caption under the headline.
    pub subtitle: String,
    /// The images.
    pub images: Vec<TokenImage>,
}

impl TokenMaps {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`. In the table images go by number, and
    /// characters by code point, so that none is taken for a formula.
    ///
    /// # Errors
    /// If there are no images or an image has no maps, a map has not one token per cell of the grid,
    /// a value is not finite, or a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }

    fn values(&self, quantity: Quantity) -> Vec<f64> {
        let maps = self.images.iter().flat_map(|image| &image.maps);
        maps.filter(|map| map.quantity == quantity)
            .flat_map(|map| map.tokens.iter().map(|token| token.value))
            .collect()
    }

    /// The scale of every quantity that is shown; it covers all images, so that they compare.
    fn scales(&self) -> Vec<(Quantity, ColourScale)> {
        let scales = Quantity::ALL.into_iter().filter_map(|quantity| {
            let values = self.values(quantity);
            let (map, title) = (quantity.map(), quantity.title());
            let scale = || ColourScale::new(&values, BAR_LENGTH, map, title);
            (!values.is_empty()).then(|| (quantity, scale()))
        });
        scales.collect()
    }
}

/// Where the panels of an image stand.
struct Layout {
    /// Panels side by side.
    per_line: usize,
    /// Width of a panel with its texts.
    width: f64,
    /// Side of a token.
    cell: f64,
    /// Font size of the words in the tokens; none where they do not fit.
    word_em: Option<f64>,
}

impl Layout {
    fn of(image: &TokenImage) -> Self {
        let page = PAGE_WIDTH - 2.0 * MARGIN + PANEL_GAP;
        let (rows, cols) = (image.rows as f64, image.cols as f64);
        let fitting = (page / (cols * WANTED_CELL + PANEL_GAP)).floor() as usize;
        let panels = 1 + image.maps.len();
        let lines = panels.div_ceil(fitting.clamp(1, MAX_PANELS_PER_LINE));
        let per_line = panels.div_ceil(lines);
        let width = page / per_line as f64 - PANEL_GAP;
        let cell = (width / cols).min(MAX_PANEL_HEIGHT / rows).min(MAX_CELL);
        Self {
            per_line,
            width: width.min((cell * cols).max(HEADING_WIDTH)),
            cell,
            word_em: word_em(image, cell),
        }
    }
}

/// The largest font size at which the words of all tokens fit.
fn word_em(image: &TokenImage, cell: f64) -> Option<f64> {
    let tokens = || image.maps.iter().flat_map(|map| &map.tokens);
    let widest = tokens()
        .flat_map(|token| [&token.words, &token.detail])
        .map(|text| font::width(text, 1.0, Weight::Bold))
        .fold(0.0, f64::max);
    let lines = if tokens().any(|token| !token.detail.is_empty()) {
        2.0
    } else {
        1.0
    };
    let em = ((cell - 8.0) / widest.max(1e-9)).min((cell - 8.0) / (lines * 1.25));
    (em >= MIN_WORD_EM).then_some(em.min(MAX_WORD_EM))
}

/// A panel: the image, or one of its maps.
#[derive(Clone, Copy)]
enum Panel<'a> {
    Image(&'a TokenImage),
    Map(&'a TokenImage, &'a TokenMap),
}

impl Panel<'_> {
    fn heading(&self) -> (&str, String) {
        match self {
            Self::Image(image) => ("image", format!("{} × {} tokens", image.cols, image.rows)),
            Self::Map(_, map) => (&map.arm.label, map.note.clone()),
        }
    }

    fn marks(&self) -> &[Vec<Mark>] {
        match self {
            Self::Image(image) => &image.text,
            Self::Map(_, map) => &map.reading,
        }
    }

    fn draw_body(
        &self,
        scene: &mut Scene,
        layout: &Layout,
        (left, top): (f64, f64),
        scales: &[(Quantity, ColourScale)],
    ) {
        let cell = layout.cell;
        match self {
            Self::Image(image) => {
                let (right, bottom) = (
                    left + cell * image.cols as f64,
                    top + cell * image.rows as f64,
                );
                scene.picture((left, top), (right, bottom), &image.picture);
                for col in 0..=image.cols {
                    let x = left + cell * col as f64;
                    scene.line(
                        &[(x, top), (x, bottom)],
                        THIN_WIDTH,
                        TOKEN_EDGE,
                        Dash::Solid,
                    );
                }
                for row in 0..=image.rows {
                    let y = top + cell * row as f64;
                    scene.line(
                        &[(left, y), (right, y)],
                        THIN_WIDTH,
                        TOKEN_EDGE,
                        Dash::Solid,
                    );
                }
            }
            Self::Map(image, map) => {
                let scale = scales
                    .iter()
                    .find(|(quantity, _)| *quantity == map.quantity);
                for (index, token) in map.tokens.iter().enumerate() {
                    let (row, col) = (index / image.cols, index % image.cols);
                    let from = (left + cell * col as f64, top + cell * row as f64);
                    let to = (from.0 + cell, from.1 + cell);
                    let ground = scale.map_or(PAPER, |(_, scale)| scale.colour(token.value));
                    scene.rectangle(from, (to.0 - 1.0, to.1 - 1.0), ground);
                    if let Some(em) = layout.word_em {
                        let middle = ((from.0 + to.0) / 2.0, (from.1 + to.1) / 2.0);
                        draw_words(scene, token, middle, em, ink_on(ground));
                    }
                }
            }
        }
    }
}

fn draw_words(scene: &mut Scene, token: &TokenCell, (x, y): (f64, f64), em: f64, ink: RGBColor) {
    // One line alone stands in the middle.
    let apart = match token.words.is_empty() || token.detail.is_empty() {
        true => 0.0,
        false => em * 0.6,
    };
    let words = Label::new(&token.words, (x, y - apart)).sized(em).bold();
    scene.text(words.coloured(ink).anchored(Anchor::Middle));
    let detail = Label::new(&token.detail, (x, y + apart)).sized(em * 0.9);
    scene.text(detail.coloured(ink).anchored(Anchor::Middle));
}

/// Draws an image with its maps; returns the y below.
fn draw_image(
    scene: &mut Scene,
    image: &TokenImage,
    top: f64,
    scales: &[(Quantity, ColourScale)],
) -> f64 {
    let layout = Layout::of(image);
    let mut y = top;
    for line in font::wrap(
        &image.name,
        SMALL_EM,
        Weight::Bold,
        PAGE_WIDTH - 2.0 * MARGIN,
    ) {
        y += SMALL_EM * LINE_HEIGHT;
        let middle = (MARGIN, y - SMALL_EM * LINE_HEIGHT / 2.0);
        scene.text(Label::new(line, middle).sized(SMALL_EM).coloured(MUTED));
    }
    y += 6.0;
    let mut panels = vec![Panel::Image(image)];
    panels.extend(image.maps.iter().map(|map| Panel::Map(image, map)));
    for line in panels.chunks(layout.per_line) {
        let headings: Vec<(Vec<String>, Vec<String>)> = line
            .iter()
            .map(|panel| {
                let (name, note) = panel.heading();
                let wrap = |text: &str, weight| font::wrap(text, SMALL_EM, weight, layout.width);
                (wrap(name, Weight::Bold), wrap(&note, Weight::Regular))
            })
            .collect();
        let lines = headings.iter().map(|(name, note)| name.len() + note.len());
        let heading_height = lines.max().unwrap_or(0) as f64 * SMALL_EM * LINE_HEIGHT;
        let body = y + heading_height + 8.0;
        let below = body + layout.cell * image.rows as f64 + 8.0;
        let mut bottom = below;
        for (index, (panel, (name, note))) in line.iter().zip(headings).enumerate() {
            let left = MARGIN + index as f64 * (layout.width + PANEL_GAP);
            let mut at = y + SMALL_EM * LINE_HEIGHT / 2.0;
            for text in name {
                scene.text(Label::new(text, (left, at)).sized(SMALL_EM).bold());
                at += SMALL_EM * LINE_HEIGHT;
            }
            for text in note {
                scene.text(Label::new(text, (left, at)).sized(SMALL_EM).coloured(MUTED));
                at += SMALL_EM * LINE_HEIGHT;
            }
            panel.draw_body(scene, &layout, (left, body), scales);
            let width = layout.cell * image.cols as f64;
            let end = reading_marks::draw(scene, panel.marks(), (left, below), width);
            bottom = f64::max(bottom, end);
        }
        y = bottom + 18.0;
    }
    y
}

impl Figure for TokenMaps {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.images, NAME, "images")?;
        for image in &self.images {
            require(&image.maps, NAME, "maps of one of its images")?;
            for map in &image.maps {
                require(&map.tokens, NAME, "tokens in one of its maps")?;
                if map.tokens.len() != image.rows * image.cols {
                    return Err(FigureError::TokenCount {
                        figure: NAME,
                        expected: image.rows * image.cols,
                        found: map.tokens.len(),
                    });
                }
                for token in &map.tokens {
                    require_finite(token.value, NAME, "the value of a token")?;
                }
            }
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let scales = self.scales();
        let mut y = legend::heading(&mut scene, &self.title, &self.subtitle);
        for image in &self.images {
            y = draw_image(&mut scene, image, y, &scales);
        }
        for (index, (_, scale)) in scales.iter().enumerate() {
            let left = MARGIN + 8.0 + index as f64 * (BAR_LENGTH + 100.0);
            scale.draw(&mut scene, left, y);
        }
        scene.height = y + ColourScale::HEIGHT + MARGIN / 2.0;
        scene
    }

    fn table(&self) -> Table {
        let mut rows = Vec::new();
        for (number, image) in self.images.iter().enumerate() {
            for map in &image.maps {
                let start = [(number + 1).to_string(), map.arm.label.clone()];
                for (index, token) in map.tokens.iter().enumerate() {
                    let mut row = start.to_vec();
                    row.push("token".to_owned());
                    row.extend([index / image.cols, index % image.cols].map(|n| n.to_string()));
                    row.extend([map.quantity.name().to_owned(), token.value.to_string()]);
                    row.extend([token.words.clone(), token.detail.clone()]);
                    row.extend([String::new(), String::new(), String::new()]);
                    rows.push(row);
                }
                for (line, marks) in map.reading.iter().enumerate() {
                    for (place, mark) in marks.iter().enumerate() {
                        let mut row = start.to_vec();
                        row.push("character".to_owned());
                        row.extend([line, place].map(|n| n.to_string()));
                        row.extend(std::iter::repeat_n(String::new(), 4));
                        row.extend(mark.fields());
                        rows.push(row);
                    }
                }
            }
        }
        Table {
            header: &[
                "image", "arm", "kind", "row", "col", "quantity", "value", "words", "detail",
                "target", "read", "status",
            ],
            rows,
        }
    }
}
