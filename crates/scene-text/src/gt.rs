//! `gt.txt`: one line per image, its path and its label, divided by a tab or by spaces.
//!
//! What `create_lmdb_dataset.py` reads: that of DTRB divides at tabs, that of PARSeq at the first
//! whitespace. Which of the two a file means is decided by the most of its lines: paths may hold
//! spaces where tabs divide. Paths are relative to the file's folder.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use text_images::names::{escaped, path_of};

use crate::dataset::not_empty;
use crate::index::{Dividers, Lines};
use crate::place::{Root, name_of};
use crate::{Error, Format, Result, TextDataset};

/// Usual name of the file.
pub const GT_FILE: &str = "gt.txt";

/// Images named by a `gt.txt`. Memory: 8 bytes an image, and 16 more while it is opened.
#[derive(Debug)]
pub struct GtDataset {
    name: String,
    root: Root,
    lines: Lines,
    divider: Divider,
    /// Lines whose image stands in a later one too, in their order, each with the last of these.
    repeated: Vec<(usize, usize)>,
}

/// What stands between a path and its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Divider {
    /// The first tab; the label is what follows, spaces included.
    Tab,
    /// The first whitespace; whitespace around the label is none of it.
    Whitespace,
}

impl Divider {
    fn of(found: Dividers) -> Self {
        if found.spaces > found.tabs {
            Self::Whitespace
        } else {
            Self::Tab
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Tab => "the path of an image, a tab and its label, which holds no tab",
            Self::Whitespace => "the path of an image, a space and its label",
        }
    }
}

impl GtDataset {
    /// Opens a folder with a `gt.txt`, or such a file under any name. Goes through the file for its
    /// lines and for the names of its images; labels and images are looked at when they are asked for.
    /// Of an image that several lines name, the last line counts, as in a `labels.json`; the others
    /// are errors of their own.
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
        let divider = Divider::of(lines.dividers());
        Ok(Self {
            name: name_of(if path.is_dir() { path } else { &folder }),
            root: Root::open(&folder)?,
            divider,
            repeated: repeated(&lines, divider),
            lines,
        })
    }

    /// Path and label of an image.
    fn line(&self, index: usize) -> Result<(PathBuf, String)> {
        let line = self.lines.get(index)?;
        let (file, label) = split(&line, self.divider).ok_or_else(|| Error::Malformed {
            record: self.lines.record(index),
            expected: self.divider.expected(),
        })?;
        let again = self
            .repeated
            .binary_search_by_key(&index, |&(line, _)| line);
        if let Ok(place) = again {
            return Err(Error::RepeatedImage {
                record: self.lines.record(index),
                file: escaped(path_of(file)),
                last: self.lines.number(self.repeated[place].1),
            });
        }
        Ok((path_of(file), self.lines.text(index, label)?))
    }
}

/// Lines whose image stands in a later line too, each with the last one that names it. Two labels of one
/// image cannot both be right, and an image that counts twice weighs twice. Lines that cannot be read name
/// nothing.
fn repeated(lines: &Lines, divider: Divider) -> Vec<(usize, usize)> {
    let name = |index: usize| -> Option<Vec<u8>> {
        let line = lines.get(index).ok()?;
        let (file, label) = split(&line, divider)?;
        let is_label = !label.is_empty() && std::str::from_utf8(label).is_ok();
        is_label.then(|| file.strip_prefix(b"./").unwrap_or(file).to_vec())
    };
    let hasher = RandomState::new();
    let hashed = |index: usize| Some((hasher.hash_one(name(index)?), index));
    // Names are compared by their hashes first: a million names would take ten times the memory.
    let mut by_hash: Vec<(u64, usize)> = (0..lines.len()).filter_map(hashed).collect();
    by_hash.sort_unstable();
    let mut found = Vec::new();
    let one_hash = |a: &(u64, usize), b: &(u64, usize)| a.0 == b.0;
    for alike in by_hash.chunk_by(one_hash).filter(|alike| alike.len() > 1) {
        let mut last_of: HashMap<Vec<u8>, usize> = HashMap::new();
        for &(_, index) in alike.iter().rev() {
            let Some(name) = name(index) else { continue };
            match last_of.entry(name) {
                Entry::Vacant(place) => {
                    place.insert(index);
                }
                Entry::Occupied(place) => found.push((index, *place.get())),
            }
        }
    }
    found.sort_unstable();
    found
}

/// The folder that a file lies in.
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Path and label of a line.
fn split(line: &[u8], divider: Divider) -> Option<(&[u8], &[u8])> {
    let (line, end) = match divider {
        Divider::Tab => (line, line.iter().position(|byte| *byte == b'\t')?),
        Divider::Whitespace => {
            let line = line.trim_ascii();
            (line, line.iter().position(u8::is_ascii_whitespace)?)
        }
    };
    let (file, label) = (line[..end].trim_ascii(), &line[end + 1..]);
    let label = match divider {
        // A third column is no part of the label.
        Divider::Tab if label.contains(&b'\t') => return None,
        Divider::Tab => label,
        Divider::Whitespace => label.trim_ascii(),
    };
    (!file.is_empty()).then_some((file, label))
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

    fn split_text(line: &str, divider: Divider) -> Option<(&str, &str)> {
        let (file, label) = split(line.as_bytes(), divider)?;
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        Some((text(file), text(label)))
    }

    #[test]
    fn the_first_divider_divides() {
        let tab = |line| split_text(line, Divider::Tab);
        assert_eq!(tab("a b.png\tIt's so"), Some(("a b.png", "It's so")));
        assert_eq!(tab("a b.png\tIt's\t0.98"), None, "a third column");
        assert_eq!(tab("./a.png \t"), Some(("./a.png", "")));
        assert_eq!(tab("a.png label"), None);
        assert_eq!(tab("\tlabel"), None);
        // "  b.png \tbeta two ".strip().split(maxsplit=1) of CPython.
        let spaces = |line| split_text(line, Divider::Whitespace);
        assert_eq!(spaces("  b.png \tbeta two "), Some(("b.png", "beta two")));
        assert_eq!(spaces("b.png"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_split_or_refused(line in "\\PC{0,40}|[a\t =+./-]{0,20}") {
            match split_text(&line, Divider::Tab) {
                Some((file, label)) => {
                    prop_assert!(!file.contains('\t') && !file.is_empty());
                    let ending = format!("\t{label}");
                    prop_assert!(line.ends_with(&ending));
                }
                None => prop_assert!(
                    line.split('\t').next().is_none_or(|file| file.trim_ascii().is_empty())
                        || line.matches('\t').count() != 1
                ),
            }
            split_text(&line, Divider::Whitespace);
        }
    }
}
