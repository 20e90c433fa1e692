//! FGVC-Aircraft, release 2013b.
//!
//! `data/images/ID.jpg`; `variants.txt`, `families.txt` and `manufacturers.txt` list the classes;
//! `images_variant_train.txt` and the like give `ID CLASS`; `images_box.txt` gives `ID xmin ymin
//! xmax ymax`, pixels counted from 1, both ends included. The lowest 20 rows of every image are a
//! copyright banner that its README asks to remove.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use text_images::Split;

use super::lists::{List, canonical, check_inside};
use super::{
    AircraftLabels, BoundingBox, ImageDataset, ImageRow, Problem, Problems, hashed_validation,
};
use crate::Result;

const BANNER_PX: u32 = 20;
const REMEDY: &str = "give the folder of FGVC-Aircraft as it was unpacked";
const BOXES: &str = "images_box.txt";

impl AircraftLabels {
    /// The word in the names of split lists, and the name of the class list.
    fn files(self) -> (&'static str, &'static str) {
        match self {
            Self::Variant => ("variant", "variants.txt"),
            Self::Family => ("family", "families.txt"),
            Self::Manufacturer => ("manufacturer", "manufacturers.txt"),
        }
    }
}

pub(super) fn open(
    dir: &Path,
    labels: AircraftLabels,
    problems: &mut Problems,
) -> Result<ImageDataset> {
    let dir = canonical(dir, REMEDY)?;
    let root = [dir.join("data"), dir.clone()]
        .into_iter()
        .find(|root| root.join("images").is_dir())
        .unwrap_or(dir);
    let (word, class_list) = labels.files();
    let list = List::read(&root, class_list, REMEDY)?;
    let classes: Vec<String> = list.lines().map(|(_, line)| line.to_owned()).collect();
    let label_of: HashMap<&str, usize> = classes
        .iter()
        .enumerate()
        .map(|(label, class)| (class.as_str(), label))
        .collect();
    let boxes = boxes(&root, problems)?;

    let mut rows = Vec::new();
    for (list, split) in split_lists(&root, word)? {
        for entry in list.entries("an image and its class") {
            let (line, id, class) = entry?;
            let label = *label_of
                .get(class)
                .ok_or_else(|| list.wrong(line, class, "a class of the class list"))?;
            let file = PathBuf::from("images").join(format!("{id}.jpg"));
            match check_inside(&root, &file) {
                Ok(()) => rows.push(ImageRow {
                    file,
                    label,
                    split: split.unwrap_or_else(|| hashed_validation(id)),
                    bounding_box: boxes.get(id).copied(),
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
        notes: Vec::new(),
        banner_px: BANNER_PX,
    })
}

/// The lists of the published splits. Where train and validation are only there together, a hash
/// takes them apart.
fn split_lists(root: &Path, word: &str) -> Result<Vec<(List, Option<Split>)>> {
    let name = |part: &str| format!("images_{word}_{part}.txt");
    let train = List::read(root, &name("train"), REMEDY);
    let validation = List::read(root, &name("val"), REMEDY);
    let mut lists = match (train, validation) {
        (Ok(train), Ok(validation)) => vec![
            (train, Some(Split::Train)),
            (validation, Some(Split::Validation)),
        ],
        (Err(error), _) | (_, Err(error)) => match List::read_if_there(root, &name("trainval"))? {
            Some(both) => vec![(both, None)],
            None => return Err(error),
        },
    };
    let test = List::read(root, &name("test"), REMEDY)?;
    lists.push((test, Some(Split::Test)));
    Ok(lists)
}

fn boxes(root: &Path, problems: &mut Problems) -> Result<BTreeMap<String, BoundingBox>> {
    let Some(list) = List::read_if_there(root, BOXES)? else {
        problems.add(Problem::MissingList(root.join(BOXES)))?;
        return Ok(BTreeMap::new());
    };
    list.entries("an image and four numbers")
        .map(|entry| {
            let (line, id, numbers) = entry?;
            let [left, top, right, bottom] = list.four(line, numbers)?;
            let bounding_box = BoundingBox {
                left_px: left - 1.0,
                top_px: top - 1.0,
                width_px: right - left + 1.0,
                height_px: bottom - top + 1.0,
            };
            Ok((id.to_owned(), bounding_box))
        })
        .collect()
}
