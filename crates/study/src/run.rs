//! Carrying out the runs of a study.

use super::config::StudyConfig;
use super::part::PartResult;
use anyhow::{Context, Result, ensure};
use probe::ProbeConfig;
use runs::run_folder::RunFolder;
use runs::session::Session;
use std::path::Path;
use std::time::Instant;

/// Carries out every run of a study in folders of its own below `folder`; cells that are there
/// already are not trained again.
///
/// # Errors
/// If a run cannot be made, or Ctrl-C was pressed; what is finished is on disk.
pub fn run_parts(
    config: &StudyConfig,
    folder: &Path,
    session: &Session<'_>,
) -> Result<Vec<PartResult>> {
    let parts = config.parts()?;
    let count = parts.len();
    let mut results = Vec::with_capacity(count);
    for (index, part) in parts.into_iter().enumerate() {
        let (name, started) = (part.name(), Instant::now());
        eprintln!(
            "[{}/{count}] {name}: {}",
            index + 1,
            part.section.question()
        );
        // A study goes on where it stopped, whichever run that was.
        let run = RunFolder::choose(folder, Some(&name), &name, true, &part.config)?;
        let finished = session
            .carry_out(&part.config, run, part.outputs())
            .with_context(|| format!("run `{name}`"))?;
        eprintln!(
            "[{}/{count}] {name}: {:.0} s",
            index + 1,
            started.elapsed().as_secs_f64()
        );
        results.push(PartResult {
            part,
            outcome: finished.outcome,
            summary: finished.summary,
            manifest: finished.manifest,
        });
    }
    Ok(results)
}

/// Reads every run of a study back from its cells, without training.
///
/// # Errors
/// If a run is missing or not finished.
pub fn redo_parts(
    config: &StudyConfig,
    folder: &Path,
    session: &Session<'_>,
) -> Result<Vec<PartResult>> {
    let parts = config.parts()?.into_iter();
    parts
        .map(|part| {
            let name = part.name();
            let (run, stored) = RunFolder::open::<ProbeConfig>(&folder.join(&name))?;
            ensure!(
                stored == part.config,
                "run `{name}` was made with other settings than this version of the study has; \
                 run the study again"
            );
            let finished = session
                .redo(&part.config, &run, part.outputs())
                .with_context(|| format!("run `{name}`"))?;
            Ok(PartResult {
                part,
                outcome: finished.outcome,
                summary: finished.summary,
                manifest: finished.manifest,
            })
        })
        .collect()
}
