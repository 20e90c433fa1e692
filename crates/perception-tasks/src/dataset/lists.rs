//! Text files of one entry per line, and paths that must stay inside a folder.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use text_images::encoding;

use super::Problem;
use crate::{Error, Result};

/// A list of a data set.
pub(super) struct List {
    path: PathBuf,
    text: String,
}

impl List {
    pub(super) fn read(dir: &Path, name: &str, remedy: &'static str) -> Result<Self> {
        let path = dir.join(name);
        match fs::read(&path).map(|bytes| encoding::utf8(&bytes).map(str::to_owned)) {
            Ok(Ok(text)) => Ok(Self { path, text }),
            Ok(Err(found)) => Err(Error::Encoding { path, found }),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::Missing { path, remedy })
            }
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// The list, or `None` if there is no such file.
    pub(super) fn read_if_there(dir: &Path, name: &str) -> Result<Option<Self>> {
        match Self::read(dir, name, "") {
            Ok(list) => Ok(Some(list)),
            Err(Error::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Line numbers and lines that are not blank, without surrounding whitespace.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        encoding::lines(self.text.as_bytes())
            // Cut at line ends, which are characters of their own.
            .filter_map(|(number, line)| Some((number, std::str::from_utf8(line).ok()?.trim())))
            .filter(|(_, line)| !line.is_empty())
    }

    /// Line numbers, the first word of every line, and the rest of it.
    ///
    /// # Errors
    /// If a line has one word only.
    pub(super) fn entries(
        &self,
        expected: &'static str,
    ) -> impl Iterator<Item = Result<(usize, &str, &str)>> {
        self.lines().map(move |(number, line)| {
            let (key, value) = line
                .split_once(char::is_whitespace)
                .ok_or_else(|| self.wrong(number, line, expected))?;
            Ok((number, key, value.trim()))
        })
    }

    /// Four numbers of a line.
    pub(super) fn four(&self, line: usize, value: &str) -> Result<[f32; 4]> {
        let numbers: Vec<f32> = value
            .split_whitespace()
            .filter_map(|number| number.parse().ok())
            .filter(|number: &f32| number.is_finite())
            .collect();
        numbers
            .try_into()
            .map_err(|_| self.wrong(line, value, "an image and four numbers"))
    }

    pub(super) fn wrong(&self, line: usize, value: &str, expected: &'static str) -> Error {
        Error::Line {
            path: self.path.clone(),
            line,
            value: value.to_owned(),
            expected,
        }
    }
}

/// Checks that a relative path names a file inside `root`, which must be canonical. Links are
/// followed.
pub(super) fn check_inside(root: &Path, file: &Path) -> std::result::Result<(), Problem> {
    let plain = |part| matches!(part, Component::Normal(_));
    let path = root.join(file);
    if !file.components().all(plain) {
        return Err(Problem::Outside(path));
    }
    match path.canonicalize() {
        Ok(real) if !real.starts_with(root) => Err(Problem::Outside(path)),
        Ok(real) if real.is_file() => Ok(()),
        _ => Err(Problem::MissingImage(path)),
    }
}

/// The folder with links resolved.
#[allow(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
pub(super) fn canonical(dir: &Path, remedy: &'static str) -> Result<PathBuf> {
    dir.canonicalize().map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::Missing {
            path: dir.to_owned(),
            remedy,
        },
        _ => Error::Read {
            path: dir.to_owned(),
            source,
        },
    })
}
