//! The images that are shown: rendered test images, or files fitted to the tower's grid.

use super::config::InspectConfig;
use super::places::TokenPlaces;
use super::view::ShownImage;
use anyhow::{Context, Result, anyhow, ensure};
use image::{GrayImage, Rgb, RgbImage, imageops};
use image_processor::{Transparency, decode_file};
use probe::{Prepared, PreparedGroup};
use probe_data::{Answer, Group, GroupKey, Label, Pixels};
use runs::session::Session;
use std::path::Path;
use text_images::fit_to;

/// The test group that is looked at, with its number.
///
/// # Errors
/// If there is none of this density.
pub fn test_group<'a>(
    config: &InspectConfig,
    prepared: &'a Prepared,
) -> Result<(usize, &'a PreparedGroup)> {
    let mut groups = prepared.test.iter().enumerate();
    let found = groups.find(|(_, data)| data.group.key.density == config.density);
    found.with_context(|| match config.density {
        Some(density) => format!("there are no test images of {density} characters per token"),
        None => "there are no test images".to_owned(),
    })
}

/// The files of `config` in grey, at their own sizes.
///
/// # Errors
/// If a file is missing or corrupt.
pub fn read_files(config: &InspectConfig) -> Result<Vec<GrayImage>> {
    config.images.iter().map(|path| grey(path)).collect()
}

/// Some images as a group that looks like `like`, fitted into its size as images of a labelled
/// folder are, with their features.
///
/// # Errors
/// If the text does not fit.
pub fn of_files(
    config: &InspectConfig,
    files: &[GrayImage],
    prepared: &Prepared,
    like: &PreparedGroup,
    session: &Session<'_>,
) -> Result<PreparedGroup> {
    let layout = like.group.layout;
    let (width, height) = (
        (layout.cols * layout.patch) as u32,
        (layout.rows * layout.patch) as u32,
    );
    let text = config
        .text
        .as_deref()
        .map(|text| fitting(config, &like.group, text));
    let text = text.transpose()?.unwrap_or_default();
    let mut group = Group {
        key: GroupKey {
            density: config.density,
            condition: "files".to_owned(),
            difficulty: None,
        },
        layout,
        grid: like.group.grid,
        pixels: Pixels::default(),
        labels: Vec::new(),
        clusters: vec!["files".to_owned()],
    };
    let mut pixels = Vec::new();
    for image in files {
        let fitted = fit_to(image, width, height);
        pixels.extend_from_slice(fitted.as_raw());
        group.labels.push(Label {
            answer: Answer::Text(text.clone()),
            classes: Vec::new(),
            slots_px: like
                .group
                .grid
                .map_or_else(Vec::new, |grid| grid.slots(width, height)),
            cluster: 0,
            held_out: true,
        });
    }
    group.pixels = pixels.into();
    let (lanes, device) = (&session.lanes, session.device());
    prepared.group(group, like.plan, lanes, device, session.stop)
}

/// A text in the charset that fills the grid.
fn fitting(config: &InspectConfig, group: &Group, text: &str) -> Result<String> {
    // Grids have no spaces; a user may write them between lines.
    let written: String = match group.grid {
        Some(_) => text.split_whitespace().collect(),
        None => text.to_owned(),
    };
    let normal = config.probe.data.charset.normalise(&written);
    let normal = normal.map_err(|error| anyhow!("--text: {error}"))?;
    if let Some(grid) = group.grid {
        let found = normal.chars().count();
        ensure!(
            found == grid.characters(),
            "--text has {found} characters, but images of this density have {} x {} of them; \
             choose another --density or leave out --text",
            grid.columns,
            grid.lines
        );
    }
    Ok(normal)
}

fn grey(path: &Path) -> Result<GrayImage> {
    let image = decode_file(path, Transparency::UnderInk)
        .context("--image takes PNG, JPEG, WebP and BMP files")?;
    Ok(imageops::grayscale(&image))
}

/// How images of a group are shown, at most `most` of them, under these names.
///
/// # Errors
/// If an image is read from a data set that has been changed.
pub fn shown(
    group: &Group,
    most: usize,
    name: impl Fn(usize, &Label) -> String,
) -> Result<Vec<ShownImage>> {
    let layout = group.layout;
    let places = TokenPlaces::of(group);
    let images = group.labels.iter().take(most).enumerate();
    images
        .map(|(index, label)| {
            let text = label.answer.text().filter(|text| !text.is_empty());
            let text = text.map(str::to_owned);
            let characters = places.as_ref().zip(text.as_ref());
            Ok(ShownImage {
                name: name(index, label),
                picture: picture(group, index)?,
                rows: layout.rows / layout.merge,
                cols: layout.cols / layout.merge,
                columns: group.grid.map(|grid| grid.columns),
                characters: characters
                    .map_or_else(Vec::new, |(places, text)| places.characters(text)),
                text,
            })
        })
        .collect()
}

/// An image of a group in colour.
///
/// # Errors
/// If it is read from a data set that has been changed.
pub fn picture(group: &Group, index: usize) -> Result<RgbImage> {
    let layout = group.layout;
    let width = layout.cols * layout.patch;
    let pixels = group.images(&[index])?;
    let height = (layout.rows * layout.patch) as u32;
    Ok(RgbImage::from_fn(width as u32, height, |x, y| {
        let level = pixels[y as usize * width + x as usize];
        Rgb([level; 3])
    }))
}

/// What a token covers of its image.
///
/// # Errors
/// If the image is read from a data set that has been changed.
pub fn crop(group: &Group, image: usize, token: usize) -> Result<RgbImage> {
    let layout = group.layout;
    let (side, cols) = (layout.patch * layout.merge, layout.cols / layout.merge);
    let (left, top) = (token % cols * side, token / cols * side);
    let picture = picture(group, image)?;
    let side = side as u32;
    Ok(imageops::crop_imm(&picture, left as u32, top as u32, side, side).to_image())
}

#[cfg(test)]
mod tests {
    use super::*;
    use vision_backbone::PatchLayout;

    #[test]
    fn a_crop_is_the_block_of_pixels_that_its_token_covers() {
        let layout = PatchLayout::of_image(8, 4, 2, 2).unwrap();
        let group = Group {
            key: GroupKey {
                density: None,
                condition: String::new(),
                difficulty: None,
            },
            layout,
            grid: None,
            pixels: (0..64).collect::<Vec<u8>>().into(),
            labels: Vec::new(),
            clusters: Vec::new(),
        };
        let crop = crop(&group, 1, 1).unwrap();
        assert_eq!(crop.dimensions(), (4, 4));
        assert_eq!(crop.get_pixel(0, 0).0, [36; 3]);
        assert_eq!(crop.get_pixel(3, 3).0, [63; 3]);
    }
}
