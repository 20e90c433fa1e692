//! Folders of labelled images: `labels.csv` beside PNG, JPEG, WebP or BMP files.
//!
//! | column | meaning |
//! |---|---|
//! | `file` | image, relative to the folder (required) |
//! | `text` | what it says (required) |
//! | `columns`, `lines` | grid of the characters, both or neither |
//! | `font`, `family`, `held_out` | typeface, and whether it is kept out of training |
//! | `split`, `index` | where a rendered item came from |
//!
//! Columns may stand in any order; unknown ones are ignored. Optional fields may be empty. Texts
//! that a spreadsheet program would run are written and read as in [`spreadsheet`](crate::spreadsheet).
//!
//! A row that cannot be read is left out, in its place and with the reason ([`LeftOut`]); the others
//! are read as if it were not there.

mod decode;
mod fit;
mod labels;
mod records;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{DynamicImage, GrayImage};

use crate::{Error, Grid, Result, Split};

pub(crate) use fit::Fit;
pub use fit::fit_to;
pub use write::{FolderWriter, write_folder};

/// Name of the label file in a data set folder.
pub const LABELS_FILE: &str = "labels.csv";

/// A folder of labelled images. Labels are read and checked when it is opened, images when they
/// are asked for.
#[derive(Clone, Debug)]
pub struct FolderDataset {
    dir: PathBuf,
    rows: Vec<Result<FolderRow, LeftOut>>,
}

/// A row of `labels.csv` that cannot be read.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Line in `labels.csv`, the header being line 1.
    pub line: u64,
    /// What is wrong with it and how to mend it; names file and line.
    pub reason: Arc<Error>,
}

/// One line of `labels.csv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderRow {
    /// Image, relative to the folder.
    pub file: PathBuf,
    /// Label as written, surrounding whitespace removed; see
    /// [`Charset::normalise`](crate::Charset::normalise).
    pub text: String,
    /// Grid of the characters, from which [`Grid::slots`] recovers their places.
    pub grid: Option<Grid>,
    /// Font face.
    pub font: Option<String>,
    /// Font family.
    pub family: Option<String>,
    /// Whether the family is kept out of training.
    pub held_out: Option<bool>,
    /// Split the item was rendered for.
    pub split: Option<Split>,
    /// Index in its split.
    pub index: Option<u64>,
    /// Line in `labels.csv`, the header being line 1.
    pub line: u64,
}

impl FolderDataset {
    /// Reads and checks `labels.csv`, and that every image exists inside the folder. Decodes none.
    ///
    /// A row is left out if its label is empty or not UTF-8, a field cannot be read, a quotation mark
    /// stays open, it has more or fewer fields than the header, or its image is missing, lies outside the
    /// folder or stands in a later row too: of an image, the last row counts.
    ///
    /// # Errors
    /// If `labels.csv` is missing, unreadable, in UTF-16 or UTF-32, without rows or without the
    /// required columns or with one of the known ones twice, or every row is left out.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        Ok(Self {
            dir: dir.to_owned(),
            rows: labels::read(dir)?,
        })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The rows in file order, those that are left out in their places. At least one can be read.
    pub fn rows(&self) -> &[Result<FolderRow, LeftOut>] {
        &self.rows
    }

    /// The rows that can be read, in file order.
    pub fn readable(&self) -> impl Iterator<Item = &FolderRow> {
        self.rows.iter().flatten()
    }

    /// The rows that cannot, in file order.
    pub fn left_out(&self) -> impl Iterator<Item = &LeftOut> {
        self.rows.iter().filter_map(|row| row.as_ref().err())
    }

    /// Decodes the image of a row as 8-bit grey at its own size. EXIF orientation is applied;
    /// transparent pixels become white, or black under light ink.
    ///
    /// # Errors
    /// If the file cannot be read or decoded, or is too large; the size is checked before decoding.
    pub fn image(&self, row: &FolderRow) -> Result<GrayImage> {
        Ok(decode::grey(self.decoded(row)?))
    }

    /// The image of a row as it is in its file, upright.
    ///
    /// # Errors
    /// As [`FolderDataset::image`].
    pub fn decoded(&self, row: &FolderRow) -> Result<DynamicImage> {
        decode::decode(&self.dir.join(&row.file), row.line)
    }

    /// [`FolderDataset::image`], then [`fit_to`].
    ///
    /// # Errors
    /// As [`FolderDataset::image`].
    ///
    /// # Panics
    /// If a side is zero.
    pub fn image_fit_to(
        &self,
        row: &FolderRow,
        width_px: u32,
        height_px: u32,
    ) -> Result<GrayImage> {
        Ok(fit_to(&self.image(row)?, width_px, height_px))
    }
}
