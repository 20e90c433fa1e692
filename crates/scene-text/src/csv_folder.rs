//! This workspace's own folders, `labels.csv` beside images, behind the common interface.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;
use image_processor::{Transparency, into_rgb};
use text_images::names::escaped;
use text_images::{FolderDataset, FolderRow};

use crate::place::{Root, name_of};
use crate::{Error, Format, Result, TextDataset};

/// A folder with `labels.csv`. Memory: its rows, a few hundred bytes an image; for millions of images
/// choose another format.
#[derive(Debug)]
pub struct CsvDataset {
    name: String,
    root: Root,
    folder: FolderDataset,
}

impl CsvDataset {
    /// Opens a folder.
    ///
    /// # Errors
    /// As [`FolderDataset::open`]: if no row of it can be read, say.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let dataset = FolderDataset::open(folder)?;
        Ok(Self {
            name: name_of(folder),
            root: Root::open(folder)?,
            folder: dataset,
        })
    }

    fn row(&self, index: usize) -> Result<&FolderRow> {
        let row = self.folder.rows()[index].as_ref();
        row.map_err(|left_out| Error::Row(Arc::clone(&left_out.reason)))
    }
}

impl TextDataset for CsvDataset {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::Folder
    }

    fn len(&self) -> usize {
        self.folder.rows().len()
    }

    fn record(&self, index: usize) -> String {
        let labels = self.folder.dir().join(text_images::LABELS_FILE);
        let line = match &self.folder.rows()[index] {
            Ok(row) => row.line,
            Err(left_out) => left_out.line,
        };
        format!("{} line {line}", escaped(labels))
    }

    fn label(&self, index: usize) -> Result<String> {
        Ok(self.row(index)?.text.clone())
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        self.root
            .read(&self.row(index)?.file, || self.record(index))
    }

    /// Decoded as by `ocr-probe`, which reads such folders without this interface.
    fn image(&self, index: usize) -> Result<RgbImage> {
        let image = self.folder.decoded(self.row(index)?)?;
        Ok(into_rgb(image, Transparency::UnderInk))
    }

    fn source(&self, index: usize) -> Option<String> {
        self.row(index).ok()?.font.clone()
    }
}
