//! From finished cells, whoever trained them, to results.

use super::items::Items;
use super::place::Place;
use anyhow::{Context, Result};
use arms::ArmSpec;
use claims::Registration;
use probe::{
    CellOutcome, CellSpec, Observer, ProbeConfig, Replicates, RunOutcome, Status, StoredCells,
};
use run_results::provenance;
use run_results::{Manifest, Outputs, Summary, items_file};
use run_support::lock::Owner;
use runs::run_folder::RunFolder;
use runs::session::Session;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use study::{Conclusions, Part, PartResult, StudyConfig};

/// What the cells of a results folder come to.
#[derive(Debug)]
pub struct Merged {
    /// The runs, each with its complete arms; those without any are left out.
    pub runs: Vec<MergedRun>,
    /// The items that are not finished, in order.
    pub missing: Vec<Missing>,
}

/// A run as far as its cells are there.
#[derive(Debug)]
pub struct MergedRun {
    /// Index of the run.
    pub run: usize,
    /// Its settings, with the arms that are complete.
    pub config: ProbeConfig,
    /// Whether these are all of its arms.
    pub has_all_arms: bool,
    /// What was measured.
    pub outcome: RunOutcome,
    /// Where it came from.
    pub manifest: Manifest,
}

/// An item that is not finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// Its index.
    pub item: usize,
    /// What it is called.
    pub name: String,
    /// Its cells that are there.
    pub cells: usize,
    /// Who works on it at the moment.
    pub worker: Option<Owner>,
    /// Why its task gave up, where it could say.
    pub reason: Option<String>,
}

impl Missing {
    /// One line.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self {
            item, name, cells, ..
        } = self;
        let state = match (&self.worker, &self.reason) {
            (Some(owner), _) => format!("in work ({owner})"),
            (None, Some(reason)) => format!("FAILED: {reason}"),
            (None, None) => "not started, or killed".to_owned(),
        };
        format!("missing: item {item} ({name}), {cells} of its cells are there; {state}")
    }
}

impl Merged {
    /// Cells that broke down, one line each.
    #[must_use]
    pub fn failed_cells(&self, items: &Items) -> Vec<String> {
        let mut lines = Vec::new();
        for run in &self.runs {
            for cell in &run.outcome.cells {
                if let Status::Failed { step, reason } = &cell.status {
                    let CellSpec {
                        arm,
                        seed,
                        learning_rate,
                    } = &cell.spec;
                    let name = &items.runs[run.run].0;
                    lines.push(format!(
                        "failed: {name} {arm} seed {seed} lr {learning_rate:?} at step {step}: {reason}"
                    ));
                }
            }
        }
        lines
    }
}

/// Counts cells and says nothing.
#[derive(Default)]
struct Count(AtomicUsize);

impl Observer for Count {
    fn stage(&self, _name: &str, _total: usize, done: usize) {
        self.0.fetch_add(done, Ordering::Relaxed);
    }
    fn cell_started(&self, _lane: usize, _spec: &CellSpec, _steps: usize) {}
    fn cell_step(&self, _lane: usize, _step: usize) {}
    fn cell_finished(&self, _lane: usize, _outcome: &CellOutcome) {}
}

/// Reads back what the folder `cells` holds, without training.
///
/// # Errors
/// If data or backbone of a run are missing.
pub fn recall(items: &Items, place: &Place, cells: &Path, session: &Session<'_>) -> Result<Merged> {
    // On a network file system this machine may remember that a file was not there; it asks again
    // once it has listed the folder.
    if let Ok(entries) = std::fs::read_dir(cells) {
        entries.for_each(drop);
    }
    let stored = StoredCells::list(cells);
    let mut runs = Vec::new();
    let mut missing: BTreeMap<usize, usize> = BTreeMap::new();
    let item_of = |run: usize, arm: ArmSpec| {
        let mut items = items.items.iter();
        items.position(|item| item.arm == arm && item.runs.contains(&run))
    };
    for (run, (name, config)) in items.runs.iter().enumerate() {
        session.stop.check()?;
        let mut arms = config.arms.iter();
        if arms.all(|&arm| stored.none_of(config, arm)) {
            // Nothing is rendered to find that out.
            let absent = config.arms.iter().filter_map(|&arm| item_of(run, arm));
            absent.for_each(|item| *missing.entry(item).or_default() += 0);
            continue;
        }
        let found = recall_run(config, cells, session).with_context(|| format!("run `{name}`"))?;
        for (arm, cells) in found.missing {
            if let Some(item) = item_of(run, arm) {
                *missing.entry(item).or_default() += cells;
            }
        }
        let Some((outcome, manifest)) = found.complete else {
            continue;
        };
        let arms: Vec<ArmSpec> = outcome.tuning.iter().map(|tuning| tuning.arm).collect();
        runs.push(MergedRun {
            run,
            has_all_arms: arms.len() == config.arms.len(),
            config: ProbeConfig {
                arms,
                ..config.clone()
            },
            outcome,
            manifest,
        });
    }
    let missing = missing.into_iter().map(|(item, cells)| Missing {
        item,
        name: items.name(item),
        cells,
        worker: place.worker(item),
        reason: place.failure(item),
    });
    Ok(Merged {
        runs,
        missing: missing.collect(),
    })
}

/// What the cells of a run come to.
struct Recalled {
    /// The outcome of the arms whose cells are all there, and where it came from; none without such an arm.
    complete: Option<(RunOutcome, Manifest)>,
    /// The other arms, with the number of their cells that are there.
    missing: Vec<(ArmSpec, usize)>,
}

/// Reads back a run arm by arm, because the rates of later seeds are those that the first one chose; images and
/// towers of a seed are prepared once for all arms.
fn recall_run(config: &ProbeConfig, cells: &Path, session: &Session<'_>) -> Result<Recalled> {
    let alone = |&arm: &ArmSpec| ProbeConfig {
        arms: vec![arm],
        ..config.clone()
    };
    let alone: Vec<ProbeConfig> = config.arms.iter().map(alone).collect();
    let arms = config.arms.iter().zip(&alone);
    let mut arms: Vec<_> = arms
        .map(|(&arm, config)| (arm, Replicates::of(config), Count::default()))
        .collect();
    let mut missing = Vec::new();
    let mut manifest = session.manifest(config);
    for replicate in config.replicates() {
        if arms.is_empty() {
            break;
        }
        let prepared = session.prepare(&replicate)?;
        let seed = config.own_seed(&replicate);
        provenance::add_preparation(&mut manifest, &prepared, seed);
        let mut there = Vec::new();
        for (arm, mut replicates, count) in arms {
            // None where the arm broke down at the first seed, which finishes it.
            let Some(next) = replicates.next() else {
                there.push((arm, replicates, count));
                continue;
            };
            match session.recall(&next, &prepared, cells, &count)? {
                Some(outcome) => {
                    replicates.add(outcome);
                    there.push((arm, replicates, count));
                }
                None => missing.push((arm, count.0.into_inner())),
            }
        }
        arms = there;
    }
    let mut complete: Option<RunOutcome> = None;
    for (_, replicates, _) in arms {
        let outcome = replicates.joined()?;
        match &mut complete {
            None => complete = Some(outcome),
            Some(all) => {
                all.tuning.extend(outcome.tuning);
                all.cells.extend(outcome.cells);
            }
        }
    }
    let complete = complete.map(|outcome| {
        let seconds = outcome.cells.iter().map(|cell| cell.seconds).sum();
        provenance::add_stage(&mut manifest, "cells, one after the other", seconds);
        (outcome, manifest)
    });
    Ok(Recalled { complete, missing })
}

/// Writes the results of a single run into its folder.
///
/// # Errors
/// If a file cannot be written, or what a finished run left there cannot be read.
pub fn write_run(folder: &Path, config: &ProbeConfig, run: MergedRun) -> Result<Summary> {
    let run = unless_finished(folder, config, run)?;
    let outputs = Outputs::of(&run.config);
    let summary = run_results::write(folder, &run.config, &run.outcome, &run.manifest, outputs)?;
    if !run.has_all_arms {
        forget_items(folder)?;
    }
    Ok(summary)
}

/// The run, or what a finished one left there: some of its arms never take the place of all.
///
/// # Errors
/// If what it left cannot be read: what is there of it would be lost.
fn unless_finished(folder: &Path, config: &ProbeConfig, run: MergedRun) -> Result<MergedRun> {
    if run.has_all_arms || !folder.join(items_file::FILE).is_file() {
        return Ok(run);
    }
    stored_run(folder, config, run.run).context(
        "some arms of a run that was finished are not written over it; remove its items.safetensors if they are to be",
    )
}

/// The run that its items stand for, in `folder`.
///
/// # Errors
/// If the items or the manifest are damaged, or of another run.
fn stored_run(folder: &Path, config: &ProbeConfig, run: usize) -> Result<MergedRun> {
    let outcome = items_file::read(folder, config)?;
    let manifest = provenance::stored(folder).with_context(|| {
        let file = folder.join("manifest.json");
        format!("{}: missing or damaged; bring it back", file.display())
    })?;
    Ok(MergedRun {
        run,
        config: config.clone(),
        has_all_arms: true,
        outcome,
        manifest,
    })
}

/// Items of some arms would pass for those of a finished run, whose cells nothing asks for any more.
fn forget_items(folder: &Path) -> Result<()> {
    let file = folder.join(items_file::FILE);
    std::fs::remove_file(&file).with_context(|| format!("cannot delete {}", file.display()))
}

/// A run without a cell here that left its items: it was finished by another process, on another machine.
fn finished_elsewhere(folder: &Path, run: usize, part: &Part) -> Option<MergedRun> {
    let place = folder.join(part.name());
    if !place.join(items_file::FILE).is_file() {
        return None;
    }
    match stored_run(&place, &part.config, run) {
        Ok(found) => Some(found),
        Err(error) => {
            eprintln!("note: {error:#}. The report is made without this run.");
            None
        }
    }
}

/// Writes the results of the runs of a study, then those of the study. Runs that were finished elsewhere and are here
/// as their items alone belong to it: without them their claims would lose their verdicts.
///
/// # Errors
/// If a run's folder holds something else or what cannot be read, or a file cannot be written.
pub fn write_study(
    folder: &Path,
    config: &StudyConfig,
    registration: &Registration,
    merged: Merged,
) -> Result<(Vec<PartResult>, Conclusions)> {
    let parts = config.parts()?;
    let mut merged: BTreeMap<usize, MergedRun> =
        merged.runs.into_iter().map(|run| (run.run, run)).collect();
    let mut results = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        let run = merged.remove(&index);
        let Some(run) = run.or_else(|| finished_elsewhere(folder, index, part)) else {
            continue;
        };
        let name = part.name();
        let place = RunFolder::choose(folder, Some(&name), &name, true, &part.config)?;
        let MergedRun {
            config,
            outcome,
            manifest,
            has_all_arms,
            run: _,
        } = unless_finished(place.path(), &part.config, run)
            .with_context(|| format!("run `{name}`"))?;
        let summary =
            run_results::write(place.path(), &config, &outcome, &manifest, part.outputs())
                .with_context(|| format!("run `{name}`"))?;
        if !has_all_arms {
            forget_items(place.path())?;
        }
        results.push(PartResult {
            part: Part {
                config,
                ..part.clone()
            },
            outcome,
            summary,
            manifest,
        });
    }
    let written = study::write(folder, config, registration, &results)?;
    Ok((results, written))
}
