//! Training of a decoder behind a projector, frozen or not.

use crate::config::{Objective, RepresentationConfig};
use crate::decoder::{PixelDecoder, PixelDecoderConfig};
use crate::images::{ImageSet, Images};
use crate::outcome::{CellOutcome, CellSpec};
use anyhow::{Context, Result};
use arms::{Arm, ArmSpec};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use probe::optimize::OptimizerConfig;
use probe::{CellModel, PreparedGroup, Status, train_cell, with_added_losses, with_start_sample};
use probe_data::pixel_batch;
use projector::{Pass, Projector, seeded};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use run_support::stop::Stop;

/// Points of the training curve that are kept.
const HISTORY: usize = 20;
/// Images decoded at a time where nothing is trained.
pub(crate) const CHUNK: usize = 64;

/// A projector with the decoder behind it.
#[derive(Module, Debug)]
pub struct Decoded {
    /// The projector.
    pub arm: Arm,
    /// The decoder.
    pub decoder: PixelDecoder,
}

/// Training was stopped by a number that is none; the text says which.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Diverged(String);

/// What the training of a cell needs.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    /// Settings of the run.
    pub config: &'a RepresentationConfig,
    /// Its images.
    pub images: &'a Images,
    /// Where to compute.
    pub device: &'a Device,
    /// Raised by Ctrl-C.
    pub stop: &'a Stop,
}

impl Training<'_> {
    /// Trains a projector as the cell says, and a decoder behind it; fills `outcome` with what is
    /// measured on the way. None if training broke down, which is an outcome too.
    ///
    /// # Errors
    /// If the cell cannot be built or `stop` is raised.
    pub fn train(&self, arm: ArmSpec, outcome: &mut CellOutcome) -> Result<Option<Decoded>> {
        let spec = outcome.spec.clone();
        let objective = spec.objective.context("a baseline is not trained")?;
        let arm_model = match objective {
            Objective::Read => match self.reader(arm, &spec, outcome)? {
                Some(model) => model.arm,
                None => return Ok(None),
            },
            Objective::Reconstruct => {
                let device = self.device.clone().autodiff();
                let mut rng = seeded::stream(spec.seed, &format!("projector/{arm}"));
                let sizes = self.images.text.arm_sizes(&self.config.text()?);
                arm.build(sizes, &mut rng, &device)?
            }
        };
        let cost = arm_model.cost();
        outcome.parameters = cost.parameters;
        outcome.bits_per_token = cost.bits_per_token;
        match self.decode(arm, arm_model, objective, outcome) {
            Ok(model) => Ok(Some(model)),
            Err(error) if error.is::<Diverged>() => {
                let step = outcome.history.last().map_or(0, |(step, _)| *step);
                let rate = spec.learning_rate;
                let reason = format!("{error} at learning rate {rate:?}; lower it");
                outcome.status = Status::Failed { step, reason };
                outcome.validation_l1 = None;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Trains an arm with the reading probe of `ocr-probe`, on the text alone.
    ///
    /// # Errors
    /// As [`train`](Self::train).
    pub fn reader(
        &self,
        arm: ArmSpec,
        spec: &CellSpec,
        outcome: &mut CellOutcome,
    ) -> Result<Option<CellModel>> {
        let cell = probe::CellSpec {
            arm,
            seed: spec.seed,
            learning_rate: spec.learning_rate,
        };
        let (text, stop) = (&self.images.text, self.stop);
        let config = self.config.text()?;
        let trained = train_cell(&config, text, &cell, self.device, stop, None, |_| {})?;
        outcome.reading_cer = trained.outcome.validation_cer;
        outcome.status = trained.outcome.status;
        Ok(trained.model)
    }

    fn decode(
        &self,
        spec: ArmSpec,
        arm: Arm,
        objective: Objective,
        outcome: &mut CellOutcome,
    ) -> Result<Decoded> {
        let config = self.config;
        let (seed, rate) = (outcome.spec.seed, outcome.spec.learning_rate);
        let device = self.device.clone().autodiff();
        let layout = self.images.text.layout().context("there is no text")?;
        let decoder = PixelDecoderConfig {
            d_token: arm.d_out(),
            patch: layout.patch,
            merge: layout.merge,
            width: config.decoder_width,
            depth: config.decoder_depth,
        };
        let decoder = decoder.init(&mut seeded::stream(seed, "decoder"), &device)?;
        outcome.decoder_parameters = decoder.num_params();
        let trains_arm = objective == Objective::Reconstruct;
        let rate = if trains_arm {
            rate
        } else {
            config.decoder_rate
        };
        let mut model = Decoded { arm, decoder };
        let sets = self.images.sets();
        if trains_arm && spec.starts_from_sample() {
            let groups: Vec<&PreparedGroup> = sets.iter().flat_map(|set| set.train).collect();
            let sizes = self.images.text.arm_sizes(&config.text()?);
            let d_block = sizes.merge * sizes.merge * sizes.d_in;
            let mut rng = seeded::stream(seed, "start");
            with_start_sample(&groups, d_block, self.device, self.stop, |sample| {
                model.arm.start_from(sample, &mut rng);
            })?;
        }
        let schedule = OptimizerConfig::default();
        let mut optimizer = schedule.init(&model);
        let mut noise = seeded::stream(seed, "noise/decoding");
        let mut batches = Batches::new(&sets, config.batch, seed);
        let every = config.decode_steps.div_ceil(HISTORY);
        for step in 0..config.decode_steps {
            self.stop.check()?;
            let (data, items) = batches.next(step);
            let patches = data.batch(&items, &device)?;
            let noisy = trains_arm || spec.kind.is_noisy();
            let mut pass = Pass {
                progress: match trains_arm {
                    true => step as f64 / config.decode_steps.max(2).saturating_sub(1) as f64,
                    false => 1.0,
                },
                noise: noisy.then_some(&mut noise),
                distribution: trains_arm && spec.usage,
                words: None,
            };
            let tokens = CellModel::normalised(model.arm.forward(&patches, &mut pass).summed());
            let embeddings = match trains_arm {
                true => tokens.embeddings,
                false => tokens.embeddings.detach(),
            };
            let wanted = pixel_batch(&data.group, &items, &device)?;
            let found = model.decoder.forward(embeddings, layout);
            let error = (found - wanted.features().clone()).abs().mean();
            let loss = match trains_arm {
                true => {
                    let added = (tokens.words, tokens.auxiliary_loss);
                    with_added_losses(error.clone(), added, spec.usage_weight(config.usage_weight))
                }
                false => error.clone(),
            };
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                return Err(Diverged(format!("the loss is {value}")).into());
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let rate = schedule.learning_rate(rate, step, config.decode_steps);
            model = optimizer.step(rate, model, gradients);
            if trains_arm {
                let plain = || patches.map_features(Tensor::inner);
                model.arm.after_step(plain, &mut noise);
            }
            let done = step + 1;
            if done.is_multiple_of(every) || done == config.decode_steps {
                let error = f64::from(error.into_scalar::<f32>());
                outcome.history.push((done, error));
            }
        }
        let model = model.valid();
        outcome.validation_l1 = Some(self.validate(spec, &model, &sets, seed)?);
        Ok(model)
    }

    /// Mean over the groups of validation images of the mean absolute error.
    fn validate(
        &self,
        spec: ArmSpec,
        model: &Decoded,
        sets: &[ImageSet<'_>],
        seed: u64,
    ) -> Result<f64> {
        let groups: Vec<&PreparedGroup> = sets.iter().flat_map(|set| set.validation).collect();
        let mut total = 0.0;
        for (index, data) in groups.iter().enumerate() {
            let mut noise = noise_of(spec, seed, &format!("validation/{index}"));
            let items: Vec<usize> = (0..data.group.len()).collect();
            let mut sum = 0.0;
            for items in items.chunks(CHUNK) {
                let (_, found) = decode(model, data, items, (noise.as_mut(), false), self.device)?;
                let wanted = pixel_batch(&data.group, items, self.device)?;
                let error = (found - wanted.features().clone()).abs().mean();
                sum += f64::from(error.into_scalar::<f32>()) * items.len() as f64;
            }
            total += sum / items.len().max(1) as f64;
        }
        let mean = total / groups.len().max(1) as f64;
        if mean.is_finite() {
            Ok(mean)
        } else {
            Err(Diverged(format!("the error on validation images is {mean}")).into())
        }
    }
}

/// The noise that is part of an arm, where its images are decoded at a place of the given name.
pub(crate) fn noise_of(spec: ArmSpec, seed: u64, place: &str) -> Option<ChaCha8Rng> {
    let noisy = spec.kind.is_noisy();
    noisy.then(|| seeded::stream(seed, &format!("noise/decoding/{place}")))
}

/// Tokens of some images and the standardised pixels that are decoded from them; with the distribution over
/// words if it is asked for, which takes memory for large vocabularies.
pub(crate) fn decode(
    model: &Decoded,
    data: &PreparedGroup,
    items: &[usize],
    (noise, distribution): (Option<&mut ChaCha8Rng>, bool),
    device: &Device,
) -> Result<(projector::VisualTokens, Tensor<3>)> {
    let patches = data.batch(items, device)?;
    let mut pass = Pass {
        progress: 1.0,
        noise,
        distribution,
        words: None,
    };
    let tokens = CellModel::normalised(model.arm.forward(&patches, &mut pass).summed());
    let pixels = model
        .decoder
        .forward(tokens.embeddings.clone(), data.group.layout);
    Ok((tokens, pixels))
}

/// Order in which training images are seen: the same for every arm of a seed. Kinds of images take
/// turns, and within a kind its groups.
struct Batches<'a> {
    sets: Vec<Vec<(&'a PreparedGroup, Vec<usize>, usize)>>,
    rng: ChaCha8Rng,
    batch: usize,
}

impl<'a> Batches<'a> {
    fn new(sets: &[ImageSet<'a>], batch: usize, seed: u64) -> Self {
        let fresh = |data: &'a PreparedGroup| (data, (0..data.group.len()).collect(), usize::MAX);
        Self {
            sets: sets
                .iter()
                .map(|set| set.train.iter().map(fresh).collect())
                .collect(),
            rng: seeded::stream(seed, "decoder batches"),
            batch,
        }
    }

    fn next(&mut self, step: usize) -> (&'a PreparedGroup, Vec<usize>) {
        let kinds = self.sets.len();
        let set = &mut self.sets[step % kinds];
        let groups = set.len();
        let (data, order, next) = &mut set[step / kinds % groups];
        let size = self.batch.min(order.len());
        if next.saturating_add(size) > order.len() {
            order.shuffle(&mut self.rng);
            *next = 0;
        }
        let items = order[*next..*next + size].to_vec();
        *next += size;
        (data, items)
    }
}
