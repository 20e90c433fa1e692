//! All cells of a run: tuning on validation images, then the other seeds.

use super::config::ProbeConfig;
use super::outcome::{CellOutcome, CellSpec, RunOutcome, Status, Tuning};
use super::preparation::Prepared;
use super::store::CellStore;
use super::training::train_cell;
use crate::lanes::Lanes;
use crate::stop::{Stop, Stopped};
use anyhow::Result;
use burn::tensor::Device;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Is told how a run goes; called from several threads.
pub trait Observer: Sync {
    /// `total` cells are about to run, `done` of which were finished before.
    fn stage(&self, name: &str, total: usize, done: usize);
    /// A cell starts on a lane.
    fn cell_started(&self, lane: usize, spec: &CellSpec, steps: usize);
    /// A cell has made `step` steps.
    fn cell_step(&self, lane: usize, step: usize);
    /// A cell is finished.
    fn cell_finished(&self, lane: usize, outcome: &CellOutcome);
}

/// Runs every cell that the store does not hold yet.
///
/// The first seed is trained at every learning rate; the best on validation images is chosen, and
/// the other seeds are trained at that rate. The cell of the first seed at the chosen rate is one
/// of the results, so tuning costs nothing extra for it.
///
/// # Errors
/// [`Stopped`] if `stop` is raised; otherwise if a cell cannot be built or stored. Cells finished
/// before that are in the store.
pub fn run_study(
    config: &ProbeConfig,
    prepared: &Prepared,
    store: &CellStore,
    lanes: &Lanes,
    device: &Device,
    stop: &Stop,
    observer: &dyn Observer,
) -> Result<RunOutcome> {
    let run = |name: &str, specs: &[CellSpec]| -> Result<Vec<CellOutcome>> {
        let known: Vec<Option<CellOutcome>> = specs.iter().map(|spec| store.load(spec)).collect();
        let todo: Vec<usize> = (0..specs.len()).filter(|&i| known[i].is_none()).collect();
        observer.stage(name, specs.len(), specs.len() - todo.len());
        let fresh = lanes.map(todo.len(), |lane, index| {
            let spec = &specs[todo[index]];
            stop.check()?;
            observer.cell_started(lane, spec, config.training.steps);
            let outcome = train_guarded(config, prepared, spec, device, stop, &|step| {
                observer.cell_step(lane, step);
            })?;
            store.save(&outcome)?;
            observer.cell_finished(lane, &outcome);
            anyhow::Ok(outcome)
        });
        let mut fresh = fresh.into_iter();
        let mut outcomes = Vec::with_capacity(specs.len());
        for known in known {
            match known {
                Some(outcome) => outcomes.push(outcome),
                None => match fresh.next() {
                    Some(outcome) => outcomes.push(outcome?),
                    None => return Err(Stopped.into()),
                },
            }
        }
        Ok(outcomes)
    };
    let first = config.seeds[0];
    let rates = &config.training.learning_rates;
    let specs: Vec<CellSpec> = config
        .arms
        .iter()
        .flat_map(|&arm| {
            rates.iter().map(move |&learning_rate| CellSpec {
                arm,
                seed: first,
                learning_rate,
            })
        })
        .collect();
    let tried = run("tuning", &specs)?;
    let tuning: Vec<Tuning> = tried.chunks(rates.len()).map(choose).collect();
    let specs: Vec<CellSpec> = tuning
        .iter()
        .filter_map(|tuning| tuning.chosen.map(|rate| (tuning.arm, rate)))
        .flat_map(|(arm, learning_rate)| {
            config.seeds[1..].iter().map(move |&seed| CellSpec {
                arm,
                seed,
                learning_rate,
            })
        })
        .collect();
    let replicated = run("seeds", &specs)?;
    let cells = tuning
        .iter()
        .zip(tried.chunks(rates.len()))
        .flat_map(|(tuning, tried)| {
            let chosen = tried
                .iter()
                .find(|cell| Some(cell.spec.learning_rate) == tuning.chosen)
                // Every candidate failed: the first stands for the arm, as failed.
                .or_else(|| tried.first());
            let others = replicated.iter().filter(|cell| cell.spec.arm == tuning.arm);
            chosen.into_iter().chain(others).cloned()
        })
        .collect();
    Ok(RunOutcome {
        test_sets: prepared.test_sets(),
        tuning,
        cells,
    })
}

/// A panic inside a cell (a bug, or a device that fails) ends that cell, not the run.
fn train_guarded(
    config: &ProbeConfig,
    prepared: &Prepared,
    spec: &CellSpec,
    device: &Device,
    stop: &Stop,
    report: &dyn Fn(usize),
) -> Result<CellOutcome> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        train_cell(config, prepared, spec, device, stop, report)
    }));
    attempt.unwrap_or_else(|panic| {
        let reason = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown panic");
        Ok(CellOutcome {
            spec: spec.clone(),
            status: Status::Failed {
                step: 0,
                reason: format!("internal error: {reason}"),
            },
            parameters: 0,
            multiply_adds_per_token: 0,
            bits_per_token: None,
            reader_parameters: 0,
            history: Vec::new(),
            validation_cer: None,
            tests: Vec::new(),
            hardening: Vec::new(),
            seconds: 0.0,
        })
    })
}

/// The candidate with the lowest validation CER; the lowest learning rate wins a tie.
fn choose(candidates: &[CellOutcome]) -> Tuning {
    let best = candidates
        .iter()
        .filter_map(|cell| Some((cell.validation_cer?, cell.spec.learning_rate)))
        .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let rates: Vec<f64> = candidates.iter().map(|c| c.spec.learning_rate).collect();
    let chosen = best.map(|(_, rate)| rate);
    let lowest = rates.iter().copied().min_by(f64::total_cmp);
    let highest = rates.iter().copied().max_by(f64::total_cmp);
    Tuning {
        arm: candidates[0].spec.arm,
        candidates: candidates
            .iter()
            .map(|cell| (cell.spec.learning_rate, cell.validation_cer))
            .collect(),
        chosen,
        on_edge: rates.len() > 1 && chosen.is_some() && (chosen == lowest || chosen == highest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::ArmSpec;

    fn cell(learning_rate: f64, validation_cer: Option<f64>) -> CellOutcome {
        CellOutcome {
            spec: CellSpec {
                arm: "linear".parse::<ArmSpec>().unwrap(),
                seed: 1,
                learning_rate,
            },
            status: Status::Finished,
            parameters: 0,
            multiply_adds_per_token: 0,
            bits_per_token: None,
            reader_parameters: 0,
            history: Vec::new(),
            validation_cer,
            tests: Vec::new(),
            hardening: Vec::new(),
            seconds: 0.0,
        }
    }

    #[test]
    fn the_lowest_validation_error_is_chosen_and_edges_are_flagged() {
        let inside = choose(&[
            cell(1e-3, Some(0.2)),
            cell(2e-3, Some(0.1)),
            cell(4e-3, Some(0.3)),
        ]);
        assert_eq!((inside.chosen, inside.on_edge), (Some(2e-3), false));
        let edge = choose(&[
            cell(1e-3, Some(0.2)),
            cell(2e-3, Some(0.1)),
            cell(4e-3, None),
        ]);
        assert_eq!((edge.chosen, edge.on_edge), (Some(2e-3), false));
        let edge = choose(&[cell(1e-3, Some(0.1)), cell(2e-3, Some(0.1))]);
        assert_eq!((edge.chosen, edge.on_edge), (Some(1e-3), true));
        let single = choose(&[cell(1e-3, Some(0.1))]);
        assert!(!single.on_edge);
    }

    #[test]
    fn an_arm_whose_every_candidate_fails_has_no_choice() {
        let failed = choose(&[cell(1e-3, None), cell(2e-3, None)]);
        assert_eq!((failed.chosen, failed.on_edge), (None, false));
    }
}
