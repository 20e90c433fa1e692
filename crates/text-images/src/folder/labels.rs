//! Reads `labels.csv`.

use std::fs;
use std::io;
use std::path::{Component, Path};

use csv::ByteRecord;

use super::{FolderRow, LABELS_FILE};
use crate::encoding::{EIGHT_BITS, wide, without_mark};
use crate::names::{escaped, path_of};
use crate::{Error, Grid, Result, spreadsheet};

/// Positions of the known columns in the header.
struct Columns {
    file: usize,
    text: usize,
    columns: Option<usize>,
    lines: Option<usize>,
    font: Option<usize>,
    family: Option<usize>,
    held_out: Option<usize>,
    split: Option<usize>,
    index: Option<usize>,
}

/// A record with what its errors need.
struct Line<'a> {
    path: &'a Path,
    number: u64,
    record: &'a ByteRecord,
}

/// Counts lines. The CSV reader's own count is one short after CRLF and blank lines, because it
/// passes over the rest of a line end only when it reads the next record.
struct LineCounter<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    /// Line on which the record starts that the reader places here. Positions must not decrease.
    fn line_at(&mut self, position: Option<&csv::Position>) -> u64 {
        let byte = position.map_or(0, csv::Position::byte);
        let mut start = usize::try_from(byte)
            .unwrap_or(usize::MAX)
            .min(self.bytes.len());
        while matches!(self.bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        let ends = (self.counted..start).filter(|&at| match self.bytes[at] {
            b'\r' => self.bytes.get(at + 1) != Some(&b'\n'),
            byte => byte == b'\n',
        });
        self.line += ends.count() as u64;
        self.counted = start.max(self.counted);
        self.line
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
pub(super) fn read(dir: &Path) -> Result<Vec<FolderRow>> {
    let path = dir.join(LABELS_FILE);
    let csv_error = |source| Error::Labels {
        path: path.clone(),
        source,
    };
    let bytes = fs::read(&path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::MissingLabels { path: path.clone() },
        _ => csv_error(source.into()),
    })?;
    if let Some(found) = wide(&bytes) {
        return Err(Error::LabelEncoding {
            path,
            line: 1,
            found,
        });
    }
    let bytes = without_mark(&bytes);
    let folder = dir
        .canonicalize()
        .map_err(|source| csv_error(source.into()))?;
    let mut reader = csv::Reader::from_reader(bytes);
    let columns = Columns::find(&path, reader.byte_headers().map_err(csv_error)?)?;

    let mut rows = Vec::new();
    let mut lines = LineCounter::new(bytes);
    for record in reader.byte_records() {
        let record = record.map_err(csv_error)?;
        let line = Line {
            path: &path,
            number: lines.line_at(record.position()),
            record: &record,
        };
        let row = line.row(&columns)?;
        line.check_image(&folder, &row.file)?;
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Error::NoRows { path });
    }
    Ok(rows)
}

impl Columns {
    fn find(path: &Path, header: &ByteRecord) -> Result<Self> {
        let names: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned())
            .collect();
        let position = |column: &str| {
            names
                .iter()
                .position(|name| name.eq_ignore_ascii_case(column))
        };
        let required = |column: &'static str| {
            position(column).ok_or_else(|| Error::MissingColumn {
                path: path.to_owned(),
                column,
                found: names.clone(),
            })
        };
        Ok(Self {
            file: required("file")?,
            text: required("text")?,
            columns: position("columns"),
            lines: position("lines"),
            font: position("font"),
            family: position("family"),
            held_out: position("held_out"),
            split: position("split"),
            index: position("index"),
        })
    }
}

impl Line<'_> {
    fn row(&self, columns: &Columns) -> Result<FolderRow> {
        // A file's name is bytes, whatever the encoding of the other columns.
        let file = self.bytes(columns.file).trim_ascii();
        if file.is_empty() {
            return Err(self.invalid("file", "", "the name of an image"));
        }
        let file = path_of(file);
        let text = spreadsheet::unguard(self.field(Some(columns.text))?.unwrap_or_default());
        if text.is_empty() {
            return Err(Error::EmptyLabel {
                path: self.path.to_owned(),
                line: self.number,
                file: escaped(&file),
            });
        }
        Ok(FolderRow {
            file,
            text: text.to_owned(),
            grid: self.grid(columns, text)?,
            font: self.field(columns.font)?.map(str::to_owned),
            family: self.field(columns.family)?.map(str::to_owned),
            held_out: self.parse(columns.held_out, "held_out", "true or false")?,
            split: self.parse(columns.split, "split", "train, validation or test")?,
            index: self.parse(columns.index, "index", "a whole number")?,
            line: self.number,
        })
    }

    fn grid(&self, columns: &Columns, text: &str) -> Result<Option<Grid>> {
        let lines: Option<usize> = self.parse(columns.lines, "lines", "a whole number")?;
        let columns: Option<usize> = self.parse(columns.columns, "columns", "a whole number")?;
        let (columns, lines) = match (columns, lines) {
            (None, None) => return Ok(None),
            (Some(columns), Some(lines)) => (columns, lines),
            _ => return Err(self.invalid("columns", "", "columns and lines, or neither")),
        };
        if columns.checked_mul(lines) != Some(text.chars().count()) {
            let found = format!("{columns} x {lines}");
            return Err(self.invalid("columns", &found, "columns x lines = characters of text"));
        }
        Ok(Some(Grid { columns, lines }))
    }

    /// A field without surrounding whitespace, `None` if its column is absent or it is empty.
    fn field(&self, position: Option<usize>) -> Result<Option<&str>> {
        let Some(position) = position else {
            return Ok(None);
        };
        let field = std::str::from_utf8(self.bytes(position));
        let field = field.map_err(|_| Error::LabelEncoding {
            path: self.path.to_owned(),
            line: self.number,
            found: EIGHT_BITS,
        })?;
        Ok(Some(field.trim()).filter(|field| !field.is_empty()))
    }

    fn bytes(&self, position: usize) -> &[u8] {
        self.record.get(position).unwrap_or_default()
    }

    fn parse<T: std::str::FromStr>(
        &self,
        position: Option<usize>,
        column: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>> {
        self.field(position)?
            .map(|value| {
                value
                    .parse()
                    .map_err(|_| self.invalid(column, value, expected))
            })
            .transpose()
    }

    fn invalid(&self, column: &'static str, value: &str, expected: &'static str) -> Error {
        Error::InvalidField {
            path: self.path.to_owned(),
            line: self.number,
            column,
            value: value.to_owned(),
            expected,
        }
    }

    /// Checks that the image exists and, links resolved, lies in the folder.
    fn check_image(&self, folder: &Path, file: &Path) -> Result<()> {
        let outside = || Error::OutsideFolder {
            path: self.path.to_owned(),
            line: self.number,
            file: escaped(file),
        };
        let inward = |part: Component| matches!(part, Component::Normal(_) | Component::CurDir);
        if !file.components().all(inward) {
            return Err(outside());
        }
        let found = folder.join(file).canonicalize().ok();
        match found.filter(|image| image.is_file()) {
            None => Err(Error::MissingImage {
                path: self.path.to_owned(),
                line: self.number,
                file: escaped(file),
            }),
            Some(image) if image.starts_with(folder) => Ok(()),
            Some(_) => Err(outside()),
        }
    }
}
