//! One interface over all formats.

use std::fmt;

use image::RgbImage;

use crate::picture::decode;
use crate::{Error, Format, Result};

/// Labelled images of words that are read from disk when they are asked for.
///
/// A record that is damaged or missing is an error of its own index: it names the record, and the
/// others can still be read. No label is ever made up.
///
/// # Panics
/// Methods that take an index may panic if it is not below [`TextDataset::len`].
pub trait TextDataset: Send + Sync + fmt::Debug {
    /// Name in results.
    fn name(&self) -> &str;

    /// How it lies on disk.
    fn format(&self) -> Format;

    /// Number of samples that the data set announces.
    fn len(&self) -> usize;

    /// Whether it announces none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names a sample in messages.
    fn record(&self, index: usize) -> String;

    /// The label as stored.
    ///
    /// # Errors
    /// If it is missing, damaged, empty or not UTF-8.
    fn label(&self, index: usize) -> Result<String>;

    /// The image as a PNG, JPEG, WebP or BMP file. Not decoded, unless it is cropped from a page.
    ///
    /// # Errors
    /// If it is missing or damaged, or lies outside the folder.
    fn encoded(&self, index: usize) -> Result<Vec<u8>>;

    /// The image.
    ///
    /// # Errors
    /// As [`TextDataset::encoded`], and if it cannot be decoded or is too large.
    fn image(&self, index: usize) -> Result<RgbImage> {
        decode(&self.encoded(index)?, || self.record(index))
    }

    /// What the image was taken from, if several come from one: they are resampled together.
    fn source(&self, _index: usize) -> Option<String> {
        None
    }

    /// Words that the data set itself marks as not to be read (ICDAR's `###`).
    fn ignored(&self) -> usize {
        0
    }

    /// What was found wrong when it was opened; the samples concerned are not counted by `len`.
    fn notes(&self) -> &[String] {
        &[]
    }
}

/// A label that is not empty.
pub(crate) fn not_empty(label: &str, record: impl Fn() -> String) -> Result<String> {
    if label.is_empty() {
        return Err(Error::EmptyLabel { record: record() });
    }
    Ok(label.to_owned())
}
