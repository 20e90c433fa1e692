//! docTR's recognition layout: `labels.json`, an object from file names to texts, and `images/`.

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::de::{Deserializer as _, MapAccess, Visitor};

use crate::dataset::{Root, name_of, not_empty};
use crate::index::Texts;
use crate::{Error, Format, Result, TextDataset};

/// Name of the label file.
pub const LABELS_FILE: &str = "labels.json";
/// Name of the folder of images.
pub const IMAGES_FOLDER: &str = "images";

/// Images named by a `labels.json`. Memory: names and labels, and 16 bytes an image.
#[derive(Debug)]
pub struct DoctrDataset {
    name: String,
    path: PathBuf,
    root: Root,
    files: Texts,
    labels: Texts,
}

impl DoctrDataset {
    /// Opens a folder. Reads `labels.json` as a stream; images are looked at when they are asked
    /// for.
    ///
    /// # Errors
    /// If `labels.json` or `images/` is missing, or the former is no object of texts (that of
    /// docTR's detection sets is not) or has no entry.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let path = folder.join(LABELS_FILE);
        let file = File::open(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let (files, labels) = read(BufReader::new(file)).map_err(|source| Error::Json {
            path: path.clone(),
            source,
        })?;
        if files.len() == 0 {
            return Err(Error::NoDataset {
                path,
                reason: "it has no entry".to_owned(),
            });
        }
        Ok(Self {
            name: name_of(folder),
            path,
            root: Root::open(&folder.join(IMAGES_FOLDER))?,
            files,
            labels,
        })
    }
}

/// File names and texts, in the order of the file.
fn read(json: impl std::io::Read) -> serde_json::Result<(Texts, Texts)> {
    let mut reader = serde_json::Deserializer::from_reader(json);
    let read = reader.deserialize_map(Entries)?;
    reader.end()?;
    Ok(read)
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = (Texts, Texts);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object from file names to texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut files, mut labels) = (Texts::default(), Texts::default());
        while let Some((file, label)) = map.next_entry::<String, String>()? {
            files.push(&file);
            labels.push(&label);
        }
        Ok((files, labels))
    }
}

impl TextDataset for DoctrDataset {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::Doctr
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn record(&self, index: usize) -> String {
        format!("{}, {:?}", self.path.display(), self.files.get(index))
    }

    fn label(&self, index: usize) -> Result<String> {
        not_empty(self.labels.get(index), || self.record(index))
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        self.root.read(self.files.get(index), || self.record(index))
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
        let (files, labels) = read(br#"{"b": "y", "a": "\u00e9"}"#.as_slice()).unwrap();
        assert_eq!((files.get(0), labels.get(1)), ("b", "é"));
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
            let (files, labels) = read(format!("{{{}}}", body.join(",")).as_bytes()).unwrap();
            prop_assert_eq!(files.len(), entries.len());
            for (index, (file, label)) in entries.iter().enumerate() {
                prop_assert_eq!((files.get(index), labels.get(index)), (&**file, &**label));
            }
        }
    }
}
