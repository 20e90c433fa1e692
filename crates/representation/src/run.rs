//! All cells of a run: learning rates on the first seed, then the other seeds, then baselines.

use crate::config::{Objective, RepresentationConfig};
use crate::images::Images;
use crate::measures::GaussianSource;
use crate::outcome::{CellOutcome, CellSpec, Part, Subject};
use crate::testing::{Testing, Trained};
use crate::training::{Decoded, Training};
use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Device;
use probe::{CellModel, Status, guarded};
use probe_data::{pixel_batch, spread};
use run_support::atomic;
use run_support::lanes::Lanes;
use run_support::stop::{Stop, Stopped};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Instant;

/// Raised when the same settings come to give other numbers, so that older cells are made again.
const ARITHMETIC: u32 = 2;
/// Training images per group whose tokens' pixels stand for the Gaussian source.
const SOURCE_IMAGES: usize = 500;

/// Everything that tables, figures and page are made from.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Cells at the chosen learning rates: arms in order, objectives in order, seeds in order; then the
    /// baselines.
    pub cells: Vec<CellOutcome>,
    /// Learning rates that were tried on the first seed and not chosen.
    pub tried: Vec<CellOutcome>,
    /// Pixels under a token, standardised, as a Gaussian source: of the training images of each part, by the
    /// part's name.
    pub sources: Vec<(String, GaussianSource)>,
    /// Units that were computed for it; all others were stored by an earlier call.
    pub computed: usize,
}

impl Outcome {
    /// The runs of all seeds as one: arms in order, objectives in order, seeds in order; then the baselines.
    ///
    /// # Errors
    /// If there is none, or their test images differ.
    pub fn joined(outcomes: Vec<Self>) -> Result<Self> {
        let mut outcomes = outcomes.into_iter();
        let mut all = outcomes.next().context("a run without seeds")?;
        let order: Vec<_> = all.cells.iter().map(CellOutcome::unit).collect();
        for other in outcomes {
            all.cells.extend(other.cells);
            all.computed += other.computed;
        }
        let place = |cell: &CellOutcome| order.iter().position(|unit| *unit == cell.unit());
        all.cells.sort_by_key(place);
        for pair in all.cells.windows(2) {
            let same =
                |[a, b]: [&Part; 2]| a.clusters == b.clusters && a.characters == b.characters;
            let parts = pair[0].parts.iter().zip(&pair[1].parts);
            ensure!(
                parts.into_iter().all(|(a, b)| same([a, b])),
                "the seeds of a run were not tested on the same images"
            );
        }
        Ok(all)
    }

    /// Whether there is nothing to report.
    #[must_use]
    pub fn all_failed(&self) -> bool {
        let mut cells = self
            .cells
            .iter()
            .filter(|cell| cell.spec.objective.is_some());
        cells.all(CellOutcome::has_failed)
    }
}

/// What is trained in one piece: an arm for one objective and seed, at one or several learning rates, of
/// which the best on validation images is tested. Or a baseline.
#[derive(Clone, Debug, PartialEq)]
struct Unit {
    subject: Subject,
    objective: Option<Objective>,
    seed: u64,
    rates: Vec<f64>,
}

/// What a unit left behind.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct UnitOutcome {
    /// One per learning rate; only the chosen one has parts.
    cells: Vec<CellOutcome>,
}

impl UnitOutcome {
    /// The cell that was tested; where all failed, the first stands for the unit.
    fn chosen(&self) -> Option<&CellOutcome> {
        let tested = self.cells.iter().find(|cell| !cell.parts.is_empty());
        tested.or_else(|| self.cells.first())
    }
}

/// A run in progress.
pub struct Run<'a> {
    /// Settings.
    pub config: &'a RepresentationConfig,
    /// The run of the first seed, where this is that of another one with images of its own: its learning rates
    /// are those of all.
    pub first: Option<&'a Outcome>,
    /// Images.
    pub images: &'a Images,
    /// Folder of finished cells.
    pub cells: &'a Path,
    /// Cells side by side.
    pub lanes: &'a Lanes,
    /// Lanes take turns in them.
    pub devices: &'a [Device],
    /// Raised by Ctrl-C.
    pub stop: &'a Stop,
}

impl Run<'_> {
    /// Trains and tests every cell that is not stored yet. A line on standard error says of every cell how
    /// it ended.
    ///
    /// # Errors
    /// [`Stopped`] if `stop` is raised; otherwise if a cell cannot be built or stored. Units finished
    /// before that are stored.
    pub fn carry_out(&self) -> Result<Outcome> {
        atomic::make_folder(self.cells)?;
        let origin = format!(
            "{:x} {}",
            Sha256::digest(format!("{ARITHMETIC}\n{}", self.config.cell_identity()?)),
            self.images.hash()
        );
        let reader = OnceLock::new();
        let arms = self.config.arms.iter().map(|&arm| Subject::Arm(arm));
        let pairs =
            arms.flat_map(|subject| self.config.objectives.iter().map(move |&o| (subject, o)));
        let first: Vec<Unit> = pairs
            .map(|(subject, objective)| Unit {
                subject,
                objective: Some(objective),
                seed: self.config.seeds[0],
                rates: self.rates(subject, objective),
            })
            .filter(|unit| !unit.rates.is_empty())
            .collect();
        let (tuned, computed_first) = self.stage("first seed", &first, &origin, &reader)?;
        let mut others = Vec::new();
        for (unit, outcome) in first.iter().zip(&tuned) {
            let chosen = outcome.chosen().filter(|cell| !cell.has_failed());
            others.extend(chosen.into_iter().flat_map(|cell| {
                self.config.seeds[1..].iter().map(|&seed| Unit {
                    seed,
                    rates: vec![cell.spec.learning_rate],
                    ..unit.clone()
                })
            }));
        }
        let (replicated, computed_others) = self.stage("other seeds", &others, &origin, &reader)?;
        let baselines: Vec<Unit> = Subject::BASELINES
            .into_iter()
            .map(|subject| Unit {
                subject,
                objective: None,
                seed: self.config.seeds[0],
                rates: vec![0.0],
            })
            .collect();
        let (baselines, computed_baselines) =
            self.stage("without tokens", &baselines, &origin, &reader)?;
        let (mut cells, mut tried) = (Vec::new(), Vec::new());
        for (unit, outcome) in first.iter().zip(&tuned) {
            let chosen = outcome.chosen();
            tried.extend(
                outcome
                    .cells
                    .iter()
                    .filter(|cell| Some(*cell) != chosen)
                    .cloned(),
            );
            cells.extend(chosen.cloned());
            let same = |other: &(&Unit, &UnitOutcome)| {
                other.0.subject == unit.subject && other.0.objective == unit.objective
            };
            let more = others.iter().zip(&replicated);
            cells.extend(more.filter(same).filter_map(|(_, o)| o.chosen()).cloned());
        }
        cells.extend(baselines.iter().filter_map(UnitOutcome::chosen).cloned());
        Ok(Outcome {
            cells,
            tried,
            sources: self.sources()?,
            computed: computed_first + computed_others + computed_baselines,
        })
    }

    /// Learning rates that an arm is tried with; none if it broke down at the first seed.
    fn rates(&self, subject: Subject, objective: Objective) -> Vec<f64> {
        let Some(first) = self.first else {
            return self.config.learning_rates.clone();
        };
        let of_unit =
            |cell: &&CellOutcome| cell.unit() == (subject, Some(objective)) && !cell.has_failed();
        let chosen = first.cells.iter().filter(of_unit);
        chosen.map(|cell| cell.spec.learning_rate).collect()
    }

    /// The outcomes of `units`, from the store or trained, and how many were trained.
    fn stage(
        &self,
        name: &str,
        units: &[Unit],
        origin: &str,
        reader: &OnceLock<CellModel>,
    ) -> Result<(Vec<UnitOutcome>, usize)> {
        let known: Vec<Option<UnitOutcome>> = units
            .iter()
            .map(|unit| load(&self.path(unit, origin)))
            .collect();
        let todo: Vec<usize> = (0..units.len())
            .filter(|&unit| known[unit].is_none())
            .collect();
        if units.is_empty() {
            return Ok((Vec::new(), 0));
        }
        eprintln!(
            "{name}: {} cells, {} done before",
            units.len(),
            units.len() - todo.len()
        );
        if !todo.is_empty() && reader.get().is_none() {
            // Trained alone, before the lanes need it.
            let _ = reader.set(self.reader()?);
        }
        let fresh = self.lanes.map(todo.len(), |lane, index| {
            let unit = &units[todo[index]];
            let reader = reader.get().context("there is no reader")?;
            let outcome = self.unit(unit, reader, &self.devices[lane % self.devices.len()])?;
            store(&self.path(unit, origin), &outcome)?;
            announce(&outcome);
            anyhow::Ok(outcome)
        });
        let mut fresh = fresh.into_iter();
        let mut outcomes = Vec::with_capacity(units.len());
        for known in known {
            outcomes.push(match known {
                Some(outcome) => outcome,
                None => fresh.next().ok_or(Stopped)??,
            });
        }
        Ok((outcomes, todo.len()))
    }

    /// The probe that reads the reconstructions of all subjects: trained on originals, behind the
    /// identity, which loses nothing.
    fn reader(&self) -> Result<CellModel> {
        let device = &self.devices[0];
        let mut best: Option<(f64, CellModel)> = None;
        for &learning_rate in &self.config.learning_rates {
            let spec = CellSpec {
                subject: Subject::Arm(RepresentationConfig::reader_arm()),
                objective: Some(Objective::Read),
                seed: self.config.seeds[0],
                learning_rate,
            };
            let mut outcome = CellOutcome::begun(spec.clone());
            let training = self.training(device);
            let arm = RepresentationConfig::reader_arm();
            let trained = training.reader(arm, &spec, &mut outcome)?;
            let better = |cer: f64| best.as_ref().is_none_or(|(least, _)| cer < *least);
            if let (Some(model), Some(cer)) = (trained, outcome.reading_cer.filter(|&c| better(c)))
            {
                best = Some((cer, model));
            }
        }
        match best {
            Some((cer, model)) => {
                eprintln!(
                    "the reader of originals: validation CER {}",
                    wording::percent(cer)
                );
                Ok(model)
            }
            None => bail!(
                "the reader of originals broke down at every learning rate; lower --learning-rates"
            ),
        }
    }

    fn training<'a>(&'a self, device: &'a Device) -> Training<'a> {
        Training {
            config: self.config,
            images: self.images,
            device,
            stop: self.stop,
        }
    }

    fn unit(&self, unit: &Unit, reader: &CellModel, device: &Device) -> Result<UnitOutcome> {
        let mut best: Option<(usize, f64, Decoded)> = None;
        let mut cells = Vec::new();
        for &learning_rate in &unit.rates {
            self.stop.check()?;
            let started = Instant::now();
            let spec = CellSpec {
                subject: unit.subject,
                objective: unit.objective,
                seed: unit.seed,
                learning_rate,
            };
            let mut outcome = CellOutcome::begun(spec);
            if let Some(arm) = unit.subject.arm() {
                let training = self.training(device);
                let trained = unless_broken(&mut outcome, |outcome| training.train(arm, outcome))?;
                let score = score(&outcome);
                if let (Some(model), Some(score)) = (trained, score)
                    && best.as_ref().is_none_or(|(_, least, _)| score < *least)
                {
                    best = Some((cells.len(), score, model));
                }
            }
            outcome.seconds = started.elapsed().as_secs_f64();
            cells.push(outcome);
        }
        let started = Instant::now();
        let config = self.config.text()?;
        let testing = Testing {
            config: &config,
            images: self.images,
            reader,
            d_token: self.config.d_token,
            device,
            stop: self.stop,
        };
        let tested = match (&best, unit.subject) {
            (Some((cell, _, model)), Subject::Arm(arm)) => {
                let seed = unit.seed;
                Some((*cell, Some(Trained { arm, seed, model })))
            }
            (None, Subject::Arm(_)) => None,
            (_, Subject::Original | Subject::Resized | Subject::MeanColour) => Some((0, None)),
        };
        if let Some((cell, trained)) = tested {
            let outcome = &mut cells[cell];
            let parts = unless_broken(outcome, |_| testing.parts(unit.subject, trained).map(Some))?;
            outcome.parts = parts.unwrap_or_default();
            outcome.seconds += started.elapsed().as_secs_f64();
        }
        Ok(UnitOutcome { cells })
    }

    /// See [`Outcome::sources`].
    fn sources(&self) -> Result<Vec<(String, GaussianSource)>> {
        let mut sources: Vec<(String, Vec<f32>, usize)> = Vec::new();
        for set in self.images.sets() {
            for data in set.train {
                let items = spread(data.group.len(), SOURCE_IMAGES);
                let pixels = pixel_batch(&data.group, &items, &self.devices[0])?.merged();
                let [.., d] = pixels.dims();
                let values = pixels.into_data();
                let part = set.part_of(&data.group);
                match sources.iter_mut().find(|(name, ..)| *name == part) {
                    Some((_, all, _)) => all.extend(values.iter::<f32>()),
                    None => sources.push((part, values.iter::<f32>().collect(), d)),
                }
            }
        }
        let made = sources.into_iter();
        made.map(|(part, values, d)| Ok((part, GaussianSource::of(&values, d)?)))
            .collect()
    }

    fn path(&self, unit: &Unit, origin: &str) -> PathBuf {
        let name = format!(
            "{} {:?} {} {:?} {origin}",
            unit.subject, unit.objective, unit.seed, unit.rates
        );
        let hash = format!("{:x}", Sha256::digest(name));
        self.cells.join(format!("{}.toml", &hash[..16]))
    }
}

/// What learning rates are chosen by, the smaller the better: the error that the projector was trained
/// against, on validation images.
fn score(outcome: &CellOutcome) -> Option<f64> {
    match outcome.spec.objective? {
        Objective::Read => outcome.validation_l1.and(outcome.reading_cer),
        Objective::Reconstruct => outcome.validation_l1,
    }
}

/// What `work` made, or none and a failed outcome if it panicked.
fn unless_broken<T>(
    outcome: &mut CellOutcome,
    work: impl FnOnce(&mut CellOutcome) -> Result<Option<T>>,
) -> Result<Option<T>> {
    match guarded(|| work(outcome).map(Ok), Err)? {
        Ok(made) => Ok(made),
        Err(reason) => {
            outcome.status = Status::Failed { step: 0, reason };
            Ok(None)
        }
    }
}

/// A damaged file counts as absent.
fn load(path: &Path) -> Option<UnitOutcome> {
    toml::from_str(&std::fs::read_to_string(path).ok()?).ok()
}

fn store(path: &Path, outcome: &UnitOutcome) -> Result<()> {
    let text = toml::to_string(outcome).context("a cell does not fit into TOML")?;
    atomic::write_bytes(path, text.as_bytes())
}

fn announce(outcome: &UnitOutcome) {
    for cell in &outcome.cells {
        let (spec, seconds) = (&cell.spec, cell.seconds);
        match (&cell.status, cell.validation_l1) {
            (Status::Failed { step, reason }, _) => {
                eprintln!("{spec}: FAILED at step {step}: {reason}");
            }
            (Status::Finished, Some(l1)) => {
                eprintln!("{spec}: validation error {l1:.3}, {seconds:.1} s");
            }
            (Status::Finished, None) => eprintln!("{spec}: {seconds:.1} s"),
        }
    }
}
