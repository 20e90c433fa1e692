//! Reading of validation and test images by a trained cell.

use super::config::ProbeConfig;
use super::model::{CellModel, Place};
use super::outcome::UsageRecord;
use super::preparation::PreparedGroup;
use anyhow::Result;
use burn::tensor::Device;
use probe_statistics::text_metrics::Reading;
use probe_statistics::vocabulary_usage::UsageAccumulator;
use projector::{Pass, Projector, WordUse};
use rand_chacha::ChaCha8Rng;
use text_images::Charset;

/// Images read at a time.
const CHUNK: usize = 128;

/// Tokens of a group whose whole distribution is looked at. Which word a hard token is, is counted
/// for every token; sorting the distributions of all of them would cost more than reading.
const SOFT_TOKENS: u64 = 4096;

/// The model puts out something that is not a number; the text says what.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Diverged(pub String);

/// What was read from a group, and with which words.
#[derive(Debug)]
pub struct GroupReading {
    /// One text per image.
    pub predictions: Vec<String>,
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
    /// Reads a group, with sampled tokens if there is `noise`.
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
        let place = Place::of(self.config.reader, data, self.device)?;
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
            };
            let tokens = model.tokens(data.features.batch(&items, self.device), &mut pass);
            let scores = model.read(tokens.embeddings, &place);
            if !scores.clone().is_finite().all().into_scalar::<bool>() {
                return Err(Diverged("the probe's scores are not finite".to_owned()).into());
            }
            let units = model.loss_units(data, &items);
            let loss = model.loss(scores.clone(), data, &items, self.device);
            total.0 += f64::from(loss.into_scalar::<f32>()) * units as f64;
            total.1 += units;
            if let Some(words) = tokens.words.filter(|_| self.tally) {
                let tally = match &mut usage {
                    Some(tally) => tally,
                    None => usage.insert(WordTally::new(model.arm.cost().words.unwrap_or(0))?),
                };
                tally.add(words)?;
            }
            for classes in model.decode(scores) {
                predictions.push(text_of(&classes, self.config.data.charset));
            }
        }
        Ok(GroupReading {
            predictions,
            usage,
            loss: total,
        })
    }
}

fn text_of(classes: &[usize], charset: Charset) -> String {
    classes
        .iter()
        .filter_map(|&class| charset.chars().get(class))
        .collect()
}

/// Edits and reference characters of predictions for the first images of a group.
#[must_use]
pub fn count_edits(data: &PreparedGroup, predictions: &[String]) -> (usize, usize) {
    data.group
        .labels
        .iter()
        .zip(predictions)
        .map(|(label, prediction)| Reading::compare(&label.text, prediction))
        .fold((0, 0), |(edits, characters), reading| {
            (edits + reading.edits, characters + reading.reference_chars)
        })
}

/// Adds up how a vocabulary is used.
#[derive(Debug)]
pub struct WordTally {
    soft: UsageAccumulator,
    hard: Option<UsageAccumulator>,
    words: usize,
    soft_tokens: u64,
}

impl WordTally {
    fn new(words: usize) -> Result<Self> {
        Ok(Self {
            soft: UsageAccumulator::new(words)?,
            hard: None,
            words,
            soft_tokens: 0,
        })
    }

    fn add(&mut self, words: WordUse) -> Result<()> {
        let wanted = self.soft_tokens < SOFT_TOKENS;
        if let Some(probabilities) = words.probabilities.filter(|_| wanted) {
            let [images, tokens, _] = probabilities.dims();
            let probabilities: Vec<f32> = probabilities.into_data().iter::<f32>().collect();
            self.soft.add_probabilities(&probabilities)?;
            self.soft_tokens += (images * tokens) as u64;
        }
        if let Some(ids) = words.ids {
            let ids: Vec<usize> = ids
                .into_data()
                .iter::<i64>()
                .map(|id| id as usize)
                .collect();
            let hard = match &mut self.hard {
                Some(hard) => hard,
                None => self.hard.insert(UsageAccumulator::new(self.words)?),
            };
            hard.add_ids(&ids)?;
        }
        Ok(())
    }

    /// Joins the tally of another group.
    ///
    /// # Errors
    /// If the vocabularies differ.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.soft.merge(&other.soft)?;
        match (&mut self.hard, &other.hard) {
            (Some(mine), Some(theirs)) => mine.merge(theirs)?,
            (None, Some(theirs)) => self.hard = Some(theirs.clone()),
            _ => {}
        }
        Ok(())
    }

    /// The numbers. What a token's distribution looks like comes from the softmax; which words
    /// tokens end up as comes from the words taken, where they are hard.
    ///
    /// # Errors
    /// If no token was added.
    pub fn finish(&self) -> Result<UsageRecord> {
        let soft = self.soft.finish()?;
        let hard = self.hard.as_ref().map(|hard| hard.finish()).transpose()?;
        let corrected = hard.as_ref().map(|used| used.hard.chao_shen);
        let used = hard.as_ref().unwrap_or(&soft);
        Ok(UsageRecord {
            words: self.words,
            tokens: used.tokens,
            token_entropy_bits: soft.per_token.bits(),
            marginal_entropy_bits: used.marginal.bits(),
            corrected_entropy_bits: corrected.map(|entropy| entropy.bits()),
            perplexity: corrected.unwrap_or(used.marginal).perplexity(),
            codes_used: used.codes_used,
            codes_covering_90: used.codes_covering_90,
            top_k_mass: soft
                .top_k_mass
                .iter()
                .map(|top| (top.k, top.mass))
                .collect(),
            fraction_above_small: soft.fraction_above_small,
        })
    }
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
