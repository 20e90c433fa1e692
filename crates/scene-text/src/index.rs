//! Where things are, in few bytes per item.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::{Error, Result};

/// Longest line that is read.
const MAX_LINE_BYTES: u64 = 1 << 16;

/// Many short texts in one piece of memory: their bytes and 8 more each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Texts {
    bytes: String,
    ends: Vec<usize>,
}

impl Texts {
    pub fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }
}

/// The lines of a text file, read where they are asked for: 8 bytes of memory a line.
#[derive(Debug)]
pub(crate) struct Lines {
    path: PathBuf,
    file: Mutex<File>,
    /// Where the lines with content begin, and where the last one ends.
    starts: Vec<u64>,
    /// Numbers of the lines before which blank ones stand, one entry per blank line.
    blanks: Vec<usize>,
}

impl Lines {
    /// Goes through the file once. Blank lines are left out.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let mut reader = BufReader::with_capacity(1 << 16, &file);
        let (mut starts, mut blanks) = (Vec::new(), Vec::new());
        let (mut at, mut line_start, mut blank) = (0_u64, 0_u64, true);
        loop {
            let buffer = reader.fill_buf().map_err(failed)?;
            let ended = buffer.is_empty();
            for &byte in buffer {
                at += 1;
                if byte == b'\n' {
                    if blank {
                        blanks.push(starts.len());
                    } else {
                        starts.push(line_start);
                    }
                    (line_start, blank) = (at, true);
                } else if !byte.is_ascii_whitespace() {
                    blank = false;
                }
            }
            let read = buffer.len();
            reader.consume(read);
            if ended {
                break;
            }
        }
        if !blank {
            starts.push(line_start);
        }
        starts.push(at);
        Ok(Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            starts,
            blanks,
        })
    }

    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of a line in an editor, counted from 1.
    pub fn number(&self, index: usize) -> usize {
        index + 1 + self.blanks.partition_point(|&before| before <= index)
    }

    /// Names a line in messages.
    pub fn record(&self, index: usize) -> String {
        format!("{}, line {}", self.path.display(), self.number(index))
    }

    /// A line, without its end and without the byte-order mark that some editors put before the
    /// first one.
    pub fn get(&self, index: usize) -> Result<String> {
        let malformed = |expected| Error::Malformed {
            record: self.record(index),
            expected,
        };
        let (start, end) = (self.starts[index], self.starts[index + 1]);
        // What follows may be blank lines; the line itself ends at its first line feed.
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
        match bytes.iter().position(|byte| *byte == b'\n') {
            Some(end) => bytes.truncate(end),
            None if bytes.len() as u64 == MAX_LINE_BYTES && end - start > MAX_LINE_BYTES => {
                return Err(malformed("a line of at most 65,536 bytes"));
            }
            None => {}
        }
        let text = String::from_utf8(bytes).map_err(|_| malformed("UTF-8"))?;
        let text = text.strip_suffix('\r').unwrap_or(&text);
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Ok(text.to_owned())
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
        assert_eq!(lines.get(2).unwrap(), "e");
        assert_eq!(lines.get(0).unwrap(), "a\tb");
        assert_eq!(lines.get(1).unwrap(), "c\td");
        assert_eq!([0, 1, 2].map(|index| lines.number(index)), [1, 4, 6]);
    }

    #[test]
    fn endless_and_foreign_lines_are_refused() {
        let (_folder, found) = lines(&[b'x'; 70_000]);
        assert!(found.get(0).unwrap_err().to_string().contains("65,536"));
        let (_folder, found) = lines(b"a\xff\nb\n");
        assert!(found.get(0).unwrap_err().to_string().contains("UTF-8"));
        assert_eq!(found.get(1).unwrap(), "b");
        let (_folder, found) = lines(b"");
        assert_eq!(found.len(), 0);
    }

    #[test]
    fn texts_lie_side_by_side() {
        let mut texts = Texts::default();
        for text in ["a", "", "né"] {
            texts.push(text);
        }
        assert_eq!([0, 1, 2].map(|index| texts.get(index)), ["a", "", "né"]);
        assert_eq!(texts.len(), 3);
    }

    proptest! {
        #[test]
        fn any_file_has_the_lines_of_the_standard_library(content in "[a\t\r\n é]{0,60}") {
            let (_folder, found) = lines(content.as_bytes());
            let expected: Vec<(usize, &str)> = content
                .split('\n')
                .enumerate()
                .filter(|(_, line)| line.chars().any(|c| !c.is_ascii_whitespace()))
                .map(|(number, line)| (number + 1, line.strip_suffix('\r').unwrap_or(line)))
                .collect();
            let ours: Vec<(usize, String)> = (0..found.len())
                .map(|index| (found.number(index), found.get(index).unwrap()))
                .collect();
            let ours: Vec<(usize, &str)> = ours.iter().map(|(n, line)| (*n, &**line)).collect();
            prop_assert_eq!(ours, expected);
        }
    }
}
