//! What every figure does: check itself, lay itself out, list its numbers, write its files.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::FigureError;
use crate::render;
use crate::scene::Scene;

/// A figure before it becomes files.
pub(crate) trait Figure {
    /// Refuses numbers that cannot be placed.
    fn check(&self) -> Result<(), FigureError>;

    /// The page, from numbers that passed the check.
    fn scene(&self) -> Scene;

    /// The plotted numbers: a header and one record per mark.
    fn table(&self) -> Table;
}

/// The rows of a CSV file.
pub(crate) struct Table {
    pub header: &'static [&'static str],
    pub rows: Vec<Vec<String>>,
}

/// Writes `<stem>.svg`, `<stem>.png` and `<stem>.csv`. Everything is made in memory first, so a
/// figure that cannot be drawn leaves no files.
pub(crate) fn save(figure: &impl Figure, stem: &Path) -> Result<(), FigureError> {
    figure.check()?;
    let scene = figure.scene();
    let svg = render::svg(&scene)?;
    let png = render::png(&scene)?;
    let csv = csv_bytes(&figure.table())?;
    write(stem, "svg", svg.as_bytes())?;
    write(stem, "png", &png)?;
    write(stem, "csv", &csv)
}

pub(crate) fn csv_bytes(table: &Table) -> Result<Vec<u8>, FigureError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(table.header)?;
    for row in &table.rows {
        writer.write_record(row)?;
    }
    writer
        .into_inner()
        .map_err(|error| FigureError::Table(error.into_error().into()))
}

/// Appends the extension: `Path::with_extension` would eat the end of a stem such as `run.v2`.
fn write(stem: &Path, extension: &str, bytes: &[u8]) -> Result<(), FigureError> {
    let mut name = OsString::from(stem);
    name.push(".");
    name.push(extension);
    let path = PathBuf::from(name);
    fs::write(&path, bytes).map_err(|source| FigureError::Write { path, source })
}
