//! The pre-training loop.

use super::{HEAD_CHARSET, PatchReader, PretrainConfig, TaskAccuracy, allowed_classes, evaluate};
use crate::optimize::sum_gradients;
use crate::reader::{Anchors, weighted_slot_loss};
use anyhow::{Result, bail};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use probe_data::{Group, pixel_batch, render_group, render_items};
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use text_images::{Fonts, Split};

/// A trained tower and how well it reads.
#[derive(Debug)]
pub struct Pretrained {
    /// Tower and head, off autodiff.
    pub model: PatchReader,
    /// Accuracy on test images, one entry per task.
    pub accuracy: Vec<TaskAccuracy>,
}

/// What the loop reports as it goes.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Loss of the last step, in nats per character.
    pub loss: f64,
    /// Validation accuracy, when it was just measured.
    pub validation: Option<Vec<TaskAccuracy>>,
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
    mut report: impl FnMut(Progress),
) -> Result<Pretrained> {
    config.check()?;
    let training_device = device.clone().autodiff();
    let mut renderers = Vec::new();
    let mut validation = Vec::new();
    for &task in &config.tasks {
        let plan = config.plan(task, Split::Train, 0, 1);
        renderers.push((plan.renderer(fonts)?, plan));
        let plan = config.plan(task, Split::Validation, 0, VALIDATION_IMAGES);
        validation.push(render_group(&plan, fonts, lanes)?);
    }
    let mut model = PatchReader::init(&config.backbone, config.seed, &training_device)?;
    let mut optimizer = config.optimizer.init(&model);
    let mut rendered = vec![0_u64; config.tasks.len()];
    for step in 0..config.steps {
        stop.check()?;
        let index = config.task_of_step(step);
        let ((renderer, _), plan) = &renderers[index];
        let first = rendered[index];
        rendered[index] += config.batch as u64;
        let shard = config.batch.div_ceil(config.shards);
        let parts = lanes.map(config.shards, |_, part| {
            let items =
                (part * shard..config.batch.min((part + 1) * shard)).map(|i| first + i as u64);
            let group = render_items(renderer, plan, items)?;
            let share = group.len() as f64 / config.batch as f64;
            shard_gradients(&model, config, index, &group, share, &training_device)
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
            accuracies(&model, config, &validation, lanes, device)
        });
        let validation = validation.transpose()?;
        report(Progress {
            step: done,
            loss,
            validation,
        });
    }
    let model = model.valid();
    let mut accuracy = Vec::new();
    for &task in &config.tasks {
        let plan = config.plan(task, Split::Test, 0, config.test_images);
        let group = render_group(&plan, fonts, lanes)?;
        accuracy.push(evaluate(&model, task, &group, lanes, device)?);
    }
    Ok(Pretrained { model, accuracy })
}

fn accuracies(
    model: &PatchReader,
    config: &PretrainConfig,
    groups: &[Group],
    lanes: &Lanes,
    device: &Device,
) -> Result<Vec<TaskAccuracy>> {
    config
        .tasks
        .iter()
        .zip(groups)
        .map(|(&task, group)| evaluate(model, task, group, lanes, device))
        .collect()
}

/// Loss and gradients of one shard, both weighted by its share of the batch.
fn shard_gradients(
    model: &PatchReader,
    config: &PretrainConfig,
    task: usize,
    group: &Group,
    share: f64,
    device: &Device,
) -> Result<(f64, GradientsParams)> {
    // A fork has an autodiff graph of its own, so shards do not wait for each other.
    let model = model.clone().fork(device);
    let items: Vec<usize> = (0..group.len()).collect();
    let places = group.layout.patch_centres_px();
    let Some(anchors) = Anchors::of_group(group, &items, &places, 1.0, device) else {
        return Ok((0.0, GradientsParams::new()));
    };
    let allowed = allowed_classes(config.tasks[task].charset, device);
    let logits = model.forward(&pixel_batch(group, &items, device)?, &anchors, allowed);
    let loss = weighted_slot_loss(
        logits,
        head_targets(group, device),
        group.target_weights(&items, device),
    )
    .mul_scalar(share);
    let value = f64::from(loss.clone().into_scalar::<f32>());
    Ok((value, GradientsParams::from_grads(loss.backward(), &model)))
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
