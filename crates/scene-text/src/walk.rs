//! Goes through the files below a folder.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::{Error, Result};

/// A file below a folder.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// The file.
    pub path: PathBuf,
    /// The same, relative to the folder.
    pub below: PathBuf,
    /// Whether the file, or a folder on the way to it, is a link.
    pub linked: bool,
    /// Whether it is a link to something that is not there.
    pub broken: bool,
}

/// All files below a folder in the order of their paths. Links are followed, also out of the folder,
/// as PARSeq's `glob` and torchvision's `os.walk` do; a link to a folder that it lies in is passed
/// over, since what is there has its own path.
pub(crate) fn files_below(root: &Path) -> impl Iterator<Item = Result<Found>> {
    // Depths of the links to folders on the way to where the walk is.
    let mut links: Vec<usize> = Vec::new();
    let walk = WalkDir::new(root).follow_links(true).sort_by_file_name();
    walk.into_iter().filter_map(move |entry| {
        let (path, depth, broken) = match entry {
            Ok(entry) => {
                let depth = entry.depth();
                links.retain(|link| *link < depth);
                if entry.file_type().is_dir() {
                    if depth > 0 && entry.path_is_symlink() {
                        links.push(depth);
                    }
                    return None;
                }
                if !entry.file_type().is_file() {
                    return None;
                }
                (entry.into_path(), depth, false)
            }
            Err(error) if error.loop_ancestor().is_some() => return None,
            Err(error) => {
                let (path, depth) = (error.path().unwrap_or(root).to_owned(), error.depth());
                let source = error.into_io_error();
                let missing = |source: &std::io::Error| source.kind() == ErrorKind::NotFound;
                let broken = depth > 0 && path.is_symlink() && source.as_ref().is_some_and(missing);
                if !broken {
                    let source = source.unwrap_or_else(|| std::io::Error::other("cannot be read"));
                    return Some(Err(Error::Read { path, source }));
                }
                (path, depth, true)
            }
        };
        let below = path.strip_prefix(root).unwrap_or(&path).to_owned();
        links.retain(|link| *link < depth);
        let linked = broken || !links.is_empty() || path.is_symlink();
        Some(Ok(Found {
            path,
            below,
            linked,
            broken,
        }))
    })
}

/// Files by where they really are, kept only where there are links.
pub(crate) struct RealPaths(Option<HashMap<PathBuf, PathBuf>>);

impl RealPaths {
    pub(crate) fn new(links: bool) -> Self {
        Self(links.then(HashMap::new))
    }

    /// The path under which the same file was met before.
    pub(crate) fn seen_as(&mut self, file: &Found) -> Option<&Path> {
        let known = self.0.as_mut()?;
        let real = file.path.canonicalize().ok()?;
        let first = known.entry(real).or_insert_with(|| file.below.clone());
        (*first != file.below).then_some(first.as_path())
    }
}
