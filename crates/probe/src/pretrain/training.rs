//! The pre-training loop, for any objective.

use super::{
    HEAD_CHARSET, HiddenPatches, LineReader, Objective, PatchReader, PretrainConfig, TaskAccuracy,
    TaskFilled, allowed_classes, evaluate, fill_in, read_lines,
};
use crate::backbone::load_backbone;
use crate::optimize::sum_gradients;
use crate::reader::{Anchors, weighted_slot_loss};
use anyhow::{Result, bail, ensure};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use probe_data::{Group, pixel_batch, render_group, render_items};
use projector::seeded;
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use text_images::{Fonts, Split};
use vision_backbone::SmallVit;

/// A trained tower and what it has learned.
#[derive(Debug)]
pub struct Pretrained {
    /// The tower, off autodiff.
    pub tower: SmallVit,
    /// Results on test images.
    pub result: Learned,
}

/// Results on test images, one entry per task.
#[derive(Clone, Debug)]
pub enum Learned {
    /// How well it reads.
    Reading(Vec<TaskAccuracy>),
    /// How well it paints in hidden patches.
    FillingIn(Vec<TaskFilled>),
}

/// What the loop reports as it goes.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Loss of the last step: nats per character, or the mean square of what is missing in hidden patches.
    pub loss: f64,
    /// Mean over the tasks on validation images, when it was just measured: the share of characters read
    /// right, or the share of the variance of hidden patches.
    pub validation: Option<f64>,
}

/// Validation images per task.
const VALIDATION_IMAGES: usize = 128;

/// Trains a tower and tests it.
///
/// # Errors
/// If the configuration is impossible, the loss stops being a number, or `stop` is raised.
pub fn pretrain(
    config: &PretrainConfig,
    fonts: &Fonts,
    lanes: &Lanes,
    device: &Device,
    stop: &Stop,
    report: impl FnMut(Progress),
) -> Result<Pretrained> {
    config.check()?;
    let training_device = device.clone().autodiff();
    let images = Images {
        config,
        fonts,
        lanes,
        device,
        stop,
    };
    match config.objective {
        Objective::Read => {
            let model = PatchReader::init(&config.backbone, config.seed, &training_device)?;
            let (model, accuracy) = images.train_and_test(
                model,
                |model, batch| read_loss(model, config, batch, &training_device),
                |model, task, group| evaluate(model, config.tasks[task], group, lanes, device),
                |accuracy| accuracy.characters,
                report,
            )?;
            Ok(Pretrained {
                tower: model.tower,
                result: Learned::Reading(accuracy),
            })
        }
        Objective::ReadLines => {
            let tower = images.start(&training_device)?;
            let layout = config
                .plan(config.tasks[0], Split::Train, 0, 1)
                .patch_layout()?;
            let rows = layout.rows / layout.merge;
            let model = LineReader::init(tower, rows, config.seed, &training_device);
            let (model, accuracy) = images.train_and_test(
                model,
                |model, batch| read_lines::loss(model, batch, &training_device).map(Some),
                |model, task, group| {
                    read_lines::evaluate(model, config.tasks[task], group, lanes, device)
                },
                |accuracy| accuracy.characters,
                report,
            )?;
            Ok(Pretrained {
                tower: model.tower,
                result: Learned::Reading(accuracy),
            })
        }
        Objective::FillIn => {
            let model = HiddenPatches::init(&config.backbone, config.seed, &training_device)?;
            let (model, filled) = images.train_and_test(
                model,
                |model, batch| fill_in::loss(model, config, batch, &training_device),
                |model, task, group| fill_in::evaluate(model, config, task, group, lanes, device),
                |filled| filled.explained,
                report,
            )?;
            Ok(Pretrained {
                tower: model.tower,
                result: Learned::FillingIn(filled),
            })
        }
    }
}

/// Images of one step on their way through a model.
pub(super) struct Batch<'a> {
    /// Number of the task.
    pub task: usize,
    /// Number of the first image among those that were ever rendered for it.
    pub first: u64,
    /// Share of the training that is done.
    pub progress: f64,
    /// The images.
    pub group: &'a Group,
}

/// Where images come from, and what works on them.
struct Images<'a> {
    config: &'a PretrainConfig,
    fonts: &'a Fonts,
    lanes: &'a Lanes,
    device: &'a Device,
    stop: &'a Stop,
}

impl Images<'_> {
    /// The tower to start from, on `device`.
    fn start(&self, device: &Device) -> Result<SmallVit> {
        let config = self.config;
        let Some(path) = &config.start else {
            let mut rng = seeded::stream(config.seed, "pretrain/parameters");
            return Ok(config.backbone.init(&mut rng, device)?);
        };
        let (tower, _) = load_backbone(path, device)?;
        ensure!(
            *tower.config() == config.backbone,
            "pretrain: `start` ({}) is a tower of another shape than `backbone` describes",
            path.display()
        );
        Ok(tower.train())
    }

    /// Trains `model` and evaluates it on fresh test images of every task; `score` is what is reported of an
    /// evaluation on the way.
    fn train_and_test<M: Module + Sync, T>(
        &self,
        model: M,
        loss: impl Fn(&M, &Batch<'_>) -> Result<Option<Tensor<1>>> + Sync,
        evaluate: impl Fn(&M, usize, &Group) -> Result<T>,
        score: impl Fn(&T) -> f64,
        report: impl FnMut(Progress),
    ) -> Result<(M, Vec<T>)> {
        let scored =
            |model: &M, task: usize, group: &Group| Ok(score(&evaluate(model, task, group)?));
        let model = self.train(model, loss, scored, report)?;
        let results = self.test(|task, group| evaluate(&model, task, group))?;
        Ok((model, results))
    }

    /// Trains `model`: `loss` is that of some images and `None` where they ask nothing, `score` what is
    /// reported on the validation images of a task.
    fn train<M: Module + Sync>(
        &self,
        mut model: M,
        loss: impl Fn(&M, &Batch<'_>) -> Result<Option<Tensor<1>>> + Sync,
        score: impl Fn(&M, usize, &Group) -> Result<f64>,
        mut report: impl FnMut(Progress),
    ) -> Result<M> {
        let config = self.config;
        let training_device = self.device.clone().autodiff();
        let mut renderers = Vec::new();
        let mut validation = Vec::new();
        for &task in &config.tasks {
            let plan = config.plan(task, Split::Train, 0, 1);
            renderers.push((plan.renderer(self.fonts)?, plan));
            let plan = config.plan(task, Split::Validation, 0, VALIDATION_IMAGES);
            validation.push(render_group(&plan, self.fonts, self.lanes)?);
        }
        let mut optimizer = config.optimizer.init(&model);
        let mut rendered = vec![0_u64; config.tasks.len()];
        for step in 0..config.steps {
            self.stop.check()?;
            let task = config.task_of_step(step);
            let ((renderer, _), plan) = &renderers[task];
            let first = rendered[task];
            rendered[task] += config.batch as u64;
            let shard = config.batch.div_ceil(config.shards);
            let parts = self.lanes.map(config.shards, |_, part| {
                let first = first + (part * shard) as u64;
                let items = part * shard..config.batch.min((part + 1) * shard);
                let group =
                    render_items(renderer, plan, (0..).take(items.len()).map(|i| first + i))?;
                let share = group.len() as f64 / config.batch as f64;
                // A fork has an autodiff graph of its own, so shards do not wait for each other.
                let model = model.clone().fork(&training_device);
                let group = &group;
                let batch = Batch {
                    task,
                    first,
                    progress: step as f64 / config.steps as f64,
                    group,
                };
                let Some(loss) = loss(&model, &batch)? else {
                    return anyhow::Ok((0.0, GradientsParams::new()));
                };
                let loss = loss.mul_scalar(share);
                let value = f64::from(loss.clone().into_scalar::<f32>());
                Ok((value, GradientsParams::from_grads(loss.backward(), &model)))
            });
            let (mut loss, mut gradients) = (0.0, Vec::new());
            for part in parts {
                let (part_loss, part_gradients) = part?;
                loss += part_loss;
                gradients.push(part_gradients);
            }
            if !loss.is_finite() {
                bail!(
                    "the loss is not a number at step {step}; lower `learning_rate` (now {})",
                    config.learning_rate
                );
            }
            let rate = config
                .optimizer
                .learning_rate(config.learning_rate, step, config.steps);
            model = optimizer.step(rate, model.clone(), sum_gradients(&model, gradients));
            let done = step + 1;
            let validation = done.is_multiple_of(config.evaluate_every).then(|| {
                let model = model.valid();
                let groups = validation.iter().enumerate();
                let scores = groups.map(|(task, group)| score(&model, task, group));
                let scores = scores.collect::<Result<Vec<f64>>>()?;
                anyhow::Ok(scores.iter().sum::<f64>() / scores.len() as f64)
            });
            report(Progress {
                step: done,
                loss,
                validation: validation.transpose()?,
            });
        }
        Ok(model.valid())
    }

    /// What `evaluate` says of fresh test images of every task.
    fn test<T>(&self, evaluate: impl Fn(usize, &Group) -> Result<T>) -> Result<Vec<T>> {
        let tasks = self.config.tasks.iter().enumerate();
        tasks
            .map(|(number, &task)| {
                let images = self.config.test_images;
                let plan = self.config.plan(task, Split::Test, 0, images);
                evaluate(number, &render_group(&plan, self.fonts, self.lanes)?)
            })
            .collect()
    }
}

/// Loss of reading some images; `None` without a character.
fn read_loss(
    model: &PatchReader,
    config: &PretrainConfig,
    batch: &Batch<'_>,
    device: &Device,
) -> Result<Option<Tensor<1>>> {
    let group = batch.group;
    let items: Vec<usize> = (0..group.len()).collect();
    let places = group.layout.patch_centres_px();
    let Some(anchors) = Anchors::of_group(group, &items, &places, 1.0, device) else {
        return Ok(None);
    };
    let allowed = allowed_classes(config.tasks[batch.task].charset, device);
    let logits = model.forward(&pixel_batch(group, &items, device)?, &anchors, allowed);
    Ok(Some(weighted_slot_loss(
        logits,
        head_targets(group, device),
        group.target_weights(&items, device),
    )))
}

/// Classes of the head for every character, padded with 0: `[images, longest]`.
fn head_targets(group: &Group, device: &Device) -> Tensor<2, Int> {
    let longest = group
        .labels
        .iter()
        .map(|l| l.classes.len())
        .max()
        .unwrap_or(0);
    let mut values = Vec::with_capacity(group.len() * longest);
    for label in &group.labels {
        let classes = label
            .answer
            .text()
            .unwrap_or_default()
            .chars()
            .map(|character| {
                HEAD_CHARSET
                    .class_of(character)
                    .map_or(0, |class| class as i64)
            });
        let start = values.len();
        values.extend(classes);
        values.resize(start + longest, 0);
    }
    Tensor::from_data(TensorData::new(values, [group.len(), longest]), device)
}
