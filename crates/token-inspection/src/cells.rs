//! The arms, trained by the code that trains the cells of a study.
//!
//! A run keeps what its cells measured and not their weights, so the weights are made once more: the
//! same images, seed, learning rate and steps give the same bits, and with them the validation error
//! that the run wrote down.

use super::config::{InspectConfig, InspectedArm};
use super::view::CellFacts;
use anyhow::{Context, Result, bail};
use burn::module::Module;
use probe::{CellModel, CellSpec, Observer, Prepared, Status, train_cell};
use runs::progress::Progress;
use runs::session::Session;

/// An arm that is ready to be looked at.
#[derive(Debug)]
pub struct Cell {
    /// Which one.
    pub arm: InspectedArm,
    /// Projector and probe, off autodiff.
    pub model: CellModel,
    /// How it was trained; none for the projector of a checkpoint, whose probe is untrained.
    pub facts: Option<CellFacts>,
}

/// Makes the arms, side by side.
///
/// # Errors
/// If an arm cannot be built or its training breaks down, or Ctrl-C was pressed.
pub fn cells(
    config: &InspectConfig,
    prepared: &Prepared,
    session: &Session<'_>,
) -> Result<Vec<Cell>> {
    let trained = config.arms.iter().filter(|arm| arm.learning_rate.is_some());
    let trained = trained.count();
    let progress = Progress::new(session.lanes.count());
    if trained > 0 {
        progress.stage("training", trained, 0);
    }
    let cells = session.lanes.map(config.arms.len(), |lane, index| {
        let arm = &config.arms[index];
        match arm.learning_rate {
            Some(rate) => train(config, prepared, session, (arm, rate), (lane, &progress)),
            None => published(config, prepared, session, arm),
        }
    });
    progress.clear();
    cells.into_iter().collect()
}

fn train(
    config: &InspectConfig,
    prepared: &Prepared,
    session: &Session<'_>,
    (arm, learning_rate): (&InspectedArm, f64),
    (lane, progress): (usize, &Progress),
) -> Result<Cell> {
    session.stop.check()?;
    let probe = &config.probe;
    let seed = seed(config)?;
    let spec = CellSpec {
        arm: arm.arm,
        seed,
        learning_rate,
    };
    let steps = probe.training.steps;
    progress.cell_started(lane, &spec, steps);
    let report = |step| progress.cell_step(lane, step);
    let (device, stop) = (session.device(), session.stop);
    let cell = train_cell(probe, prepared, &spec, device, stop, None, report)?;
    progress.cell_finished(lane, &cell.outcome);
    if let Status::Failed { step, reason } = &cell.outcome.status {
        bail!(
            "arm `{}` broke down at step {step}: {reason} with --learning-rate",
            arm.arm
        );
    }
    let (model, cer) = (cell.model, cell.outcome.validation_cer);
    let (Some(model), Some(validation_cer)) = (model, cer) else {
        bail!("arm `{}` was trained, but leaves no model", arm.arm);
    };
    Ok(Cell {
        arm: arm.clone(),
        model,
        facts: Some(CellFacts {
            seed,
            learning_rate,
            steps,
            validation_cer,
            tuned_cer: arm.tuned_cer,
            test_cer: None,
        }),
    })
}

/// The projector of a checkpoint; the probe behind it is as it was drawn, and is not asked.
fn published(
    config: &InspectConfig,
    prepared: &Prepared,
    session: &Session<'_>,
    arm: &InspectedArm,
) -> Result<Cell> {
    let device = session.device().clone().autodiff();
    let model = CellModel::init(&config.probe, prepared, arm.arm, seed(config)?, &device)?;
    Ok(Cell {
        arm: arm.clone(),
        model: model.valid(),
        facts: None,
    })
}

fn seed(config: &InspectConfig) -> Result<u64> {
    let seeds = &config.probe.seeds;
    seeds
        .first()
        .copied()
        .context("zero seeds; give at least 1")
}
