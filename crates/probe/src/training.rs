//! Training of one cell, and its way to the test.

use super::config::ProbeConfig;
use super::evaluation::{Diverged, Examination, count_edits};
use super::half_done::{HalfDone, Progress};
use super::model::{CellModel, Place};
use super::outcome::{CellOutcome, CellSpec, Evaluation, Status};
use super::preparation::Prepared;
use super::prepared_group::PreparedGroup;
use super::start;
use super::testing::Testing;
use super::text_words::TextWords;
use super::word_tally::WordTally;
use anyhow::Result;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use ovis_vet::usage_penalty;
use projector::contract::parameters_without_gradient;
use projector::{Pass, Projector, WordUse, seeded};
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use run_support::stop::Stop;
use std::time::Instant;

/// A cell between training and testing.
///
/// Most cells of a tuning grid end here: only the one at the chosen rate is tested.
#[derive(Debug)]
pub struct TrainedCell {
    /// What was measured so far.
    pub outcome: CellOutcome,
    /// The trained model, off autodiff; none if the cell failed.
    pub model: Option<CellModel>,
}

/// Trains one cell on the calling thread.
///
/// `report` is told the number of steps done. With a place for it, the state is saved about once a
/// minute and when `stop` is raised, and training goes on from a state that is found there.
///
/// # Errors
/// If the cell cannot be built or `stop` is raised. A loss or scores that are not numbers are no
/// error but an outcome with [`Status::Failed`], in which nothing counts as measured.
pub fn train_cell(
    config: &ProbeConfig,
    prepared: &Prepared,
    spec: &CellSpec,
    device: &Device,
    stop: &Stop,
    half_done: Option<HalfDone>,
    report: impl Fn(usize),
) -> Result<TrainedCell> {
    let started = Instant::now();
    let training_device = device.clone().autodiff();
    let model = CellModel::init(config, prepared, spec.arm, spec.seed, &training_device)?;
    let cost = model.arm.cost();
    let mut outcome = CellOutcome {
        parameters: cost.parameters,
        multiply_adds_per_token: cost.multiply_adds_per_token,
        bits_per_token: cost.bits_per_token,
        published_levels: model.arm.published_levels(),
        reader_parameters: model.reader.num_params(),
        ..CellOutcome::begun(spec.clone())
    };
    let mut step = 0;
    let report = |done: usize| {
        step = done;
        report(done);
    };
    let run = TrainingRun {
        config,
        prepared,
        device,
        stop,
    };
    let trained = run.train(model, half_done, report, &mut outcome);
    let model = unless_diverged(&mut outcome, step, trained)?;
    outcome.seconds += started.elapsed().as_secs_f64();
    Ok(TrainedCell { outcome, model })
}

/// Tests a trained cell on the calling thread; one that failed stays as it is.
///
/// # Errors
/// If `stop` is raised. Scores that are not numbers are no error, as in [`train_cell`].
pub fn test_cell(
    config: &ProbeConfig,
    prepared: &Prepared,
    cell: TrainedCell,
    device: &Device,
    stop: &Stop,
) -> Result<CellOutcome> {
    let started = Instant::now();
    let TrainedCell { mut outcome, model } = cell;
    if let Some(model) = model {
        let spec = outcome.spec.clone();
        let testing = Testing {
            config,
            prepared,
            spec: &spec,
            model: &model,
            device,
            stop,
        };
        let tested = testing.fill(&mut outcome);
        unless_diverged(&mut outcome, config.training.steps, tested)?;
    }
    outcome.seconds += started.elapsed().as_secs_f64();
    Ok(outcome)
}

/// Turns divergence into a failed outcome without results.
fn unless_diverged<T>(
    outcome: &mut CellOutcome,
    step: usize,
    result: Result<T>,
) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is::<Diverged>() => {
            outcome.status = Status::Failed {
                step,
                reason: format!(
                    "{error} at learning rate {:?}; lower it",
                    outcome.spec.learning_rate
                ),
            };
            outcome.validation_cer = None;
            outcome.validation_loss = None;
            outcome.tests.clear();
            outcome.hardening.clear();
            outcome.temperatures.clear();
            outcome.reconstruction = None;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A loss with what an arm adds to it: rewards of weight `usage_weight` for the use of many words, and a
/// loss of its own.
#[must_use]
pub fn with_added_losses(
    mut loss: Tensor<1>,
    (words, auxiliary): (Vec<WordUse>, Option<Tensor<1>>),
    usage_weight: Option<f64>,
) -> Tensor<1> {
    if let Some(weight) = usage_weight {
        for words in words.into_iter().filter_map(|words| words.probabilities) {
            loss = loss + usage_penalty(words).mul_scalar(weight);
        }
    }
    match auxiliary {
        Some(auxiliary) => loss + auxiliary,
        None => loss,
    }
}

/// What the training of a cell needs.
struct TrainingRun<'a> {
    config: &'a ProbeConfig,
    prepared: &'a Prepared,
    device: &'a Device,
    stop: &'a Stop,
}

impl TrainingRun<'_> {
    /// Fills `outcome` with what is measured during training; returns the trained model.
    fn train(
        &self,
        model: CellModel,
        mut half_done: Option<HalfDone>,
        mut report: impl FnMut(usize),
        outcome: &mut CellOutcome,
    ) -> Result<CellModel> {
        let Self {
            config,
            prepared,
            device,
            stop,
        } = *self;
        let training = &config.training;
        let training_device = device.clone().autodiff();
        let spec = outcome.spec.clone();
        let started = Instant::now();
        let places = prepared
            .train
            .iter()
            .map(|data| Place::of(config.reader, &model.arm, data, &training_device))
            .collect::<Result<Vec<_>>>()?;
        let told = self.text_words(&spec)?;
        let mut batches = Batches::new(&prepared.train, training.batch, spec.seed);
        let mut noise = seeded::stream(spec.seed, "noise/training");
        let evaluate_every = training.steps.div_ceil(training.evaluations);
        let found = half_done
            .as_ref()
            .and_then(|place| place.load(&model, &training.optimizer, &mut noise));
        let first = found.as_ref().map_or(0, |(_, _, progress)| progress.step);
        let (mut model, mut optimizer) = match found {
            Some((model, optimizer, progress)) => {
                outcome.history = progress.history;
                outcome.without_gradient = progress.without_gradient;
                outcome.seconds = progress.seconds;
                // Batches depend on the seed and the step alone.
                for step in 0..first {
                    batches.next(step);
                }
                (model, optimizer)
            }
            None => {
                let mut model = model;
                if spec.arm.starts_from_sample() {
                    let mut rng = seeded::stream(spec.seed, "start");
                    start::start(&mut model, config, prepared, device, stop, &mut rng)?;
                }
                let start = checkpoint(config, prepared, &spec, &model, (0, None), device)?;
                outcome.history.push(start);
                let optimizer = training.optimizer.init(&model);
                (model, optimizer)
            }
        };
        for step in first..training.steps {
            if let Some(place) = &mut half_done
                && step > first
                && (place.is_due() || stop.is_raised())
            {
                let progress = progress(step, outcome, started);
                place.save(&model, &optimizer, &noise, progress)?;
            }
            stop.check()?;
            let (group, items) = batches.next(step);
            let data = &prepared.train[group];
            let mut pass = Pass {
                progress: step as f64 / training.steps.max(2).saturating_sub(1) as f64,
                noise: Some(&mut noise),
                distribution: spec.arm.usage,
                words: told
                    .get(group)
                    .map(|words| words.batch(&items, &training_device)),
            };
            let input = data.batch(&items, &training_device)?;
            let tokens = model.tokens(input.clone(), &mut pass);
            let scores = model.read(&tokens, &places[group], (data, &items));
            let progress = step as f64 / training.steps as f64;
            let reading = model.training_loss(scores, (data, &items), progress, &training_device);
            let usage_weight = spec.arm.usage_weight(training.usage_weight);
            let added = (tokens.words, tokens.auxiliary_loss);
            let loss = with_added_losses(reading.clone(), added, usage_weight);
            let value = f64::from(loss.clone().into_scalar::<f32>());
            if !value.is_finite() {
                return Err(Diverged(format!("the loss is {value}")).into());
            }
            let reading_loss = f64::from(reading.into_scalar::<f32>());
            let gradients = loss.backward();
            if step == 0 {
                let missing = parameters_without_gradient(&model.arm, &gradients);
                outcome.without_gradient = Some(missing);
            }
            let gradients = GradientsParams::from_grads(gradients, &model);
            let rate = training
                .optimizer
                .learning_rate(spec.learning_rate, step, training.steps);
            model = optimizer.step(rate, model, gradients);
            model.after_step(|| input.map_features(Tensor::inner), &mut noise);
            let done = step + 1;
            report(done);
            if done.is_multiple_of(evaluate_every) || done == training.steps {
                let loss = Some(reading_loss);
                let at = (done, loss);
                let checkpoint = checkpoint(config, prepared, &spec, &model, at, device)?;
                outcome.history.push(checkpoint);
            }
        }
        if let Some(place) = &mut half_done
            && place.is_kept_when_done()
            && first < training.steps
        {
            let progress = progress(training.steps, outcome, started);
            // A full disk may still have room for the outcome, which is worth more.
            let _ = place.save(&model, &optimizer, &noise, progress);
        }
        let model = model.valid();
        let (cer, loss) = validate(config, prepared, &spec, &model, device)?;
        outcome.validation_cer = Some(cer);
        outcome.validation_loss = Some(loss);
        Ok(model)
    }
}

impl TrainingRun<'_> {
    /// The texts of the tokens of every training group, for an arm that is told them.
    fn text_words(&self, spec: &CellSpec) -> Result<Vec<TextWords>> {
        if !spec.arm.settings.text {
            return Ok(Vec::new());
        }
        let alphabet = self.config.data.charset.size();
        let words = spec.arm.words().unwrap_or(0);
        let groups = self.prepared.train.iter();
        groups
            .map(|data| TextWords::of(&data.group, alphabet, words))
            .collect()
    }
}

/// What a cell that started (again) at `started` has come to.
fn progress(step: usize, outcome: &CellOutcome, started: Instant) -> Progress {
    Progress {
        step,
        history: outcome.history.clone(),
        without_gradient: outcome.without_gradient.clone(),
        seconds: outcome.seconds + started.elapsed().as_secs_f64(),
    }
}

/// Order in which training images are seen: the same for every arm of a seed.
struct Batches {
    order: Vec<Vec<usize>>,
    next: Vec<usize>,
    rng: ChaCha8Rng,
    batch: usize,
}

impl Batches {
    fn new(groups: &[PreparedGroup], batch: usize, seed: u64) -> Self {
        Self {
            order: groups
                .iter()
                .map(|data| (0..data.group.len()).collect())
                .collect(),
            next: vec![usize::MAX; groups.len()],
            rng: seeded::stream(seed, "batches"),
            batch,
        }
    }

    /// Group and images of a step. Groups take turns; each is shuffled anew once it is used up.
    fn next(&mut self, step: usize) -> (usize, Vec<usize>) {
        let group = step % self.order.len();
        let order = &mut self.order[group];
        let size = self.batch.min(order.len());
        if self.next[group].saturating_add(size) > order.len() {
            order.shuffle(&mut self.rng);
            self.next[group] = 0;
        }
        let start = self.next[group];
        self.next[group] += size;
        (group, order[start..start + size].to_vec())
    }
}

/// The noise that is part of an arm, where its images are read at a place of the given name.
fn noise_of(spec: &CellSpec, place: &str) -> Option<ChaCha8Rng> {
    let noisy = spec.arm.kind.is_noisy();
    noisy.then(|| seeded::stream(spec.seed, &format!("noise/{place}")))
}

/// A look at validation images after a number of steps, the last of which had the given loss.
fn checkpoint(
    config: &ProbeConfig,
    prepared: &Prepared,
    spec: &CellSpec,
    model: &CellModel,
    (step, train_loss): (usize, Option<f64>),
    device: &Device,
) -> Result<Evaluation> {
    let model = model.valid();
    let examination = Examination {
        config,
        device,
        limit: config.training.evaluation_images,
        tally: true,
    };
    let (mut edits, mut characters) = (0, 0);
    let mut usage: Option<WordTally> = None;
    for (group, data) in prepared.validation.iter().enumerate() {
        let mut noise = noise_of(spec, &format!("validation/{group}"));
        let reading = examination.read(&model, data, noise.as_mut())?;
        let (group_edits, group_characters) = count_edits(data, &reading.predictions);
        edits += group_edits;
        characters += group_characters;
        match (&mut usage, reading.usage) {
            (None, tally) => usage = tally,
            (Some(total), Some(tally)) => total.merge(&tally)?,
            (Some(_), None) => {}
        }
    }
    Ok(Evaluation {
        step,
        train_loss,
        validation_cer: ratio(edits, characters),
        usage: usage.map(|tally| tally.finish()).transpose()?,
    })
}

fn ratio(edits: usize, characters: usize) -> f64 {
    edits as f64 / characters.max(1) as f64
}

/// Mean over groups of the micro CER, so that dense groups do not outweigh sparse ones; and the mean
/// loss over all characters.
fn validate(
    config: &ProbeConfig,
    prepared: &Prepared,
    spec: &CellSpec,
    model: &CellModel,
    device: &Device,
) -> Result<(f64, f64)> {
    let examination = Examination {
        config,
        device,
        limit: usize::MAX,
        tally: false,
    };
    let mut total = 0.0;
    let mut loss = (0.0, 0);
    for (group, data) in prepared.validation.iter().enumerate() {
        let mut noise = noise_of(spec, &format!("validation/{group}"));
        let reading = examination.read(model, data, noise.as_mut())?;
        let (edits, characters) = count_edits(data, &reading.predictions);
        total += ratio(edits, characters);
        loss.0 += reading.loss.0;
        loss.1 += reading.loss.1;
    }
    Ok((
        total / prepared.validation.len().max(1) as f64,
        loss.0 / loss.1.max(1) as f64,
    ))
}
