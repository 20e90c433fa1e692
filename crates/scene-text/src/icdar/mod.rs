//! Pages of any size with the words on them: ICDAR's text files beside the images.
//!
//! `img_1.jpg` goes with `gt_img_1.txt` or `img_1.txt`, in the same folder, in `gt/`, `annotations/`
//! or `labels/` below the data set's folder, or in a folder beside its own, as the contests'
//! archives are unpacked. Words labelled `###` are not to be read.

mod annotation;
mod crop;
mod layout;
mod pages;

use std::fs::File;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use image::{ImageFormat, RgbImage};
use text_images::encoding;
use text_images::names::escaped;

use crate::index::Texts;
use crate::picture::decode;
use crate::place::{name_of, read_bounded};
use crate::{Error, Format, Result, TextDataset};
use annotation::{DONT_CARE, Fault, Word, lines, word};
use layout::Votes;
use pages::{LOOKED_FOR, Pages};

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

/// Lines of an annotation file with their numbers.
type Lines = Vec<(usize, std::result::Result<Word, Fault>)>;

/// A page with its words, or with the file whose lines do not say how they are to be read.
struct Page {
    image: PathBuf,
    annotation: PathBuf,
    words: std::result::Result<Lines, Vec<u8>>,
}

impl IcdarDataset {
    /// Opens a folder: finds its pages, sorted by path, and reads their annotations. Pages are
    /// decoded when a word of theirs is asked for. Links are followed.
    ///
    /// Lines that cannot be read, and pages without annotation, are [`TextDataset::notes`].
    ///
    /// # Errors
    /// If the folder cannot be walked, or there is no annotated word.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let found = Pages::find(folder)?;
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
        let mut set = Votes::default();
        let mut pages = Vec::new();
        for (image, annotation) in found.pages {
            pages.extend(dataset.annotated(image, annotation, &mut set)?);
        }
        let mut without_label = 0;
        for page in pages {
            without_label += dataset.add(page, &set);
        }
        dataset.notes.extend(found.notes);
        if dataset.places.is_empty() {
            return Err(dataset.nothing_to_read(without_label));
        }
        Ok(dataset)
    }

    /// Whether a folder holds pages with annotations, be they good or bad.
    pub(crate) fn is_at(folder: &Path) -> bool {
        let has_lines = |(_, annotation): &(PathBuf, PathBuf)| {
            let file = std::fs::read(folder.join(annotation)).unwrap_or_default();
            encoding::wide(&file).is_some() || Votes::of(&file) != Votes::default()
        };
        Pages::find(folder).is_ok_and(|found| found.pages.iter().any(has_lines))
    }

    fn nothing_to_read(self, without_label: usize) -> Error {
        let reason = match (without_label, self.notes.first()) {
            (1.., Some(first)) => format!(
                "its annotations have no transcriptions: {without_label} lines have numbers only \
                 ({first}); this is a set for detection"
            ),
            (0, Some(first)) => format!(
                "no image with an annotated word; the first of {} problems: {first}",
                self.notes.len()
            ),
            (_, None) => format!(
                "no image with an annotated word, such as img_1.jpg with gt_img_1.txt: looked for \
                 {LOOKED_FOR}"
            ),
        };
        Error::NoDataset {
            path: self.folder,
            reason,
        }
    }

    /// Reads an annotation file; `None` if that is impossible, which is noted. What its lines say
    /// about its layout is added to `set`.
    fn annotated(
        &mut self,
        image: PathBuf,
        annotation: PathBuf,
        set: &mut Votes,
    ) -> Result<Option<Page>> {
        let path = self.folder.join(&annotation);
        let failed = |source| Error::Read {
            path: path.clone(),
            source,
        };
        let size = File::open(&path)
            .and_then(|file| file.metadata())
            .map_err(failed)?
            .len();
        if size > MAX_ANNOTATION_BYTES {
            self.note(&annotation, "too large for annotations");
            return Ok(None);
        }
        let file = std::fs::read(&path).map_err(failed)?;
        if let Some(encoding) = encoding::wide(&file) {
            let fault = Fault::Encoding(encoding);
            self.note(&annotation, &fault.to_string());
            return Ok(None);
        }
        let votes = Votes::of(&file);
        set.add(&votes);
        // What a file says by several lines needs no second opinion.
        let words = match votes.layout(&votes) {
            Ok(layout) if lines(&file).nth(1).is_some() => Ok(words(&file, layout)),
            Ok(_) | Err(_) => Err(file),
        };
        Ok(Some(Page {
            image,
            annotation,
            words,
        }))
    }

    /// Takes the words of a page, and returns the number of lines without a label.
    fn add(&mut self, page: Page, set: &Votes) -> usize {
        let words = match page.words {
            Ok(words) => words,
            Err(file) => match Votes::of(&file).layout(set) {
                Ok(layout) => words(&file, layout),
                Err(reason) => {
                    self.note(&page.annotation, reason);
                    return 0;
                }
            },
        };
        let number = self.pages.len() as u32;
        self.pages.push_path(&page.image);
        let mut without_label = 0;
        for (line, word) in words {
            match word {
                Ok(word) if word.label == DONT_CARE => self.ignored += 1,
                Ok(word) => {
                    self.labels.push(&word.label);
                    self.places.push(Place {
                        page: number,
                        line: line as u32,
                        corners: word.corners,
                    });
                }
                Err(fault) => {
                    without_label += usize::from(fault == Fault::NoTranscription);
                    let path = escaped(self.folder.join(&page.annotation));
                    self.notes.push(format!("{path}, line {line}: {fault}"));
                }
            }
        }
        without_label
    }

    fn note(&mut self, annotation: &Path, what: &str) {
        let path = escaped(self.folder.join(annotation));
        self.notes.push(format!("{path}: {what}"));
    }

    fn page(&self, page: u32) -> Result<Arc<RgbImage>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, image)) = &*last
            && *number == page
        {
            return Ok(Arc::clone(image));
        }
        let path = self.folder.join(self.pages.path(page as usize));
        let record = || escaped(&path);
        let image = Arc::new(decode(&read_bounded(&path, record)?, record)?);
        *last = Some((page, Arc::clone(&image)));
        Ok(image)
    }
}

fn words(file: &[u8], layout: layout::Layout) -> Lines {
    let read = |line: std::result::Result<&str, _>| {
        line.map_err(Fault::Encoding)
            .and_then(|line| word(line, layout))
    };
    lines(file)
        .map(|(number, line)| (number, read(line)))
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
        let page = self.pages.path(place.page as usize);
        let path = escaped(self.folder.join(page));
        format!("{path}, annotation line {}", place.line)
    }

    fn label(&self, index: usize) -> Result<String> {
        Ok(self.labels.text(index))
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
        Some(escaped(self.pages.path(self.places[index].page as usize)))
    }

    fn ignored(&self) -> usize {
        self.ignored
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
