//! `fine-grained-probe`: what does each projector cost in fine detail?

use super::study::Common;
use anyhow::{Context, Result, bail};
use arms::ArmSpec;
use perception_tasks::{Channels, DatasetSource, TaskKind};
use run_support::settings::listed_twice;
use run_support::stop::Stop;
use std::path::PathBuf;
use study::{FineGrained, Section, StudyConfig};

/// Trains the same probe behind each projector on fine-grained tasks, beside reading, and reports
/// thresholds.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Tasks, separated by commas, or `all`; `experiments render --tasks all` shows them [default:
    /// five of them, all at the full preset].
    #[arg(long, value_name = "TASK,...", value_delimiter = ',')]
    tasks: Vec<String>,
    /// Photographs with one class each: folder:DIR (one subfolder per class), fgvc-aircraft:DIR (also
    /// aircraft-family:DIR, aircraft-manufacturer:DIR) or cub:DIR; may be given several times. Without
    /// --tasks, no task is run beside them.
    #[arg(long, value_name = "KIND:DIR")]
    dataset: Vec<DatasetSource>,
    /// Count and name photographs that are missing or corrupt and classes without any, and go on;
    /// otherwise the first one is an error.
    #[arg(long, requires = "dataset")]
    skip_broken: bool,
    /// Crop photographs to the bounding box of their object, with a margin on every side of this share
    /// of the box's longer side, for example 0.05. FGVC-Aircraft and CUB come with boxes.
    #[arg(long, value_name = "MARGIN", requires = "dataset")]
    crop_to_boxes: Option<f32>,
    /// Arms, separated by commas, for example `identity,patch-merger,vet-softmax@256`.
    #[arg(long, value_delimiter = ',')]
    arms: Option<Vec<ArmSpec>>,
    /// Number of paired seeds: 1 to N.
    #[arg(long)]
    seeds: Option<u32>,
    /// Optimiser steps per cell.
    #[arg(long)]
    steps: Option<u32>,
    /// Pre-trained backbone.
    #[arg(long)]
    backbone: Option<PathBuf>,
    #[command(flatten)]
    study: Common,
}

impl Args {
    /// Preset, then file, then flags.
    fn resolve(&self) -> Result<StudyConfig> {
        let mut config = self.study.resolve(&[Section::FineGrained])?;
        config.fine_grained = FineGrained {
            tasks: tasks_by_name(&self.tasks, Channels::Grey)?,
            datasets: self.dataset.clone(),
            skip_broken: self.skip_broken,
            box_margin: self.crop_to_boxes,
            beside_others: false,
        };
        let mut set = |name: &str, value: toml::Value| {
            config.settings.insert(name.to_owned(), value);
        };
        if let Some(arms) = &self.arms {
            let names = arms.iter().map(|arm| arm.to_string().into());
            set("arms", toml::Value::Array(names.collect()));
        }
        if let Some(seeds) = self.seeds {
            let seeds = (1..=i64::from(seeds)).map(toml::Value::Integer);
            set("seeds", toml::Value::Array(seeds.collect()));
        }
        if let Some(backbone) = &self.backbone {
            let path = backbone.to_str().with_context(|| {
                format!(
                    "--backbone {}: this name is not UTF-8 and cannot be written into study.toml; rename it",
                    backbone.display()
                )
            })?;
            set("backbone", path.into());
        }
        if let Some(steps) = self.steps {
            let training = config.settings.entry("training");
            let training = training.or_insert_with(|| toml::Table::new().into());
            if let Some(training) = training.as_table_mut() {
                training.insert("steps".to_owned(), i64::from(steps).into());
            }
        }
        Ok(config)
    }
}

/// Tasks by name; `all` stands for every one that can be shown in these channels.
///
/// # Errors
/// If a task is unknown or named twice; the message lists those that there are.
pub fn tasks_by_name(names: &[String], channels: Channels) -> Result<Vec<TaskKind>> {
    let mut tasks = Vec::new();
    let can_be_shown = |kind: &TaskKind| channels == Channels::Rgb || !kind.needs_colour();
    for name in names {
        match name.as_str() {
            "all" => tasks.extend(TaskKind::ALL.into_iter().filter(can_be_shown)),
            _ => tasks.push(name.parse()?),
        }
    }
    if let Some(kind) = listed_twice(&tasks) {
        bail!("task `{kind}` is named twice");
    }
    Ok(tasks)
}

/// # Errors
/// As [`Common::run`], and for unknown tasks.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    args.study.run(&args.resolve()?, "fine-grained", stop)
}
