//! Carrying out the runs of a study.

use super::config::StudyConfig;
use super::part::{Part, PartResult};
use super::section::Section;
use anyhow::{Context, Result, ensure};
use arms::ArmSpec;
use probe::ProbeConfig;
use run_results::items_file;
use runs::run_folder::{Left, RunFolder};
use runs::session::{NO_ITEMS, Session};
use std::path::Path;
use std::time::Instant;

/// Arms of a run that a message names.
const MOST_NAMED: usize = 4;

/// Carries out every run of a study in folders of its own below `folder`, or those of some sections; cells that
/// are there already are not trained again. Of other sections, what is finished is read back.
///
/// # Errors
/// If a run cannot be made, or Ctrl-C was pressed; what is finished is on disk.
pub fn run_parts(
    config: &StudyConfig,
    sections: &[Section],
    folder: &Path,
    session: &Session<'_>,
) -> Result<Vec<PartResult>> {
    let mut parts = config.parts()?;
    parts.retain(|part| sections.contains(&part.section) || left_items(folder, part));
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

/// Reads every run of a study back from its cells, or from the items that it left, without training.
///
/// # Errors
/// If a run is missing or not finished, and did not leave its items.
pub fn redo_parts(
    config: &StudyConfig,
    folder: &Path,
    session: &Session<'_>,
) -> Result<Vec<PartResult>> {
    let parts = config.parts()?;
    ensure!(
        RunFolder::cells_of(folder).is_dir() || parts.iter().any(|part| left_items(folder, part)),
        "{}: there are no cells, {NO_ITEMS}; make the study again with its own command",
        folder.display()
    );
    let mut opened = Vec::new();
    let mut missing = Vec::new();
    for part in parts {
        let name = part.name();
        // The page says which runs are still to come.
        if part.is_made_in_pieces() && !left_items(folder, &part) {
            continue;
        }
        let (run, stored) = RunFolder::open::<ProbeConfig>(&folder.join(&name))?;
        ensure!(
            stored == part.config,
            "run `{name}` was made with other settings than this version of the study has; \
             run the study again"
        );
        match run.left(&part.config) {
            Left::Cells | Left::Items | Left::Seeds => {}
            Left::TooLittle(arms) => missing.push(format!("`{name}` ({})", named(&arms))),
        }
        opened.push((part, run));
    }
    // Said at once, before images are rendered for minutes.
    ensure!(
        missing.is_empty(),
        "{}: cells are missing of {}; finish the study with its own command and --resume --run NAME",
        folder.display(),
        missing.join(", ")
    );
    let opened = opened.into_iter();
    opened
        .map(|(part, run)| {
            let name = part.name();
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

/// Whether a run is finished and left its items.
fn left_items(folder: &Path, part: &Part) -> bool {
    folder.join(part.name()).join(items_file::FILE).is_file()
}

/// Some arms by name.
fn named(arms: &[ArmSpec]) -> String {
    let named: Vec<String> = arms
        .iter()
        .take(MOST_NAMED)
        .map(ToString::to_string)
        .collect();
    match arms.len() - named.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more arms", named.join(", ")),
    }
}
