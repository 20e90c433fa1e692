//! This workspace's own folders, `labels.csv` beside images, behind the common interface.

use std::path::Path;

use image::RgbImage;
use text_images::FolderDataset;
use text_images::names::escaped;

use crate::place::{Root, name_of};
use crate::{Format, Result, TextDataset};

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
    /// As [`FolderDataset::open`]; unlike the other formats, one bad row is enough.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let dataset = FolderDataset::open(folder)?;
        Ok(Self {
            name: name_of(folder),
            root: Root::open(folder)?,
            folder: dataset,
        })
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
        self.folder.len()
    }

    fn record(&self, index: usize) -> String {
        let labels = self.folder.dir().join(text_images::LABELS_FILE);
        format!(
            "{}, line {}",
            escaped(labels),
            self.folder.rows()[index].line
        )
    }

    fn label(&self, index: usize) -> Result<String> {
        Ok(self.folder.rows()[index].text.clone())
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        let file = &self.folder.rows()[index].file;
        self.root.read(file, || self.record(index))
    }

    /// Decoded as by `ocr-probe`, which reads such folders without this interface.
    fn image(&self, index: usize) -> Result<RgbImage> {
        Ok(self.folder.decoded(index)?.into_rgb8())
    }

    fn source(&self, index: usize) -> Option<String> {
        self.folder.rows()[index].font.clone()
    }
}
