//! Reading of validation and test images by a trained cell.

use super::config::ProbeConfig;
use super::model::{CellModel, Place};
use super::prepared_group::PreparedGroup;
use super::word_tally::WordTally;
use anyhow::Result;
use burn::tensor::Device;
use probe_data::Answer;
use projector::{Pass, Projector};
use rand_chacha::ChaCha8Rng;

/// Images read at a time.
const CHUNK: usize = 128;

/// The model puts out something that is not a number; the text says what.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Diverged(pub String);

/// What was read from a group, and with which words.
#[derive(Debug)]
pub struct GroupReading {
    /// One answer per image.
    pub predictions: Vec<Answer>,
    /// Use of the vocabulary.
    pub usage: Option<WordTally>,
    /// Loss summed over characters (over lines for CTC), in nats, and what it was summed over.
    pub loss: (f64, usize),
}

/// How groups are read.
#[derive(Clone, Copy, Debug)]
pub struct Examination<'a> {
    /// Probe and charset.
    pub config: &'a ProbeConfig,
    /// Where to compute.
    pub device: &'a Device,
    /// At most so many images of a group, its first.
    pub limit: usize,
    /// Whether the use of the vocabulary is counted.
    pub tally: bool,
}

impl Examination<'_> {
    /// Reads a group, with `noise` where tokens are sampled or noise is part of the arm.
    ///
    /// # Errors
    /// [`Diverged`] if the model puts out something that is not a number; otherwise if the probe
    /// cannot read this group, or the vocabulary's statistics fail.
    pub fn read(
        &self,
        model: &CellModel,
        data: &PreparedGroup,
        mut noise: Option<&mut ChaCha8Rng>,
    ) -> Result<GroupReading> {
        let place = Place::of(self.config.reader, &model.arm, data, self.device)?;
        let count = data.group.len().min(self.limit);
        let mut predictions = Vec::with_capacity(count);
        let mut usage: Option<WordTally> = None;
        let mut total = (0.0, 0);
        for start in (0..count).step_by(CHUNK) {
            let items: Vec<usize> = (start..count.min(start + CHUNK)).collect();
            let mut pass = Pass {
                progress: 1.0,
                noise: noise.as_deref_mut(),
                distribution: self.tally,
                words: None,
            };
            let tokens = model.tokens(data.batch(&items, self.device)?, &mut pass);
            let scores = model.read(&tokens, &place, (data, &items));
            if !scores.clone().is_finite().all().into_scalar::<bool>() {
                return Err(Diverged("the probe's scores are not finite".to_owned()).into());
            }
            let units = model.loss_units(data, &items);
            let loss = model.loss(scores.clone(), data, &items, self.device);
            total.0 += f64::from(loss.into_scalar::<f32>()) * units as f64;
            total.1 += units;
            if self.tally && !tokens.words.is_empty() {
                let tally = match &mut usage {
                    Some(tally) => tally,
                    None => {
                        let words = model.arm.cost().words.unwrap_or(0);
                        usage.insert(WordTally::new(words, tokens.words.len())?)
                    }
                };
                tally.add(tokens.words.clone())?;
            }
            for classes in model.answers(&tokens, scores) {
                predictions.push(self.config.data.answer(&classes));
            }
        }
        Ok(GroupReading {
            predictions,
            usage,
            loss: total,
        })
    }
}

/// Errors of predictions, and what they are counted in (characters, or images where classes are asked), for the first images of a group.
#[must_use]
pub fn count_edits(data: &PreparedGroup, predictions: &[Answer]) -> (usize, usize) {
    data.group
        .labels
        .iter()
        .zip(predictions)
        .map(|(label, prediction)| label.answer.compare(prediction))
        .fold((0, 0), |(edits, characters), reading| {
            (edits + reading.edits, characters + reading.reference_chars)
        })
}

/// Edits of predictions for the first images of a group, one by one.
#[must_use]
pub fn edits_by_image(data: &PreparedGroup, predictions: &[Answer]) -> Vec<u32> {
    let labels = data.group.labels.iter().zip(predictions);
    labels
        .map(|(label, prediction)| label.answer.compare(prediction).edits as u32)
        .collect()
}

/// 1, 2, 4 … below `words`, and `words` itself.
#[must_use]
pub fn hardening_ks(words: usize) -> Vec<usize> {
    let mut ks: Vec<usize> = std::iter::successors(Some(1_usize), |k| k.checked_mul(2))
        .take_while(|&k| k < words)
        .collect();
    ks.push(words);
    ks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardening_goes_from_one_word_to_all() {
        assert_eq!(hardening_ks(6), [1, 2, 4, 6]);
        assert_eq!(hardening_ks(8), [1, 2, 4, 8]);
        assert_eq!(hardening_ks(1), [1]);
    }
}
