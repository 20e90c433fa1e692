//! MJSynth (Synth90k): the label is the middle field of the file's name, `12_WORD_34567.jpg`.

use std::path::{Path, PathBuf};

use text_images::encoding::EIGHT_BITS;
use text_images::names::{escaped, path_of};

use crate::gt::folder_of;
use crate::index::{Lines, Texts};
use crate::place::{Root, name_of, read_bounded};
use crate::walk::files_below;
use crate::{Error, Format, Result, TextDataset};

/// Images whose names hold their labels, case included.
///
/// Memory: of a folder, the images' paths and 8 bytes an image; of a list, 8 bytes an image.
#[derive(Debug)]
pub struct MjsynthDataset {
    name: String,
    images: Images,
}

#[derive(Debug)]
enum Images {
    /// Found by walking this folder, below which the paths are.
    Found { folder: PathBuf, files: Texts },
    /// Named by a list such as `annotation_test.txt`.
    Listed { root: Root, lines: Lines },
}

impl MjsynthDataset {
    /// Opens a folder, all of whose images with names of this form are taken, sorted by path; or a
    /// list of the distribution (`annotation_train.txt`, `annotation_val.txt`,
    /// `annotation_test.txt`, `imlist.txt`), each line of which begins with the path of an image.
    /// Files under other names are passed over. Links that are found are followed; one that a list
    /// names may not lead out of the list's folder.
    ///
    /// # Errors
    /// If the folder cannot be walked or the list not read, or there is no image.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (name, images) = if path.is_file() {
            let name = escaped(path.file_stem().unwrap_or_default());
            let root = Root::open(&folder_of(path))?;
            let lines = Lines::open(path)?;
            (name, Images::Listed { root, lines })
        } else {
            let folder = path.to_owned();
            let files = found(path)?;
            (name_of(path), Images::Found { folder, files })
        };
        let dataset = Self { name, images };
        if dataset.len() == 0 {
            return Err(Error::NoDataset {
                path: path.to_owned(),
                reason: "no image with a name like 12_WORD_34567.jpg".to_owned(),
            });
        }
        Ok(dataset)
    }

    fn file(&self, index: usize) -> Result<PathBuf> {
        match &self.images {
            Images::Found { files, .. } => Ok(files.path(index)),
            Images::Listed { lines, .. } => {
                let line = lines.get(index)?;
                let words = line.split(u8::is_ascii_whitespace);
                let file = words.into_iter().find(|word| !word.is_empty());
                Ok(path_of(file.unwrap_or_default()))
            }
        }
    }
}

fn found(folder: &Path) -> Result<Texts> {
    let mut files = Texts::default();
    for found in files_below(folder) {
        let found = found?;
        if label_of(&found.below).is_some() {
            files.push_path(&found.below);
        }
    }
    Ok(files)
}

/// The middle field of a file's name, if it has this form. It need not be UTF-8.
fn label_of(file: &Path) -> Option<&[u8]> {
    let name = file.as_os_str().as_encoded_bytes();
    let name = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next()?;
    let position = |byte: u8| name.iter().rposition(|other| *other == byte);
    let (stem, ending) = name.split_at(position(b'.')?);
    let endings: [&[u8]; 5] = [b".jpg", b".jpeg", b".png", b".webp", b".bmp"];
    let is_image = endings.contains(&&*ending.to_ascii_lowercase());
    let first = stem.iter().position(|byte| *byte == b'_')?;
    let last = stem.iter().rposition(|byte| *byte == b'_')?;
    let is_number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let label = stem.get(first + 1..last)?;
    let numbered = is_number(&stem[..first]) && is_number(&stem[last + 1..]);
    (is_image && numbered && !label.is_empty()).then_some(label)
}

impl TextDataset for MjsynthDataset {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::Mjsynth
    }

    fn len(&self) -> usize {
        match &self.images {
            Images::Found { files, .. } => files.len(),
            Images::Listed { lines, .. } => lines.len(),
        }
    }

    fn record(&self, index: usize) -> String {
        match &self.images {
            Images::Found { files, .. } => {
                format!("{}, {:?}", self.name, escaped(files.path(index)))
            }
            Images::Listed { lines, .. } => lines.record(index),
        }
    }

    fn label(&self, index: usize) -> Result<String> {
        let file = self.file(index)?;
        let label = label_of(&file).ok_or_else(|| Error::Malformed {
            record: self.record(index),
            expected: "a name like 12_WORD_34567.jpg",
        })?;
        let text = std::str::from_utf8(label).map(str::to_owned);
        text.map_err(|_| Error::Encoding {
            record: self.record(index),
            found: EIGHT_BITS,
        })
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        let file = self.file(index)?;
        match &self.images {
            Images::Found { folder, .. } => {
                let path = folder.join(&file);
                if !path.is_file() {
                    return Err(Error::MissingImage {
                        record: self.record(index),
                        file: escaped(file),
                    });
                }
                read_bounded(&path, || self.record(index))
            }
            Images::Listed { root, .. } => root.read(&file, || self.record(index)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_label_is_the_middle_field() {
        for (file, label) in [
            ("./2425/1/115_Lube_45484.jpg", Some("Lube")),
            ("1_a_b_2.JPG", Some("a_b")),
            ("1__2.jpg", None),
            ("1_x.jpg", None),
            ("a_x_2.jpg", None),
            ("1_x_.jpg", None),
            ("1_x_2.txt", None),
            ("", None),
        ] {
            let found = label_of(Path::new(file));
            assert_eq!(found, label.map(str::as_bytes), "{file}");
        }
    }

    proptest! {
        #[test]
        fn any_label_without_a_divider_reads_back(label in "[^/\\\\\n]{1,12}", a: u32, b: u32) {
            let file = format!("x/{a}_{label}_{b}.jpg");
            prop_assert_eq!(label_of(Path::new(&file)), Some(label.as_bytes()));
        }

        #[test]
        fn any_name_is_read_or_passed_over(name in ".{0,30}") {
            let _ = label_of(Path::new(&name));
        }
    }
}
