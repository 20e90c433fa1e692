//! File names, which are bytes and need not be text.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::PathBuf;

/// A name or path for messages and tables: bytes that are not UTF-8 are written as `\xE9`, so that
/// different names stay different.
pub fn escaped(name: impl AsRef<OsStr>) -> String {
    let mut shown = String::new();
    for chunk in name.as_ref().as_encoded_bytes().utf8_chunks() {
        shown.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(shown, "\\x{byte:02X}");
        }
    }
    shown
}

/// The path that these bytes name, as in a list of files. Where paths are not bytes (Windows), bytes
/// that are not UTF-8 are replaced, and no such file is found.
pub fn path_of(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    return PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes));
    #[cfg(not(unix))]
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_utf8_stay_different_and_others_unchanged() {
        assert_eq!(escaped(path_of("café/日.png".as_bytes())), "café/日.png");
        assert_eq!(escaped(path_of(b"caf\xe9")), "caf\\xE9");
        assert_ne!(escaped(path_of(b"caf\xe9")), escaped(path_of(b"caf\xe8")));
    }
}
