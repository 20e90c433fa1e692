//! `pretrain-backbone`: the tower behind `ocr-probe`.

use super::{Machine, is_same};
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use comfy_table::Table;
use probe::pretrain::{
    Learned, Objective, PretrainConfig, Pretrained, Progress, ReadingTask, TaskAccuracy,
    TaskFilled, pretrain,
};
use run_support::atomic;
use run_support::lanes::Lanes;
use run_support::settings::overlay_file;
use run_support::stop::{Stop, Stopped};
use std::path::{Path, PathBuf};
use std::time::Instant;
use text_images::Fonts;
use vision_backbone::weights::WeightsWriter;

/// Pre-trains the small ViT on rendered text, without any projector.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// File to write; the configuration and the metrics go beside it.
    #[arg(long, default_value = "data/backbones/small-vit.safetensors")]
    out: PathBuf,
    /// TOML file with settings on top of the defaults.
    #[arg(long)]
    config: Option<PathBuf>,
    /// What the tower learns [default: read]
    #[arg(long, value_enum, hide_default_value = true)]
    objective: Option<Objective>,
    /// Optimiser steps.
    #[arg(long)]
    steps: Option<usize>,
    /// Root of all randomness.
    #[arg(long)]
    seed: Option<u64>,
    /// Folder of fonts instead of the embedded ones.
    #[arg(long)]
    fonts: Option<PathBuf>,
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
    for ending in ["toml", "csv"] {
        let beside = args.out.with_extension(ending);
        let is_free = args.overwrite || !beside.exists();
        let is_read = args
            .config
            .as_ref()
            .is_some_and(|config| is_same(config, &beside));
        ensure!(
            is_free && beside != args.out && !is_read,
            "{} is written beside --out, and would take the place of what is there; name another file with --out",
            beside.display()
        );
    }
    let mut config = match args.objective {
        Some(Objective::ReadLines) => PretrainConfig::lines(),
        None | Some(Objective::Read | Objective::FillIn) => PretrainConfig::default(),
    };
    if let Some(path) = &args.config {
        config = overlay_file(&config, path)?;
    }
    config.objective = args.objective.unwrap_or(config.objective);
    config.steps = args.steps.unwrap_or(config.steps);
    config.seed = args.seed.unwrap_or(config.seed);
    let fonts = Fonts::of(args.fonts.as_deref(), &config.degradation)?;
    let (device, lanes) = args.machine.open()?;
    train_to(&config, &fonts, &args.out, &lanes, &device, stop)
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
    let (config, fonts) = (PretrainConfig::default(), Fonts::embedded());
    train_to(&config, &fonts, &path, lanes, device, stop)?;
    Ok(path)
}

fn train_to(
    config: &PretrainConfig,
    fonts: &Fonts,
    out: &Path,
    lanes: &Lanes,
    device: &Device,
    stop: &Stop,
) -> Result<()> {
    // Not after ten minutes of training, and before a folder is made for a name that no file can have.
    let weights = atomic::place_of(out)?;
    let beside = ["toml", "csv"].map(|ending| out.with_extension(ending));
    if let Some(folder) = out.parent() {
        atomic::make_folder(folder)?;
    }
    atomic::check_writable(out)?;
    for file in &beside {
        atomic::check_writable(file)?;
    }
    let clock = Instant::now();
    eprintln!("pre-training {} steps into {}", config.steps, out.display());
    let report = |progress: Progress| {
        if let Some(validation) = progress.validation {
            let done = progress.step as f64 / config.steps as f64;
            let elapsed = clock.elapsed().as_secs_f64();
            eprintln!(
                "step {} of {}: loss {:.3}, {} {:.2}%, {:.0} s left",
                progress.step,
                config.steps,
                progress.loss,
                match config.objective {
                    Objective::Read | Objective::ReadLines => "mean validation accuracy",
                    Objective::FillIn => "explained of hidden patches",
                },
                100.0 * validation,
                elapsed / done - elapsed
            );
        }
    };
    let trained = pretrain(config, fonts, lanes, device, stop, report);
    if trained.as_ref().is_err_and(|error| error.is::<Stopped>()) {
        eprintln!("note: a backbone is written at its end, so nothing of this one is there");
    }
    let Pretrained { tower, result } = trained?;
    let (name, values, rows) = match &result {
        Learned::Reading(accuracy) => (
            "accuracy",
            serde_json::to_value(accuracy)?,
            read_rows(accuracy),
        ),
        Learned::FillingIn(filled) => (
            "explained",
            serde_json::to_value(filled)?,
            filled_rows(filled),
        ),
    };
    WeightsWriter::default()
        .with_about("format", "small-vit 1".into())
        .with_about("config", serde_json::to_value(&config.backbone)?)
        .with_about("pretrain", serde_json::to_value(config)?)
        .with_about(name, values)
        .with_module("tower.", &tower)
        .write(&weights)?;
    let text = toml::to_string(config).context("the configuration does not fit into TOML")?;
    let [settings, metrics] = beside;
    atomic::write_bytes(&settings, text.as_bytes())?;
    atomic::write_bytes(&metrics, &csv_of(&rows)?)?;
    println!("{}", table_of(&rows));
    println!(
        "{:.0} s; wrote {} with its .toml and .csv",
        clock.elapsed().as_secs_f64(),
        out.display()
    );
    Ok(())
}

/// A row of the table of results for every task, and before them the header.
type Rows = Vec<Vec<String>>;

fn rows<T>(tasks: &[T], header: &[&str], row: impl Fn(&T) -> Vec<String>) -> Rows {
    let header = header.iter().map(ToString::to_string).collect();
    std::iter::once(header)
        .chain(tasks.iter().map(row))
        .collect()
}

/// Charset and density of a task.
fn task_cells(task: &ReadingTask) -> Vec<String> {
    let density = task.density;
    vec![
        task.charset.to_string(),
        density.map_or_else(|| "strip".to_owned(), |density| density.to_string()),
    ]
}

fn read_rows(accuracy: &[TaskAccuracy]) -> Rows {
    let mut header = vec![
        "charset",
        "chars_per_token",
        "character_accuracy",
        "seen_fonts",
        "held_out_fonts",
    ];
    let has_lines = accuracy.iter().any(|task| task.words.is_some());
    header.extend(has_lines.then_some("lines_read"));
    let share = |value: Option<f64>| value.map_or_else(String::new, |v| format!("{v:.5}"));
    rows(accuracy, &header, |task| {
        let mut cells = task_cells(&task.task);
        let shares = [Some(task.characters), task.seen_fonts, task.held_out_fonts];
        cells.extend(shares.map(share));
        cells.extend(has_lines.then(|| share(task.words)));
        cells
    })
}

fn filled_rows(filled: &[TaskFilled]) -> Rows {
    let header = ["charset", "chars_per_token", "explained_of_hidden"];
    rows(filled, &header, |task| {
        let mut cells = task_cells(&task.task);
        cells.push(format!("{:.5}", task.explained));
        cells
    })
}

fn csv_of(rows: &Rows) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().context("cannot format the metrics")
}

fn table_of(rows: &Rows) -> Table {
    let mut table = Table::new();
    let mut rows = rows.iter();
    if let Some(header) = rows.next() {
        table.set_header(header);
    }
    table.add_rows(rows);
    table
}
