//! Which annotation file belongs to which page.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use text_images::names::escaped;

use crate::Result;
use crate::walk::{RealPaths, files_below};

/// Where annotations are looked for, in words.
pub(super) const LOOKED_FOR: &str = "gt_NAME.txt or NAME.txt beside the image, in gt/, annotations/ \
     or labels/, or in a folder beside the image's own, such as \
     ch4_training_localization_transcription_gt/ beside ch4_training_images/";

/// Folders of annotations below that of the data set.
const FOLDERS: [&str; 3] = ["gt", "annotations", "labels"];
const READ: [&str; 5] = ["jpg", "jpeg", "png", "webp", "bmp"];
/// Formats of pages that the contests' archives hold too.
const NOT_READ: [&str; 3] = ["gif", "tif", "tiff"];

/// Pages with their annotations, sorted by path and relative to the folder, and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Pages {
    pub pages: Vec<(PathBuf, PathBuf)>,
    pub notes: Vec<String>,
}

#[derive(Debug)]
struct Annotation {
    below: PathBuf,
    /// Whether its name begins with `gt_`.
    marked: bool,
}

impl Pages {
    /// Finds the pages of a folder.
    pub fn find(root: &Path) -> Result<Self> {
        let (mut images, mut not_read) = (Vec::new(), Vec::new());
        let mut annotations: Vec<Annotation> = Vec::new();
        let mut by_stem: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        for found in files_below(root) {
            let found = found?;
            let ending = lower(found.below.extension().unwrap_or_default());
            let is_one_of = |endings: &[&str]| endings.iter().any(|e| e.as_bytes() == ending);
            if is_one_of(&READ) {
                images.push(found);
            } else if is_one_of(&NOT_READ) {
                not_read.push(found);
            } else if ending == b"txt" && !found.broken {
                let stem = stem(&found.below);
                let plain = stem.strip_prefix(b"gt_");
                let marked = plain.is_some();
                let key = plain.map_or_else(|| stem.clone(), <[u8]>::to_vec);
                by_stem.entry(key).or_default().push(annotations.len());
                // `gt_1.jpg` with `gt_1.txt`.
                if marked {
                    by_stem.entry(stem).or_default().push(annotations.len());
                }
                let below = found.below;
                annotations.push(Annotation { below, marked });
            }
        }
        let candidates = |image: &Path| {
            let found = by_stem.get(&stem(image)).into_iter().flatten();
            let found = found.map(|&number| (number, &annotations[number]));
            best(image, found.collect())
        };
        let mut found = Self::default();
        let mut page_of: HashMap<usize, PathBuf> = HashMap::new();
        let mut files = RealPaths::new(images.iter().any(|image| image.linked));
        for image in images {
            let shown = escaped(&image.below);
            if image.broken {
                found
                    .notes
                    .push(format!("{shown}: a link to something that is not there"));
            } else if let Some(first) = files.seen_as(&image) {
                let note = format!(
                    "{shown}: the same file as {}; it is read once",
                    escaped(first)
                );
                found.notes.push(note);
            } else {
                match candidates(&image.below).as_slice() {
                    [] => found.notes.push(format!(
                        "{shown}: no annotation file: looked for {LOOKED_FOR}"
                    )),
                    [number] => match page_of.get(number) {
                        Some(first) => found.notes.push(format!(
                            "{shown}: left out, since {} belongs to {} already",
                            escaped(&annotations[*number].below),
                            escaped(first)
                        )),
                        None => {
                            page_of.insert(*number, image.below.clone());
                            found
                                .pages
                                .push((image.below, annotations[*number].below.clone()));
                        }
                    },
                    several => {
                        let names: Vec<String> = several
                            .iter()
                            .map(|number| escaped(&annotations[*number].below))
                            .collect();
                        let names = names.join(", ");
                        found.notes.push(format!(
                            "{shown}: several annotation files: {names}; keep one of them"
                        ));
                    }
                }
            }
        }
        for image in not_read {
            if let [number] = candidates(&image.below).as_slice()
                && !page_of.contains_key(number)
            {
                page_of.insert(*number, image.below.clone());
                let shown = escaped(&image.below);
                found.notes.push(format!(
                    "{shown}: pages of this format are not read; save it as PNG"
                ));
            }
        }
        if !found.pages.is_empty() {
            found.note_annotations_alone(&annotations, &page_of);
        }
        Ok(found)
    }

    /// One note a folder for annotations without a page, if their names say that they are some.
    fn note_annotations_alone(
        &mut self,
        annotations: &[Annotation],
        page_of: &HashMap<usize, PathBuf>,
    ) {
        let used: HashSet<usize> = page_of.keys().copied().collect();
        let mut alone: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
        for (number, annotation) in annotations.iter().enumerate() {
            if annotation.marked && !used.contains(&number) {
                let below = annotation.below.as_path();
                let folder = below.parent().unwrap_or(below);
                alone.entry(folder).or_default().push(below);
            }
        }
        for files in alone.into_values() {
            let (first, count) = (escaped(files[0]), files.len());
            self.notes.push(match count {
                1 => format!("{first}: no page belongs to it"),
                _ => format!(
                    "{first} and {} more beside it: no page belongs to them",
                    count - 1
                ),
            });
        }
    }
}

/// The annotation of an image, of all with its name: the nearest one; several if they are as near.
fn best(image: &Path, candidates: Vec<(usize, &Annotation)>) -> Vec<usize> {
    let folder = image.parent().unwrap_or(image);
    let distance = |annotation: &Annotation| -> Option<usize> {
        let own = annotation.below.parent().unwrap_or(&annotation.below);
        let marked = usize::from(!annotation.marked);
        if own == folder {
            return Some(marked);
        }
        let named = FOLDERS
            .iter()
            .position(|name| lower(own.as_os_str()) == name.as_bytes());
        if let Some(place) = named {
            return Some(2 + 2 * place + marked);
        }
        let beside = own.parent() == folder.parent();
        let within = own.parent() == Some(folder) || folder.parent() == Some(own);
        let far = 2 + 2 * FOLDERS.len();
        ((beside || within) && same_part(folder, own)).then_some(far + marked)
    };
    let near: Vec<(usize, usize)> = candidates
        .into_iter()
        .filter_map(|(number, annotation)| Some((distance(annotation)?, number)))
        .collect();
    let nearest = near.iter().map(|(distance, _)| *distance).min();
    near.into_iter()
        .filter(|(distance, _)| Some(*distance) == nearest)
        .map(|(_, number)| number)
        .collect()
}

/// Whether the names of two folders may be those of one part of one contest: where both say which
/// part or which challenge they are of, they say the same.
fn same_part(images: &Path, annotations: &Path) -> bool {
    let name = |folder: &Path| {
        let name = folder.file_name().map(escaped).unwrap_or_default();
        name.to_ascii_lowercase()
    };
    let (images, annotations) = (name(images), name(annotations));
    let part = |name: &str| {
        ["train", "test", "val"]
            .iter()
            .position(|p| name.contains(p))
    };
    let challenge = |name: &str| {
        let after = ["challenge", "ch"]
            .iter()
            .find_map(|word| name.strip_prefix(word))?;
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        after[..digits].parse::<u32>().ok()
    };
    let agree = |a: Option<usize>, b: Option<usize>| a.is_none() || b.is_none() || a == b;
    agree(part(&images), part(&annotations))
        && agree(
            challenge(&images).map(|number| number as usize),
            challenge(&annotations).map(|number| number as usize),
        )
}

fn lower(name: &OsStr) -> Vec<u8> {
    name.as_encoded_bytes().to_ascii_lowercase()
}

fn stem(file: &Path) -> Vec<u8> {
    lower(file.file_stem().unwrap_or_default())
}
