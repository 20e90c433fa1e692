//! The records of a CSV file, found one by one.
//!
//! They are those of the `csv` crate, but for a quotation mark that nothing closes. There it costs the
//! rest of the file, here its own line.

use std::borrow::Cow;

/// Longest stretch between two quotation marks, in bytes.
const MAX_QUOTED_BYTES: usize = 1 << 16;

/// The fields of a record, quotation marks taken off.
pub(super) type Fields<'a> = Vec<Cow<'a, [u8]>>;

/// A record and the line on which it begins, counted from 1 as in an editor.
pub(super) struct Record<'a> {
    pub line: u64,
    /// None if a quotation mark opens a field and nothing closes it.
    pub fields: Option<Fields<'a>>,
}

/// The records of a file. Lines of nothing but whitespace are none.
pub(super) struct Records<'a> {
    rest: &'a [u8],
    line: u64,
}

impl<'a> Records<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            line: 1,
        }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        loop {
            let end = end_of_line(self.rest);
            if !self.rest[..end].trim_ascii().is_empty() {
                break;
            }
            let divider = match self.rest.get(end..)? {
                [b'\r', b'\n', ..] => 2,
                [_, ..] => 1,
                [] => return None,
            };
            self.rest = &self.rest[end + divider..];
            self.line += 1;
        }
        let (fields, length) = record(self.rest);
        let (own, rest) = self.rest.split_at(length);
        let line = self.line;
        self.rest = rest;
        self.line += line_ends(own);
        Some(Record { line, fields })
    }
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

fn end_of_line(bytes: &[u8]) -> usize {
    bytes.iter().position(is_line_end).unwrap_or(bytes.len())
}

fn line_ends(bytes: &[u8]) -> u64 {
    let pairs = bytes.windows(2).filter(|pair| *pair == b"\r\n").count();
    (bytes.iter().filter(|byte| is_line_end(byte)).count() - pairs) as u64
}

/// The fields of the record that `bytes` begin with, and its length without the line end.
fn record(bytes: &[u8]) -> (Option<Fields<'_>>, usize) {
    let first_line = end_of_line(bytes);
    let (mut fields, mut at) = (Vec::new(), 0);
    loop {
        let (field, end) = if bytes.get(at) == Some(&b'"') {
            match quoted(bytes, at, first_line) {
                Some((field, end)) => (Cow::Owned(field), end),
                None => return (None, first_line),
            }
        } else {
            let end = end_of_field(bytes, at);
            (Cow::Borrowed(&bytes[at..end]), end)
        };
        fields.push(field);
        if bytes.get(end) != Some(&b',') {
            return (Some(fields), end);
        }
        at = end + 1;
    }
}

fn end_of_field(bytes: &[u8], at: usize) -> usize {
    let divides = |byte: &u8| *byte == b',' || is_line_end(byte);
    let length = bytes[at..].iter().position(divides);
    length.map_or(bytes.len(), |length| at + length)
}

/// The field that the quotation mark at `open` begins, and where it ends.
///
/// What follows the closing mark is taken as it stands, as the `csv` crate and Python do; but not after
/// a line end, where that mark is likelier to open a field of another record.
fn quoted(bytes: &[u8], open: usize, first_line: usize) -> Option<(Vec<u8>, usize)> {
    let (mut field, mut from) = (Vec::new(), open + 1);
    loop {
        let mut ahead = bytes[from..].iter().take(MAX_QUOTED_BYTES);
        let close = from + ahead.position(|byte| *byte == b'"')?;
        field.extend_from_slice(&bytes[from..close]);
        let after = close + 1;
        match bytes.get(after) {
            Some(b'"') => {
                field.push(b'"');
                from = after + 1;
            }
            None | Some(b',' | b'\r' | b'\n') => return Some((field, after)),
            Some(_) if close < first_line => {
                let end = end_of_field(bytes, after);
                field.extend_from_slice(&bytes[after..end]);
                return Some((field, end));
            }
            Some(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines and fields; `!` for a record whose quotation mark is never closed.
    fn read(bytes: &[u8]) -> Vec<(u64, Vec<String>)> {
        let text = |field: &Cow<[u8]>| String::from_utf8_lossy(field).into_owned();
        Records::of(bytes)
            .map(|record| match record.fields {
                Some(fields) => (record.line, fields.iter().map(text).collect()),
                None => (record.line, vec!["!".to_owned()]),
            })
            .collect()
    }

    fn expected(records: &[(u64, &[&str])]) -> Vec<(u64, Vec<String>)> {
        let texts = |fields: &[&str]| fields.iter().map(ToString::to_string).collect();
        let records = records.iter();
        records
            .map(|(line, fields)| (*line, texts(fields)))
            .collect()
    }

    #[test]
    fn lines_are_counted_as_in_an_editor() {
        let found = read(b"file,text\r\n\r\n \ra,\"A\r\nB\"\r\nb,C\n\nc,\"\"\n");
        let expected = expected(&[
            (1, &["file", "text"]),
            (4, &["a", "A\r\nB"]),
            (6, &["b", "C"]),
            (8, &["c", ""]),
        ]);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_mark_that_nothing_closes_costs_its_own_line() {
        for after in ["b,B\n", "b,\"B\"\n", "b,\"B, C\"\n", "b,\"B\"\"\"\n", ""] {
            let found = read(format!("x,\"A\n{after}").as_bytes());
            assert_eq!(found[0], (1, vec!["!".to_owned()]), "{after:?}");
            let expected = read(format!("x,A\n{after}").as_bytes());
            assert_eq!(found[1..], expected[1..], "{after:?}");
        }
        // Between the marks lies more than any label holds.
        let far = format!("x,\"A\nb,B\n{}c,\"C\"\n", "d,D\n".repeat(20_000));
        assert_eq!(read(far.as_bytes()).len(), 20_003);
    }

    #[test]
    fn what_follows_a_closing_mark_on_its_line_is_taken_as_it_stands() {
        let found = read(b"a,\"5\" wide\nb,5\"\n");
        assert_eq!(
            found,
            expected(&[(1, &["a", "5 wide"]), (2, &["b", "5\""])])
        );
    }

    /// Records as the `csv` crate reads them.
    fn by_csv(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(bytes);
        let records = reader.byte_records().map(Result::unwrap);
        records
            .map(|record| record.iter().map(<[u8]>::to_vec).collect())
            .collect()
    }

    fn ours(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let owned = |fields: Fields| fields.into_iter().map(Cow::into_owned).collect();
        let records = Records::of(bytes).map(|record| record.fields.unwrap());
        records.map(owned).collect()
    }

    proptest! {
        #[test]
        fn what_the_csv_crate_writes_reads_back(
            records in prop::collection::vec(prop::collection::vec("[a\",\r\n é]{0,6}", 2..4), 1..6),
        ) {
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for record in &records {
                // A line of nothing but whitespace is no record of ours.
                let first = format!("x{}", record[0]);
                let fields = std::iter::once(&first).chain(&record[1..]);
                writer.write_record(fields).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            prop_assert_eq!(ours(&bytes), by_csv(&bytes));
        }

        #[test]
        fn any_lines_without_an_open_mark_are_those_of_the_csv_crate(
            lines in prop::collection::vec("x[aé\"]{0,3}(,[aé][aé\"]{0,2}){0,2}|x,\"[a,é]{0,3}(\"\")?\"(a[a\"]?)?", 1..6),
        ) {
            let bytes = lines.join("\n").into_bytes();
            prop_assert_eq!(ours(&bytes), by_csv(&bytes));
        }

        #[test]
        fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[a\",\r\n]{0,30}") {
            Records::of(&bytes).for_each(drop);
            Records::of(text.as_bytes()).for_each(drop);
        }
    }
}
