//! Fine-grained photographs from disk.
//!
//! | source | layout | labels | splits |
//! |---|---|---|---|
//! | `folder:DIR` | `DIR/CLASS/*.{png,jpg,jpeg,webp,bmp}` | names of the subfolders | by a hash of the path |
//! | `aircraft:DIR` | FGVC-Aircraft 2013b (arXiv:1306.5151) | variants; `aircraft-family:`, `aircraft-manufacturer:` | as published |
//! | `cub:DIR` | CUB-200-2011 (Caltech CNS-TR-2011-001) | `classes.txt` | as published; a tenth of train becomes validation |
//!
//! Lists are read and checked when a data set is opened, images when they are asked for. What is
//! wrong is a [`Problem`]: it stops the reading, or is counted and left out ([`OnProblem`]).

mod aircraft;
mod class_folders;
mod cub;
mod lists;
mod pixels;
mod reader;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use image::{DynamicImage, RgbImage};
use image_processor::data_set::{MAX_PIXELS, MAX_SIDE_PX};
use serde::{Deserialize, Serialize};
use text_images::names::escaped;
use text_images::{Split, stable_hash};

use crate::{Channels, Error, Result};

pub use class_folders::NOT_READ;
pub use pixels::{BoundingBox, Crop};
pub use reader::Reader;

/// Tenths of a data set without splits that go to the test and to the validation split.
const TEST_TENTHS: u64 = 2;
const VALIDATION_TENTHS: u64 = 1;

/// What the classes of FGVC-Aircraft are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AircraftLabels {
    /// 100 variants, such as 737-700.
    Variant,
    /// 70 families, such as Boeing 737.
    Family,
    /// 30 manufacturers.
    Manufacturer,
}

/// Where photographs are and how they are laid out. Text form (serde, `Display`, `FromStr`):
/// `folder:DIR`, `aircraft:DIR` (also `fgvc-aircraft:DIR`), `aircraft-family:DIR`,
/// `aircraft-manufacturer:DIR`, `cub:DIR`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DatasetSource {
    /// One subfolder per class.
    Folder(PathBuf),
    /// FGVC-Aircraft: the folder that was unpacked, or `data` inside it.
    Aircraft(PathBuf, AircraftLabels),
    /// CUB-200-2011: the folder that was unpacked, or the one around it.
    Cub(PathBuf),
}

impl FromStr for DatasetSource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let aircraft = |labels| move |dir| Self::Aircraft(dir, labels);
        let unknown = || Error::UnknownDataset {
            name: text.to_owned(),
        };
        let (layout, dir) = text.split_once(':').ok_or_else(unknown)?;
        let dir = Some(dir).filter(|dir| !dir.is_empty()).map(PathBuf::from);
        match layout {
            "folder" => dir.map(Self::Folder),
            "aircraft" | "fgvc-aircraft" => dir.map(aircraft(AircraftLabels::Variant)),
            "aircraft-family" => dir.map(aircraft(AircraftLabels::Family)),
            "aircraft-manufacturer" => dir.map(aircraft(AircraftLabels::Manufacturer)),
            "cub" => dir.map(Self::Cub),
            _ => None,
        }
        .ok_or_else(unknown)
    }
}

impl DatasetSource {
    /// Layout in the text form, and the folder.
    fn parts(&self) -> (&'static str, &Path) {
        match self {
            Self::Folder(dir) => ("folder", dir),
            Self::Aircraft(dir, AircraftLabels::Variant) => ("aircraft", dir),
            Self::Aircraft(dir, AircraftLabels::Family) => ("aircraft-family", dir),
            Self::Aircraft(dir, AircraftLabels::Manufacturer) => ("aircraft-manufacturer", dir),
            Self::Cub(dir) => ("cub", dir),
        }
    }

    /// Layout and last part of the path, for the names of runs: `folder-birds`.
    pub fn short_name(&self) -> String {
        let (layout, dir) = self.parts();
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = name.chars().map(plain).collect();
        format!("{layout}-{name}").trim_end_matches('-').to_owned()
    }
}

impl fmt::Display for DatasetSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (layout, dir) = self.parts();
        write!(f, "{layout}:{}", dir.display())
    }
}

impl TryFrom<String> for DatasetSource {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<DatasetSource> for String {
    fn from(source: DatasetSource) -> Self {
        source.to_string()
    }
}

/// Whether a [`Problem`] ends the reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnProblem {
    /// The first one is an error.
    Stop,
    /// Problems are counted, and what they concern is left out.
    GoOn,
}

/// Something wrong with part of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A listed image that is not there.
    MissingImage(PathBuf),
    /// A list that only adds to the images, such as the bounding boxes.
    MissingList(PathBuf),
    /// A class in which no image is left. It keeps its label, so that labels do not depend on
    /// which images are there.
    EmptyClass(String),
    /// An image that cannot be decoded, and why.
    Corrupt(PathBuf, String),
    /// An image whose sides (in px) are too large to be decoded.
    TooLarge(PathBuf, [u32; 2]),
    /// A listed path that leads out of the data set.
    Outside(PathBuf),
    /// An image that no list gives a class or a split.
    Unlabelled(PathBuf),
    /// Images of a format that is not read.
    NotRead {
        /// The ending of their names.
        extension: String,
        /// How many there are.
        count: usize,
        /// The first one, relative to the data set.
        first: PathBuf,
    },
    /// A class with images in subfolders, beside those in its own folder.
    Subfolder {
        /// The class.
        class: String,
        /// Its first subfolder.
        first: PathBuf,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingImage(path) if path.is_symlink() => {
                write!(
                    f,
                    "{}: is a link to something that is not there",
                    escaped(path)
                )
            }
            Self::MissingImage(path) => write!(f, "{}: image is missing", escaped(path)),
            Self::MissingList(path) => write!(f, "{}: list is missing", escaped(path)),
            Self::EmptyClass(class) => write!(f, "class `{class}` has no images"),
            Self::Corrupt(path, why) => write!(f, "{}: cannot decode ({why})", escaped(path)),
            Self::TooLarge(path, [width, height]) => write!(
                f,
                "{}: {width} x {height} px is too large (at most {MAX_SIDE_PX} px a side and \
                 {MAX_PIXELS} px in all)",
                escaped(path)
            ),
            Self::Outside(path) => write!(
                f,
                "{}: leads out of the data set (links resolved), which is refused for names in \
                 lists; to allow it, put a copy in place of the link (`cp -rL` makes one)",
                escaped(path)
            ),
            Self::Unlabelled(path) => write!(f, "{}: no class or split is listed", escaped(path)),
            Self::NotRead {
                extension,
                count,
                first,
            } => write!(
                f,
                "{count} {} in format .{extension}, which is not read, the first: {}; convert them to \
                 PNG",
                if *count == 1 {
                    "image is"
                } else {
                    "images are"
                },
                escaped(first)
            ),
            Self::Subfolder { class, first } => write!(
                f,
                "class `{class}` has images in a subfolder, {}; only those in the class folder itself \
                 are read: move them up",
                escaped(first)
            ),
        }
    }
}

/// Problems so far, or the error that the first one is.
struct Problems {
    on_problem: OnProblem,
    found: Vec<Problem>,
}

impl Problems {
    fn add(&mut self, problem: Problem) -> Result<()> {
        match self.on_problem {
            OnProblem::Stop => Err(Error::Problem { problem }),
            OnProblem::GoOn => {
                self.found.push(problem);
                Ok(())
            }
        }
    }
}

/// One photograph.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRow {
    /// File, relative to [`ImageDataset::root`].
    pub file: PathBuf,
    /// Index into [`ImageDataset::classes`].
    pub label: usize,
    /// Part of the data set.
    pub split: Split,
    /// Where the object is, if that is known.
    pub bounding_box: Option<BoundingBox>,
}

/// A data set of photographs with one class each.
#[derive(Clone, Debug)]
pub struct ImageDataset {
    root: PathBuf,
    classes: Vec<String>,
    rows: Vec<ImageRow>,
    problems: Vec<Problem>,
    notes: Vec<String>,
    /// Rows at the bottom of every image that are not part of the photograph.
    banner_px: u32,
}

impl ImageDataset {
    /// Reads and checks the lists, and that every image exists inside the folder. Decodes none.
    ///
    /// # Errors
    /// If the folder or a list that labels need is missing or unreadable, a line of a list cannot
    /// be understood, fewer than two classes have images, or, with [`OnProblem::Stop`], at the first
    /// [`Problem`].
    pub fn open(source: &DatasetSource, on_problem: OnProblem) -> Result<Self> {
        let mut problems = Problems {
            on_problem,
            found: Vec::new(),
        };
        let mut dataset = match source {
            DatasetSource::Folder(dir) => class_folders::open(dir, &mut problems)?,
            DatasetSource::Aircraft(dir, labels) => aircraft::open(dir, *labels, &mut problems)?,
            DatasetSource::Cub(dir) => cub::open(dir, &mut problems)?,
        };
        let mut counts = vec![0_usize; dataset.classes.len()];
        for row in &dataset.rows {
            counts[row.label] += 1;
        }
        let with_images = counts.iter().filter(|count| **count > 0).count();
        for (class, count) in dataset.classes.iter().zip(counts) {
            if count == 0 {
                problems.add(Problem::EmptyClass(class.clone()))?;
            }
        }
        if dataset.rows.is_empty() {
            return Err(Error::NoImages {
                path: dataset.root,
                problems: problems.found.iter().map(Problem::to_string).collect(),
            });
        }
        if with_images < 2 {
            return Err(Error::OneClass {
                class: dataset.classes[dataset.rows[0].label].clone(),
                path: dataset.root,
            });
        }
        dataset.problems = problems.found;
        Ok(dataset)
    }

    /// The folder that files are relative to.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Names of the classes, in label order, those without images included.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The photographs, in the order of the lists; folders and files in the order of their names.
    pub fn rows(&self) -> &[ImageRow] {
        &self.rows
    }

    /// What was left out when the lists were read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What else a user should know about the folder.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Decodes a photograph at its own size, without the banner that FGVC-Aircraft prints below
    /// it.
    ///
    /// # Errors
    /// [`Error::Problem`] if it is missing, too large or corrupt. The size is checked first.
    ///
    /// # Panics
    /// If `row` is not below the number of rows.
    pub fn image(&self, row: usize) -> Result<RgbImage> {
        let path = self.root.join(&self.rows[row].file);
        pixels::decode(&path, self.banner_px).map_err(|problem| Error::Problem { problem })
    }

    /// A photograph, cropped, and fitted into a canvas: scaled without distortion, in the middle,
    /// padded with its mean colour.
    ///
    /// # Errors
    /// As [`ImageDataset::image`].
    ///
    /// # Panics
    /// If `row` is not below the number of rows, or a side is zero.
    pub fn image_fit_to(
        &self,
        row: usize,
        [width_px, height_px]: [u32; 2],
        channels: Channels,
        crop: Crop,
    ) -> Result<DynamicImage> {
        let image = self.image(row)?;
        let image = match (crop, self.rows[row].bounding_box) {
            (Crop::Box { margin }, Some(bounding_box)) => bounding_box.cut(&image, margin),
            (Crop::Box { .. }, None) | (Crop::Whole, _) => image,
        };
        let fitted = DynamicImage::ImageRgb8(pixels::fit(&image, width_px, height_px));
        Ok(match channels {
            Channels::Grey => DynamicImage::ImageLuma8(fitted.into_luma8()),
            Channels::Rgb => fitted,
        })
    }

    /// Reads the photographs of a split one after the other.
    pub fn reader(
        &self,
        split: Split,
        size_px: [u32; 2],
        channels: Channels,
        crop: Crop,
        on_problem: OnProblem,
    ) -> Reader<'_> {
        Reader::new(self, split, size_px, channels, crop, on_problem)
    }
}

/// Split of an image in a data set that has none: by a hash that is the same in every release.
fn hashed_split(name: &str) -> Split {
    match stable_hash(name) % 10 {
        tenth if tenth < TEST_TENTHS => Split::Test,
        tenth if tenth < TEST_TENTHS + VALIDATION_TENTHS => Split::Validation,
        _ => Split::Train,
    }
}

/// Train or validation for an image that is published for training.
fn hashed_validation(name: &str) -> Split {
    if stable_hash(name) % 10 < VALIDATION_TENTHS {
        Split::Validation
    } else {
        Split::Train
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_from_text() {
        let read = |text: &str| text.parse::<DatasetSource>();
        assert_eq!(
            read("folder:a:b").unwrap(),
            DatasetSource::Folder("a:b".into())
        );
        assert_eq!(
            read("aircraft-family:x").unwrap(),
            DatasetSource::Aircraft("x".into(), AircraftLabels::Family)
        );
        assert_eq!(read("cub:x").unwrap(), DatasetSource::Cub("x".into()));
        assert_eq!(
            read("fgvc-aircraft:x").unwrap(),
            read("aircraft:x").unwrap()
        );
        for text in [
            "folder:a:b",
            "aircraft:x",
            "aircraft-manufacturer:x",
            "cub:x/y",
        ] {
            let source = read(text).unwrap();
            assert_eq!(source.to_string(), text);
            let json = serde_json::to_string(&source).unwrap();
            assert_eq!(json, format!("\"{text}\""));
        }
        assert_eq!(
            read("folder:my/bird photos").unwrap().short_name(),
            "folder-bird-photos"
        );
        assert_eq!(read("cub:..").unwrap().short_name(), "cub");
        for bad in ["cub:", "x", "imagenet:x"] {
            let message = read(bad).unwrap_err().to_string();
            assert!(
                message.contains(bad) && message.contains("folder:DIR"),
                "{message}"
            );
        }
    }
}
