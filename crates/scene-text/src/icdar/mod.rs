//! Pages of any size with the words on them: ICDAR's text files beside the images.
//!
//! `img_1.jpg` goes with `gt_img_1.txt` or `img_1.txt`, in the same folder or in `gt/`,
//! `annotations/` or `labels/` below the data set's folder. Words labelled `###` are not to be read.

mod annotation;
mod crop;

use std::collections::HashMap;
use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::{ImageFormat, RgbImage};
use walkdir::WalkDir;

use crate::dataset::{name_of, read_bounded, walk_error};
use crate::index::Texts;
use crate::picture::decode;
use crate::{Error, Format, Result, TextDataset};
use annotation::{DONT_CARE, EXPECTED, parse};

/// Largest annotation file that is read.
const MAX_ANNOTATION_BYTES: u64 = 16 << 20;

/// Words on pages. Memory: about 90 bytes and the label a word, and one decoded page.
#[derive(Debug)]
pub struct IcdarDataset {
    name: String,
    folder: PathBuf,
    pages: Texts,
    labels: Texts,
    places: Vec<Place>,
    ignored: usize,
    notes: Vec<String>,
    /// The page that was decoded last: words are mostly asked for in order.
    last: Mutex<Option<(u32, Arc<RgbImage>)>>,
}

/// Where a word is.
#[derive(Clone, Copy, Debug)]
struct Place {
    page: u32,
    line: u32,
    corners: [[f64; 2]; 4],
}

impl IcdarDataset {
    /// Opens a folder: finds its pages, sorted by path, and reads their annotations. Pages are
    /// decoded when a word of theirs is asked for. Links are not followed.
    ///
    /// Lines that cannot be read, and pages without annotation, are [`TextDataset::notes`].
    ///
    /// # Errors
    /// If the folder cannot be walked, or there is no annotated word.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let (images, annotations) = files(folder)?;
        let mut dataset = Self {
            name: name_of(folder),
            folder: folder.to_owned(),
            pages: Texts::default(),
            labels: Texts::default(),
            places: Vec::new(),
            ignored: 0,
            notes: Vec::new(),
            last: Mutex::new(None),
        };
        for image in images {
            let annotated = annotations_of(Path::new(&image))
                .into_iter()
                .find_map(|name| annotations.get(&name));
            match annotated {
                Some(path) => dataset.add_page(&image, path)?,
                None => dataset.notes.push(format!("{image:?}: no annotation file")),
            }
        }
        if dataset.places.is_empty() {
            return Err(Error::NoDataset {
                path: folder.to_owned(),
                reason: "no image with an annotated word, such as img_1.jpg with gt_img_1.txt"
                    .to_owned(),
            });
        }
        Ok(dataset)
    }

    fn add_page(&mut self, image: &str, path: &Path) -> Result<()> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let size = File::open(path)
            .and_then(|file| file.metadata())
            .map_err(failed)?
            .len();
        let text = if size > MAX_ANNOTATION_BYTES {
            self.notes
                .push(format!("{}: too large for annotations", path.display()));
            return Ok(());
        } else {
            match String::from_utf8(std::fs::read(path).map_err(failed)?) {
                Ok(text) => text,
                Err(_) => {
                    self.notes.push(format!("{}: not UTF-8", path.display()));
                    return Ok(());
                }
            }
        };
        let page = self.pages.len() as u32;
        self.pages.push(image);
        for (line, word) in parse(&text) {
            match word {
                Some(word) if word.label == DONT_CARE => self.ignored += 1,
                Some(word) => {
                    self.labels.push(&word.label);
                    self.places.push(Place {
                        page,
                        line: line as u32,
                        corners: word.corners,
                    });
                }
                None => self.notes.push(format!(
                    "{}, line {line}: expected {EXPECTED}",
                    path.display()
                )),
            }
        }
        Ok(())
    }

    fn page(&self, page: u32) -> Result<Arc<RgbImage>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, image)) = &*last
            && *number == page
        {
            return Ok(Arc::clone(image));
        }
        let path = self.folder.join(self.pages.get(page as usize));
        let record = || path.display().to_string();
        let image = Arc::new(decode(&read_bounded(&path, record)?, record)?);
        *last = Some((page, Arc::clone(&image)));
        Ok(image)
    }
}

/// Images of a folder, sorted, and its text files by their paths in small letters.
fn files(folder: &Path) -> Result<(Vec<String>, HashMap<String, PathBuf>)> {
    let (mut images, mut annotations) = (Vec::new(), HashMap::new());
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.map_err(|error| walk_error(folder, error))?;
        let below = entry
            .path()
            .strip_prefix(folder)
            .ok()
            .and_then(Path::to_str);
        let Some(below) = below.filter(|_| entry.file_type().is_file()) else {
            continue;
        };
        let ending = Path::new(below).extension().map(|e| e.to_ascii_lowercase());
        match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("jpg" | "jpeg" | "png") => images.push(below.to_owned()),
            Some("txt") => {
                let name = below.replace('\\', "/").to_lowercase();
                annotations.insert(name, entry.path().to_owned());
            }
            _ => {}
        }
    }
    Ok((images, annotations))
}

/// Where the annotation of an image may lie.
fn annotations_of(image: &Path) -> Vec<String> {
    let stem = image.file_stem().unwrap_or_default().to_string_lossy();
    let own = image.parent().map_or_else(String::new, |folder| {
        folder.to_string_lossy().replace('\\', "/")
    });
    [own.as_str(), "gt", "annotations", "labels"]
        .into_iter()
        .flat_map(|folder| {
            [format!("gt_{stem}.txt"), format!("{stem}.txt")].map(|name| match folder {
                "" => name.to_lowercase(),
                _ => format!("{folder}/{name}").to_lowercase(),
            })
        })
        .collect()
}

impl TextDataset for IcdarDataset {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::Icdar
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn record(&self, index: usize) -> String {
        let place = &self.places[index];
        let page = self.pages.get(place.page as usize);
        format!(
            "{}, annotation line {}",
            self.folder.join(page).display(),
            place.line
        )
    }

    fn label(&self, index: usize) -> Result<String> {
        Ok(self.labels.get(index).to_owned())
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        let mut bytes = Cursor::new(Vec::new());
        self.image(index)?
            .write_to(&mut bytes, ImageFormat::Png)
            .map_err(|error| Error::Write {
                path: PathBuf::from(self.record(index)),
                source: std::io::Error::other(error),
            })?;
        Ok(bytes.into_inner())
    }

    fn image(&self, index: usize) -> Result<RgbImage> {
        let place = self.places[index];
        let page = self.page(place.page)?;
        crop::crop(&page, place.corners).map_err(|reason| Error::BadCorners {
            record: self.record(index),
            corners: format!("{:?}", place.corners),
            reason,
        })
    }

    fn source(&self, index: usize) -> Option<String> {
        Some(self.pages.get(self.places[index].page as usize).to_owned())
    }

    fn ignored(&self) -> usize {
        self.ignored
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
