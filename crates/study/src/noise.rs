//! The noise with which PatchMerger loses as much of the features as hard words do.

use anyhow::{Context, Result};
use arms::ArmSpec;
use probe::{CellSpec, Prepared, ProbeConfig, TrainedCell, match_noise, reconstruct, train_cell};
use probe_statistics::linear_reconstruction::bisect_falling;
use runs::session::Session;

/// A merger that trains with its noise makes other tokens than a clean one: up to this many times as
/// much or as little as a clean one would take is tried.
const FACTOR: f64 = 3.0;
/// Halvings of that interval, on a logarithmic scale: to within 2%.
const HALVINGS: usize = 7;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct MatchedNoise {
    /// `R²` of the features from the tokens of the hard arm, on validation images.
    pub target_r2: f64,
    /// The mergers that were trained, and theirs.
    pub tried: Vec<(ArmSpec, f64)>,
    /// The one that comes nearest.
    pub matched: ArmSpec,
}

/// Trains `hard` and PatchMergers with noise on the first seed of `config`, until one of them has the
/// same linear reconstruction of the features. Test images are not read.
///
/// # Errors
/// If `config` asks for no reconstruction, a cell breaks down, or Ctrl-C is pressed.
pub fn matched_noise(
    config: &ProbeConfig,
    hard: ArmSpec,
    session: &Session<'_>,
) -> Result<MatchedNoise> {
    let images = config.reconstruction_images;
    anyhow::ensure!(
        images > 0,
        "`reconstruction_images` is 0; ask for at least 1"
    );
    let config = &config.of_seed(config.seeds[0]);
    let prepared = session.prepare(config)?;
    let search = Search {
        config,
        prepared: &prepared,
        session,
    };
    let rates = &config.training.learning_rates;
    let target_r2 = search.r2(&search.best(hard, rates)?)?;
    let clean = search.best("patch-merger".parse()?, rates)?;
    let rate = clean.outcome.spec.learning_rate;
    let seed = config.seeds[0];
    let model = clean
        .model
        .as_ref()
        .context("the clean merger broke down")?;
    let clean_sigma =
        match_noise(&prepared, model, target_r2, images, seed, session.device())?.value();
    let mut tried = Vec::new();
    let interval = [clean_sigma / FACTOR, clean_sigma * FACTOR];
    bisect_falling(target_r2, interval, HALVINGS, |sigma| {
        let arm: ArmSpec = format!("noisy-merger@{sigma:.2}").parse()?;
        let r2 = search.r2(&search.best(arm, &[rate])?)?;
        tried.push((arm, r2));
        anyhow::Ok(r2)
    })?;
    let distance = |(_, r2): &(ArmSpec, f64)| (r2 - target_r2).abs();
    let nearest = tried
        .iter()
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .context("no noise was tried")?;
    Ok(MatchedNoise {
        target_r2,
        matched: nearest.0,
        tried,
    })
}

struct Search<'a> {
    config: &'a ProbeConfig,
    prepared: &'a Prepared,
    session: &'a Session<'a>,
}

impl Search<'_> {
    /// The arm at the rate that reads validation images best.
    fn best(&self, arm: ArmSpec, rates: &[f64]) -> Result<TrainedCell> {
        let Session { lanes, stop, .. } = self.session;
        let device = self.session.device();
        let seed = self.config.seeds[0];
        let cells = lanes.map(rates.len(), |_, item| {
            let spec = CellSpec {
                arm,
                seed,
                learning_rate: rates[item],
            };
            train_cell(
                self.config,
                self.prepared,
                &spec,
                device,
                stop,
                None,
                |_| {},
            )
        });
        let cells = cells.into_iter().collect::<Result<Vec<_>>>()?;
        let error = |cell: &TrainedCell| cell.outcome.validation_cer.unwrap_or(f64::INFINITY);
        let best = cells
            .into_iter()
            .min_by(|a, b| error(a).total_cmp(&error(b)));
        best.filter(|cell| cell.model.is_some())
            .with_context(|| format!("`{arm}` broke down at every learning rate"))
    }

    fn r2(&self, cell: &TrainedCell) -> Result<f64> {
        let (images, seed) = (self.config.reconstruction_images, self.config.seeds[0]);
        let model = cell.model.as_ref().context("a cell broke down")?;
        let found = reconstruct(self.prepared, model, images, seed, self.session.device())?;
        Ok(found.r2)
    }
}
