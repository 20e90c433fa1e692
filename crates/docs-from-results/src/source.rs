//! Tables of published runs.

use crate::query::{Rows, Show};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A folder of published results, whose tables are read once.
#[derive(Debug)]
pub struct Published {
    folder: PathBuf,
    read: RefCell<BTreeMap<String, Rc<Csv>>>,
}

impl Published {
    /// The results in `folder`; nothing is read yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            read: RefCell::default(),
        }
    }

    /// The table at `name`, a path below the folder.
    pub(crate) fn table(&self, name: &str) -> Result<Rc<Csv>, String> {
        if let Some(csv) = self.read.borrow().get(name) {
            return Ok(Rc::clone(csv));
        }
        let path = self.folder.join(name);
        let csv = Csv::read(name, &path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let csv = Rc::new(csv);
        let kept = Rc::clone(&csv);
        self.read.borrow_mut().insert(name.to_owned(), kept);
        Ok(csv)
    }
}

/// Stands in front of a number in the place of a value.
const FIRST_BELOW: &str = "first-below:";

fn number(limit: &str) -> Result<f64, String> {
    let problem = |_| format!("`{FIRST_BELOW}{limit}` has no number; write `{FIRST_BELOW}0.01`");
    limit.parse().map_err(problem)
}

/// A table as it stands in its file.
#[derive(Debug)]
pub(crate) struct Csv {
    name: String,
    header: Vec<String>,
    rows: Vec<csv::StringRecord>,
}

impl Csv {
    fn read(name: &str, path: &Path) -> Result<Self, csv::Error> {
        let mut reader = csv::Reader::from_path(path)?;
        Ok(Self {
            name: name.to_owned(),
            header: reader.headers()?.iter().map(str::to_owned).collect(),
            rows: reader.records().collect::<Result<_, _>>()?,
        })
    }

    fn column(&self, name: &str) -> Result<usize, String> {
        let found = self.header.iter().position(|column| column == name);
        found.ok_or_else(|| {
            let known = self.header.join(", ");
            format!("{} has no column `{name}`; it has {known}", self.name)
        })
    }

    /// The rows that have all the values; with a value `first-below:X` the first of them alone whose number
    /// is below X.
    pub(crate) fn rows(&self, wanted: &Rows) -> Result<Vec<&csv::StringRecord>, String> {
        let mut columns = Vec::new();
        let mut most = Vec::new();
        for (column, value) in &wanted.values {
            let place = self.column(column)?;
            match value.strip_prefix(FIRST_BELOW) {
                Some(limit) => most.push((place, number(limit)?)),
                None => columns.push((place, value.as_str())),
            }
        }
        let fits = |row: &&csv::StringRecord| {
            let has = |&(column, value): &(usize, &str)| row.get(column) == Some(value);
            columns.iter().all(has)
        };
        let mut rows: Vec<&csv::StringRecord> = self.rows.iter().filter(fits).collect();
        if !most.is_empty() {
            let is_below = |row: &&csv::StringRecord| {
                let below = |&(column, limit): &(usize, f64)| {
                    let cell = row.get(column).unwrap_or_default();
                    cell.parse::<f64>().is_ok_and(|value| value < limit)
                };
                most.iter().all(below)
            };
            rows = rows.into_iter().find(is_below).into_iter().collect();
        }
        Ok(rows)
    }

    /// The one row that has all the values, as text.
    pub(crate) fn one(&self, wanted: &Rows, show: &Show) -> Result<String, String> {
        let rows = self.rows(wanted)?;
        if let [row] = rows[..] {
            return self.write(row, show);
        }
        let (name, found) = (&self.name, rows.len());
        let values = wanted.values.iter();
        let values: Vec<_> = values
            .map(|(column, value)| format!("{column}={value}"))
            .collect();
        Err(format!(
            "{name} has {found} rows with {}; exactly 1 is needed",
            values.join(" ")
        ))
    }

    /// Columns of a row as text.
    pub(crate) fn write(&self, row: &csv::StringRecord, show: &Show) -> Result<String, String> {
        let mut cells = Vec::new();
        for column in &show.columns {
            cells.push(row.get(self.column(column)?).unwrap_or_default());
        }
        show.format.write(&cells).map_err(|place| {
            let (cell, column, name) = (cells[place], &show.columns[place], &self.name);
            format!("`{cell}` in the column `{column}` of {name} is no number; `text` writes it as it is")
        })
    }
}
