//! `backends`: which of burn's backends work here, how fast, and whether they agree.

use anyhow::{Result, bail};
use backend_survey::{Outcome, Surveyed};
use run_support::atomic;
use run_support::backend::{Backend, BackendChoice, complain, complain_on_panic};
use run_support::stop::Stop;
use std::path::PathBuf;
use std::time::Duration;

/// Lists the backends compiled in and their devices, measures a matrix product on each, and compares
/// every projector, the small tower and 20 training steps with flex.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Backends to look at, `:INDEX` for another device than the default [default: all].
    #[arg(value_name = "NAME[:INDEX]")]
    backends: Vec<BackendChoice>,
    /// File for the numbers.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Seconds after which a backend that is not done is given up.
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    limit: u64,
    /// What to do in the place of the parent, which cannot be sure to survive it.
    #[arg(long, hide = true)]
    child: Option<Task>,
}

/// Work of a child process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Task {
    /// Open the device and multiply two small matrices.
    Trial,
    /// Everything that is measured, as JSON lines.
    Survey,
}

/// Runs the survey.
///
/// # Errors
/// If a backend computes something else than flex, or one that was named does not work.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    if let (Some(task), Some(&choice)) = (args.child, args.backends.first()) {
        complain_on_panic();
        if let Err(error) = perform(task, choice, stop) {
            complain(&format!("{error:#}"));
            std::process::exit(1);
        }
        return Ok(());
    }
    // Not after minutes of measuring.
    if let Some(path) = &args.csv {
        atomic::check_writable(path)?;
    }
    let named = !args.backends.is_empty();
    let choices = if named {
        args.backends.clone()
    } else {
        Backend::ALL.map(BackendChoice::from).to_vec()
    };
    let limit = Duration::from_secs(args.limit);
    let mut surveyed = Vec::new();
    for choice in choices {
        if choice.backend.is_compiled_in() {
            eprintln!("looking at {choice} ...");
        }
        surveyed.push(Surveyed::make(choice, limit, stop)?);
    }
    println!("{}", backend_survey::overview(&surveyed));
    if let Some(details) = backend_survey::details(&surveyed) {
        println!("{details}");
    }
    if let Some(path) = &args.csv {
        backend_survey::write_csv(path, &surveyed)?;
    }
    let at_fault: Vec<String> = surveyed
        .iter()
        .filter(|one| match one.outcome() {
            Outcome::Agrees | Outcome::Alone => false,
            Outcome::Differs => true,
            Outcome::Broken | Outcome::Missing => named,
        })
        .map(|one| format!("{}: {}", one.choice, one.verdict()))
        .collect();
    if !at_fault.is_empty() {
        bail!("{}", at_fault.join("; "));
    }
    Ok(())
}

fn perform(task: Task, choice: BackendChoice, stop: &Stop) -> Result<()> {
    match task {
        Task::Trial => backend_survey::trial(&choice.open_unguarded()?),
        Task::Survey => backend_survey::measure(choice, stop, &mut |finding| {
            println!("{}", serde_json::to_string(&finding)?);
            Ok(())
        }),
    }
}
