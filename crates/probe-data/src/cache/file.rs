//! One file of the cache: written in one go, checked when it is opened, read in parts.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tempfile::NamedTempFile;

use run_support::atomic::UNFINISHED;

/// The SHA-256 of the values comes first.
const HASH_BYTES: usize = 32;
/// Bytes hashed or converted at a time.
const PIECE: usize = 1 << 16;

/// Bytes of a file of so many values.
pub(super) fn bytes_of(values: u64) -> u64 {
    HASH_BYTES as u64 + 4 * values
}

/// Whole features on disk. Other processes see a lock on the file and do not evict it as long as
/// this value is; if somebody deletes it nevertheless, it can still be read here.
#[derive(Debug)]
pub struct CachedFile {
    path: PathBuf,
    file: Mutex<File>,
    hash: String,
}

impl CachedFile {
    /// Opens a file of `values` numbers; none if it is missing, of another length or damaged. Goes
    /// through it once.
    pub(super) fn open(path: &Path, values: u64) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        // One that is about to be evicted counts as absent. Where there are no locks, take care.
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock_shared() {
            return None;
        }
        if file.metadata().ok()?.len() != bytes_of(values) {
            return None;
        }
        let mut expected = [0; HASH_BYTES];
        file.read_exact(&mut expected).ok()?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece).ok()? {
                0 => break,
                read => hash.update(&piece[..read]),
            }
        }
        let found = hash.finalize();
        (found.as_slice() == expected).then(|| Self {
            path: path.to_owned(),
            file: Mutex::new(file),
            hash: format!("{found:x}"),
        })
    }

    /// SHA-256 of the values as little-endian bytes, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Appends `count` values from number `start` on.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn read(&self, start: u64, count: usize, values: &mut Vec<f32>) -> Result<()> {
        let mut piece = [0; PIECE];
        let mut left = 4 * count;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut attempt = || -> std::io::Result<()> {
            file.seek(SeekFrom::Start(bytes_of(start)))?;
            while left > 0 {
                let part = &mut piece[..left.min(PIECE)];
                file.read_exact(part)?;
                values.extend(
                    part.chunks_exact(4)
                        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])),
                );
                left -= part.len();
            }
            Ok(())
        };
        attempt().with_context(|| {
            format!(
                "cannot read the features in {}; check the disk and run the command again",
                self.path.display()
            )
        })
    }
}

/// Features on their way to disk. What is dropped before [`CacheWriter::finish`] leaves nothing.
#[derive(Debug)]
pub struct CacheWriter {
    place: PathBuf,
    file: NamedTempFile,
    hash: Sha256,
}

impl CacheWriter {
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self> {
        let begin = || -> std::io::Result<NamedTempFile> {
            std::fs::create_dir_all(folder)?;
            let mut builder = tempfile::Builder::new();
            builder.prefix(UNFINISHED);
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let mut file = builder.tempfile_in(folder)?;
            // Keeps others from taking it for one that a dead process left behind.
            let _ = file.as_file().try_lock_shared();
            file.write_all(&[0; HASH_BYTES])?;
            Ok(file)
        };
        let file = match begin() {
            // Somebody deleted the folder right now.
            Err(error) if error.kind() == ErrorKind::NotFound => begin(),
            begun => begun,
        };
        Ok(Self {
            place: folder.join(name),
            file: file.with_context(|| refused(folder))?,
            hash: Sha256::new(),
        })
    }

    /// Appends values.
    ///
    /// # Errors
    /// If the disk is full.
    pub fn write(&mut self, values: &[f32]) -> Result<()> {
        let mut piece = Vec::with_capacity(PIECE);
        for part in values.chunks(PIECE / 4) {
            piece.clear();
            piece.extend(part.iter().flat_map(|value| value.to_le_bytes()));
            self.hash.update(&piece);
            self.file
                .write_all(&piece)
                .with_context(|| refused(folder_of(&self.place)))?;
        }
        Ok(())
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// If the disk is full.
    pub fn finish(mut self) -> Result<CachedFile> {
        let context = || refused(folder_of(&self.place));
        let hash = self.hash.finalize();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(&hash))
            .with_context(context)?;
        let file = match self.file.persist(&self.place) {
            Ok(file) => file,
            // The folder was deleted meanwhile, which is allowed at any time; the file itself lives
            // as long as it is open.
            Err(lost) if lost.error.kind() == ErrorKind::NotFound => lost.file.into_file(),
            Err(error) => return Err(error.error).with_context(context),
        };
        Ok(CachedFile {
            path: self.place,
            file: Mutex::new(file),
            hash: format!("{hash:x}"),
        })
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn refused(folder: &Path) -> String {
    format!(
        "cannot write the feature cache {} (free space there, or pass --no-cache)",
        folder.display()
    )
}
