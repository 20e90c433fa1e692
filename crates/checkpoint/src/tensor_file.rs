//! One safetensors file: its header, and windows on its bytes.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

use memmap2::MmapOptions;

use crate::error::{CheckpointError, Result};
use crate::header::{self, Header};
use crate::json_file::refuse_pointer;

/// Bytes that tell a Git LFS pointer.
const POINTER_BYTES: u64 = 64;

/// An open safetensors file.
///
/// The file is never mapped as a whole: [`TensorFile::window`] maps what one step of a conversion
/// needs and unmaps it again. Mapped pages count as resident memory, and unmapping gives them back
/// on every system.
#[derive(Debug)]
pub(crate) struct TensorFile {
    path: PathBuf,
    file: File,
    header: Header,
}

impl TensorFile {
    /// Opens a file and reads its header; no tensor is read.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let (mut file, file_bytes) = open_regular(path)?;
        let read = |source| CheckpointError::read(path, source);
        let mut beginning = Vec::new();
        let most = POINTER_BYTES.min(file_bytes);
        (&file)
            .take(most)
            .read_to_end(&mut beginning)
            .map_err(read)?;
        refuse_pointer(&beginning, path)?;
        file.rewind().map_err(read)?;
        if file_bytes < header::LENGTH_BYTES {
            return Err(CheckpointError::Truncated {
                path: path.to_owned(),
                found_bytes: file_bytes,
                expected_bytes: header::LENGTH_BYTES,
            });
        }
        let mut prefix = [0; header::LENGTH_BYTES as usize];
        file.read_exact(&mut prefix).map_err(read)?;
        let header_bytes = header::check_length(prefix, file_bytes, path)?;
        // Both limits hold here: what the format allows, and what the file has.
        let mut json = vec![0; header_bytes as usize];
        file.read_exact(&mut json).map_err(read)?;
        let header = header::parse(&json, file_bytes, path)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            header,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Lends `len` bytes from offset `start` to `use_bytes`, mapped for that long.
    ///
    /// # Errors
    /// If the file has become shorter since it was opened, or cannot be mapped.
    pub(crate) fn window<R>(
        &self,
        start: u64,
        len: usize,
        use_bytes: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<R> {
        if len == 0 {
            return use_bytes(&[]);
        }
        let read = |source| CheckpointError::read(&self.path, source);
        let found_bytes = self.file.metadata().map_err(read)?.len();
        let expected_bytes = start.saturating_add(len as u64);
        if found_bytes < expected_bytes {
            return Err(CheckpointError::Truncated {
                path: self.path.clone(),
                found_bytes,
                expected_bytes,
            });
        }
        // `populate` reads the window in one go instead of one page fault after the other.
        let mut options = MmapOptions::new();
        options.offset(start).len(len).populate();
        // SAFETY: the mapping is read-only, lives for this call, and lies within the file, as just
        // checked. What is left to the user: nobody may truncate or rewrite the file in the instant
        // between that check and the end of this call (see the crate's documentation).
        let window = unsafe { options.map(&self.file) }.map_err(read)?;
        use_bytes(&window)
    }
}

/// Opens a regular file for reading, and says how long it is.
///
/// Anything else is refused before it is opened: opening a pipe would wait for a writer.
pub(crate) fn open_regular(path: &Path) -> Result<(File, u64)> {
    let read = |source| CheckpointError::read(path, source);
    if !std::fs::metadata(path).map_err(read)?.is_file() {
        return Err(CheckpointError::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = File::open(path).map_err(read)?;
    let bytes = file.metadata().map_err(read)?.len();
    Ok((file, bytes))
}
