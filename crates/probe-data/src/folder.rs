//! A user's own labelled images as groups.

use super::answer::Answer;
use super::group::{Group, GroupKey, Label, classes_of};
use super::pixels::Pixels;
use anyhow::{Context, Result, bail};
use text_images::names::escaped;
use text_images::{Charset, Error, FolderDataset, Grid};
use vision_backbone::PatchLayout;

/// Groups read from a folder, and what was left out.
#[derive(Clone, Debug)]
pub struct FolderOutcome {
    /// The images.
    pub group: Group,
    /// One line for every image that was left out, naming it and why.
    pub left_out: Vec<String>,
}

/// Reads the images of `dataset` into a group of one size.
///
/// Images are fitted into the size without distortion. With `grid` only images that were rendered
/// on that character grid are taken; without, every image, as one line of free length.
///
/// Labels with characters outside the charset are left out and named, not silently shortened, and so
/// are images that cannot be decoded: the same that `data check` counts as corrupt.
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
    let mut group = Group {
        key: GroupKey {
            density: grid.map(|(_, density)| density),
            condition: condition.to_owned(),
            difficulty: None,
        },
        layout,
        grid: grid.map(|(grid, _)| grid),
        pixels: Pixels::default(),
        labels: Vec::new(),
        clusters: Vec::new(),
    };
    let (mut left_out, mut pixels) = (Vec::new(), Vec::new());
    for (index, row) in dataset.rows().iter().enumerate() {
        if let Some((grid, _)) = grid
            && row.grid != Some(grid)
        {
            continue;
        }
        let text = match charset.normalise(&row.text) {
            Ok(text) => text,
            Err(unsupported) => {
                left_out.push(format!("{}: {unsupported}", escaped(&row.file)));
                continue;
            }
        };
        let classes = classes_of(charset, &text)
            .with_context(|| format!("{}: label outside the charset", escaped(&row.file)))?;
        let slots_px = match grid {
            Some((grid, _)) if classes.len() != grid.characters() => {
                left_out.push(format!(
                    "{}: {} characters do not fill a grid of {} x {}",
                    escaped(&row.file),
                    classes.len(),
                    grid.columns,
                    grid.lines
                ));
                continue;
            }
            Some((grid, _)) => grid.slots(width, height),
            None => Vec::new(),
        };
        let image = match dataset.image_fit_to(index, width, height) {
            Ok(image) => image,
            Err(error @ (Error::Decode { .. } | Error::TooLarge { .. })) => {
                left_out.push(format!("{:#}; left out", anyhow::Error::from(error)));
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let source = row.font.clone().unwrap_or_else(|| format!("item-{index}"));
        let cluster = match group.clusters.iter().position(|name| *name == source) {
            Some(cluster) => cluster,
            None => {
                group.clusters.push(source);
                group.clusters.len() - 1
            }
        };
        pixels.extend_from_slice(image.as_raw());
        group.labels.push(Label {
            answer: Answer::Text(text),
            classes,
            slots_px,
            cluster: cluster as u32,
            held_out: row.held_out.unwrap_or(true),
        });
    }
    group.pixels = pixels.into();
    if group.is_empty() && grid.is_none() {
        bail!(
            "{}: no image is left whose label fits charset {charset} ({} left out, the first: {}); \
             choose a larger charset with --charset, or repair the images",
            dataset.dir().display(),
            left_out.len(),
            left_out.first().map_or("none", String::as_str)
        );
    }
    Ok(FolderOutcome { group, left_out })
}
