//! One subfolder per class.
//!
//! Links to images and to class folders are followed, as torchvision's `ImageFolder` does: a view of
//! a data set is often made of them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use text_images::names::escaped;

use super::lists::canonical;
use super::{ImageDataset, ImageRow, Problem, Problems, hashed_split};
use crate::{Error, Result};

const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];
/// Endings of image formats that are not read; other files are no images and only noted.
pub const NOT_READ: [&str; 18] = [
    "gif", "tif", "tiff", "heic", "heif", "avif", "jp2", "jxl", "jfif", "ppm", "pgm", "pbm", "pnm",
    "svg", "ico", "tga", "psd", "raw",
];
/// What systems put into folders by themselves; hidden files are left out anyway.
const OF_THE_SYSTEM: [&str; 3] = ["thumbs.db", "ehthumbs.db", "desktop.ini"];

pub(super) fn open(dir: &Path, problems: &mut Problems) -> Result<ImageDataset> {
    let root = canonical(dir, "give a folder with one subfolder per class")?;
    let classes: Vec<OsString> = names(&root)?
        .into_iter()
        .filter(|name| root.join(name).is_dir())
        .collect();
    if classes.is_empty() {
        return Err(Error::NoClasses { path: root });
    }
    let mut rows = Vec::new();
    let mut passed_over = PassedOver::default();
    for (label, class) in classes.iter().enumerate() {
        // A link to a folder around it: a class without images.
        let real = root.join(class).canonicalize();
        if real.is_ok_and(|real| root.starts_with(real)) {
            continue;
        }
        for name in names(&root.join(class))? {
            let file = Path::new(class).join(&name);
            let path = root.join(&file);
            if path.is_dir() {
                passed_over.folder(class, &path)?;
            } else if !is_one_of(&file, &EXTENSIONS) {
                passed_over.file(&file);
            } else if path.is_file() {
                rows.push(ImageRow {
                    split: hashed_split(&format!("{}/{}", escaped(class), escaped(&name))),
                    file,
                    label,
                    bounding_box: None,
                });
            } else {
                problems.add(Problem::MissingImage(path))?;
            }
        }
    }
    if rows.is_empty() && !passed_over.folders.is_empty() {
        return Err(Error::ClassesBelow {
            path: root.clone(),
            folders: passed_over.folders.keys().map(escaped).collect(),
            first: root.join(&classes[0]),
        });
    }
    let notes = passed_over.report(problems)?;
    Ok(ImageDataset {
        root,
        classes: classes.iter().map(escaped).collect(),
        rows,
        problems: Vec::new(),
        notes,
        banner_px: 0,
    })
}

/// What lies in class folders and is not read.
#[derive(Default)]
struct PassedOver {
    /// By extension in small letters: how many, and the first.
    images: BTreeMap<String, (usize, PathBuf)>,
    others: Option<(usize, PathBuf)>,
    /// Classes with subfolders that hold images, and the first of these.
    folders: BTreeMap<OsString, PathBuf>,
}

impl PassedOver {
    fn file(&mut self, file: &Path) {
        let name = file.file_name().map(escaped).unwrap_or_default();
        if OF_THE_SYSTEM.contains(&name.to_ascii_lowercase().as_str()) {
            return;
        }
        let counted = if is_one_of(file, &NOT_READ) {
            let extension = file.extension().map(escaped).unwrap_or_default();
            let new = || (0, file.to_owned());
            let extension = extension.to_ascii_lowercase();
            self.images.entry(extension).or_insert_with(new)
        } else {
            self.others.get_or_insert_with(|| (0, file.to_owned()))
        };
        counted.0 += 1;
    }

    fn folder(&mut self, class: &OsStr, folder: &Path) -> Result<()> {
        let has_images = names(folder)?
            .iter()
            .any(|name| is_one_of(Path::new(name), &EXTENSIONS));
        if has_images {
            let first = || folder.to_owned();
            self.folders.entry(class.to_owned()).or_insert_with(first);
        }
        Ok(())
    }

    /// Adds images as problems, and returns a note on the other files.
    fn report(self, problems: &mut Problems) -> Result<Vec<String>> {
        for (extension, (count, first)) in self.images {
            problems.add(Problem::NotRead {
                extension,
                count,
                first,
            })?;
        }
        for (class, first) in self.folders {
            problems.add(Problem::Subfolder {
                class: escaped(class),
                first,
            })?;
        }
        let note = |(count, first): (usize, PathBuf)| match count {
            1 => format!("{} is no image and passed over", escaped(first)),
            _ => format!(
                "{count} files in class folders are no images and passed over, the first: {}",
                escaped(first)
            ),
        };
        Ok(self.others.map(note).into_iter().collect())
    }
}

/// Names in a folder, sorted, hidden ones left out.
fn names(folder: &Path) -> Result<Vec<OsString>> {
    let unreadable = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if !name.as_encoded_bytes().starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn is_one_of(file: &Path, extensions: &[&str]) -> bool {
    let extension = file.extension().and_then(OsStr::to_str);
    extension.is_some_and(|extension| extensions.contains(&extension.to_ascii_lowercase().as_str()))
}
