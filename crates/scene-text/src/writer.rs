//! Writes data sets in the formats that hold encoded images.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::doctr::{IMAGES_FOLDER, LABELS_FILE};
use crate::gt::GT_FILE;
use crate::picture::extension;
use crate::place::make_folder;
use crate::{Error, Format, LmdbWriter, Result};

/// A format that is images and a file with their labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Gt,
    Doctr,
    Folder,
}

impl Layout {
    fn format(self) -> Format {
        match self {
            Self::Gt => Format::Gt,
            Self::Doctr => Format::Doctr,
            Self::Folder => Format::Folder,
        }
    }

    fn labels_file(self) -> &'static str {
        match self {
            Self::Gt => GT_FILE,
            Self::Doctr => LABELS_FILE,
            Self::Folder => text_images::LABELS_FILE,
        }
    }
}

/// Images in one folder, where the format leaves the choice.
const IMAGES_PER_FOLDER: usize = 10_000;

/// Writes samples one by one. The file with the labels (or `data.mdb`) appears last and in one
/// step, so an interrupted call leaves no data set that looks whole.
#[derive(Debug)]
pub enum DatasetWriter {
    /// `data.mdb`.
    Lmdb(LmdbWriter),
    /// Label file and images.
    Files(FilesWriter),
}

impl DatasetWriter {
    /// Begins a data set in a folder, which is made if needed.
    ///
    /// # Errors
    /// If the folder holds a data set already, of whatever format, or cannot be written, or the format
    /// (MJSynth, ICDAR) is only read.
    pub fn create(format: Format, folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        // Of two formats in one folder, readers would see one.
        if let Some(path) = Format::held_by(folder) {
            return Err(Error::AlreadyWritten { path });
        }
        let files = |layout| FilesWriter::create(layout, folder).map(Self::Files);
        match format {
            Format::Lmdb => LmdbWriter::create(folder).map(Self::Lmdb),
            Format::Gt => files(Layout::Gt),
            Format::Doctr => files(Layout::Doctr),
            Format::Folder => files(Layout::Folder),
            Format::Mjsynth | Format::Icdar => Err(Error::UnknownName {
                what: "format to write",
                name: format.to_string(),
                known: "lmdb, gt, doctr and folder",
            }),
        }
    }

    /// Adds a sample: its label and its image as a PNG, JPEG, WebP or BMP file.
    ///
    /// # Errors
    /// [`Error::Unrepresentable`] or [`Error::NotAnImage`] if the sample cannot be written; the
    /// writer can go on then. Otherwise if the disk is full.
    pub fn push(&mut self, label: &str, image: &[u8]) -> Result<()> {
        match self {
            Self::Lmdb(writer) => writer.push(label, image),
            Self::Files(writer) => writer.push(label, image),
        }
    }

    /// Completes the data set and returns the number of samples.
    ///
    /// # Errors
    /// If there is no sample, or the disk is full.
    pub fn finish(self) -> Result<usize> {
        match self {
            Self::Lmdb(writer) => writer.finish(),
            Self::Files(writer) => writer.finish(),
        }
    }
}

/// Writes images as files, and a file with their labels.
#[derive(Debug)]
pub struct FilesWriter {
    layout: Layout,
    folder: PathBuf,
    labels: BufWriter<tempfile::NamedTempFile>,
    place: PathBuf,
    len: usize,
}

impl FilesWriter {
    fn create(layout: Layout, folder: &Path) -> Result<Self> {
        let place = folder.join(layout.labels_file());
        // The folder of the images comes with the first one: where none can be written, none is left.
        make_folder(folder)?;
        let failed = |source| Error::Write {
            path: place.clone(),
            source,
        };
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let labels = builder.tempfile_in(folder).map_err(failed)?;
        let mut labels = BufWriter::new(labels);
        if layout == Layout::Folder {
            labels.write_all(b"file,text\n").map_err(failed)?;
        }
        Ok(Self {
            layout,
            folder: folder.to_owned(),
            labels,
            place,
            len: 0,
        })
    }

    fn push(&mut self, label: &str, image: &[u8]) -> Result<()> {
        if let Some(reason) = obstacle(self.layout, label) {
            return Err(Error::Unrepresentable {
                label: label.to_owned(),
                format: self.layout.format(),
                reason,
            });
        }
        let number = self.len + 1;
        let name = format!("{number:09}.{}", extension(image)?);
        // docTR wants all images in one folder.
        let below = match self.layout {
            Layout::Doctr => name,
            Layout::Gt | Layout::Folder => format!("{:05}/{name}", self.len / IMAGES_PER_FOLDER),
        };
        let path = self.folder.join(IMAGES_FOLDER).join(&below);
        if let Some(folder) = path
            .parent()
            .filter(|_| self.len.is_multiple_of(IMAGES_PER_FOLDER))
        {
            make_folder(folder)?;
        }
        fs::write(&path, image).map_err(|source| Error::Write { path, source })?;
        self.write_label(&below, label)
            .map_err(|source| Error::Write {
                path: self.place.clone(),
                source,
            })?;
        self.len = number;
        Ok(())
    }

    fn write_label(&mut self, file: &str, label: &str) -> io::Result<()> {
        let out = &mut self.labels;
        match self.layout {
            Layout::Doctr => {
                let start = if self.len == 0 { "{" } else { "," };
                write!(out, "{start}\n  {:?}: ", file)?;
                serde_json::to_writer(out, label)?;
                Ok(())
            }
            Layout::Folder => {
                let file = format!("{IMAGES_FOLDER}/{file}");
                let mut row = csv::Writer::from_writer(out);
                row.write_record([&*file, &*text_images::spreadsheet::guard(label)])?;
                row.flush()
            }
            Layout::Gt => writeln!(out, "{IMAGES_FOLDER}/{file}\t{label}"),
        }
    }

    fn finish(mut self) -> Result<usize> {
        if self.len == 0 {
            return Err(Error::NoDataset {
                path: self.folder,
                reason: "no sample to be written".to_owned(),
            });
        }
        let place = &self.place;
        let failed = |source| Error::Write {
            path: place.clone(),
            source,
        };
        if self.layout == Layout::Doctr {
            self.labels.write_all(b"\n}\n").map_err(failed)?;
        }
        let file = self
            .labels
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        File::sync_all(file.as_file()).map_err(failed)?;
        file.persist(place).map_err(|error| failed(error.error))?;
        Ok(self.len)
    }
}

/// What keeps a label from being read back as it is.
fn obstacle(layout: Layout, label: &str) -> Option<&'static str> {
    if label.is_empty() {
        return Some("it is empty");
    }
    match layout {
        Layout::Gt => label
            .contains(['\n', '\r', '\t'])
            .then_some("it holds a line end or a tab, which divide the file"),
        Layout::Folder => (label.trim() != label)
            .then_some("it begins or ends with whitespace, which readers remove"),
        Layout::Doctr => None,
    }
}
