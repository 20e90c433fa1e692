//! `gt.txt`: one line per image, its path, a tab, its label.
//!
//! What `create_lmdb_dataset.py` of DTRB and PARSeq reads. Paths are relative to the file's folder.

use std::path::{Path, PathBuf};

use crate::dataset::{Root, name_of, not_empty};
use crate::index::Lines;
use crate::{Error, Format, Result, TextDataset};

/// Usual name of the file.
pub const GT_FILE: &str = "gt.txt";

/// Images named by a `gt.txt`. Memory: 8 bytes an image.
#[derive(Debug)]
pub struct GtDataset {
    name: String,
    root: Root,
    lines: Lines,
}

impl GtDataset {
    /// Opens a folder with a `gt.txt`, or such a file under any name. Goes through the file once;
    /// lines and images are looked at when they are asked for.
    ///
    /// # Errors
    /// If there is no such file, or it has no line.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = if path.is_dir() {
            path.join(GT_FILE)
        } else {
            path.to_owned()
        };
        let folder = folder_of(&file);
        let lines = Lines::open(&file)?;
        if lines.len() == 0 {
            return Err(Error::NoDataset {
                path: file,
                reason: "it has no line".to_owned(),
            });
        }
        Ok(Self {
            name: name_of(if path.is_dir() { path } else { &folder }),
            root: Root::open(&folder)?,
            lines,
        })
    }

    /// Path and label of an image.
    fn line(&self, index: usize) -> Result<(String, String)> {
        let line = self.lines.get(index)?;
        match split(&line) {
            Some((file, label)) => Ok((file.to_owned(), label.to_owned())),
            None => Err(Error::Malformed {
                record: self.lines.record(index),
                expected: "the path of an image, a tab and its label",
            }),
        }
    }
}

/// The folder that a file lies in.
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Path and label; everything after the first tab is the label.
fn split(line: &str) -> Option<(&str, &str)> {
    let (file, label) = line.split_once('\t')?;
    (!file.trim().is_empty()).then_some((file.trim(), label))
}

impl TextDataset for GtDataset {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::Gt
    }

    fn len(&self) -> usize {
        self.lines.len()
    }

    fn record(&self, index: usize) -> String {
        self.lines.record(index)
    }

    fn label(&self, index: usize) -> Result<String> {
        not_empty(&self.line(index)?.1, || self.record(index))
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        let (file, _) = self.line(index)?;
        self.root.read(&file, || self.record(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_tab_divides() {
        assert_eq!(split("a b.png\tIt's\tso"), Some(("a b.png", "It's\tso")));
        assert_eq!(split("./a.png \t"), Some(("./a.png", "")));
        assert_eq!(split("a.png label"), None);
        assert_eq!(split("\tlabel"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_split_or_refused(line in "\\PC{0,40}|[a\t =+./-]{0,20}") {
            match split(&line) {
                Some((file, label)) => {
                    prop_assert!(!file.contains('\t') && !file.is_empty());
                    let ending = format!("\t{label}");
                    prop_assert!(line.ends_with(&ending));
                }
                None => prop_assert!(
                    line.split('\t').next().is_none_or(|file| file.trim().is_empty())
                        || !line.contains('\t')
                ),
            }
        }
    }
}
