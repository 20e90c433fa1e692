//! The LMDB layout of scene-text recognition: `num-samples`, and per sample, counted from 1,
//! `image-000000001` (a PNG or JPEG file) and `label-000000001` (UTF-8).

mod pages;
mod write;

use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use text_images::encoding::EIGHT_BITS;
use text_images::names::escaped;

use crate::place::{name_below, name_of};
use crate::walk::{RealPaths, files_below};
use crate::{Error, Format, Result, TextDataset};
use pages::Tree;

pub use write::LmdbWriter;

/// Name of the file in the folder of an LMDB data base.
pub const DATA_FILE: &str = "data.mdb";
/// Key of the number of samples.
pub(crate) const NUM_SAMPLES: &str = "num-samples";

pub(crate) fn image_key(number: usize) -> String {
    format!("image-{number:09}")
}

pub(crate) fn label_key(number: usize) -> String {
    format!("label-{number:09}")
}

/// A data set in an LMDB file, mapped into memory and read where it is asked for.
///
/// The file is only read: no lock file is needed or made, so a read-only folder will do. It must
/// not be written to meanwhile. A few hundred bytes are held in memory, however many samples there
/// are.
#[derive(Debug)]
pub struct LmdbDataset {
    name: String,
    path: PathBuf,
    file: Mmap,
    tree: Tree,
    len: usize,
}

impl LmdbDataset {
    /// Opens `data.mdb` in a folder, or a file. `name` stands for the data set in results.
    ///
    /// # Errors
    /// If there is no such file, it is no LMDB file of format 1, or `num-samples` is missing or
    /// larger than the data base can hold. Records are looked at when they are asked for.
    pub fn open(path: impl AsRef<Path>, name: impl Into<String>) -> Result<Self> {
        let path = path.as_ref();
        let path = if path.is_dir() {
            path.join(DATA_FILE)
        } else {
            path.to_owned()
        };
        let failed = |source| Error::Read {
            path: path.clone(),
            source,
        };
        if path.is_symlink() && !path.exists() {
            let target = std::fs::read_link(&path).map_err(failed)?;
            return Err(Error::BrokenLink { path, target });
        }
        let opened = File::open(&path).map_err(failed)?;
        if !opened.metadata().map_err(failed)?.is_file() {
            return Err(Error::NotLmdb {
                path,
                reason: "it is no file".to_owned(),
            });
        }
        // SAFETY: the mapping is read-only. As with every mapped file, another process that cuts
        // it off while it is read ends this one; the documentation forbids that.
        let file = unsafe { Mmap::map(&opened) }.map_err(failed)?;
        let tree = Tree::find(&file).map_err(|reason| Error::NotLmdb {
            path: path.clone(),
            reason,
        })?;
        let mut dataset = Self {
            name: name.into(),
            path,
            file,
            tree,
            len: 0,
        };
        dataset.len = dataset.num_samples()?;
        if dataset.counts_from_zero() {
            return Err(Error::CountedFromZero { path: dataset.path });
        }
        Ok(dataset)
    }

    /// Opens every `data.mdb` under a folder, in the order of their paths, named by their folders
    /// below it (`test/IIIT5k`). Links to files and folders are followed, as PARSeq does; a file that is found
    /// under several names is opened under the first.
    ///
    /// # Errors
    /// If the folder cannot be walked, there is no `data.mdb`, or one cannot be opened.
    pub fn open_all(root: impl AsRef<Path>) -> Result<Vec<Self>> {
        let root = root.as_ref();
        if root.is_file() {
            return Ok(vec![Self::open(root, name_of(root))?]);
        }
        // Samples that count twice weigh twice, and end up in training and in validation.
        let (mut found, mut known) = (Vec::new(), RealPaths::new(true));
        for file in files_below(root) {
            let file = file?;
            let is_set = file.path.file_name().is_some_and(|name| name == DATA_FILE);
            if is_set && known.seen_as(&file).is_none() {
                let folder = file.path.parent().unwrap_or(root);
                found.push(Self::open(&file.path, name_below(root, folder))?);
            }
        }
        if found.is_empty() {
            return Err(Error::NoDataset {
                path: root.to_owned(),
                reason: format!("no {DATA_FILE} in it or below"),
            });
        }
        Ok(found)
    }

    /// The `data.mdb` file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn num_samples(&self) -> Result<usize> {
        let wrong = |reason: String| Error::NumSamples {
            path: self.path.clone(),
            reason,
        };
        let value = self
            .value(NUM_SAMPLES)?
            .ok_or_else(|| wrong("is missing".to_owned()))?;
        let text = std::str::from_utf8(value).ok().map(str::trim);
        let number = text
            .and_then(|text| text.parse::<u64>().ok())
            .ok_or_else(|| {
                let shown = String::from_utf8_lossy(&value[..value.len().min(40)]);
                wrong(format!("is {shown:?}, which is no whole number"))
            })?;
        // An entry of a leaf takes more than 10 bytes: the file's size bounds what a hostile
        // `num-samples` can make us go through.
        let possible = self.tree.entries.min(self.file.len() as u64 / 10);
        match usize::try_from(number) {
            Ok(len) if number <= possible => Ok(len),
            _ => Err(wrong(format!(
                "is {number}, but the data base has only {possible} entries"
            ))),
        }
    }

    /// Whether the samples are counted from 0, as by a converter of one's own: PARSeq and DTRB would
    /// lose the first one and miss the last one.
    fn counts_from_zero(&self) -> bool {
        let has = |number| {
            let found = [
                self.value(&image_key(number)),
                self.value(&label_key(number)),
            ];
            // A damaged page is a matter of its own record.
            found.iter().any(|value| matches!(value, Ok(Some(_))))
        };
        has(0) && (self.len == 0 || !has(self.len))
    }

    fn value(&self, key: &str) -> Result<Option<&[u8]>> {
        self.tree
            .get(&self.file, key.as_bytes())
            .map_err(|fault| Error::DamagedPage {
                record: self.named(key),
                page: fault.page,
                reason: fault.reason,
            })
    }

    fn named(&self, key: &str) -> String {
        format!("{}: {key}", escaped(&self.path))
    }

    fn present(&self, key: &str) -> Result<&[u8]> {
        self.value(key)?.ok_or_else(|| Error::MissingRecord {
            record: self.named(key),
        })
    }
}

impl TextDataset for LmdbDataset {
    fn name(&self) -> &str {
        &self.name
    }

    fn format(&self) -> Format {
        Format::Lmdb
    }

    fn len(&self) -> usize {
        self.len
    }

    fn record(&self, index: usize) -> String {
        self.named(&image_key(index + 1))
    }

    fn label(&self, index: usize) -> Result<String> {
        let key = label_key(index + 1);
        let label = std::str::from_utf8(self.present(&key)?).map_err(|_| Error::Encoding {
            record: self.named(&key),
            found: EIGHT_BITS,
        })?;
        crate::dataset::not_empty(label, || self.named(&key))
    }

    fn encoded(&self, index: usize) -> Result<Vec<u8>> {
        Ok(self.present(&image_key(index + 1))?.to_vec())
    }
}
