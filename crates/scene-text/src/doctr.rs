//! docTR's recognition layout: `labels.json`, an object from file names to texts, and `images/`.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use text_images::encoding;
use text_images::names::escaped;

use crate::dataset::not_empty;
use crate::index::Texts;
use crate::place::{Root, name_of};
use crate::{Error, Format, Result, TextDataset};

/// Name of the label file.
pub const LABELS_FILE: &str = "labels.json";
/// Name of the folder of images.
pub const IMAGES_FOLDER: &str = "images";

/// Images named by a `labels.json`. Memory: names and labels, and 17 bytes an image.
#[derive(Debug)]
pub struct DoctrDataset {
    name: String,
    path: PathBuf,
    root: Root,
    entries: Entries,
    notes: Vec<String>,
}

impl DoctrDataset {
    /// Opens a folder. Reads `labels.json` as a stream; images are looked at when they are asked
    /// for. Of a name that stands there twice, the last label counts, as with Python's `json.load`;
    /// it is one of the [`TextDataset::notes`].
    ///
    /// # Errors
    /// If `labels.json` or `images/` is missing, or the former is no object of texts (that of
    /// docTR's detection sets is not) or has no entry.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let path = folder.join(LABELS_FILE);
        let failed = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let mut json = BufReader::new(File::open(&path).map_err(failed)?);
        let start = json.fill_buf().map_err(failed)?;
        if let Some(found) = encoding::wide(start) {
            let record = escaped(&path);
            return Err(Error::Encoding { record, found });
        }
        let mark = start.len() - encoding::without_mark(start).len();
        json.consume(mark);
        let mut entries = read(json).map_err(|source| Error::Json {
            path: path.clone(),
            source,
        })?;
        if entries.files.len() == 0 {
            return Err(Error::NoDataset {
                path,
                reason: "it has no entry".to_owned(),
            });
        }
        let notes = entries.keep_last_labels();
        let notes = notes.into_iter();
        Ok(Self {
            name: name_of(folder),
            notes: notes
                .map(|note| format!("{}: {note}", escaped(&path)))
                .collect(),
            path,
            root: Root::open(&folder.join(IMAGES_FOLDER))?,
            entries,
        })
    }
}

/// File names and labels, in the order of the file.
#[derive(Debug, Default)]
struct Entries {
    files: Texts,
    labels: Texts,
    /// Whether the label is text, and not a number, say.
    is_text: Vec<bool>,
}

impl Entries {
    fn push(&mut self, file: &[u8], label: Option<&str>) {
        self.files.push(file);
        self.labels.push(label.unwrap_or_default());
        self.is_text.push(label.is_some());
    }

    fn label(&self, index: usize) -> Option<String> {
        self.is_text[index].then(|| self.labels.text(index))
    }

    /// Gives a name that stands there several times its last label, at its first place, and returns a
    /// note for each.
    fn keep_last_labels(&mut self) -> Vec<String> {
        let mut by_name: Vec<usize> = (0..self.files.len()).collect();
        // The sort is stable: of one name, the places stay in order.
        by_name.sort_by(|&a, &b| self.files.bytes(a).cmp(self.files.bytes(b)));
        let one_name = |a: &usize, b: &usize| self.files.bytes(*a) == self.files.bytes(*b);
        let mut last: Vec<Option<usize>> = (0..self.files.len()).map(Some).collect();
        let mut notes = Vec::new();
        for places in by_name.chunk_by(one_name).filter(|places| places.len() > 1) {
            notes.push(format!(
                "{:?} stands there {} times; its last label is taken",
                escaped(self.files.path(places[0])),
                places.len()
            ));
            for place in &places[1..] {
                last[*place] = None;
            }
            last[places[0]] = places.last().copied();
        }
        if !notes.is_empty() {
            let mut kept = Self::default();
            for place in last.into_iter().flatten() {
                kept.push(self.files.bytes(place), self.label(place).as_deref());
            }
            *self = kept;
        }
        notes
    }
}

fn read(json: impl std::io::Read) -> serde_json::Result<Entries> {
    let mut reader = serde_json::Deserializer::from_reader(json);
    let read = reader.deserialize_map(EntriesVisitor)?;
    reader.end()?;
    Ok(read)
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object from file names to texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut entries = Entries::default();
        while let Some((FileName(file), label)) = map.next_entry::<_, serde_json::Value>()? {
            entries.push(&file, label.as_str());
        }
        // A labels.json of detection holds objects only.
        if !entries.is_text.is_empty() && !entries.is_text.contains(&true) {
            return Err(serde::de::Error::invalid_type(
                serde::de::Unexpected::Other("no text at all"),
                &self,
            ));
        }
        Ok(entries)
    }
}

/// The bytes of a name. Python writes those that are not UTF-8 as `\udc80` to `\udcff` (PEP 383).
struct FileName(Vec<u8>);

impl<'de> Deserialize<'de> for FileName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a file")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(surrogates_as_bytes(bytes))
            }
        }
        from.deserialize_bytes(Bytes).map(Self)
    }
}

/// Takes surrogates U+DC80 to U+DCFF, encoded as if they were characters, for the bytes that they
/// stand for.
fn surrogates_as_bytes(bytes: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        rest = match rest {
            // ED B2 80 to ED B3 BF.
            [0xed, high @ 0xb2..=0xb3, low @ 0x80..=0xbf, after @ ..] => {
                name.push((high & 1) << 6 | (low & 0x3f) | 0x80);
                after
            }
            _ => {
                name.push(first);
                after
            }
        };
    }
    name
}

impl TextDataset for DoctrDataset {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::Doctr
    }

    fn len(&self) -> usize {
        self.entries.files.len()
    }

    fn record(&self, index: usize) -> String {
        let file = escaped(self.entries.files.path(index));
        format!("{}, {file:?}", escaped(&self.path))
    }

    fn label(&self, index: usize) -> Result<String> {
        let label = self.entries.label(index).ok_or_else(|| Error::Malformed {
            record: self.record(index),
            expected: "a text as its label",
        })?;
        not_empty(&label, || self.record(index))
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        let file = self.entries.files.path(index);
        self.root.read(&file, || self.record(index))
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn detection_labels_and_broken_files_are_refused() {
        for json in [
            r#"{"a.png": {"polygons": []}}"#,
            r#"["a.png"]"#,
            r#"{"a.png": "x""#,
            r#"{"a.png": "x"} y"#,
            "",
        ] {
            assert!(read(json.as_bytes()).is_err(), "{json}");
        }
        let deep = "[".repeat(100_000);
        assert!(read(format!("{{\"a\": {deep}").as_bytes()).is_err());
        let entries = read(br#"{"b": "y", "a": "\u00e9"}"#.as_slice()).unwrap();
        assert_eq!(entries.files.bytes(0), b"b");
        assert_eq!(entries.label(1).as_deref(), Some("é"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(json in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(json.as_slice());
        }

        #[test]
        fn any_texts_read_back(entries in prop::collection::vec((".{0,9}", ".{0,9}"), 0..9)) {
            let body: Vec<String> = entries
                .iter()
                .map(|(file, label)| {
                    format!("{}:{}", serde_json::json!(file), serde_json::json!(label))
                })
                .collect();
            let read = read(format!("{{{}}}", body.join(",")).as_bytes()).unwrap();
            prop_assert_eq!(read.files.len(), entries.len());
            for (index, (file, label)) in entries.iter().enumerate() {
                prop_assert_eq!(read.files.bytes(index), file.as_bytes());
                prop_assert_eq!(read.label(index), Some(label.clone()));
            }
        }
    }
}
