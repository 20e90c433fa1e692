//! What is measured on test images by a trained cell.

use super::config::{ProbeConfig, Regime};
use super::evaluation::{Examination, count_edits, edits_by_image, hardening_ks};
use super::model::CellModel;
use super::outcome::{
    CellOutcome, CellSpec, EvaluationMode, HardeningResult, ReconstructionRecord,
    TemperatureResult, TestResult,
};
use super::preparation::Prepared;
use super::reconstruction::reconstruct;
use super::word_tally::{WordTally, count_words};
use anyhow::Result;
use arms::ArmSpec;
use burn::tensor::Device;
use projector::{Pass, Projector, seeded};
use run_support::stop::Stop;

/// Temperatures at which softmax arms are read.
const TEMPERATURES: [f64; 7] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0];

/// A trained cell in front of its test images.
pub(super) struct Testing<'a> {
    pub config: &'a ProbeConfig,
    pub prepared: &'a Prepared,
    pub spec: &'a CellSpec,
    pub model: &'a CellModel,
    pub device: &'a Device,
    pub stop: &'a Stop,
}

impl Testing<'_> {
    /// Fills `outcome` with all of it.
    pub fn fill(&self, outcome: &mut CellOutcome) -> Result<()> {
        outcome.tests = self.read()?;
        if self.spec.arm.kind.hardens() && self.config.hardening_images > 0 {
            outcome.hardening = self.harden()?;
            outcome.temperatures = self.warm()?;
        }
        // A block is reconstructed from its token, which a resampler's have none of.
        let has_blocks = self.spec.arm.settings.queries.is_none();
        let is_frozen = self.config.regime == Regime::Frozen;
        if self.config.reconstruction_images > 0 && is_frozen && has_blocks {
            let images = self.config.reconstruction_images;
            let seed = self.spec.seed;
            let found = reconstruct(self.prepared, self.model, images, seed, self.device)?;
            outcome.reconstruction = Some(ReconstructionRecord {
                r2: found.r2,
                mean_predictor_r2: found.mean_predictor_r2,
            });
        }
        Ok(())
    }

    /// Every group in every mode that the arm has.
    fn read(&self) -> Result<Vec<TestResult>> {
        let examination = self.examination(usize::MAX, true);
        let mut results = Vec::new();
        let modes = modes_of(self.spec.arm);
        for (group, data) in self.prepared.test.iter().enumerate() {
            for &mode in modes {
                self.stop.check()?;
                let mut noise = seeded::stream(self.spec.seed, &format!("noise/test/{group}"));
                let noisy = mode == EvaluationMode::Sampled || self.spec.arm.kind.is_noisy();
                let noise = noisy.then_some(&mut noise);
                let reading = examination.read(self.model, data, noise)?;
                let usage = reading.usage.map(|tally| tally.finish()).transpose()?;
                let usage = match usage {
                    // Words that are counted come without their distributions.
                    Some(read) if self.counts_apart() => {
                        Some(self.count(group, noisy)?.finish()?.with_tokens_of(read))
                    }
                    usage => usage,
                };
                results.push(TestResult {
                    group,
                    mode,
                    predictions: reading.predictions,
                    usage,
                    counted: None,
                });
            }
        }
        Ok(results)
    }

    /// Whether words are counted on images of their own: hard ones, if there are any.
    fn counts_apart(&self) -> bool {
        self.spec.arm.kind.is_hard() && !self.prepared.usage.is_empty()
    }

    /// The words of the images that are there to be counted.
    fn count(&self, group: usize, noisy: bool) -> Result<WordTally> {
        let words = self.model.arm.cost().words.unwrap_or(0);
        let mut noise = seeded::stream(self.spec.seed, &format!("noise/usage/{group}"));
        let place = (self.device, self.stop);
        count_words(&self.prepared.usage[group], words, place, |input| {
            let mut pass = Pass {
                progress: 1.0,
                noise: noisy.then_some(&mut noise),
                distribution: false,
                words: None,
            };
            self.model.tokens(input, &mut pass)
        })
    }

    /// Softmax words cut to the best ones.
    fn harden(&self) -> Result<Vec<HardeningResult>> {
        let words = self.model.arm.cost().words.unwrap_or(0);
        let mut results = Vec::new();
        for k in hardening_ks(words) {
            let read = self.changed(|model| model.hardened(k))?;
            results.extend(read.into_iter().map(|changed| HardeningResult {
                group: changed.group,
                k,
                cer: changed.cer,
                characters: changed.characters,
                edits: changed.edits,
            }));
        }
        Ok(results)
    }

    /// Softmax words at other temperatures.
    fn warm(&self) -> Result<Vec<TemperatureResult>> {
        let mut results = Vec::new();
        for temperature in TEMPERATURES {
            let read = self.changed(|model| model.at_temperature(temperature))?;
            results.extend(read.into_iter().map(|changed| TemperatureResult {
                group: changed.group,
                temperature,
                cer: changed.cer,
                characters: changed.characters,
            }));
        }
        Ok(results)
    }

    /// The first test images of every group, read by the model as `change` leaves it; nothing where
    /// it has nothing to change.
    fn changed(&self, change: impl Fn(&CellModel) -> Option<CellModel>) -> Result<Vec<Changed>> {
        let Some(model) = change(self.model) else {
            return Ok(Vec::new());
        };
        let examination = self.examination(self.config.hardening_images, false);
        let groups = self.prepared.test.iter().enumerate();
        groups
            .map(|(group, data)| {
                self.stop.check()?;
                let reading = examination.read(&model, data, None)?;
                let (edits, characters) = count_edits(data, &reading.predictions);
                Ok(Changed {
                    group,
                    cer: edits as f64 / characters.max(1) as f64,
                    characters,
                    edits: edits_by_image(data, &reading.predictions),
                })
            })
            .collect()
    }

    fn examination(&self, limit: usize, tally: bool) -> Examination<'_> {
        Examination {
            config: self.config,
            device: self.device,
            limit,
            tally,
        }
    }
}

/// How the test images of an arm are read.
pub(super) fn modes_of(arm: ArmSpec) -> &'static [EvaluationMode] {
    if arm.kind.is_sampled() {
        &[EvaluationMode::Deterministic, EvaluationMode::Sampled]
    } else {
        &[EvaluationMode::Deterministic]
    }
}

/// A group as a changed model reads it.
struct Changed {
    group: usize,
    cer: f64,
    characters: usize,
    edits: Vec<u32>,
}
