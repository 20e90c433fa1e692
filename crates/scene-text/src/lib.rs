//! Scene-text recognition data in the field's own formats.
//!
//! | what | open |
//! |---|---|
//! | one interface over all formats, read from disk when asked for | [`TextDataset`], [`Format`] |
//! | `data.mdb` with `num-samples`, `image-%09d`, `label-%09d` | [`LmdbDataset`], [`LmdbWriter`] |
//! | `gt.txt`; `labels.json`; MJSynth names; ICDAR pages; `labels.csv` | [`GtDataset`], [`DoctrDataset`], [`MjsynthDataset`], [`IcdarDataset`], [`CsvDataset`] |
//! | writers for LMDB, `gt.txt`, docTR, `labels.csv` | [`DatasetWriter`] |
//! | alphabets 10, 36, 62, 94 | [`SceneCharset`] |
//! | what becomes of labels: PARSeq's and DTRB's rules | [`LabelPolicy`], [`LabelRule`] |
//! | benchmark sets, unions, combined accuracy | [`Benchmark`], [`Union`], [`protocol_rows`] |
//! | the strip that a model reads | [`decode`], [`strip`] |
//!
//! Data sets come from strangers. Names that lead out of a data set's folder are refused, image
//! sizes are checked before decoding, and a damaged record is an error that names it, while the
//! others can still be read.
//!
//! # Example
//! ```
//! use scene_text::{DatasetWriter, Format, LabelPolicy, LabelRule, PolicyCounts, SceneCharset};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path();
//! let mut png = std::io::Cursor::new(Vec::new());
//! image::RgbImage::new(100, 30).write_to(&mut png, image::ImageFormat::Png)?;
//! let mut writer = DatasetWriter::create(Format::Lmdb, folder.join("test/CUTE80"))?;
//! writer.push("It's", png.get_ref())?;
//! writer.finish()?;
//!
//! let sets = Format::Lmdb.open(folder)?;
//! assert_eq!(sets[0].name(), "test/CUTE80");
//! let rule = LabelRule::new(LabelPolicy::Parseq, SceneCharset::Lower36);
//! let label = rule.apply(&sets[0].label(0)?, &mut PolicyCounts::default());
//! assert_eq!(label.as_deref(), Some("its"));
//! let strip = scene_text::strip(&sets[0].image(0)?, 128, 32)?;
//! assert_eq!(strip.dimensions(), (128, 32));
//! # Ok(())
//! # }
//! ```

mod charset;
mod csv_folder;
mod dataset;
mod doctr;
mod error;
mod format;
mod gt;
mod icdar;
mod index;
mod lmdb;
mod mjsynth;
mod picture;
mod place;
mod policy;
mod protocol;
mod registry;
mod survey;
mod walk;
mod writer;

pub use charset::SceneCharset;
pub use csv_folder::CsvDataset;
pub use dataset::TextDataset;
pub use doctr::DoctrDataset;
pub use error::Error;
pub use format::Format;
pub use gt::{GT_FILE, GtDataset};
pub use icdar::IcdarDataset;
pub use image_processor::data_set::{MAX_PIXELS, MAX_SIDE_PX};
pub use lmdb::{DATA_FILE, LmdbDataset, LmdbWriter};
pub use mjsynth::MjsynthDataset;
pub use picture::{decode, grey, strip};
pub use policy::{LabelPolicy, LabelRule, MAX_LABEL_CHARS, PolicyCounts};
pub use protocol::{ALL_SETS, Benchmark, ProtocolRow, Union, compare, protocol_rows};
pub use survey::{NAMED_FAULTS, Spread, Survey, told};
pub use writer::{DatasetWriter, FilesWriter};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
