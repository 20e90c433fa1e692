//! Writes rendered items as a folder that [`FolderDataset`](super::FolderDataset) reads back.

use std::borrow::Borrow;
use std::fs;
use std::io;
use std::path::Path;

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
    let dir = dir.as_ref();
    let labels = dir.join(LABELS_FILE);
    if labels.exists() {
        return Err(Error::AlreadyWritten { path: labels });
    }
    fs::create_dir_all(dir).map_err(|source| failed(dir, source))?;

    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "file", "text", "columns", "lines", "font", "family", "held_out", "split", "index",
    ];
    let in_memory = |source: csv::Error| failed(&labels, source.into());
    writer.write_record(header).map_err(in_memory)?;
    let mut count = 0;
    for item in items {
        let item: &Item = item.borrow();
        let file = format!("{count:06}.png");
        let path = dir.join(&file);
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
        writer.write_record(row).map_err(in_memory)?;
        count += 1;
    }
    if count == 0 {
        return Err(Error::NoRows { path: labels });
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| failed(&labels, error.into_error()))?;
    let unfinished = dir.join(format!("{LABELS_FILE}.part"));
    fs::write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, &labels))
        .map_err(|source| failed(&labels, source))?;
    Ok(count)
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}
