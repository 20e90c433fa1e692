//! What can be wrong with a data set.
//!
//! Names and labels out of data sets are shown escaped: they may hold control characters.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Format;

/// Everything that can go wrong in this crate. Errors about one record name it in `record`, as
/// `place/data.mdb: image-000000012` or `place/gt.txt, line 3`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("{}: cannot read it; check the path and its permissions", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error(
        "{}: cannot write it; is the disk full or the folder read-only? free some space or choose \
         another folder",
        path.display()
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// LMDB cannot write its file.
    #[error(
        "{}: LMDB cannot write it; is the disk full or the folder read-only? free some space or \
         choose another folder",
        path.display()
    )]
    WriteLmdb {
        /// Folder of the data base.
        path: PathBuf,
        /// Why.
        #[source]
        source: heed::Error,
    },
    /// A folder that is to be written holds a data set already, of whatever format.
    #[error("{}: holds a data set already; choose another folder", path.display())]
    AlreadyWritten {
        /// The file that is in the way, or the folder whose images are.
        path: PathBuf,
    },
    /// A label cannot stand in the format that is to be written.
    #[error("label {label:?} cannot be written as {format}: {reason}")]
    Unrepresentable {
        /// The label.
        label: String,
        /// The format.
        format: Format,
        /// What is in the way.
        reason: &'static str,
    },
    /// Bytes that are to be written are no image.
    #[error("an image to be written is neither PNG, JPEG, WebP nor BMP; convert it first")]
    NotAnImage,
    /// Not an LMDB data base, or not one that can be read.
    #[error("{}: not a readable LMDB file: {reason}", path.display())]
    NotLmdb {
        /// `data.mdb`.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A page of an LMDB file is damaged.
    #[error("{record}: page {page} of the LMDB file is damaged: {reason}")]
    DamagedPage {
        /// The record that was looked for.
        record: String,
        /// The page.
        page: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// `num-samples` is missing or makes no sense.
    #[error(
        "{}: `num-samples` {reason}; was writing it interrupted? write the data set again",
        path.display()
    )]
    NumSamples {
        /// `data.mdb`.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A record that the data set announces is not there.
    #[error("{record}: is missing")]
    MissingRecord {
        /// The record.
        record: String,
    },
    /// A label or a file of labels is not UTF-8.
    #[error("{record}: is not UTF-8 but in {found}; convert it to UTF-8 (with `iconv`, say)")]
    Encoding {
        /// The record or the file.
        record: String,
        /// What it seems to be in.
        found: &'static str,
    },
    /// The samples of an LMDB data base are counted from 0.
    #[error(
        "{}: its records are counted from 0 (image-000000000); readers of this layout count from 1 \
         and would lose one; write it again",
        path.display()
    )]
    CountedFromZero {
        /// `data.mdb`.
        path: PathBuf,
    },
    /// A link leads to nothing.
    #[error(
        "{}: is a link to {}, which is not there; fetch the file (`git annex get`, `dvc pull`, or \
         download again) or remove the link",
        path.display(),
        target.display()
    )]
    BrokenLink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// A label is empty.
    #[error("{record}: the label is empty")]
    EmptyLabel {
        /// The record.
        record: String,
    },
    /// A list names an image again, further down.
    #[error(
        "{record}: {file:?} stands again in line {last}, whose label is taken; delete the wrong line"
    )]
    RepeatedImage {
        /// The record.
        record: String,
        /// The file as named by the data set.
        file: String,
        /// The last line that names it.
        last: usize,
    },
    /// A line or name is not as the format wants it.
    #[error("{record}: expected {expected}")]
    Malformed {
        /// The record.
        record: String,
        /// What the format wants.
        expected: &'static str,
    },
    /// An image file is not there.
    #[error("{record}: no image file {file:?}")]
    MissingImage {
        /// The record.
        record: String,
        /// The file as named by the data set.
        file: String,
    },
    /// An image lies outside the folder of its data set.
    #[error(
        "{record}: {file:?} leads out of the folder of the data set (links resolved), which is \
         refused: data sets come from strangers; to allow it, put the image into the folder, a copy \
         in place of a link (`cp -rL` makes one)"
    )]
    OutsideFolder {
        /// The record.
        record: String,
        /// The file as named by the data set.
        file: String,
    },
    /// An image cannot be decoded.
    #[error("{record}: cannot decode the image")]
    Decode {
        /// The record.
        record: String,
        /// Why.
        #[source]
        source: Box<image_processor::Error>,
    },
    /// An image is larger than anything sensible; it was not decoded.
    #[error(
        "{record}: the image says {width_px} x {height_px} px; at most {max_side_px} px a side and \
         {max_pixels} in all are decoded"
    )]
    TooLarge {
        /// The record.
        record: String,
        /// Width from the header.
        width_px: u32,
        /// Height from the header.
        height_px: u32,
        /// Longest accepted side.
        max_side_px: u32,
        /// Largest accepted area.
        max_pixels: u64,
    },
    /// A file is larger than any image.
    #[error("{record}: the file has more than {max_bytes} bytes; that is no image of a word")]
    FileTooLarge {
        /// The record.
        record: String,
        /// Largest accepted file.
        max_bytes: u64,
    },
    /// The corners of a word do not enclose a part of the page.
    #[error("{record}: the corners {corners} {reason}")]
    BadCorners {
        /// The record.
        record: String,
        /// The corners.
        corners: String,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// `labels.json` cannot be read.
    #[error(
        "{}: not a labels.json of text recognition, which maps file names to texts",
        path.display()
    )]
    Json {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// A folder of `labels.csv` cannot be read.
    #[error(transparent)]
    Folder(#[from] text_images::Error),
    /// A row of `labels.csv` cannot be read.
    #[error(transparent)]
    Row(Arc<text_images::Error>),
    /// Nothing that looks like a data set.
    #[error("{}: {reason}; see data/README.md for the layouts", path.display())]
    NoDataset {
        /// Where it was looked for.
        path: PathBuf,
        /// What was looked for.
        reason: String,
    },
    /// A name that is none of the known ones.
    #[error("unknown {what} {name:?}; there are {known}")]
    UnknownName {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
        /// Names that exist.
        known: &'static str,
    },
}
