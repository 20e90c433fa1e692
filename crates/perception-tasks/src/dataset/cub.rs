//! CUB-200-2011.
//!
//! `images.txt` gives `ID CLASS/FILE.jpg` below `images/`; `classes.txt` `CLASS_ID NAME`;
//! `image_class_labels.txt` `ID CLASS_ID`; `train_test_split.txt` `ID 1` for training and `ID 0`
//! for test; `bounding_boxes.txt` `ID x y width height` in px.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use text_images::Split;

use super::lists::{List, canonical, check_inside};
use super::{BoundingBox, ImageDataset, ImageRow, Problem, Problems, hashed_validation};
use crate::Result;

const REMEDY: &str = "give the folder of CUB-200-2011 as it was unpacked";
const BOXES: &str = "bounding_boxes.txt";

pub(super) fn open(dir: &Path, problems: &mut Problems) -> Result<ImageDataset> {
    let dir = canonical(dir, REMEDY)?;
    let root = [dir.join("CUB_200_2011"), dir.clone()]
        .into_iter()
        .find(|root| root.join("images.txt").is_file())
        .unwrap_or(dir);

    let class_list = List::read(&root, "classes.txt", REMEDY)?;
    let mut classes = Vec::new();
    let mut label_of = HashMap::new();
    for entry in class_list.entries("a number and a class") {
        let (_, id, name) = entry?;
        label_of.insert(id, classes.len());
        classes.push(name.to_owned());
    }

    let label_list = List::read(&root, "image_class_labels.txt", REMEDY)?;
    let mut labels = HashMap::new();
    for entry in label_list.entries("an image and the number of its class") {
        let (line, id, class) = entry?;
        let label = label_of
            .get(class)
            .ok_or_else(|| label_list.wrong(line, class, "a number of classes.txt"))?;
        labels.insert(id, *label);
    }

    let split_list = List::read(&root, "train_test_split.txt", REMEDY)?;
    let mut is_train = HashMap::new();
    for entry in split_list.entries("an image and 0 or 1") {
        let (line, id, part) = entry?;
        let part = match part {
            "0" => false,
            "1" => true,
            _ => return Err(split_list.wrong(line, part, "1 for training, 0 for test")),
        };
        is_train.insert(id, part);
    }

    let mut boxes = HashMap::new();
    let box_list = List::read_if_there(&root, BOXES)?;
    match &box_list {
        None => problems.add(Problem::MissingList(root.join(BOXES)))?,
        Some(list) => {
            for entry in list.entries("an image and four numbers") {
                let (line, id, numbers) = entry?;
                let [left_px, top_px, width_px, height_px] = list.four(line, numbers)?;
                let bounding_box = BoundingBox {
                    left_px,
                    top_px,
                    width_px,
                    height_px,
                };
                boxes.insert(id, bounding_box);
            }
        }
    }

    let image_list = List::read(&root, "images.txt", REMEDY)?;
    let mut rows = Vec::new();
    for entry in image_list.entries("a number and an image") {
        let (_, id, name) = entry?;
        let file = PathBuf::from("images").join(name);
        if let Err(problem) = check_inside(&root, &file) {
            problems.add(problem)?;
            continue;
        }
        let (Some(&label), Some(&is_train)) = (labels.get(id), is_train.get(id)) else {
            problems.add(Problem::Unlabelled(root.join(file)))?;
            continue;
        };
        rows.push(ImageRow {
            file,
            label,
            split: if is_train {
                hashed_validation(name)
            } else {
                Split::Test
            },
            bounding_box: boxes.get(id).copied(),
        });
    }
    Ok(ImageDataset {
        root,
        classes,
        rows,
        problems: Vec::new(),
        notes: Vec::new(),
        banner_px: 0,
    })
}
