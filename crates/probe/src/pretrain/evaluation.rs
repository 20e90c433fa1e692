//! How well a tower and its head read.

use super::{PatchReader, ReadingTask, allowed_classes};
use crate::reader::Anchors;
use anyhow::Result;
use burn::tensor::Device;
use probe_data::{Group, pixel_batch};
use run_support::lanes::Lanes;
use serde::{Deserialize, Serialize};
use text_images::Charset;

/// Images read at a time.
const CHUNK: usize = 64;

/// Character accuracy on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskAccuracy {
    /// The task.
    pub task: ReadingTask,
    /// Share of characters read right.
    pub characters: f64,
    /// The same on fonts that training saw.
    pub seen_fonts: Option<f64>,
    /// The same on fonts kept out of training.
    pub held_out_fonts: Option<f64>,
    /// Share of lines read without an error, where lines are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<f64>,
}

/// Reads every image of `group`, which was rendered for `task`.
///
/// # Errors
/// If the images cannot be read.
pub fn evaluate(
    model: &PatchReader,
    task: ReadingTask,
    group: &Group,
    lanes: &Lanes,
    device: &Device,
) -> Result<TaskAccuracy> {
    let characters = in_chunks(group, lanes, |items| {
        read(model, task.charset, group, items, device)
    })?;
    let mut right = [0_u64; 2];
    let mut total = [0_u64; 2];
    for (held_out, ok) in characters {
        total[usize::from(held_out)] += 1;
        right[usize::from(held_out)] += u64::from(ok);
    }
    Ok(shares(task, (right[0], total[0]), (right[1], total[1])))
}

/// What `read` says of the images of a group, some of them at a time, in their order.
pub(super) fn in_chunks<T: Send>(
    group: &Group,
    lanes: &Lanes,
    read: impl Fn(&[usize]) -> Result<Vec<T>> + Sync,
) -> Result<Vec<T>> {
    let parts = lanes.map(group.len().div_ceil(CHUNK), |_, chunk| {
        let items: Vec<usize> = (chunk * CHUNK..group.len().min((chunk + 1) * CHUNK)).collect();
        read(&items)
    });
    let parts = parts.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// The accuracy of characters right and in all, in fonts that training saw and in those held out.
pub(super) fn shares(task: ReadingTask, seen: (u64, u64), held_out: (u64, u64)) -> TaskAccuracy {
    let share = |(right, total): (u64, u64)| (total > 0).then(|| right as f64 / total as f64);
    TaskAccuracy {
        task,
        characters: share((seen.0 + held_out.0, seen.1 + held_out.1)).unwrap_or(0.0),
        seen_fonts: share(seen),
        held_out_fonts: share(held_out),
        words: None,
    }
}

/// For every character of some images: whether its font was held out, and whether it was read.
fn read(
    model: &PatchReader,
    charset: Charset,
    group: &Group,
    items: &[usize],
    device: &Device,
) -> Result<Vec<(bool, bool)>> {
    let places = group.layout.patch_centres_px();
    let Some(anchors) = Anchors::of_group(group, items, &places, 1.0, device) else {
        return Ok(Vec::new());
    };
    let pixels = pixel_batch(group, items, device)?;
    let logits = model.forward(&pixels, &anchors, allowed_classes(charset, device));
    let [_, slots, _] = logits.dims();
    let read: Vec<i64> = logits.argmax(2).into_data().iter::<i64>().collect();
    let head = super::HEAD_CHARSET;
    let read = items
        .iter()
        .zip(read.chunks(slots))
        .flat_map(|(&item, read)| {
            let label = &group.labels[item];
            let text = label.answer.text().unwrap_or_default();
            text.chars().zip(read).map(move |(character, &class)| {
                let right = head.class_of(character) == Some(class as usize);
                (label.held_out, right)
            })
        });
    Ok(read.collect())
}
