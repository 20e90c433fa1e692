//! `slurm`: a study as an array of jobs.

use super::Machine;
use anyhow::{Context, Result, ensure};
use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use study::{Section, StudyPreset, verdicts};
use study_cluster::{
    Array, Items, Place, Resources, Work, check_memory, check_option, check_partition, check_time,
    quoted,
};

/// Writes scripts that run a study on a SLURM cluster, and says how to submit them.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// `study.toml` or `config.toml` of a results folder, or settings on top of those of every run,
    /// as `study --config` takes them.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Named size of the study [default: quick].
    #[arg(long, value_enum)]
    preset: Option<StudyPreset>,
    /// Sections, separated by commas [default: all].
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Option<Vec<Section>>,
    /// Claims as TOML [default: those that the study was made for].
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    /// Partition [default: the cluster's].
    #[arg(long)]
    partition: Option<String>,
    /// Time limit of a task, as SLURM writes it; one that needs longer goes on in another go
    /// [default: the partition's].
    #[arg(long)]
    time: Option<String>,
    /// Processors of a task, which trains as many cells side by side.
    #[arg(long, default_value_t = 1)]
    cpus_per_task: usize,
    /// Memory of a task, as SLURM writes it [default: the cluster's].
    #[arg(long)]
    mem: Option<String>,
    /// Most tasks at a time.
    #[arg(long)]
    limit: Option<usize>,
    /// Number of tasks [default: one per arm of a run]; fewer read images less often.
    #[arg(long)]
    tasks: Option<usize>,
    /// Write training curves for TensorBoard, into `tensorboard/` of the study's folder.
    #[arg(long)]
    tensorboard: bool,
    /// Another option of sbatch, for example `--sbatch-arg=--gres=gpu:1`; may be repeated.
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    sbatch_arg: Vec<String>,
    /// Folder for caches, on a disk that all machines share.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Folder for results, on a disk that all machines share.
    #[arg(long, default_value = "results")]
    results: PathBuf,
    /// Name of the folder [default: study-PRESET].
    #[arg(long)]
    run: Option<String>,
    #[command(flatten)]
    machine: Machine,
}

impl Args {
    fn check(&self) -> Result<()> {
        ensure!(
            self.cpus_per_task > 0,
            "--cpus-per-task 0 would train nothing; give at least 1"
        );
        ensure!(
            self.limit != Some(0),
            "--limit 0 would start nothing; give at least 1"
        );
        ensure!(
            self.machine.jobs != Some(0),
            "--jobs 0 would do nothing; give at least 1"
        );
        let mut checks = Vec::new();
        checks.extend(
            self.partition
                .iter()
                .map(|given| ("--partition", given, check_partition(given))),
        );
        checks.extend(
            self.time
                .iter()
                .map(|given| ("--time", given, check_time(given))),
        );
        checks.extend(
            self.mem
                .iter()
                .map(|given| ("--mem", given, check_memory(given))),
        );
        checks.extend(
            self.sbatch_arg
                .iter()
                .map(|given| ("--sbatch-arg", given, check_option(given))),
        );
        for (flag, given, checked) in checks {
            checked.map_err(|reason| anyhow::anyhow!("{flag} `{given}`: {reason}"))?;
        }
        Ok(())
    }

    fn array(&self, name: &str, run: &Path, tasks: usize) -> Result<Array> {
        let own = |path: &Path| -> Result<String> {
            let path = absolute(path)?;
            let text = path.to_str().map(str::to_owned);
            text.with_context(|| format!("{}: this name is not UTF-8", path.display()))
        };
        let jobs = match self.machine.jobs {
            Some(jobs) => jobs,
            None => match self.machine.backend.lanes(self.cpus_per_task) {
                1 => self.machine.device.len().max(1),
                lanes => lanes,
            },
        };
        let mut arguments = vec![
            "--data".to_owned(),
            own(&self.data)?,
            "--backend".to_owned(),
            self.machine.backend.to_string(),
            "--jobs".to_owned(),
            jobs.to_string(),
        ];
        if !self.machine.device.is_empty() {
            let devices: Vec<String> = self
                .machine
                .device
                .iter()
                .map(ToString::to_string)
                .collect();
            arguments.extend(["--device".to_owned(), devices.join(",")]);
        }
        let mut cell_arguments = vec!["--of".to_owned(), tasks.to_string()];
        if self.tensorboard {
            cell_arguments.push("--tensorboard".to_owned());
        }
        let mut merge_arguments = Vec::new();
        if let Some(claims) = &self.claims {
            merge_arguments.extend(["--claims".to_owned(), own(claims)?]);
        }
        Ok(Array {
            name: name.to_owned(),
            tasks,
            resources: Resources {
                partition: self.partition.clone(),
                time: self.time.clone(),
                cpus: self.cpus_per_task,
                memory: self.mem.clone(),
                limit: self.limit,
                extra: self.sbatch_arg.clone(),
            },
            program: std::env::current_exe().context("cannot tell where this program is")?,
            start: std::env::current_dir().context("cannot tell the current folder")?,
            run: absolute(run)?,
            arguments,
            cell_arguments,
            merge_arguments,
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot resolve {}", path.display()))
}

/// # Errors
/// If the settings make no sense, or the folder holds another study or cannot be written.
pub fn run(args: &Args) -> Result<()> {
    args.check()?;
    let work = Work::resolve(args.config.as_deref(), args.preset, args.only.as_deref())?;
    // Before anything is made: settings that make no sense leave nothing behind.
    let items = Items::of(work.runs()?)?;
    let tasks = args.tasks.unwrap_or(items.items.len());
    items.of_task(0, tasks).context("--tasks")?;
    verdicts::registration(args.claims.as_deref(), work.preset(), work.sections())?;
    let name = args.run.clone().unwrap_or_else(|| work.default_name());
    let folder = work.choose(&args.results, &name)?;
    let place = Place::open(&absolute(folder.path())?)?;
    let script = args
        .array(&name, folder.path(), tasks)?
        .write(&place, &items)?;
    let longest = (0..items.items.len())
        .max_by_key(|&item| (items.most_cells(item) * items.steps(item), Reverse(item)))
        .unwrap_or_default();
    println!(
        "{} items (an arm of a run each) in {tasks} tasks; the longest item is {longest} ({}), at \
         most {} cells of {} steps (seconds of a step: `experiments plan`). Submit with\n\n    bash {}",
        items.items.len(),
        items.name(longest),
        items.most_cells(longest),
        items.steps(longest),
        quoted(&script.display().to_string())?
    );
    Ok(())
}
