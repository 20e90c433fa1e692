//! `merge`: results from the cells that tasks have left.

use super::Computing;
use anyhow::{Result, bail, ensure};
use probe::ProbeConfig;
use run_support::stop::Stop;
use runs::run_folder::RunFolder;
use std::path::PathBuf;
use study::{StudyConfig, verdicts};
use study_cluster::{Items, Merged, Place, Work, quoted, recall, write_run, write_study};

/// Makes tables, figures, claims and report from finished cells, whatever the order in which they
/// were trained, and says which are missing or failed.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of the study.
    run: PathBuf,
    /// Write what is there although items are missing; the report names them.
    #[arg(long)]
    partial: bool,
    /// Claims as TOML [default: those that the study was made for].
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    #[command(flatten)]
    computing: Computing,
}

/// # Errors
/// If the folder is not a study, another process writes into it, or items are missing and
/// `--partial` is not given.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let work = Work::of_folder(&args.run)?;
    ensure!(
        args.claims.is_none() || matches!(work, Work::Study(_)),
        "--claims is about a study, and this is a single run; leave it out"
    );
    let registration =
        verdicts::registration(args.claims.as_deref(), work.preset(), work.sections())?;
    let folder = match &work {
        Work::Study(_) => RunFolder::open::<StudyConfig>(&args.run)?.0,
        Work::Run(_) => RunFolder::open::<ProbeConfig>(&args.run)?.0,
    };
    let items = Items::of(work.runs()?)?;
    let place = Place::open(&args.run)?;
    let session = args.computing.session(stop)?;
    let merged = recall(&items, &place, &folder.cells(), &session)?;
    for line in merged.failed_cells(&items) {
        eprintln!("{line}");
    }
    for missing in &merged.missing {
        eprintln!("{}", missing.describe());
    }
    if !merged.missing.is_empty() && !args.partial {
        bail!(refusal(&merged, &items, &place));
    }
    if merged.runs.is_empty() {
        bail!("not one item is finished; there is nothing to write");
    }
    let (finished, failed) = (
        items.items.len() - merged.missing.len(),
        merged.failed_cells(&items).len(),
    );
    match &work {
        Work::Run(config) => {
            for run in merged.runs {
                println!("{}", write_run(folder.path(), config, run)?.table());
            }
        }
        Work::Study(config) => {
            let (_, written) = write_study(folder.path(), config, &registration, merged)?;
            println!("{}\n", written.answer.paragraphs.join("\n\n"));
            println!("{}", written.table());
        }
    }
    println!(
        "{finished} of {} items, {failed} failed cells; open {}",
        items.items.len(),
        folder.path().join("report.html").display()
    );
    Ok(())
}

/// Why nothing is written, and what to do.
fn refusal(merged: &Merged, items: &Items, place: &Place) -> String {
    let idle: Vec<usize> = merged
        .missing
        .iter()
        .filter(|missing| missing.worker.is_none())
        .map(|missing| missing.item)
        .collect();
    let listed = |numbers: &[usize]| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        numbers.join(",")
    };
    let again = match place.tasks() {
        _ if idle.is_empty() => "wait for their tasks".to_owned(),
        Some(tasks) => {
            let mut tasks: Vec<usize> = idle
                .iter()
                .map(|&item| items.task_of(item, tasks))
                .collect();
            tasks.dedup();
            let script = place.file("submit.sh");
            format!(
                "run those that no task works on again with `bash {} --array={}`",
                quoted(&script.display().to_string()).unwrap_or_default(),
                listed(&tasks)
            )
        }
        None => format!("run `experiments cell --index` with {}", listed(&idle)),
    };
    let missing: Vec<usize> = merged.missing.iter().map(|missing| missing.item).collect();
    format!(
        "{} of {} items are missing ({}), nothing is written; {again}, or write what is there with \
         --partial",
        missing.len(),
        items.items.len(),
        listed(&missing)
    )
}
