//! Where the characters of a line stand among the frames of a CTC reader.
//!
//! Rendered lines know it. A reader that is told learns in a tenth of the steps that CTC needs to find
//! the alignment by itself, behind every projector alike.

use burn::tensor::{Device, Int, Tensor, TensorData};
use probe_data::{Group, Label};

/// Weight of a frame without a character, most frames being that.
const BLANK_WEIGHT: f32 = 0.3;

/// What every frame of some lines should say.
#[derive(Clone, Debug)]
pub struct Alignment {
    /// Class id + 1 where a character stands and 0 elsewhere, `[batch, frames]`.
    pub targets: Tensor<2, Int>,
    /// 0 beside a character, where either it or nothing is right, `[batch, frames]`.
    pub weights: Tensor<2>,
    /// Characters of all lines together.
    pub characters: usize,
}

impl Alignment {
    /// Of some images of a group; `None` if the places of their characters are not known.
    #[must_use]
    pub fn of_group(
        group: &Group,
        items: &[usize],
        frames: usize,
        device: &Device,
    ) -> Option<Self> {
        let width_px = (group.layout.cols * group.layout.patch) as f32;
        let per_px = frames as f32 / width_px;
        let (mut targets, mut weights) = (Vec::new(), Vec::new());
        let mut characters = 0;
        for &item in items {
            let label = &group.labels[item];
            let mut line = vec![0_i64; frames];
            let mut weight = vec![0.0; frames];
            if let Some(places) = frames_of(label, per_px, frames) {
                weight.fill(BLANK_WEIGHT);
                for &place in &places {
                    weight[place.saturating_sub(1)..(place + 2).min(frames)].fill(0.0);
                }
                for (&place, pair) in places.iter().zip(label.classes.windows(2)) {
                    if pair[0] == pair[1] {
                        weight[place + 1] = 1.0;
                    }
                }
                for (&place, &class) in places.iter().zip(&label.classes) {
                    line[place] = i64::from(class) + 1;
                    weight[place] = 1.0;
                }
                characters += places.len();
            }
            targets.extend(line);
            weights.extend(weight);
        }
        let shape = [items.len(), frames];
        (characters > 0).then(|| Self {
            targets: Tensor::from_data(TensorData::new(targets, shape), device),
            weights: Tensor::from_data(TensorData::new(weights, shape), device),
            characters,
        })
    }
}

/// The frame of every character: the one that its middle falls into, moved where two characters would
/// share one or nothing would part two that are equal. `None` if the places are not known or there are too
/// few frames.
fn frames_of(label: &Label, per_px: f32, frames: usize) -> Option<Vec<usize>> {
    let classes = &label.classes;
    if classes.is_empty() || label.slots_px.len() != classes.len() {
        return None;
    }
    let gap = |index: usize| 1 + usize::from(classes[index] == classes[index + 1]);
    let mut places: Vec<usize> = Vec::with_capacity(classes.len());
    for (index, [x, _]) in label.slots_px.iter().enumerate() {
        let wanted = (x * per_px).max(0.0) as usize;
        let least = places.last().map_or(0, |before| before + gap(index - 1));
        places.push(wanted.max(least));
    }
    let mut most = frames.checked_sub(1)?;
    for index in (0..places.len()).rev() {
        places[index] = places[index].min(most);
        if index > 0 {
            most = places[index].checked_sub(gap(index - 1))?;
        }
    }
    Some(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe_data::Answer;

    fn label(classes: &[u16], places: &[f32]) -> Label {
        Label {
            answer: Answer::Text(String::new()),
            classes: classes.to_vec(),
            slots_px: places.iter().map(|&x| [x, 16.0]).collect(),
            cluster: 0,
            held_out: false,
        }
    }

    #[test]
    fn a_character_has_the_frame_of_its_middle() {
        let label = label(&[5, 6, 7], &[2.0, 17.0, 39.9]);
        assert_eq!(frames_of(&label, 0.25, 10), Some(vec![0, 4, 9]));
    }

    #[test]
    fn crowded_characters_move_apart_and_equal_ones_leave_a_frame_between() {
        let crowded = label(&[5, 6, 6, 7], &[8.0, 9.0, 10.0, 11.0]);
        assert_eq!(frames_of(&crowded, 0.25, 10), Some(vec![2, 3, 5, 6]));
        let at_the_end = label(&[5, 6, 6], &[38.0, 39.0, 39.5]);
        assert_eq!(frames_of(&at_the_end, 0.25, 10), Some(vec![6, 7, 9]));
    }

    #[test]
    fn lines_without_places_or_with_too_few_frames_have_none() {
        assert_eq!(frames_of(&label(&[5, 6], &[]), 0.25, 10), None);
        let too_many = label(&[1, 1, 1], &[1.0, 2.0, 3.0]);
        assert_eq!(frames_of(&too_many, 0.25, 4), None);
        assert_eq!(frames_of(&too_many, 0.25, 5), Some(vec![0, 2, 4]));
    }
}
