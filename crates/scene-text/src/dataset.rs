//! One interface over all formats.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use image::RgbImage;

use crate::picture::{MAX_FILE_BYTES, decode};
use crate::{Error, Result};

/// How a data set lies on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// `data.mdb`: see [`LmdbDataset`](crate::LmdbDataset).
    Lmdb,
    /// `gt.txt`: see [`GtDataset`](crate::GtDataset).
    Gt,
    /// `labels.json` and `images/`: see [`DoctrDataset`](crate::DoctrDataset).
    Doctr,
    /// Labels in file names: see [`MjsynthDataset`](crate::MjsynthDataset).
    Mjsynth,
    /// Pages with word boxes: see [`IcdarDataset`](crate::IcdarDataset).
    Icdar,
    /// `labels.csv`: see [`CsvDataset`](crate::CsvDataset).
    Folder,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 6] = [
        Self::Lmdb,
        Self::Gt,
        Self::Doctr,
        Self::Mjsynth,
        Self::Icdar,
        Self::Folder,
    ];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lmdb => "lmdb",
            Self::Gt => "gt",
            Self::Doctr => "doctr",
            Self::Mjsynth => "mjsynth",
            Self::Icdar => "icdar",
            Self::Folder => "folder",
        }
    }

    /// Finds out the format of a folder from what is in it.
    ///
    /// # Errors
    /// If nothing in it looks like any format.
    pub fn detect(path: &Path) -> Result<Self> {
        let has = |name: &str| path.join(name).is_file();
        let ends = |ending: &str| {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned());
            path.is_file() && name.is_some_and(|name| name.ends_with(ending))
        };
        if has(crate::lmdb::DATA_FILE) || ends(".mdb") {
            return Ok(Self::Lmdb);
        }
        if has(crate::gt::GT_FILE) || ends(crate::gt::GT_FILE) {
            return Ok(Self::Gt);
        }
        if has(crate::doctr::LABELS_FILE) {
            return Ok(Self::Doctr);
        }
        if has(text_images::LABELS_FILE) {
            return Ok(Self::Folder);
        }
        // A file whose name does not say it, and deeper folders: each format looks for its own.
        match crate::LmdbDataset::open_all(path) {
            Err(Error::NoDataset { .. } | Error::Read { .. }) => {}
            // A damaged one is one too, and opening it says what is wrong.
            Ok(_) | Err(_) if path.is_dir() => return Ok(Self::Lmdb),
            _ => {}
        }
        if crate::MjsynthDataset::open(path).is_ok_and(|found| found.label(0).is_ok()) {
            return Ok(Self::Mjsynth);
        }
        if crate::IcdarDataset::open(path).is_ok() {
            return Ok(Self::Icdar);
        }
        Err(Error::NoDataset {
            path: path.to_owned(),
            reason: "no data.mdb, gt.txt, labels.json, labels.csv, MJSynth names or ICDAR \
                     annotations; name the format if you know it"
                .to_owned(),
        })
    }

    /// Opens all data sets at a path: several for [`Format::Lmdb`], one for the others.
    ///
    /// # Errors
    /// As the `open` of the format.
    pub fn open(self, path: &Path) -> Result<Vec<Box<dyn TextDataset>>> {
        Ok(match self {
            Self::Lmdb => crate::LmdbDataset::open_all(path)?
                .into_iter()
                .map(|dataset| Box::new(dataset) as _)
                .collect(),
            Self::Gt => vec![Box::new(crate::GtDataset::open(path)?)],
            Self::Doctr => vec![Box::new(crate::DoctrDataset::open(path)?)],
            Self::Mjsynth => vec![Box::new(crate::MjsynthDataset::open(path)?)],
            Self::Icdar => vec![Box::new(crate::IcdarDataset::open(path)?)],
            Self::Folder => vec![Box::new(crate::CsvDataset::open(path)?)],
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Error::UnknownName {
                what: "format",
                name: name.to_owned(),
                known: "lmdb, gt, doctr, mjsynth, icdar and folder",
            })
    }
}

/// Labelled images of words that are read from disk when they are asked for.
///
/// A record that is damaged or missing is an error of its own index: it names the record, and the
/// others can still be read. No label is ever made up.
///
/// # Panics
/// Methods that take an index may panic if it is not below [`TextDataset::len`].
pub trait TextDataset: Send + Sync + fmt::Debug {
    /// Name in results.
    fn name(&self) -> &str;

    /// How it lies on disk.
    fn format(&self) -> Format;

    /// Number of samples that the data set announces.
    fn len(&self) -> usize;

    /// Whether it announces none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Names a sample in messages.
    fn record(&self, index: usize) -> String;

    /// The label as stored.
    ///
    /// # Errors
    /// If it is missing, damaged, empty or not UTF-8.
    fn label(&self, index: usize) -> Result<String>;

    /// The image as a PNG or JPEG file. Not decoded, unless it is cropped from a page.
    ///
    /// # Errors
    /// If it is missing or damaged, or lies outside the folder.
    fn encoded(&self, index: usize) -> Result<Vec<u8>>;

    /// The image.
    ///
    /// # Errors
    /// As [`TextDataset::encoded`], and if it cannot be decoded or is too large.
    fn image(&self, index: usize) -> Result<RgbImage> {
        decode(&self.encoded(index)?, || self.record(index))
    }

    /// What the image was taken from, if several come from one: they are resampled together.
    fn source(&self, _index: usize) -> Option<String> {
        None
    }

    /// Words that the data set itself marks as not to be read (ICDAR's `###`).
    fn ignored(&self) -> usize {
        0
    }

    /// What was found wrong when it was opened; the samples concerned are not counted by `len`.
    fn notes(&self) -> &[String] {
        &[]
    }
}

/// A label that is not empty.
pub(crate) fn not_empty(label: &str, record: impl Fn() -> String) -> Result<String> {
    if label.is_empty() {
        return Err(Error::EmptyLabel { record: record() });
    }
    Ok(label.to_owned())
}

/// Name of a data set at a path: its last part.
pub(crate) fn name_of(path: &Path) -> String {
    let resolved = path.canonicalize();
    let named = path
        .file_name()
        .or_else(|| resolved.as_ref().ok()?.file_name());
    named.map_or_else(
        || "data-set".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Name of a data set in a folder below `root`; of `root` itself, its own.
pub(crate) fn name_below(root: &Path, folder: &Path) -> String {
    match folder.strip_prefix(root) {
        Ok(below) if below.as_os_str().is_empty() => name_of(root),
        Ok(below) => {
            let parts = below
                .components()
                .map(|part| part.as_os_str().to_string_lossy());
            parts.collect::<Vec<_>>().join("/")
        }
        Err(_) => name_of(folder),
    }
}

pub(crate) fn walk_error(root: &Path, error: walkdir::Error) -> Error {
    let path = error.path().unwrap_or(root).to_owned();
    let source = error
        .into_io_error()
        .unwrap_or_else(|| std::io::Error::other("a cycle of links"));
    Error::Read { path, source }
}

/// A folder out of which no name leads.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    folder: PathBuf,
}

impl Root {
    pub fn open(folder: &Path) -> Result<Self> {
        let folder = folder.canonicalize().map_err(|source| Error::Read {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self { folder })
    }

    /// The file of this name: no absolute path, no `..`, and, links resolved, in the folder.
    pub fn resolve(&self, file: &str, record: impl Fn() -> String) -> Result<PathBuf> {
        let outside = || Error::OutsideFolder {
            record: record(),
            file: file.to_owned(),
        };
        let inward = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        // On Windows a backslash divides; elsewhere such a name is still not to be trusted.
        let climbs = file.split(['/', '\\']).any(|part| part == "..");
        if climbs || !Path::new(file).components().all(inward) {
            return Err(outside());
        }
        let found = self.folder.join(file).canonicalize().ok();
        match found.filter(|found| found.is_file()) {
            Some(found) if found.starts_with(&self.folder) => Ok(found),
            Some(_) => Err(outside()),
            None => Err(Error::MissingImage {
                record: record(),
                file: file.to_owned(),
            }),
        }
    }

    /// The content of the file of this name.
    pub fn read(&self, file: &str, record: impl Fn() -> String) -> Result<Vec<u8>> {
        let path = self.resolve(file, &record)?;
        read_bounded(&path, record)
    }
}

/// The content of a file of at most [`MAX_FILE_BYTES`].
pub(crate) fn read_bounded(path: &Path, record: impl Fn() -> String) -> Result<Vec<u8>> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::FileTooLarge {
            record: record(),
            max_bytes: MAX_FILE_BYTES,
        });
    }
    Ok(bytes)
}

/// Makes a folder, with those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| Error::Write {
        path: folder.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_are_refused_even_if_nothing_is_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        fs::write(folder.path().join("in/word.png"), "x").unwrap();
        let root = Root::open(&folder.path().join("in")).unwrap();
        let record = || "line 1".to_owned();
        let absolute = folder.path().join("in/word.png");
        for name in [
            "../secret",
            "../in/word.png",
            "a/../../secret",
            "..",
            "..\\secret",
            "/etc/passwd",
            absolute.to_str().unwrap(),
        ] {
            let error = root.read(name, record).unwrap_err();
            assert!(
                matches!(error, Error::OutsideFolder { .. }),
                "{name}: {error}"
            );
        }
        assert!(root.read("./word.png", record).is_ok());
        for name in ["", ".", "word.png/x", "no\0thing", "\u{1b}[2J"] {
            let error = root.read(name, record).unwrap_err();
            assert!(
                matches!(error, Error::MissingImage { .. }),
                "{name}: {error}"
            );
            assert!(!error.to_string().contains('\u{1b}'));
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", folder.path().join("in/link")).unwrap();
            let error = root.read("link", record).unwrap_err();
            assert!(matches!(error, Error::OutsideFolder { .. }), "{error}");
        }
    }
}
