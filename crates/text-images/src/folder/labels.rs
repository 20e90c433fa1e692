//! Reads `labels.csv`. A row that cannot be read is left out, whatever is wrong with it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::records::{Fields, Record, Records};
use super::{FolderRow, LABELS_FILE, LeftOut};
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
    fields: Fields<'a>,
}

/// The rows of `labels.csv`, those that are left out in their places.
pub(super) fn read(dir: &Path) -> Result<Vec<Result<FolderRow, LeftOut>>> {
    let path = dir.join(LABELS_FILE);
    let failed = |source| Error::Labels {
        path: path.clone(),
        source,
    };
    let bytes = fs::read(&path).map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            Error::MissingLabels { path: path.clone() }
        } else {
            failed(source)
        }
    })?;
    if let Some(found) = wide(&bytes) {
        return Err(Error::LabelEncoding {
            path,
            line: 1,
            found,
        });
    }
    let folder = dir.canonicalize().map_err(failed)?;
    let mut records = Records::of(without_mark(&bytes));
    let header = records.next().and_then(|record| record.fields);
    let header = header.unwrap_or_default();
    let columns = Columns::find(&path, &header)?;
    let mut rows: Vec<Result<FolderRow, LeftOut>> = records
        .map(|record| {
            let line = record.line;
            let row = Line::of(&path, record, header.len()).and_then(|line| {
                let row = line.row(&columns)?;
                line.check_image(&folder, &row.file)?;
                Ok(row)
            });
            row.map_err(|reason| LeftOut {
                line,
                reason: Arc::new(reason),
            })
        })
        .collect();
    keep_last_rows(&path, &mut rows);
    match rows.first() {
        None => Err(Error::NoRows { path }),
        Some(Err(first)) if rows.iter().all(Result::is_err) => Err(Error::NothingLeft {
            path,
            rows: rows.len(),
            first: Arc::clone(&first.reason),
        }),
        Some(_) => Ok(rows),
    }
}

/// Leaves out rows whose image stands in a later one too: two texts of one image cannot both be right, and
/// an image that counts twice weighs twice. The last one counts, as in a `labels.json`.
fn keep_last_rows(path: &Path, rows: &mut [Result<FolderRow, LeftOut>]) {
    let mut last_of: HashMap<PathBuf, u64> = HashMap::new();
    for row in rows.iter_mut().rev() {
        let Ok(found) = &*row else { continue };
        let file = found.file.strip_prefix(".").unwrap_or(&found.file);
        match last_of.entry(file.to_owned()) {
            Entry::Vacant(place) => {
                place.insert(found.line);
            }
            Entry::Occupied(place) => {
                let reason = Error::RepeatedImage {
                    path: path.to_owned(),
                    line: found.line,
                    file: escaped(&found.file),
                    last: *place.get(),
                };
                let (line, reason) = (found.line, Arc::new(reason));
                *row = Err(LeftOut { line, reason });
            }
        }
    }
}

impl Columns {
    fn find(path: &Path, header: &Fields<'_>) -> Result<Self> {
        let names: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim().to_owned())
            .collect();
        let position = |column: &'static str| {
            let mut places =
                (0..names.len()).filter(|&place| names[place].eq_ignore_ascii_case(column));
            let first = places.next();
            match places.next() {
                None => Ok(first),
                Some(_) => Err(Error::RepeatedColumn {
                    path: path.to_owned(),
                    column,
                    found: names.clone(),
                }),
            }
        };
        let required = |column: &'static str| {
            position(column)?.ok_or_else(|| Error::MissingColumn {
                path: path.to_owned(),
                column,
                found: names.clone(),
            })
        };
        Ok(Self {
            file: required("file")?,
            text: required("text")?,
            columns: position("columns")?,
            lines: position("lines")?,
            font: position("font")?,
            family: position("family")?,
            held_out: position("held_out")?,
            split: position("split")?,
            index: position("index")?,
        })
    }
}

impl<'a> Line<'a> {
    /// A record with as many fields as the header has.
    fn of(path: &'a Path, record: Record<'a>, expected: usize) -> Result<Self> {
        let fields = record.fields.ok_or_else(|| Error::OpenQuote {
            path: path.to_owned(),
            line: record.line,
        })?;
        if fields.len() != expected {
            return Err(Error::FieldCount {
                path: path.to_owned(),
                line: record.line,
                found: fields.len(),
                expected,
            });
        }
        Ok(Self {
            path,
            number: record.line,
            fields,
        })
    }

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
            held_out: self.flag(columns.held_out, "held_out")?,
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

    /// True or false, in the letters of spreadsheets as well.
    fn flag(&self, position: Option<usize>, name: &'static str) -> Result<Option<bool>> {
        match self.field(position)? {
            Some(field) if field.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(field) if field.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(field) => Err(self.invalid(name, field, "true or false")),
            None => Ok(None),
        }
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
        let field = self.fields.get(position);
        field.map(AsRef::as_ref).unwrap_or_default()
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
