//! Images that one arm reads and another does not, with both readings.

use std::path::Path;

use image::RgbImage;

use crate::FigureError;
use crate::figure::{self, Figure, Table};
use crate::font::{self, Weight};
use crate::legend;
use crate::numbers::require;
use crate::scene::{Label, Scene};
use crate::style::{
    Dash, Family, GRID, GRID_WIDTH, MARGIN, MUTED, PAGE_WIDTH, SMALL_EM, TEXT_EM, THIN_WIDTH,
};

const NAME: &str = "ReadByOne";
/// Space between the two directions of a pair.
const COLUMN_GAP: f64 = 56.0;
const COLUMN: f64 = (PAGE_WIDTH - 2.0 * MARGIN - COLUMN_GAP) / 2.0;
/// Room of a picture beside its texts; one that is wider than [`WIDE`] times its height stands above them.
const PICTURE_WIDTH: f64 = 330.0;
const PICTURE_HEIGHT: f64 = 120.0;
const WIDE: f64 = 6.0;
const GAP: f64 = 18.0;
const LINE: f64 = SMALL_EM * 1.3;
/// Lines of one text, of which the rest is left out.
const MOST_LINES: usize = 4;

/// One image, as two arms read it.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageReading {
    /// The image.
    pub picture: RgbImage,
    /// Its number in the test set.
    pub item: usize,
    /// Training seed of the readings.
    pub seed: u64,
    /// What stands in it.
    pub label: String,
    /// What is read right.
    pub right: String,
    /// What the other arm reads.
    pub wrong: String,
    /// More about it, such as the number of seeds; may be empty.
    pub note: String,
}

/// The images that one arm reads and another does not.
#[derive(Clone, Debug, PartialEq)]
pub struct OneSided {
    /// The arm that reads them.
    pub reads: String,
    /// The arm that does not.
    pub misreads: String,
    /// How many there are, shown or not.
    pub images: usize,
    /// Those that are shown.
    pub shown: Vec<ImageReading>,
}

/// Pairs of arms, one below the other, each with its two directions side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadByOne {
    /// Headline.
    pub title: String,
    /// Caption under the headline.
    pub subtitle: String,
    /// Images of the test set.
    pub of: usize,
    /// The pairs: what the first arm reads and the second does not, then the other way round.
    pub pairs: Vec<[OneSided; 2]>,
}

impl ReadByOne {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`; the table says which images are shown, by their
    /// numbers. What is read in them stands where all readings do.
    ///
    /// # Errors
    /// If no image is shown, or a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }
}

/// A text in lines no wider than `width`; of a long one the end is left out.
fn fitted(text: &str, weight: Weight, width: f64) -> Vec<String> {
    let mut lines = font::wrap(text, SMALL_EM, weight, width);
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        if let Some(last) = lines.last_mut() {
            while font::width(&format!("{last}…"), SMALL_EM, weight) > width {
                last.pop();
            }
            last.push('…');
        }
    }
    lines
}

/// What was read, also if that is nothing.
fn reading(arm: &str, text: &str) -> String {
    match text.trim().is_empty() {
        true => format!("{arm}: (nothing)"),
        false => format!("{arm}: {text}"),
    }
}

/// Places texts from `top` down; returns the y below them.
fn write(scene: &mut Scene, lines: &[String], (left, top): (f64, f64), like: &Label) -> f64 {
    let mut y = top;
    for line in lines {
        let mut label = like.clone();
        label.text.clone_from(line);
        label.at = (left, y + LINE / 2.0);
        scene.text(label);
        y += LINE;
    }
    y
}

impl OneSided {
    /// Draws the column at `left` from `top` down; returns the y below.
    fn draw(&self, scene: &mut Scene, (left, top): (f64, f64), of: usize) -> f64 {
        let count = match (self.images, self.shown.len()) {
            (0, _) => "none".to_owned(),
            (images, shown) if shown < images => format!("{images} of {of} images, {shown} shown"),
            (images, _) => format!("{images} of {of} images"),
        };
        let heading = format!("{} reads, {} does not: {count}", self.reads, self.misreads);
        let bold = Label::new("", (left, top)).sized(SMALL_EM).bold();
        let lines = font::wrap(&heading, SMALL_EM, Weight::Bold, COLUMN);
        let mut y = write(scene, &lines, (left, top), &bold) + 8.0;
        for shown in &self.shown {
            y = self.draw_image(scene, shown, (left, y)) + GAP;
        }
        y
    }

    fn draw_image(&self, scene: &mut Scene, shown: &ImageReading, (left, top): (f64, f64)) -> f64 {
        let sides =
            [shown.picture.width(), shown.picture.height()].map(|side| f64::from(side.max(1)));
        let is_wide = sides[0] > WIDE * sides[1];
        let most = if is_wide { COLUMN } else { PICTURE_WIDTH };
        let scale = (most / sides[0]).min(PICTURE_HEIGHT / sides[1]);
        let (width, height) = (sides[0] * scale, sides[1] * scale);
        let (right, below) = (left + width, top + height);
        scene.picture((left, top), (right, below), &shown.picture);
        // An image as white as the page still has an end.
        let corners = [(left, top), (right, top), (right, below), (left, below)];
        let border = [&corners[..], &corners[..1]].concat();
        scene.line(&border, GRID_WIDTH, GRID, Dash::Solid);
        let (start, room, at) = match is_wide {
            true => (left, COLUMN, below + 4.0),
            false => (
                left + PICTURE_WIDTH + GAP,
                COLUMN - PICTURE_WIDTH - GAP,
                top,
            ),
        };
        let plain = Label::new("", (start, at)).sized(SMALL_EM);
        let bold = plain.clone().bold();
        let label = fitted(&shown.label, Weight::Bold, room);
        let mut y = write(scene, &label, (start, at), &bold);
        let right = fitted(&reading(&self.reads, &shown.right), Weight::Regular, room);
        y = write(scene, &right, (start, y), &plain);
        let wrong = fitted(
            &reading(&self.misreads, &shown.wrong),
            Weight::Regular,
            room,
        );
        let coloured = plain.clone().coloured(Family::VetHard.colour());
        y = write(scene, &wrong, (start, y), &coloured);
        let mut about = format!("image {}", shown.item);
        if !shown.note.is_empty() {
            about.push_str(&format!(", {}", shown.note));
        }
        let about = fitted(&about, Weight::Regular, room);
        y = write(scene, &about, (start, y), &plain.coloured(MUTED));
        y.max(below)
    }
}

impl Figure for ReadByOne {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.pairs, NAME, "pairs of arms")?;
        let shown: Vec<_> = self
            .pairs
            .iter()
            .flatten()
            .flat_map(|side| &side.shown)
            .collect();
        require(&shown, NAME, "image that only one arm reads")
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let mut y = legend::heading(&mut scene, &self.title, &self.subtitle);
        for sides in &self.pairs {
            let rule = [(MARGIN, y), (PAGE_WIDTH - MARGIN, y)];
            scene.line(&rule, THIN_WIDTH, GRID, Dash::Solid);
            y += 12.0;
            let names = format!("{} and {}", sides[0].reads, sides[0].misreads);
            let width = PAGE_WIDTH - 2.0 * MARGIN;
            for line in font::wrap(&names, TEXT_EM, Weight::Bold, width) {
                let middle = (MARGIN, y + TEXT_EM * 0.7);
                scene.text(Label::new(line, middle).bold());
                y += TEXT_EM * 1.4;
            }
            y += 4.0;
            let mut below = y;
            for (number, side) in sides.iter().enumerate() {
                let left = MARGIN + number as f64 * (COLUMN + COLUMN_GAP);
                below = below.max(side.draw(&mut scene, (left, y), self.of));
            }
            y = below;
        }
        scene.height = y + MARGIN / 2.0;
        scene
    }

    fn table(&self) -> Table {
        let mut rows = Vec::new();
        for side in self.pairs.iter().flatten() {
            let start = || {
                let images = side.images.to_string();
                vec![side.reads.clone(), side.misreads.clone(), images]
            };
            for shown in &side.shown {
                let mut row = start();
                row.extend([shown.item.to_string(), shown.seed.to_string()]);
                rows.push(row);
            }
            if side.shown.is_empty() {
                let mut row = start();
                row.extend([String::new(), String::new()]);
                rows.push(row);
            }
        }
        Table {
            header: &["reads", "does_not", "images", "item", "seed"],
            rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_in_dots_and_fits() {
        let text = "averylongword".repeat(60);
        let lines = fitted(&text, Weight::Bold, 300.0);
        assert_eq!(lines.len(), MOST_LINES);
        assert!(lines[MOST_LINES - 1].ends_with('…'));
        for line in &lines {
            assert!(font::width(line, SMALL_EM, Weight::Bold) <= 300.0, "{line}");
        }
        assert_eq!(fitted("short", Weight::Bold, 300.0), ["short"]);
    }

    #[test]
    fn an_empty_reading_is_said_to_be_one() {
        assert_eq!(reading("identity", ""), "identity: (nothing)");
        assert_eq!(reading("identity", "a"), "identity: a");
    }

    #[test]
    fn without_an_image_there_is_no_figure() {
        let side = OneSided {
            reads: "a".to_owned(),
            misreads: "b".to_owned(),
            images: 0,
            shown: Vec::new(),
        };
        let figure = ReadByOne {
            title: String::new(),
            subtitle: String::new(),
            of: 9,
            pairs: vec![[side.clone(), side]],
        };
        assert!(matches!(figure.check(), Err(FigureError::Empty { .. })));
    }
}
