//! A user's own labelled images as groups.

use super::answer::Answer;
use super::group::{Group, GroupKey, Label, classes_of};
use super::stored::unreadable;
use anyhow::{Context, Result, bail};
use scene_text::NAMED_FAULTS;
use std::collections::BTreeMap;
use text_images::names::escaped;
use text_images::{Charset, Error, FolderDataset, FolderRow, Grid};
use vision_backbone::PatchLayout;

/// Groups read from a folder, and what was left out.
#[derive(Clone, Debug)]
pub struct FolderOutcome {
    /// The images.
    pub group: Group,
    /// What was left out.
    pub left_out: FolderFaults,
}

/// What of a folder was left out and why, by line of `labels.csv`.
#[derive(Clone, Debug, Default)]
pub struct FolderFaults {
    /// Rows and images that cannot be read: the same that `data check` counts as corrupt.
    unreadable: BTreeMap<u64, String>,
    /// Labels that this run cannot use.
    unfit: BTreeMap<u64, String>,
}

impl FolderFaults {
    /// Joins what was left out of several groups of one folder.
    pub fn extend(&mut self, other: Self) {
        self.unreadable.extend(other.unreadable);
        self.unfit.extend(other.unfit);
    }

    /// How many, and each of the first by name; nothing if nothing was left out.
    #[must_use]
    pub fn notes(&self, folder: &str, images: usize) -> Vec<String> {
        let mut about = vec![format!("{folder}: {images} images")];
        let mut named = Vec::new();
        if !self.unreadable.is_empty() {
            about.push(unreadable(self.unreadable.len()));
            named.extend(self.unreadable.values().take(NAMED_FAULTS).cloned());
        }
        if !self.unfit.is_empty() {
            let labels = self.unfit.len();
            about.push(format!("{labels} labels do not fit this run, left out"));
            named.extend(self.unfit.values().take(NAMED_FAULTS).cloned());
        }
        if named.is_empty() {
            return named;
        }
        named.insert(0, about.join("; "));
        named
    }

    fn count(&self) -> usize {
        self.unreadable.len() + self.unfit.len()
    }

    fn first(&self) -> Option<&str> {
        let firsts = [&self.unreadable, &self.unfit].map(BTreeMap::first_key_value);
        let first = firsts.into_iter().flatten().min()?;
        Some(first.1)
    }
}

fn named(row: &FolderRow) -> String {
    format!("{} (labels line {})", escaped(&row.file), row.line)
}

/// Reads the images of `dataset` into a group of one size.
///
/// Images are fitted into the size without distortion. With `grid` only images that were rendered
/// on that character grid are taken; without, every image, as one line of free length.
///
/// Rows and images that cannot be read are left out and named, and so are labels with characters
/// outside the charset, which are not silently shortened.
///
/// # Errors
/// If no image is left.
pub fn group_from_folder(
    dataset: &FolderDataset,
    charset: Charset,
    layout: PatchLayout,
    grid: Option<(Grid, f64)>,
    condition: &str,
) -> Result<FolderOutcome> {
    let (width, height) = (
        (layout.cols * layout.patch) as u32,
        (layout.rows * layout.patch) as u32,
    );
    let key = GroupKey {
        density: grid.map(|(_, density)| density),
        ..GroupKey::of_condition(condition)
    };
    let mut group = Group::empty(key, layout, grid.map(|(grid, _)| grid));
    let (mut left_out, mut pixels) = (FolderFaults::default(), Vec::new());
    for (index, row) in dataset.rows().iter().enumerate() {
        let row = match row {
            Ok(row) => row,
            Err(fault) => {
                let reason = fault.reason.to_string();
                left_out.unreadable.insert(fault.line, reason);
                continue;
            }
        };
        if let Some((grid, _)) = grid
            && row.grid != Some(grid)
        {
            continue;
        }
        let text = match charset.normalise(&row.text) {
            Ok(text) => text,
            Err(unsupported) => {
                let fault = format!("{}: {unsupported}", named(row));
                left_out.unfit.insert(row.line, fault);
                continue;
            }
        };
        let classes = classes_of(charset, &text)
            .with_context(|| format!("{}: label outside the charset", named(row)))?;
        let slots_px = match grid {
            Some((grid, _)) if classes.len() != grid.characters() => {
                let fault = format!(
                    "{}: {} characters do not fill a grid of {} x {}",
                    named(row),
                    classes.len(),
                    grid.columns,
                    grid.lines
                );
                left_out.unfit.insert(row.line, fault);
                continue;
            }
            Some((grid, _)) => grid.slots(width, height),
            None => Vec::new(),
        };
        let image = match dataset.image_fit_to(row, width, height) {
            Ok(image) => image,
            Err(error @ (Error::Decode { .. } | Error::TooLarge { .. })) => {
                let fault = format!("{:#}", anyhow::Error::from(error));
                left_out.unreadable.insert(row.line, fault);
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let cluster = match &row.font {
            Some(font) => group.cluster(font.clone()),
            None => group.new_cluster(format!("item-{index}")),
        };
        pixels.extend_from_slice(image.as_raw());
        group.labels.push(Label {
            answer: Answer::Text(text),
            classes,
            slots_px,
            cluster,
            held_out: row.held_out.unwrap_or(true),
        });
    }
    group.pixels = pixels.into();
    if group.is_empty() && grid.is_none() {
        bail!(
            "{}: no image is left whose label fits charset {charset} ({} left out, the first: {}); \
             choose a larger charset with --charset, or repair the images",
            dataset.dir().display(),
            left_out.count(),
            left_out.first().unwrap_or("none")
        );
    }
    Ok(FolderOutcome { group, left_out })
}
