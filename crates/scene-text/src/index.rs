//! Where things are, in few bytes per item.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use text_images::encoding;
use text_images::names::{escaped, path_of};

use crate::{Error, Result};

/// Longest line that is read.
const MAX_LINE_BYTES: u64 = 1 << 16;

/// Many short names or texts in one piece of memory: their bytes and 8 more each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    pub fn push(&mut self, text: impl AsRef<[u8]>) {
        self.bytes.extend_from_slice(text.as_ref());
        self.ends.push(self.bytes.len());
    }

    pub fn push_path(&mut self, path: &Path) {
        self.push(path.as_os_str().as_encoded_bytes());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn bytes(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// What was pushed as text.
    pub fn text(&self, index: usize) -> String {
        String::from_utf8_lossy(self.bytes(index)).into_owned()
    }

    /// What was pushed as the name of a file.
    pub fn path(&self, index: usize) -> PathBuf {
        path_of(self.bytes(index))
    }
}

/// The lines of a text file, read where they are asked for: 8 bytes of memory a line. They end at
/// `\n`, `\r\n` or `\r`, as in Python's text files.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    file: Mutex<File>,
    /// Where the lines with content begin, and where the last one ends.
    starts: Vec<u64>,
    /// Numbers of the lines before which blank ones stand, one entry per blank line.
    blanks: Vec<usize>,
    dividers: Dividers,
}

/// How many lines hold what may divide a path from a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dividers {
    /// Lines with a tab.
    pub tabs: usize,
    /// Lines without, but with a space between other characters.
    pub spaces: usize,
}

/// What is known about the line that is gone through.
#[derive(Clone, Copy, Default)]
struct LineSoFar {
    start: u64,
    content: bool,
    tab: bool,
    space_after_content: bool,
    space_between: bool,
}

impl LineSoFar {
    fn add(&mut self, byte: u8) {
        match byte {
            b'\t' => self.tab = true,
            byte if byte.is_ascii_whitespace() => self.space_after_content = self.content,
            _ => {
                self.space_between |= self.space_after_content;
                self.content = true;
            }
        }
    }
}

impl Lines {
    /// Goes through the file once. Blank lines are left out.
    ///
    /// # Errors
    /// If it cannot be read, or is UTF-16 or UTF-32.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let mut lines = Self {
            path: path.to_owned(),
            file: Mutex::new(file.try_clone().map_err(failed)?),
            starts: Vec::new(),
            blanks: Vec::new(),
            dividers: Dividers::default(),
        };
        let mut reader = BufReader::with_capacity(1 << 16, &file);
        let start = reader.fill_buf().map_err(failed)?;
        if let Some(found) = encoding::wide(start) {
            let record = path.display().to_string();
            return Err(Error::Encoding { record, found });
        }
        let mark = start.len() - encoding::without_mark(start).len();
        reader.consume(mark);
        let mut at = mark as u64;
        let mut line = LineSoFar {
            start: at,
            ..LineSoFar::default()
        };
        let mut after_return = false;
        loop {
            let buffer = reader.fill_buf().map_err(failed)?;
            if buffer.is_empty() {
                break;
            }
            for &byte in buffer {
                at += 1;
                match byte {
                    b'\n' if after_return => line.start = at,
                    b'\n' | b'\r' => {
                        lines.end(line);
                        line = LineSoFar {
                            start: at,
                            ..LineSoFar::default()
                        };
                    }
                    _ => line.add(byte),
                }
                after_return = byte == b'\r';
            }
            let read = buffer.len();
            reader.consume(read);
        }
        if line.content {
            lines.end(line);
        }
        lines.starts.push(at);
        Ok(lines)
    }

    fn end(&mut self, line: LineSoFar) {
        if !line.content {
            self.blanks.push(self.starts.len());
            return;
        }
        self.starts.push(line.start);
        self.dividers.tabs += usize::from(line.tab);
        self.dividers.spaces += usize::from(!line.tab && line.space_between);
    }

    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// What divides the lines.
    pub fn dividers(&self) -> Dividers {
        self.dividers
    }

    /// Number of a line in an editor, counted from 1.
    pub fn number(&self, index: usize) -> usize {
        index + 1 + self.blanks.partition_point(|&before| before <= index)
    }

    /// Names a line in messages.
    pub fn record(&self, index: usize) -> String {
        format!("{}, line {}", escaped(&self.path), self.number(index))
    }

    /// A line, without its end and without a byte-order mark, which stands in the middle where files
    /// were joined. Its bytes may be the name of a file, and so need not be UTF-8.
    pub fn get(&self, index: usize) -> Result<Vec<u8>> {
        let (start, end) = (self.starts[index], self.starts[index + 1]);
        // What follows may be blank lines; the line itself ends at its first line end.
        let mut bytes = vec![0; (end - start).min(MAX_LINE_BYTES) as usize];
        {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(start))
                .and_then(|_| file.read_exact(&mut bytes))
                .map_err(|source| Error::Read {
                    path: self.path.clone(),
                    source,
                })?;
        }
        match bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(end) => bytes.truncate(end),
            None if bytes.len() as u64 == MAX_LINE_BYTES && end - start > MAX_LINE_BYTES => {
                return Err(Error::Malformed {
                    record: self.record(index),
                    expected: "a line of at most 65,536 bytes",
                });
            }
            None => {}
        }
        Ok(encoding::without_mark(&bytes).to_vec())
    }

    /// Part of a line as text.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn text(&self, index: usize, bytes: &[u8]) -> Result<String> {
        let text = std::str::from_utf8(bytes).map(str::to_owned);
        text.map_err(|_| Error::Encoding {
            record: self.record(index),
            found: encoding::EIGHT_BITS,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;

    fn lines(content: &[u8]) -> (tempfile::TempDir, Lines) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gt.txt");
        fs::write(&path, content).unwrap();
        let lines = Lines::open(&path).unwrap();
        (folder, lines)
    }

    #[test]
    fn lines_are_read_in_any_order_and_numbered_as_in_an_editor() {
        let (_folder, lines) = lines("\u{feff}a\tb\r\n\n \nc\td\n\r\ne".as_bytes());
        assert_eq!(lines.len(), 3);
        assert_eq!(lines.get(2).unwrap(), b"e");
        assert_eq!(lines.get(0).unwrap(), b"a\tb");
        assert_eq!(lines.get(1).unwrap(), b"c\td");
        assert_eq!([0, 1, 2].map(|index| lines.number(index)), [1, 4, 6]);
    }

    #[test]
    fn endless_and_foreign_lines_are_refused() {
        let (_folder, found) = lines(&[b'x'; 70_000]);
        assert!(found.get(0).unwrap_err().to_string().contains("65,536"));
        let (_folder, found) = lines(b"a\xff\nb\n");
        let refused = found
            .text(0, &found.get(0).unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("UTF-8") && refused.contains("Windows-1252"),
            "{refused}"
        );
        assert_eq!(found.text(1, &found.get(1).unwrap()).unwrap(), "b");
        let (_folder, found) = lines(b"");
        assert_eq!(found.len(), 0);
    }

    #[test]
    fn texts_lie_side_by_side() {
        let mut texts = Texts::default();
        for text in ["a", "", "né"] {
            texts.push(text);
        }
        assert_eq!([0, 1, 2].map(|index| texts.text(index)), ["a", "", "né"]);
        assert_eq!(texts.len(), 3);
    }

    proptest! {
        #[test]
        fn any_file_has_the_lines_of_python(content in "[a\t\r\n é]{0,60}") {
            let (_folder, found) = lines(content.as_bytes());
            let expected: Vec<(usize, &[u8])> = encoding::lines(content.as_bytes())
                .filter(|(_, line)| !line.trim_ascii().is_empty())
                .collect();
            let ours: Vec<(usize, Vec<u8>)> = (0..found.len())
                .map(|index| (found.number(index), found.get(index).unwrap()))
                .collect();
            let ours: Vec<(usize, &[u8])> = ours.iter().map(|(n, line)| (*n, &**line)).collect();
            prop_assert_eq!(ours, expected);
        }
    }
}
