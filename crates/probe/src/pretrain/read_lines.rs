//! The objective of a tower for lines: words of any length are read as a probe of lines does.
//!
//! The reading head takes blocks of raw patch features, without any projector, and is thrown away.

use super::evaluation::{in_chunks, shares};
use super::{HEAD_CHARSET, TaskAccuracy, training::Batch};
use crate::data_config::text_of;
use crate::reader::{CtcReader, CtcReaderConfig};
use anyhow::Result;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use probe_data::{Answer, Group, pixel_batch};
use projector::{PatchGrid, rms_normalize, seeded};
use run_support::lanes::Lanes;
use vision_backbone::SmallVit;

/// Tower and reading head.
#[derive(Module, Debug)]
pub struct LineReader {
    /// The backbone.
    pub tower: SmallVit,
    /// Reads lines from blocks of patches.
    pub head: CtcReader,
}

impl LineReader {
    /// A fresh head on `tower`, for images of as many rows of blocks.
    #[must_use]
    pub fn init(tower: SmallVit, block_rows: usize, seed: u64, device: &Device) -> Self {
        let (width, merge) = (tower.config().d_model, tower.config().merge);
        let reader = CtcReaderConfig::new(width * merge * merge, HEAD_CHARSET.size(), block_rows);
        let mut rng = seeded::stream(seed, "pretrain/line-reader");
        Self {
            tower,
            head: reader.init(&mut rng, device),
        }
    }

    /// Log-probabilities of every frame, as [`CtcReader::forward`] returns them.
    #[must_use]
    pub fn forward(&self, pixels: &PatchGrid) -> Tensor<3> {
        let tower = &self.tower;
        let state = tower.run_blocks(tower.embed(pixels), 0..tower.depth());
        let [batch, patches, width] = state.features().dims();
        let block = tower.config().merge * tower.config().merge;
        // Patches of a block follow each other.
        let blocks = state
            .features()
            .clone()
            .reshape([batch, patches / block, block * width]);
        self.head.forward(rms_normalize(blocks, 1e-6))
    }
}

/// Mean loss over some images.
pub(super) fn loss(model: &LineReader, batch: &Batch<'_>, device: &Device) -> Result<Tensor<1>> {
    let items: Vec<usize> = (0..batch.group.len()).collect();
    let frames = model.forward(&pixel_batch(batch.group, &items, device)?);
    Ok(CtcReader::training_loss(
        frames,
        batch.group,
        &items,
        batch.progress,
    ))
}

/// Reads every image of `group`, which was rendered for `task`.
///
/// # Errors
/// If the images cannot be read.
pub fn evaluate(
    model: &LineReader,
    task: super::ReadingTask,
    group: &Group,
    lanes: &Lanes,
    device: &Device,
) -> Result<TaskAccuracy> {
    let lines = in_chunks(group, lanes, |items| read(model, group, items, device))?;
    let of = |which: fn(&Line) -> bool| {
        let chosen = || lines.iter().filter(|line| which(line));
        let characters: usize = chosen().map(|line| line.characters).sum();
        let right: usize = chosen()
            .map(|line| line.characters.saturating_sub(line.edits))
            .sum();
        (right as u64, characters as u64)
    };
    let words = lines.iter().filter(|line| line.edits == 0).count();
    Ok(TaskAccuracy {
        words: Some(words as f64 / lines.len().max(1) as f64),
        ..shares(task, of(|line| !line.held_out), of(|line| line.held_out))
    })
}

/// How one line was read.
struct Line {
    held_out: bool,
    characters: usize,
    edits: usize,
}

fn read(model: &LineReader, group: &Group, items: &[usize], device: &Device) -> Result<Vec<Line>> {
    let frames = model.forward(&pixel_batch(group, items, device)?);
    let [_, count, _] = frames.dims();
    let classes = frames.argmax(2).into_data();
    let classes: Vec<usize> = classes.iter::<i64>().map(|class| class as usize).collect();
    let lines = items
        .iter()
        .zip(classes.chunks(count))
        .map(|(&item, frames)| {
            let label = &group.labels[item];
            let read = text_of(&CtcReader::best_path(frames), HEAD_CHARSET);
            let reading = label.answer.compare(&Answer::Text(read));
            Line {
                held_out: label.held_out,
                characters: reading.reference_chars,
                edits: reading.edits,
            }
        });
    Ok(lines.collect())
}
