//! `pretrain-backbone`: the tower behind `ocr-probe`.

use super::Machine;
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use comfy_table::Table;
use probe::pretrain::{PretrainConfig, Pretrained, Progress, TaskAccuracy, pretrain};
use run_support::atomic;
use run_support::lanes::Lanes;
use run_support::settings::overlay_file;
use run_support::stop::Stop;
use std::path::{Path, PathBuf};
use std::time::Instant;
use text_images::Fonts;
use vision_backbone::weights::WeightsWriter;

/// Pre-trains the small ViT to read rendered text, without any projector.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// File to write; the configuration and the metrics go beside it.
    #[arg(long, default_value = "data/backbones/small-vit.safetensors")]
    out: PathBuf,
    /// TOML file with settings on top of the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Optimiser steps.
    #[arg(long)]
    steps: Option<usize>,
    /// Root of all randomness.
    #[arg(long)]
    seed: Option<u64>,
    /// Replace the file if it exists.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    machine: Machine,
}

/// # Errors
/// If the file exists already, the configuration makes no sense, or the loss breaks down.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    ensure!(
        args.overwrite || !args.out.exists(),
        "{} exists; add --overwrite to replace it, or name another file with --out",
        args.out.display()
    );
    let mut config = PretrainConfig::default();
    if let Some(path) = &args.config {
        config = overlay_file(&config, path)?;
    }
    config.steps = args.steps.unwrap_or(config.steps);
    config.seed = args.seed.unwrap_or(config.seed);
    let (device, lanes) = args.machine.open()?;
    train_to(&config, &args.out, &lanes, &device, stop)
}

/// Pre-trains with the default configuration into `data/backbones/` and says where.
///
/// # Errors
/// As [`run`].
pub fn fresh(data: &Path, lanes: &Lanes, device: &Device, stop: &Stop) -> Result<PathBuf> {
    let folder = data.join("backbones");
    let free = (1..)
        .map(|number| folder.join(format!("small-vit-{number}.safetensors")))
        .find(|path| !path.exists());
    let path = free.context("no free name for the backbone")?;
    train_to(&PretrainConfig::default(), &path, lanes, device, stop)?;
    Ok(path)
}

fn train_to(
    config: &PretrainConfig,
    out: &Path,
    lanes: &Lanes,
    device: &Device,
    stop: &Stop,
) -> Result<()> {
    // Not after ten minutes of training.
    if let Some(folder) = out.parent() {
        atomic::make_folder(folder)?;
    }
    atomic::check_writable(out)?;
    let clock = Instant::now();
    eprintln!("pre-training {} steps into {}", config.steps, out.display());
    let fonts = Fonts::embedded();
    let report = |progress: Progress| {
        if let Some(validation) = &progress.validation {
            let done = progress.step as f64 / config.steps as f64;
            let elapsed = clock.elapsed().as_secs_f64();
            eprintln!(
                "step {} of {}: loss {:.3}, mean validation accuracy {:.2}%, {:.0} s left",
                progress.step,
                config.steps,
                progress.loss,
                100.0 * mean(validation),
                elapsed / done - elapsed
            );
        }
    };
    let Pretrained { model, accuracy } = pretrain(config, &fonts, lanes, device, stop, report)?;
    WeightsWriter::default()
        .with_about("format", "small-vit 1".into())
        .with_about("config", serde_json::to_value(&config.backbone)?)
        .with_about("pretrain", serde_json::to_value(config)?)
        .with_about("accuracy", serde_json::to_value(&accuracy)?)
        .with_module("tower.", &model.tower)
        .write(out)?;
    let text = toml::to_string(config).context("the configuration does not fit into TOML")?;
    atomic::write_bytes(&out.with_extension("toml"), text.as_bytes())?;
    atomic::write_bytes(&out.with_extension("csv"), &csv_of(&accuracy)?)?;
    println!("{}", table_of(&accuracy));
    println!(
        "{:.0} s; wrote {} with its .toml and .csv",
        clock.elapsed().as_secs_f64(),
        out.display()
    );
    Ok(())
}

fn mean(accuracy: &[TaskAccuracy]) -> f64 {
    accuracy.iter().map(|task| task.characters).sum::<f64>() / accuracy.len().max(1) as f64
}

fn row(task: &TaskAccuracy) -> [String; 5] {
    let share = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.5}"));
    [
        task.task.charset.to_string(),
        task.task
            .density
            .map_or_else(|| "strip".to_owned(), |density| density.to_string()),
        share(Some(task.characters)),
        share(task.seen_fonts),
        share(task.held_out_fonts),
    ]
}

const HEADER: [&str; 5] = [
    "charset",
    "chars_per_token",
    "character_accuracy",
    "seen_fonts",
    "held_out_fonts",
];

fn csv_of(accuracy: &[TaskAccuracy]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(HEADER)?;
    for task in accuracy {
        writer.write_record(row(task))?;
    }
    writer.into_inner().context("cannot format the metrics")
}

fn table_of(accuracy: &[TaskAccuracy]) -> Table {
    let mut table = Table::new();
    table.set_header(HEADER);
    for task in accuracy {
        table.add_row(row(task));
    }
    table
}
