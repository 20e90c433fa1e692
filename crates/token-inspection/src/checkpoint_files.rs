//! Files of any size through a published model, as `encode` takes them in.

use super::config::InspectConfig;
use super::view::{RankedWord, ShownArm, ShownImage, TokenView};
use crate::encode::{Encoder, Encoding, Keep};
use anyhow::{Context, Result, bail, ensure};
use arms::{ArmKind, ArmSpec};
use checkpoint::Checkpoint;
use figures::{Arm, Family};
use image::{Rgb, RgbImage};
use image_processor::{Normalisation, decode_file};
use published_models::{Pixels, Processor, PublishedProjector, VisionModel};
use runs::session::Session;
use std::path::Path;

/// Images and arms of a checkpoint.
///
/// # Errors
/// Names the checkpoint, the arm or the image that is at fault.
pub fn shown(
    config: &InspectConfig,
    name: &str,
    session: &Session<'_>,
) -> Result<(Vec<ShownImage>, Vec<ShownArm>)> {
    let folder = checkpoint::resolve(name, published_models::is_wanted)?;
    let checkpoint = Checkpoint::open(&folder)?;
    let model = VisionModel::load(&checkpoint, session.device())?;
    let (processor, notes) = Processor::of(&checkpoint, model.config())?;
    for note in notes {
        eprintln!("note: {note}");
    }
    let mut files = Vec::new();
    for path in &config.images {
        let image = decode_file(path, processor.transparency())
            .context("--image takes PNG, JPEG, WebP and BMP files")?;
        let pixels = processor.image(&image, session.device());
        files.push((
            path,
            image,
            pixels.with_context(|| path.display().to_string())?,
        ));
    }
    let mut arms = Vec::new();
    let mut images = Vec::new();
    for inspected in &config.arms {
        let model = swapped(&model, inspected.arm)?;
        let encoder = Encoder {
            model: &model,
            keep: Keep {
                taps: false,
                all_probabilities: false,
                top: config.top,
            },
        };
        let mut tokens = Vec::new();
        images.clear();
        for (path, image, pixels) in &files {
            session.stop.check()?;
            let encoding = encoder.encode(pixels.clone());
            let encoding = encoding.with_context(|| path.display().to_string())?;
            let views = views(&encoding);
            let grids = token_grids(&encoding)?;
            let names = names(path, grids.len(), whole_image(&processor, grids.len()));
            let mut first = 0;
            for (tile, ((rows, cols), name)) in grids.into_iter().zip(names).enumerate() {
                tokens.push(views[first..first + rows * cols].to_vec());
                first += rows * cols;
                images.push(ShownImage {
                    name,
                    picture: seen(&processor, image, pixels, tile),
                    rows,
                    cols,
                    text: None,
                    columns: None,
                    characters: Vec::new(),
                });
            }
        }
        let (vocabulary, family) = match &model.projector {
            PublishedProjector::Merger(_)
            | PublishedProjector::Qwen3Merger(_)
            | PublishedProjector::DeepStack(_)
            | PublishedProjector::InternVlMlp(_) => (None, Family::Merger),
            // The checkpoint's own function decides where the arm leaves it alone.
            PublishedProjector::Vet(vet) if vet.tokenize_function().is_hard() => {
                (Some(vet.words()), Family::VetHard)
            }
            PublishedProjector::Vet(vet) => (Some(vet.words()), Family::VetSoft),
        };
        arms.push(ShownArm {
            arm: inspected.arm,
            label: Arm::new(inspected.arm.to_string(), family),
            cell: None,
            vocabulary,
            is_hard: family == Family::VetHard,
            tokens,
            readings: None,
        });
    }
    Ok((images, arms))
}

/// The model with the tokenize function of an arm.
fn swapped(model: &VisionModel, arm: ArmSpec) -> Result<VisionModel> {
    let ArmKind::Pretrained(swap) = arm.kind else {
        bail!("arm `{arm}` is not the projector of a checkpoint");
    };
    let mut model = model.clone();
    model.projector = swap.of(&model.projector)?;
    Ok(model)
}

/// Every token of an image.
fn views(encoding: &Encoding) -> Vec<TokenView> {
    let [tokens, width] = [encoding.embeddings.shape[0], encoding.embeddings.shape[1]];
    let vectors = encoding.embeddings.values.chunks_exact(width.max(1));
    let views = vectors.take(tokens).enumerate().map(|(token, vector)| {
        let squares = vector.iter().map(|&x| f64::from(x) * f64::from(x));
        let words = encoding.words.as_ref().map(|words| {
            let best = token * words.top()..(token + 1) * words.top();
            let ids = words.ids[best.clone()].iter();
            let probabilities = &words.id_probabilities[best];
            let ranked = ids
                .zip(probabilities)
                .map(|(&word, &probability)| RankedWord {
                    word: word as usize,
                    probability: Some(f64::from(probability)),
                });
            ranked.collect()
        });
        TokenView {
            norm: squares.fold(0.0, |sum, square| sum + square).sqrt(),
            entropy_bits: encoding
                .words
                .as_ref()
                .map(|words| words.token_entropies_bits[token]),
            words: words.into_iter().collect(),
        }
    });
    views.collect()
}

/// Rows and columns of tokens of the image, or of each of its tiles.
fn token_grids(encoding: &Encoding) -> Result<Vec<(usize, usize)>> {
    let tokens = encoding.embeddings.shape[0];
    let tiles = encoding.grids.len().max(1);
    let grids = encoding.grids.iter().map(|grid| {
        let side = (1..=grid.rows.max(grid.cols)).find(|&side| {
            grid.rows.div_ceil(side) * grid.cols.div_ceil(side) * grid.frames * tiles == tokens
        });
        side.map(|side| (grid.rows.div_ceil(side), grid.cols.div_ceil(side)))
    });
    let grids: Option<Vec<_>> = grids.collect();
    let grids = grids.context("the tokens of the image do not lie on a grid")?;
    let covered: usize = grids.iter().map(|(rows, cols)| rows * cols).sum();
    ensure!(
        covered == tokens,
        "the image has {tokens} tokens, but its grids {covered}"
    );
    Ok(grids)
}

/// Place of the view of the whole image among the tiles.
fn whole_image(processor: &Processor, tiles: usize) -> Option<usize> {
    match processor {
        Processor::Packed { .. } => None,
        Processor::Tiles { processor, .. } => processor.config().rule.whole_image(tiles),
    }
}

/// Names of an image's tiles; `whole` is the place of the view of the whole image.
fn names(path: &Path, tiles: usize, whole: Option<usize>) -> Vec<String> {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = name.to_string_lossy().into_owned();
    if tiles == 1 {
        return vec![name];
    }
    let cells = tiles - usize::from(whole.is_some_and(|place| place < tiles));
    let mut cell = 0;
    (0..tiles)
        .map(|tile| {
            if whole == Some(tile) {
                return format!("{name}, the whole image");
            }
            cell += 1;
            format!("{name}, tile {cell} of {cells}")
        })
        .collect()
}

/// What the tower sees of an image: all of it, or one of its tiles.
fn seen(processor: &Processor, image: &RgbImage, pixels: &Pixels, tile: usize) -> RgbImage {
    let (Processor::Tiles { processor, .. }, &[_, 3, height, width]) =
        (processor, &pixels.shape[..])
    else {
        return image.clone();
    };
    let levels = &pixels.values[tile * 3 * height * width..];
    let normalisation = processor.config().normalisation;
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = y as usize * width + x as usize;
        let level = |channel: usize| {
            let value = f64::from(levels[channel * height * width + at]);
            level(&normalisation, channel, value)
        };
        Rgb([level(0), level(1), level(2)])
    })
}

/// The 8-bit level that became a value.
fn level(normalisation: &Normalisation, channel: usize, value: f64) -> u8 {
    let scaled = match normalisation.mean_std {
        Some((mean, std)) => value * std[channel] + mean[channel],
        None => value,
    };
    let level = scaled / normalisation.rescale_factor.unwrap_or(1.0);
    level.round().clamp(0.0, 255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_come_back_from_normalised_values() {
        for (normalisation, value, expected) in [
            (Normalisation::half(), 1.0, 255),
            (Normalisation::half(), -1.0, 0),
            (Normalisation::half(), 9.0, 255),
        ] {
            assert_eq!(level(&normalisation, 0, value), expected);
        }
        let clip = Normalisation::clip();
        let Some((mean, std)) = clip.mean_std else {
            panic!("CLIP has a mean");
        };
        let value = (128.0 / 255.0 - mean[1]) / std[1];
        assert_eq!(level(&clip, 1, value), 128);
    }

    #[test]
    fn tiles_are_named_by_number() {
        let path = Path::new("scans/page.png");
        let [whole, first, second] = [
            "page.png, the whole image",
            "page.png, tile 1 of 2",
            "page.png, tile 2 of 2",
        ];
        assert_eq!(names(path, 1, Some(0)), ["page.png"]);
        assert_eq!(names(path, 3, Some(0)), [whole, first, second]);
        assert_eq!(names(path, 3, Some(2)), [first, second, whole]);
        assert_eq!(names(path, 2, None), [first, second]);
    }
}
