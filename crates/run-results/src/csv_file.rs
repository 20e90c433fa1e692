//! CSV files whose bytes depend on their numbers only.

use anyhow::Result;
use run_support::atomic;
use std::io::Write;
use std::path::Path;
use text_images::spreadsheet;

/// Takes the rows of a file.
pub struct Rows<'a>(csv::Writer<&'a mut dyn Write>);

impl Rows<'_> {
    /// Adds one row; fields are quoted where they need it, and guarded as in
    /// [`text_images::spreadsheet`], since labels and names of data sets are anybody's.
    ///
    /// # Errors
    /// If the file cannot take it, or the row is longer or shorter than the header.
    pub fn add<T: AsRef<str>>(&mut self, fields: impl IntoIterator<Item = T>) -> Result<()> {
        for field in fields {
            self.0.write_field(&*spreadsheet::guard(field.as_ref()))?;
        }
        Ok(self.0.write_record(None::<&[u8]>)?)
    }
}

/// Writes a file with a header and the rows that `fill` adds.
///
/// # Errors
/// Names the file.
pub fn write(
    path: &Path,
    header: &[&str],
    fill: impl FnOnce(&mut Rows<'_>) -> Result<()>,
) -> Result<()> {
    atomic::write(path, |out| {
        let mut rows = Rows(csv::Writer::from_writer(out));
        rows.add(header)?;
        fill(&mut rows)?;
        Ok(rows.0.flush()?)
    })
}

/// The shortest decimal that reads back as the same number; zero has no sign.
pub fn number(value: f64) -> String {
    (value + 0.0).to_string()
}

/// [`number`], or an empty field.
pub fn optional(value: Option<f64>) -> String {
    value.map(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_back_exactly_and_zero_has_no_sign() {
        for value in [0.1 + 0.2, 1.0 / 3.0, 1e-7, 12_345.0] {
            assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }
        assert_eq!(number(-0.0), "0");
        assert_eq!(optional(None), "");
    }

    #[test]
    fn texts_with_quotes_and_commas_read_back_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("quoted.csv");
        let texts = ["a,b", "say \"x\"", "two\nlines", "-0.5", "''"];
        write(&path, &["a", "b", "c", "d", "e"], |rows| rows.add(texts)).unwrap();
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let row = reader.records().next().unwrap().unwrap();
        assert_eq!(row.iter().collect::<Vec<_>>(), texts);
    }

    #[test]
    fn no_text_is_a_formula_to_a_spreadsheet_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guarded.csv");
        let texts = ["=1+1", "@x", "+y", "'=z"];
        write(&path, &["a", "b", "c", "d"], |rows| rows.add(texts)).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(written.ends_with("\n'=1+1,'@x,'+y,''=z\n"), "{written}");
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let row = reader.records().next().unwrap().unwrap();
        let read: Vec<&str> = row.iter().map(spreadsheet::unguard).collect();
        assert_eq!(read, texts);
    }
}
