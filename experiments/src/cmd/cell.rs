//! `cell`: one piece of a study, on whatever machine.

use super::Computing;
use anyhow::{Context, Result};
use run_support::stop::Stop;
use runs::run_folder::RunFolder;
use runs::watch::Watch;
use std::path::PathBuf;
use std::time::Instant;
use study_cluster::{Items, Place, Work, run_items};

/// Trains the cells of one item of a study: an arm of a run, with its tuning and all its seeds.
///
/// Writes finished cells into the study's folder and nothing else; any number of processes may do
/// so at a time, on any machine that sees the folder.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of the study, as `experiments slurm` makes it.
    run: PathBuf,
    /// Which task, from 0; `cluster/tasks.csv` lists them.
    #[arg(long)]
    index: usize,
    /// Number of tasks that the items are spread over [default: one per item].
    #[arg(long, value_name = "TASKS")]
    of: Option<usize>,
    /// Write training curves for TensorBoard, into `tensorboard/` of the study's folder.
    #[arg(long)]
    tensorboard: bool,
    #[command(flatten)]
    computing: Computing,
}

/// # Errors
/// If the folder is not a study, the index is out of range, another process works on the item, or
/// data or backbone are missing.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let started = Instant::now();
    let items = Items::of(Work::of_folder(&args.run)?.runs()?)?;
    let range = items
        .of_task(args.index, args.of.unwrap_or(items.items.len()))
        .context("--index")?;
    let place = Place::open(&args.run)?;
    let cells = RunFolder::cells_of(&args.run);
    let mut session = args.computing.session(stop)?;
    session.watch = Watch {
        events: Some(place.event_log(args.index)),
        tensorboard: args.tensorboard,
    };
    for item in range.clone() {
        eprintln!("item {item}: {}", items.name(item));
    }
    let result = run_items(&items, range, &place, &cells, &session)?;
    println!(
        "task {}: {} cells, {} of them failed, {:.0} s",
        args.index,
        result.cells,
        result.failed,
        started.elapsed().as_secs_f64()
    );
    Ok(())
}
