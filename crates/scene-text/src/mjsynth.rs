//! MJSynth (Synth90k): the label is the middle field of the file's name, `12_WORD_34567.jpg`.

use std::path::Path;

use walkdir::WalkDir;

use crate::dataset::{Root, name_of, walk_error};
use crate::gt::folder_of;
use crate::index::{Lines, Texts};
use crate::{Error, Format, Result, TextDataset};

/// Images whose names hold their labels, case included.
///
/// Memory: of a folder, the images' paths and 8 bytes an image; of a list, 8 bytes an image.
#[derive(Debug)]
pub struct MjsynthDataset {
    name: String,
    root: Root,
    images: Images,
}

#[derive(Debug)]
enum Images {
    /// Found by walking.
    Found(Texts),
    /// Named by a list such as `annotation_test.txt`.
    Listed(Lines),
}

impl MjsynthDataset {
    /// Opens a folder, all of whose images with names of this form are taken, sorted by path; or a
    /// list of the distribution (`annotation_train.txt`, `annotation_val.txt`,
    /// `annotation_test.txt`, `imlist.txt`), each line of which begins with the path of an image.
    /// Files under other names are passed over, links not followed.
    ///
    /// # Errors
    /// If the folder cannot be walked or the list not read, or there is no image.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (name, root, images) = if path.is_file() {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let root = Root::open(&folder_of(path))?;
            (name.into_owned(), root, Images::Listed(Lines::open(path)?))
        } else {
            let root = Root::open(path)?;
            (name_of(path), root, Images::Found(found(path)?))
        };
        let dataset = Self { name, root, images };
        if dataset.len() == 0 {
            return Err(Error::NoDataset {
                path: path.to_owned(),
                reason: "no image with a name like 12_WORD_34567.jpg".to_owned(),
            });
        }
        Ok(dataset)
    }

    fn file(&self, index: usize) -> Result<String> {
        match &self.images {
            Images::Found(files) => Ok(files.get(index).to_owned()),
            Images::Listed(lines) => {
                let line = lines.get(index)?;
                let file = line.split_whitespace().next().unwrap_or_default();
                Ok(file.to_owned())
            }
        }
    }
}

fn found(folder: &Path) -> Result<Texts> {
    let mut files = Texts::default();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| walk_error(folder, error))?;
        // A name that is not UTF-8 is not one of these names.
        let below = entry
            .path()
            .strip_prefix(folder)
            .ok()
            .and_then(Path::to_str);
        if let Some(file) = below.filter(|file| label_of(file).is_some())
            && entry.file_type().is_file()
        {
            files.push(file);
        }
    }
    Ok(files)
}

/// The middle field of a file's name, if it has this form.
fn label_of(file: &str) -> Option<&str> {
    let name = file.rsplit(['/', '\\']).next()?;
    let (stem, ending) = name.rsplit_once('.')?;
    let is_image = ["jpg", "jpeg", "png"].contains(&ending.to_ascii_lowercase().as_str());
    let (first, rest) = stem.split_once('_')?;
    let (label, last) = rest.rsplit_once('_')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (is_image && is_number(first) && is_number(last) && !label.is_empty()).then_some(label)
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
            Images::Found(files) => files.len(),
            Images::Listed(lines) => lines.len(),
        }
    }

    fn record(&self, index: usize) -> String {
        match &self.images {
            Images::Found(files) => format!("{}, {:?}", self.name, files.get(index)),
            Images::Listed(lines) => lines.record(index),
        }
    }

    fn label(&self, index: usize) -> Result<String> {
        let file = self.file(index)?;
        label_of(&file)
            .map(str::to_owned)
            .ok_or_else(|| Error::Malformed {
                record: self.record(index),
                expected: "a name like 12_WORD_34567.jpg",
            })
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        self.root.read(&self.file(index)?, || self.record(index))
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
            assert_eq!(label_of(file), label, "{file}");
        }
    }

    proptest! {
        #[test]
        fn any_label_without_a_divider_reads_back(label in "[^/\\\\\n]{1,12}", a: u32, b: u32) {
            let file = format!("x/{a}_{label}_{b}.jpg");
            prop_assert_eq!(label_of(&file), Some(&*label));
        }

        #[test]
        fn any_name_is_read_or_passed_over(name in ".{0,30}") {
            let _ = label_of(&name);
        }
    }
}
