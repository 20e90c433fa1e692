//! Photographs of a data set with one class each as groups, one per split.

use super::group::{Group, GroupKey, Label};
use super::spread::spread;
use anyhow::{Result, anyhow, ensure};
use image::DynamicImage;
use perception_tasks::{Channels, Crop, DatasetSource, Error, ImageDataset, OnProblem, Problem};
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use text_images::Split;
use vision_backbone::PatchLayout;

/// Photographs read by one lane at a time.
const CHUNK: usize = 32;
/// Classes that a [`Label`] can tell apart.
const MOST_CLASSES: usize = 1 << u16::BITS;
/// Problems that are named; the rest is counted.
const NAMED: usize = 10;

/// What to read.
#[derive(Clone, Copy, Debug)]
pub struct PhotographPlan<'a> {
    /// The data set.
    pub dataset: &'a ImageDataset,
    /// Its name in results.
    pub name: &'a str,
    /// Part of it.
    pub split: Split,
    /// Whether photographs that cannot be read are left out.
    pub on_problem: OnProblem,
    /// What is shown of each.
    pub crop: Crop,
    /// Most photographs taken, spread evenly over the split.
    pub most: usize,
    /// Size in patches.
    pub layout: PatchLayout,
}

/// Photographs of a split, and what was left out.
#[derive(Clone, Debug)]
pub struct PhotographOutcome {
    /// The images in grey, fitted into the size without distortion.
    pub group: Group,
    /// What to tell the user: the number of problems, and the first ones by name.
    pub notes: Vec<String>,
}

/// Decodes the photographs of a split one by one and brings each to size at once.
///
/// # Errors
/// At the first photograph that cannot be read, unless problems are passed over; if no photograph is
/// left, the data set has more than 65,536 classes, or `stop` is raised.
pub fn group_from_photographs(
    plan: &PhotographPlan<'_>,
    lanes: &Lanes,
    stop: &Stop,
) -> Result<PhotographOutcome> {
    let (dataset, classes) = (plan.dataset, plan.dataset.classes().len());
    ensure!(
        classes <= MOST_CLASSES,
        "{}: {classes} classes, and labels go up to {MOST_CLASSES}; use a data set with fewer",
        plan.name
    );
    let rows = rows_of(plan);
    let side = |patches: usize| (patches * plan.layout.patch) as u32;
    let size = [side(plan.layout.cols), side(plan.layout.rows)];
    let chunks: Vec<&[usize]> = rows.chunks(CHUNK).collect();
    let read = lanes.map(chunks.len(), |_, chunk| {
        let wanted = chunks[chunk].iter().take_while(|_| !stop.is_raised());
        let read = wanted.map(|&row| dataset.image_fit_to(row, size, Channels::Grey, plan.crop));
        read.collect::<Vec<perception_tasks::Result<DynamicImage>>>()
    });
    stop.check()?;
    let mut group = Group::empty(GroupKey::of_condition(plan.name), plan.layout, None);
    let mut pixels = Vec::new();
    let mut problems: Vec<Problem> = Vec::new();
    for (image, &row) in read.into_iter().flatten().zip(&rows) {
        match image {
            Ok(image) => {
                pixels.extend_from_slice(image.to_luma8().as_raw());
                push_label(&mut group, plan, row);
            }
            Err(Error::Problem { problem }) if plan.on_problem == OnProblem::GoOn => {
                problems.push(problem);
            }
            Err(error) => return Err(with_flag(error)),
        }
    }
    group.pixels = pixels.into();
    ensure!(
        !group.is_empty(),
        "{}: no image is left for {} ({} cannot be read); a folder is split by a hash of its file \
         names and needs some tens of images",
        plan.name,
        plan.split,
        problems.len()
    );
    let head = format!("{}, {}", plan.name, plan.split);
    let mut notes = problem_notes(&head, &problems);
    let first = group.labels[0].classes[0];
    if group.labels.iter().all(|label| label.classes[0] == first) {
        let class = &plan.dataset.classes()[usize::from(first)];
        notes.push(format!(
            "{head}: only class `{class}` is left, so that every answer is right"
        ));
    }
    Ok(PhotographOutcome { group, notes })
}

/// Rows of the split, at most so many, spread evenly.
fn rows_of(plan: &PhotographPlan<'_>) -> Vec<usize> {
    let all = plan.dataset.rows().iter().enumerate();
    let all: Vec<usize> = all
        .filter(|(_, row)| row.split == plan.split)
        .map(|(index, _)| index)
        .collect();
    let places = spread(all.len(), plan.most);
    places.into_iter().map(|place| all[place]).collect()
}

fn push_label(group: &mut Group, plan: &PhotographPlan<'_>, row: usize) {
    let row = &plan.dataset.rows()[row];
    // Every photograph is a cluster of its own.
    let cluster = group.new_cluster(text_images::names::escaped(&row.file));
    let label = Label::of_class(row.label as u16, cluster, false);
    group.labels.push(label);
}

/// What becomes of a photograph that cannot be read.
#[must_use]
pub fn on_problem(skip_broken: bool) -> OnProblem {
    if skip_broken {
        OnProblem::GoOn
    } else {
        OnProblem::Stop
    }
}

/// What to show of a photograph, by the margin around its bounding box.
#[must_use]
pub fn crop(box_margin: Option<f32>) -> Crop {
    box_margin.map_or(Crop::Whole, |margin| Crop::Box { margin })
}

/// A note on photographs without a bounding box, where they are to be cropped to it.
///
/// # Errors
/// If none has one.
pub fn missing_boxes(source: &DatasetSource, dataset: &ImageDataset) -> Result<Option<String>> {
    let rows = dataset.rows();
    let without = rows.iter().filter(|row| row.bounding_box.is_none()).count();
    ensure!(
        without < rows.len(),
        "{source} has no bounding boxes to crop to; leave out --crop-to-boxes"
    );
    Ok((without > 0).then(|| {
        format!("{source}: {without} photographs have no bounding box and are shown whole")
    }))
}

/// Opens a data set; the error for something missing in it names the flag that goes on without it.
///
/// # Errors
/// As [`ImageDataset::open`].
pub fn open_photographs(source: &DatasetSource, on_problem: OnProblem) -> Result<ImageDataset> {
    ImageDataset::open(source, on_problem).map_err(with_flag)
}

fn with_flag(error: Error) -> anyhow::Error {
    if let Error::Problem { problem } = error {
        anyhow!("{problem}; repair it, or go on without it with --skip-broken")
    } else {
        error.into()
    }
}

/// One line with the number of problems, and the first ones by name; nothing if there are none.
#[must_use]
pub fn problem_notes(head: &str, problems: &[Problem]) -> Vec<String> {
    if problems.is_empty() {
        return Vec::new();
    }
    let mut notes = vec![format!(
        "{head}: {}; what they concern is left out",
        wording::counted(problems.len(), "problem")
    )];
    notes.extend(problems.iter().take(NAMED).map(Problem::to_string));
    if let Some(more) = problems.len().checked_sub(NAMED).filter(|more| *more > 0) {
        notes.push(format!("and {more} more"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Answer;
    use image::{GrayImage, Luma};
    use std::path::Path;
    use text_images::Charset;

    fn folder(images: u8) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (class, level) in [("dark", 40), ("light", 200)] {
            std::fs::create_dir(folder.path().join(class)).unwrap();
            for index in 0..images {
                let image = GrayImage::from_pixel(48, 48, Luma([level + index % 10]));
                image
                    .save(folder.path().join(class).join(format!("{index}.png")))
                    .unwrap();
            }
        }
        folder
    }

    fn read(folder: &Path, on_problem: OnProblem) -> Result<PhotographOutcome> {
        let source = DatasetSource::Folder(folder.to_owned());
        let dataset = open_photographs(&source, on_problem)?;
        let plan = PhotographPlan {
            dataset: &dataset,
            name: "folder",
            split: Split::Train,
            on_problem,
            crop: Crop::Whole,
            most: 20,
            layout: PatchLayout::of_image(64, 32, 8, 2).unwrap(),
        };
        group_from_photographs(&plan, &Lanes::open(2).unwrap(), &Stop::default())
    }

    #[test]
    fn photographs_come_in_the_order_of_the_lists_and_thinned_evenly() {
        let folder = folder(40);
        let found = read(folder.path(), OnProblem::Stop).unwrap();
        assert_eq!(found.group.len(), 20);
        let pixels = found.group.images(&[19]).unwrap();
        assert_eq!(pixels.len(), 64 * 32);
        assert!(found.notes.is_empty());
        let labels: Vec<&Answer> = found.group.labels.iter().map(|l| &l.answer).collect();
        let both = [0, 1].map(Answer::Class);
        assert!(labels.is_sorted() && both.iter().all(|class| labels.contains(&class)));
        let again = read(folder.path(), OnProblem::Stop).unwrap();
        let hash = |found: &PhotographOutcome| found.group.content_hash(Charset::Digits);
        assert_eq!(hash(&found), hash(&again));
    }

    #[test]
    fn broken_photographs_stop_the_reading_or_are_counted_and_named() {
        let folder = folder(40);
        for index in 0..40 {
            std::fs::write(folder.path().join(format!("dark/{index}.png")), "no image").unwrap();
        }
        let error = format!("{:#}", read(folder.path(), OnProblem::Stop).unwrap_err());
        assert!(
            error.contains("dark") && error.contains("--skip-broken"),
            "{error}"
        );
        let found = read(folder.path(), OnProblem::GoOn).unwrap();
        let is_light = |label: &Label| label.answer == Answer::Class(1);
        assert!(found.group.labels.iter().all(is_light));
        assert!(found.notes[0].contains("problems"), "{:?}", found.notes);
        assert!(found.notes[1].contains("cannot decode"));
    }
}
