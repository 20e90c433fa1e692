//! Pictures as they come back from visual tokens, one row per arm below the originals.

use std::path::Path;

use image::RgbImage;

use crate::FigureError;
use crate::figure::{self, Figure, Table};
use crate::font::{self, Weight};
use crate::legend;
use crate::numbers::require;
use crate::scene::{Label, Scene};
use crate::style::{MARGIN, MUTED, PAGE_WIDTH, SMALL_EM};

const NAME: &str = "Reconstructions";
/// Width of the names at the left, and space between pictures.
const NAMES: f64 = 420.0;
const GAP: f64 = 10.0;
const LINE_HEIGHT: f64 = 1.25;

/// The pictures of one arm.
#[derive(Clone, Debug, PartialEq)]
pub struct ReconstructionRow {
    /// The arm and what it was trained for.
    pub label: String,
    /// What its pictures come to, such as `18.2 dB, 12% of the characters wrong`.
    pub note: String,
    /// One picture per original, in the order of the first row.
    pub pictures: Vec<RgbImage>,
}

/// A grid of pictures: columns are images, the first row has the originals.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconstructions {
    /// Headline.
    pub title: String,
    /// Caption under the headline.
    pub subtitle: String,
    /// The rows.
    pub rows: Vec<ReconstructionRow>,
}

impl Reconstructions {
    /// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`; the table has the labels and notes.
    ///
    /// # Errors
    /// If there are no rows, a row has not as many pictures as the first, or a file cannot be written.
    pub fn draw(&self, stem: &Path) -> Result<(), FigureError> {
        figure::save(self, stem)
    }
}

impl Figure for Reconstructions {
    fn check(&self) -> Result<(), FigureError> {
        require(&self.rows, NAME, "rows")?;
        for row in &self.rows {
            require(&row.pictures, NAME, "pictures in one of its rows")?;
            if row.pictures.len() != self.rows[0].pictures.len() {
                return Err(FigureError::Empty {
                    figure: NAME,
                    what: "picture at the end of one of its rows",
                });
            }
        }
        Ok(())
    }

    fn scene(&self) -> Scene {
        let mut scene = Scene::default();
        let mut y = legend::heading(&mut scene, &self.title, &self.subtitle);
        let columns = self.rows[0].pictures.len() as f64;
        let width = (PAGE_WIDTH - 2.0 * MARGIN - NAMES) / columns - GAP;
        for row in &self.rows {
            let size = |picture: &RgbImage| {
                width * f64::from(picture.height()) / f64::from(picture.width().max(1))
            };
            let pictures = row.pictures.iter().map(size).fold(0.0, f64::max);
            let wrap = |text: &str, weight| font::wrap(text, SMALL_EM, weight, NAMES - 2.0 * GAP);
            let label = wrap(&row.label, Weight::Bold);
            let note = wrap(&row.note, Weight::Regular);
            let line = SMALL_EM * LINE_HEIGHT;
            let mut at = y + line / 2.0;
            for text in &label {
                scene.text(Label::new(text, (MARGIN, at)).sized(SMALL_EM).bold());
                at += line;
            }
            for text in &note {
                scene.text(
                    Label::new(text, (MARGIN, at))
                        .sized(SMALL_EM)
                        .coloured(MUTED),
                );
                at += line;
            }
            for (column, picture) in row.pictures.iter().enumerate() {
                let left = MARGIN + NAMES + column as f64 * (width + GAP);
                scene.picture((left, y), (left + width, y + size(picture)), picture);
            }
            let text = (label.len() + note.len()) as f64 * line;
            y += pictures.max(text) + GAP;
        }
        scene.height = y + MARGIN;
        scene
    }

    fn table(&self) -> Table {
        let row = |row: &ReconstructionRow| {
            vec![
                row.label.clone(),
                row.note.clone(),
                row.pictures.len().to_string(),
            ]
        };
        Table {
            header: &["label", "note", "pictures"],
            rows: self.rows.iter().map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str, pictures: usize) -> ReconstructionRow {
        ReconstructionRow {
            label: label.to_owned(),
            note: "20 dB".to_owned(),
            pictures: vec![RgbImage::from_pixel(64, 32, image::Rgb([90, 120, 30])); pictures],
        }
    }

    fn figure(rows: Vec<ReconstructionRow>) -> Reconstructions {
        Reconstructions {
            title: "Text".to_owned(),
            subtitle: "as it comes back".to_owned(),
            rows,
        }
    }

    #[test]
    fn every_picture_is_placed_and_rows_do_not_overlap() {
        let figure = figure(vec![row("original", 6), row("vq@1024, trained to read", 6)]);
        figure.check().unwrap();
        let scene = figure.scene();
        let boxes: Vec<_> = scene
            .items
            .iter()
            .filter_map(|item| match item {
                crate::scene::Item::Picture { from, to, .. } => Some((*from, *to)),
                crate::scene::Item::Line { .. }
                | crate::scene::Item::Area { .. }
                | crate::scene::Item::Disc { .. }
                | crate::scene::Item::Text(_) => None,
            })
            .collect();
        assert_eq!(boxes.len(), 12);
        assert!(
            boxes
                .iter()
                .all(|(_, to)| to.0 <= PAGE_WIDTH - MARGIN && to.1 <= scene.height)
        );
        assert!(
            boxes[5].1.1 <= boxes[6].0.1,
            "the second row begins below the first"
        );
    }

    #[test]
    fn rows_of_different_lengths_are_refused() {
        assert!(figure(vec![row("a", 3), row("b", 2)]).check().is_err());
        assert!(figure(Vec::new()).check().is_err());
    }

    #[test]
    fn it_writes_its_files() {
        let folder = tempfile::tempdir().unwrap();
        figure(vec![row("original", 2)])
            .draw(&folder.path().join("text"))
            .unwrap();
        for ending in ["svg", "png", "csv"] {
            assert!(folder.path().join(format!("text.{ending}")).is_file());
        }
    }
}
