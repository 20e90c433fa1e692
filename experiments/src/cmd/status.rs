//! `status`: how far a run is.

use anyhow::{Context, Result};
use comfy_table::Table;
use probe::ProbeConfig;
use run_results::wording;
use run_support::lock::Lock;
use runs::run_folder::{LOCK, Left, RunFolder};
use runs::watch::{EVENTS, Events, Phase, RunState, fold, read_events, seconds_left};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use study_cluster::{Place, Work};

/// The table that a run writes when all of its cells are there.
const TABLE: &str = "summary.csv";
/// Cells that broke down are named up to this number.
const NAMED: usize = 10;

/// How far a run or a study is: cells done, in training and failed, and the time left.
///
/// Reads what its processes write down, and may be asked at any time and from any machine that sees
/// the folder.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Results folder of a run or a study.
    run: PathBuf,
}

/// # Errors
/// If it is not the folder of a run, or its event log cannot be read.
pub fn run(args: &Args) -> Result<()> {
    let work = Work::of_folder(&args.run)?;
    let runs: Vec<(String, ProbeConfig)> = match &work {
        Work::Study(_) => work.runs()?,
        // A folder that is there was checked when it was made.
        Work::Run(config) => {
            let name = args.run.file_name().unwrap_or_default();
            vec![(name.to_string_lossy().into_owned(), config.as_ref().clone())]
        }
    };
    let place = Place::of(&args.run);
    let logs = logs(&args.run, place.as_ref())?;
    let unreadable: usize = logs.iter().map(|log| log.unreadable).sum();
    if logs.iter().all(|log| log.lines.is_empty()) {
        let lacking = match unreadable {
            0 if logs.is_empty() => format!("{EVENTS} is missing"),
            0 => format!("{EVENTS} is empty"),
            _ => format!(
                "{EVENTS} has {} that cannot be read",
                wording::counted(unreadable, "line")
            ),
        };
        println!("{}", without_log(&args.run, &work, &runs, &lacking));
        return Ok(());
    }
    if unreadable > 0 {
        eprintln!(
            "note: {} of {EVENTS} cannot be read, passed over",
            wording::counted(unreadable, "line")
        );
    }
    let states = fold(&runs, logs.into_iter().map(|log| log.lines).collect());
    let owner = Lock::holder(&args.run.join(LOCK));
    let workers = place.as_ref().map_or_else(Vec::new, Place::workers);
    let is_alive = owner.is_some() || !workers.is_empty();

    println!("{}", table(&states, is_alive));
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0.0, |since| since.as_secs_f64());
    for run in states.iter().filter(|_| is_alive) {
        for cell in &run.running {
            println!(
                "in training: {} {}, for {}",
                run.name,
                named(&cell.cell),
                duration(now - cell.since_unix_s)
            );
        }
    }
    let failed: Vec<String> = states.iter().flat_map(failures).collect();
    for line in failed.iter().take(NAMED) {
        println!("{line}");
    }
    if let Some(more) = failed.len().checked_sub(NAMED).filter(|more| *more > 0) {
        println!("and {more} more failed cells; `metrics.csv` has them all");
    }
    if let Some(place) = &place {
        for (item, reason) in place.failures() {
            println!("task gave up on item {item}: {reason}");
        }
    }
    println!("{}", sum(&states, owner.as_ref(), workers.len()));
    Ok(())
}

/// What the folder itself says of a run or study of which no event log tells.
fn without_log(
    folder: &Path,
    work: &Work,
    runs: &[(String, ProbeConfig)],
    lacking: &str,
) -> String {
    let of_run = |name: &str| match work {
        Work::Study(_) => folder.join(name),
        Work::Run(_) => folder.to_owned(),
    };
    let all = runs.len();
    let finished = runs.iter().filter(|(name, _)| is_finished(&of_run(name)));
    let cells = std::fs::read_dir(RunFolder::cells_of(folder));
    let has_cells = cells.is_ok_and(|mut files| files.next().is_some());
    let what = match finished.count() {
        0 if has_cells => format!(
            "not finished, and cells of it are there; {lacking}; go on with the same command and --resume"
        ),
        0 => format!("no results; {lacking}: nothing was trained yet, or by an earlier version"),
        count if count == all => {
            format!("finished, its results are there; {lacking}, which tells how it was trained")
        }
        count => format!(
            "{count} of {} finished; {lacking}",
            wording::counted(all, "run")
        ),
    };
    let owner = Lock::holder(&folder.join(LOCK));
    let who = owner.map_or_else(String::new, |owner| format!("; {owner} works on it"));
    format!("{}: {what}{who}", folder.display())
}

/// Whether a run has left its results, or all cells to make them from. Published ones have no cells.
fn is_finished(folder: &Path) -> bool {
    let Ok((run, config)) = RunFolder::read::<ProbeConfig>(folder) else {
        return false;
    };
    let has_all = match run.left(&config) {
        Left::Cells | Left::Items | Left::Seeds => true,
        Left::TooLittle(_) => false,
    };
    has_all || folder.join(TABLE).is_file()
}

/// All event logs of a results folder.
fn logs(run: &Path, place: Option<&Place>) -> Result<Vec<Events>> {
    let mut paths = vec![run.join(EVENTS)];
    paths.extend(place.map_or_else(Vec::new, Place::event_logs));
    let mut logs = Vec::new();
    for path in paths {
        match read_events(&path) {
            Ok(events) => logs.push(events),
            // Nothing was trained yet, or by an earlier version.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        }
    }
    Ok(logs)
}

fn table(states: &[RunState], is_alive: bool) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "run",
        "state",
        "done",
        "of",
        "failed",
        "in training",
        "s per cell",
    ]);
    for run in states {
        let state = match &run.phase {
            Phase::Waiting => "waiting",
            Phase::Started if is_alive => "running",
            Phase::Started => "interrupted",
            Phase::Finished => "finished",
            Phase::Stopped(_) => "stopped",
        };
        let running = if is_alive { run.running.len() } else { 0 };
        let seconds = run.seconds_per_cell;
        table.add_row([
            run.name.clone(),
            state.to_owned(),
            run.done.to_string(),
            run.cells.to_string(),
            run.failed.len().to_string(),
            running.to_string(),
            seconds.map_or_else(String::new, |seconds| wording::fixed(seconds, 1)),
        ]);
    }
    table
}

fn named(cell: &probe::CellSpec) -> String {
    format!(
        "{} seed {} lr {:?}",
        cell.arm, cell.seed, cell.learning_rate
    )
}

fn failures(run: &RunState) -> Vec<String> {
    let failed = run.failed.iter();
    failed
        .map(|(cell, reason)| format!("failed: {} {}: {reason}", run.name, named(cell)))
        .collect()
}

fn duration(seconds: f64) -> String {
    humantime::format_duration(Duration::from_secs(seconds.max(0.0).round() as u64)).to_string()
}

/// The last line: what there is to do, and by whom.
fn sum(states: &[RunState], owner: Option<&run_support::lock::Owner>, tasks: usize) -> String {
    let [done, cells] = [|run: &RunState| run.done, |run: &RunState| run.cells]
        .map(|count| states.iter().map(count).sum::<usize>());
    let who = match (owner, tasks) {
        (Some(owner), _) => format!("{owner} works on it"),
        (None, 1..) => format!("{} at work", wording::counted(tasks, "task")),
        (None, 0) if done < cells => {
            "nobody works on it; go on with the same command and --resume".to_owned()
        }
        (None, 0) => "nobody works on it".to_owned(),
    };
    let left = match seconds_left(states).filter(|_| owner.is_some() || tasks > 0) {
        Some(seconds) if done < cells => format!(", about {} left", duration(seconds)),
        _ => String::new(),
    };
    format!("{done} of {cells} cells{left}; {who}")
}
