//! Writes rendered items as a folder that [`FolderDataset`](super::FolderDataset) reads back.

use std::borrow::Borrow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::LABELS_FILE;
use crate::{Error, Item, Result, spreadsheet};

/// Writes numbered PNG files and `labels.csv`, and returns the number of items. The folder is made
/// if needed. `labels.csv` comes last and in one step, so an interrupted call leaves no data set
/// that looks whole.
///
/// # Errors
/// If the folder already holds a `labels.csv`, `items` is empty, or a file cannot be written.
pub fn write_folder<I>(dir: impl AsRef<Path>, items: I) -> Result<usize>
where
    I: IntoIterator,
    I::Item: Borrow<Item>,
{
    let mut writer = FolderWriter::create(dir)?;
    for item in items {
        writer.push(item.borrow())?;
    }
    writer.finish()
}

/// Writes items one by one, as [`write_folder`] does.
#[derive(Debug)]
pub struct FolderWriter {
    dir: PathBuf,
    labels: PathBuf,
    rows: csv::Writer<Vec<u8>>,
    count: usize,
}

impl FolderWriter {
    /// Begins a data set in a folder, which is made if needed.
    ///
    /// # Errors
    /// If the folder already holds a `labels.csv` or cannot be made.
    pub fn create(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref().to_owned();
        let labels = dir.join(LABELS_FILE);
        if labels.exists() {
            return Err(Error::AlreadyWritten { path: labels });
        }
        fs::create_dir_all(&dir).map_err(|source| failed(&dir, source))?;
        let mut rows = csv::Writer::from_writer(Vec::new());
        let header = [
            "file", "text", "columns", "lines", "font", "family", "held_out", "split", "index",
        ];
        rows.write_record(header)
            .map_err(|source| failed(&labels, source.into()))?;
        Ok(Self {
            dir,
            labels,
            rows,
            count: 0,
        })
    }

    /// Writes the image of an item, and keeps its row of `labels.csv`.
    ///
    /// # Errors
    /// If the image cannot be written.
    pub fn push(&mut self, item: &Item) -> Result<()> {
        let file = format!("{:06}.png", self.count);
        let path = self.dir.join(&file);
        item.image
            .save_with_format(&path, image::ImageFormat::Png)
            .map_err(|source| failed(&path, io::Error::other(source)))?;
        let (columns, lines) = item
            .grid
            .map(|grid| (grid.columns.to_string(), grid.lines.to_string()))
            .unwrap_or_default();
        let (held_out, index) = (item.held_out.to_string(), item.index.to_string());
        let row = [
            &file,
            &*spreadsheet::guard(&item.text),
            &columns,
            &lines,
            &item.font,
            &item.family,
            &held_out,
            item.split.name(),
            &index,
        ];
        self.rows
            .write_record(row)
            .map_err(|source| failed(&self.labels, source.into()))?;
        self.count += 1;
        Ok(())
    }

    /// Completes the data set with `labels.csv`, and returns the number of items.
    ///
    /// # Errors
    /// If there is no item, or the file cannot be written.
    pub fn finish(self) -> Result<usize> {
        let (labels, count) = (self.labels, self.count);
        if count == 0 {
            return Err(Error::NoRows { path: labels });
        }
        let bytes = self
            .rows
            .into_inner()
            .map_err(|error| failed(&labels, error.into_error()))?;
        let unfinished = self.dir.join(format!("{LABELS_FILE}.part"));
        fs::write(&unfinished, bytes)
            .and_then(|()| fs::rename(&unfinished, &labels))
            .map_err(|source| failed(&labels, source))?;
        Ok(count)
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}
