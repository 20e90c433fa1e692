//! JSON files of a checkpoint, read with a limit on their length; a byte-order mark may stand first.

use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{CheckpointError, Result};
use crate::tensor_file::open_regular;

/// The longest JSON file that is read. The index of a 400B-parameter model has about 10 MB.
pub(crate) const MAX_JSON_BYTES: u64 = 64 << 20;

/// UTF-8's, which some editors write.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// How the file begins that stands for a large one in a clone without Git LFS.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Refuses the beginning of a Git LFS pointer.
pub(crate) fn refuse_pointer(beginning: &[u8], path: &Path) -> Result<()> {
    if beginning.starts_with(LFS_POINTER) {
        return Err(CheckpointError::LfsPointer {
            path: path.to_owned(),
        });
    }
    Ok(())
}

/// Reads and parses a JSON file.
///
/// # Errors
/// If it cannot be read, is longer than [`MAX_JSON_BYTES`], or is not JSON of the expected form.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let (file, bytes) = open_regular(path)?;
    if bytes > MAX_JSON_BYTES {
        return Err(CheckpointError::JsonTooLong {
            path: path.to_owned(),
            bytes,
            limit: MAX_JSON_BYTES,
        });
    }
    let mut text = Vec::with_capacity(bytes as usize);
    file.take(MAX_JSON_BYTES)
        .read_to_end(&mut text)
        .map_err(|source| CheckpointError::read(path, source))?;
    refuse_pointer(&text, path)?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text);
    serde_json::from_slice(text).map_err(|source| CheckpointError::NotJson {
        path: path.to_owned(),
        source,
    })
}
