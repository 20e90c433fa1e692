//! Writes the LMDB layout with LMDB itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, MdbError, WithTls};
use tempfile::TempDir;

use super::{DATA_FILE, NUM_SAMPLES, image_key, label_key};
use crate::{Error, Format, Result};

/// Samples are committed when so many bytes have come together.
const BATCH_BYTES: usize = 4 << 20;
/// What LMDB says where the system wrote fewer bytes than it should: `EIO`.
const SHORT_WRITE: i32 = 5;
/// First size of the mapping; doubled whenever it is full.
const FIRST_MAP_BYTES: usize = 16 << 20;

/// Writes a data set that PARSeq, DTRB and their descendants read.
///
/// `data.mdb` appears in the folder when [`LmdbWriter::finish`] is called and not before, so an
/// interrupted call leaves no data set that looks whole. The same samples give the same bytes.
pub struct LmdbWriter {
    folder: PathBuf,
    unfinished: TempDir,
    env: Env<WithTls>,
    base: Database<Bytes, Bytes>,
    map_bytes: usize,
    batch: Vec<(String, Vec<u8>)>,
    batch_bytes: usize,
    len: usize,
}

impl LmdbWriter {
    /// Begins a data set in a folder, which is made if needed.
    ///
    /// # Errors
    /// If the folder holds a `data.mdb` already or cannot be written.
    pub fn create(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        let place = folder.join(DATA_FILE);
        if place.exists() {
            return Err(Error::AlreadyWritten { path: place });
        }
        let failed = |source| Error::Write {
            path: folder.to_owned(),
            source,
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let unfinished = tempfile::Builder::new()
            .prefix(".unfinished-")
            .tempdir_in(folder)
            .map_err(failed)?;
        let refused = |source| Error::WriteLmdb {
            path: folder.to_owned(),
            source,
        };
        let mut options = EnvOpenOptions::new();
        options.map_size(FIRST_MAP_BYTES);
        // SAFETY: the folder has just been made under a name of its own, and nobody else opens
        // what is in it; so it needs neither a lock, nor syncs before the last one.
        let env = unsafe {
            options.flags(EnvFlags::NO_LOCK | EnvFlags::NO_SYNC);
            options.open(unfinished.path())
        }
        .map_err(refused)?;
        let mut transaction = env.write_txn().map_err(refused)?;
        let base = env
            .create_database(&mut transaction, None)
            .map_err(refused)?;
        transaction.commit().map_err(refused)?;
        Ok(Self {
            folder: folder.to_owned(),
            unfinished,
            env,
            base,
            map_bytes: FIRST_MAP_BYTES,
            batch: Vec::new(),
            batch_bytes: 0,
            len: 0,
        })
    }

    /// Adds a sample: its label and its image as a PNG, JPEG, WebP or BMP file.
    ///
    /// # Errors
    /// If the label is empty, the bytes are no image, or the disk is full.
    pub fn push(&mut self, label: &str, image: &[u8]) -> Result<()> {
        if label.is_empty() {
            return Err(Error::Unrepresentable {
                label: label.to_owned(),
                format: Format::Lmdb,
                reason: "it is empty",
            });
        }
        crate::picture::extension(image)?;
        self.len += 1;
        self.add(image_key(self.len), image.to_vec());
        self.add(label_key(self.len), label.as_bytes().to_vec());
        if self.batch_bytes >= BATCH_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    /// Writes what is left and puts `data.mdb` in its place; returns the number of samples.
    ///
    /// # Errors
    /// If there is no sample, or the disk is full.
    pub fn finish(mut self) -> Result<usize> {
        if self.len == 0 {
            return Err(Error::NoDataset {
                path: self.folder,
                reason: "no sample to be written".to_owned(),
            });
        }
        self.add(NUM_SAMPLES.to_owned(), self.len.to_string().into_bytes());
        self.commit()?;
        let refused = |source| Error::WriteLmdb {
            path: self.folder.clone(),
            source,
        };
        self.env.force_sync().map_err(refused)?;
        self.env.prepare_for_closing().wait();
        let place = self.folder.join(DATA_FILE);
        fs::rename(self.unfinished.path().join(DATA_FILE), &place).map_err(|source| {
            Error::Write {
                path: place,
                source,
            }
        })?;
        Ok(self.len)
    }

    fn add(&mut self, key: String, value: Vec<u8>) {
        self.batch_bytes += key.len() + value.len();
        self.batch.push((key, value));
    }

    fn commit(&mut self) -> Result<()> {
        // Images first, then labels: each run of keys is in order.
        self.batch.sort();
        loop {
            match self.try_commit() {
                Ok(()) => break,
                Err(heed::Error::Mdb(MdbError::MapFull)) => {
                    self.map_bytes *= 2;
                    // SAFETY: the transaction that found the map full is gone, and this writer
                    // has no other.
                    unsafe { self.env.resize(self.map_bytes) }
                        .map_err(|source| self.failed(source))?;
                }
                Err(source) => return Err(self.failed(source)),
            }
        }
        self.batch.clear();
        self.batch_bytes = 0;
        Ok(())
    }

    fn try_commit(&self) -> heed::Result<()> {
        let mut transaction = self.env.write_txn()?;
        for (key, value) in &self.batch {
            self.base.put(&mut transaction, key.as_bytes(), value)?;
        }
        transaction.commit()
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
    fn failed(&self, source: heed::Error) -> Error {
        Error::WriteLmdb {
            path: self.folder.clone(),
            source: match source {
                heed::Error::Io(error) if error.raw_os_error() == Some(SHORT_WRITE) => {
                    heed::Error::Io(io::Error::new(
                        io::ErrorKind::StorageFull,
                        "only a part could be written: no space is left, or the disk fails",
                    ))
                }
                source => source,
            },
        }
    }
}

impl std::fmt::Debug for LmdbWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LmdbWriter")
            .field("folder", &self.folder)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
