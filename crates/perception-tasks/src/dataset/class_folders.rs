//! One subfolder per class.

use std::fs;
use std::path::{Path, PathBuf};

use super::lists::{canonical, check_inside};
use super::{ImageDataset, ImageRow, Problems, hashed_split};
use crate::{Error, Result};

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

pub(super) fn open(dir: &Path, problems: &mut Problems) -> Result<ImageDataset> {
    let root = canonical(dir, "give a folder with one subfolder per class")?;
    let classes: Vec<String> = names(&root)?
        .into_iter()
        .filter(|name| root.join(name).is_dir())
        .collect();
    if classes.is_empty() {
        return Err(Error::NoClasses { path: root });
    }
    let mut rows = Vec::new();
    for (label, class) in classes.iter().enumerate() {
        let folder = Path::new(class);
        for name in names(&root.join(folder))? {
            let file = folder.join(&name);
            if !is_image(&file) {
                continue;
            }
            match check_inside(&root, &file) {
                Ok(()) => rows.push(ImageRow {
                    split: hashed_split(&format!("{class}/{name}")),
                    file,
                    label,
                    bounding_box: None,
                }),
                Err(problem) => problems.add(problem)?,
            }
        }
    }
    Ok(ImageDataset {
        root,
        classes,
        rows,
        problems: Vec::new(),
        banner_px: 0,
    })
}

/// Names in a folder, sorted, hidden ones left out.
fn names(folder: &Path) -> Result<Vec<String>> {
    let unreadable = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name: PathBuf = entry.map_err(unreadable)?.file_name().into();
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn is_image(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}
