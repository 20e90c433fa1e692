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
        let mut whole: Option<Csv> = None;
        for path in self.files(name)? {
            let csv = Csv::read(name, &path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            match &mut whole {
                None => whole = Some(csv),
                Some(whole) if whole.header == csv.header => whole.rows.extend(csv.rows),
                Some(_) => {
                    return Err(format!(
                        "{} has other columns than the tables before it in {name}",
                        path.display()
                    ));
                }
            }
        }
        let csv = whole.ok_or_else(|| format!("no file is called {name}"))?;
        let csv = Rc::new(csv);
        let kept = Rc::clone(&csv);
        self.read.borrow_mut().insert(name.to_owned(), kept);
        Ok(csv)
    }

    /// The files of that name, sorted, for which `*` stands for anything within a folder's name.
    fn files(&self, name: &str) -> Result<Vec<PathBuf>, String> {
        if !name.contains('*') {
            return Ok(vec![self.folder.join(name)]);
        }
        let problem = |what: &dyn std::fmt::Display| format!("{name}: {what}");
        let folder = glob::Pattern::escape(&self.folder.to_string_lossy());
        let files = glob::glob(&format!("{folder}/{name}")).map_err(|error| problem(&error))?;
        files
            .collect::<Result<_, _>>()
            .map_err(|error| problem(&error))
    }
}

/// Stands in front of a number in the place of a value.
const FIRST_BELOW: &str = "first-below:";

fn number(limit: &str) -> Result<f64, String> {
    let problem = |()| format!("`{FIRST_BELOW}{limit}` has no number; write `{FIRST_BELOW}0.01`");
    let number: f64 = limit.parse().map_err(|_| problem(()))?;
    number
        .is_finite()
        .then_some(number)
        .ok_or_else(|| problem(()))
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
        let mut below = Vec::new();
        for (column, value) in &wanted.values {
            let place = self.column(column)?;
            match value.strip_prefix(FIRST_BELOW) {
                Some(limit) => below.push((place, number(limit)?)),
                None => columns.push((place, value.as_str())),
            }
        }
        let fits = |row: &&csv::StringRecord| {
            let has = |&(column, value): &(usize, &str)| row.get(column) == Some(value);
            columns.iter().all(has)
        };
        let mut rows: Vec<&csv::StringRecord> = self.rows.iter().filter(fits).collect();
        if !below.is_empty() {
            let is_below = |row: &&csv::StringRecord| {
                let fits = |&(column, limit): &(usize, f64)| {
                    let cell = row.get(column).unwrap_or_default();
                    cell.parse::<f64>().is_ok_and(|value| value < limit)
                };
                below.iter().all(fits)
            };
            rows = rows.into_iter().find(is_below).into_iter().collect();
        }
        Ok(rows)
    }

    /// The one row that has all the values, as text.
    pub(crate) fn one(&self, wanted: &Rows, show: &Show) -> Result<String, String> {
        self.check_order(wanted, show)?;
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

    /// Refuses to look for a first row where the shown numbers do not rise from row to row: it would not be the
    /// least of them, or the rows are those of several arms.
    fn check_order(&self, wanted: &Rows, show: &Show) -> Result<(), String> {
        let mut all = wanted.clone();
        all.values
            .retain(|(_, value)| !value.starts_with(FIRST_BELOW));
        if all.values.len() == wanted.values.len() {
            return Ok(());
        }
        let column = show.columns.first().map(String::as_str).unwrap_or_default();
        let place = self.column(column)?;
        let rows = self.rows(&all)?;
        let cells = rows.iter().map(|row| row.get(place).unwrap_or_default());
        let numbers: Option<Vec<f64>> = cells.map(|cell| cell.parse().ok()).collect();
        match numbers.is_some_and(|numbers| numbers.is_sorted_by(|a, b| a < b)) {
            true => Ok(()),
            false => Err(format!(
                "the `{column}` of {} does not rise from row to row, so that none is the first; add values until \
                 the rows are those of one series",
                self.name
            )),
        }
    }

    /// As [`write`](Self::write) for the cell of a list, which may be empty.
    pub(crate) fn write_if_there(
        &self,
        row: &csv::StringRecord,
        show: &Show,
    ) -> Result<String, String> {
        let column = self.column(&show.columns[0])?;
        match row.get(column) {
            None | Some("") => Ok(String::new()),
            Some(_) => self.write(row, show),
        }
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
