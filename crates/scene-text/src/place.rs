//! Folders and files of data sets.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use text_images::names::escaped;

use crate::picture::MAX_FILE_BYTES;
use crate::{Error, Result};

/// Name of a data set at a path: its last part.
pub(crate) fn name_of(path: &Path) -> String {
    let resolved = path.canonicalize();
    let named = path
        .file_name()
        .or_else(|| resolved.as_ref().ok()?.file_name());
    named.map_or_else(|| "data-set".to_owned(), escaped)
}

/// Name of a data set in a folder below `root`; of `root` itself, its own.
pub(crate) fn name_below(root: &Path, folder: &Path) -> String {
    match folder.strip_prefix(root) {
        Ok(below) if below.as_os_str().is_empty() => name_of(root),
        Ok(below) => {
            let parts = below.components().map(|part| escaped(part.as_os_str()));
            parts.collect::<Vec<_>>().join("/")
        }
        Err(_) => name_of(folder),
    }
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
    pub fn resolve(&self, file: &Path, record: impl Fn() -> String) -> Result<PathBuf> {
        let outside = || Error::OutsideFolder {
            record: record(),
            file: escaped(file),
        };
        let inward = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        // On Windows a backslash divides; elsewhere such a name is still not to be trusted.
        let name = file.as_os_str().as_encoded_bytes();
        let climbs = name
            .split(|byte| matches!(byte, b'/' | b'\\'))
            .any(|part| part == b"..");
        if climbs || !file.components().all(inward) {
            return Err(outside());
        }
        let found = self.folder.join(file).canonicalize().ok();
        match found.filter(|found| found.is_file()) {
            Some(found) if found.starts_with(&self.folder) => Ok(found),
            Some(_) => Err(outside()),
            None => Err(Error::MissingImage {
                record: record(),
                file: escaped(file),
            }),
        }
    }

    /// The content of the file of this name.
    pub fn read(&self, file: &Path, record: impl Fn() -> String) -> Result<Vec<u8>> {
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
            let error = root.read(Path::new(name), record).unwrap_err();
            assert!(
                matches!(error, Error::OutsideFolder { .. }),
                "{name}: {error}"
            );
        }
        assert!(root.read(Path::new("./word.png"), record).is_ok());
        for name in ["", ".", "word.png/x", "no\0thing", "\u{1b}[2J"] {
            let error = root.read(Path::new(name), record).unwrap_err();
            assert!(
                matches!(error, Error::MissingImage { .. }),
                "{name}: {error}"
            );
            assert!(!error.to_string().contains('\u{1b}'));
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("../secret", folder.path().join("in/link")).unwrap();
            let error = root.read(Path::new("link"), record).unwrap_err();
            assert!(matches!(error, Error::OutsideFolder { .. }), "{error}");
        }
    }
}
