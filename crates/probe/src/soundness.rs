//! Whether a cell that was read back is one that its run can have written.
//!
//! Cells are copied between machines, and text is easily changed. What is still TOML but no result of training
//! would go into tables unseen.

use super::config::ProbeConfig;
use super::outcome::{CellOutcome, Evaluation, Status, TestResult, UsageRecord};
use super::preparation::Prepared;
use super::prepared_group::PreparedGroup;
use super::testing::modes_of;
use anyhow::{Context, Result, ensure};
use probe_data::Answer;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeBounds};

/// What sums of 32-bit numbers may be off by.
const ROUNDING: f64 = 1e-3;
/// Answers may have more characters than there are to read, so an error rate may be above 1.
const ERRORS: Range<f64> = 0.0..f64::INFINITY;

/// What a run asks of its cells.
#[derive(Debug)]
pub(super) struct Soundness<'a> {
    config: &'a ProbeConfig,
    groups: Vec<GroupSize>,
    /// How many answers there are to choose from, where classes are asked.
    classes: usize,
}

/// Sizes of a test group.
#[derive(Clone, Copy, Debug)]
struct GroupSize {
    images: usize,
    /// Images, its first, that changed models read as well.
    changed: usize,
    /// What the errors of these are counted in.
    changed_characters: usize,
}

impl<'a> Soundness<'a> {
    /// That of a run's cells.
    pub fn of(config: &'a ProbeConfig, prepared: &Prepared) -> Self {
        let size = |PreparedGroup { group, .. }: &PreparedGroup| {
            let changed = group.len().min(config.hardening_images);
            let labels = group.labels[..changed].iter();
            GroupSize {
                images: group.len(),
                changed,
                changed_characters: labels.map(|label| label.answer.units()).sum(),
            }
        };
        Self {
            config,
            groups: prepared.test.iter().map(size).collect(),
            classes: prepared.classes(config),
        }
    }

    /// Refuses a cell that this run cannot have written; one `is_tested` if it is not there to choose a rate only.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn check(&self, cell: &CellOutcome, is_tested: bool) -> Result<()> {
        self.check_history(&cell.history)?;
        match &cell.status {
            Status::Failed { .. } => {
                let is_empty = cell.validation_cer.is_none()
                    && cell.tests.is_empty()
                    && cell.hardening.is_empty();
                ensure!(is_empty, "it says that training failed, and has results");
                Ok(())
            }
            Status::Finished => {
                let error = cell.validation_cer.context("it has no `validation_cer`")?;
                within("validation_cer", error, &ERRORS)?;
                if let Some(loss) = cell.validation_loss {
                    within("validation_loss", loss, &(-ROUNDING..))?;
                }
                if let Some(found) = cell.reconstruction {
                    within("r2", found.r2, &(f64::MIN..=1.0 + ROUNDING))?;
                }
                if is_tested || !cell.tests.is_empty() {
                    self.check_tests(cell)?;
                }
                self.check_changed(cell)
            }
        }
    }

    /// The training curve.
    fn check_history(&self, history: &[Evaluation]) -> Result<()> {
        let mut before = None;
        for evaluation in history {
            let step = evaluation.step;
            ensure!(
                before < Some(step) && step <= self.config.training.steps,
                "its curve has step {step} in the wrong place"
            );
            before = Some(step);
            within("validation_cer", evaluation.validation_cer, &ERRORS)?;
            if let Some(loss) = evaluation.train_loss {
                within("train_loss", loss, &(f64::MIN..=f64::MAX))?;
            }
            evaluation.usage.as_ref().map_or(Ok(()), check_usage)?;
        }
        Ok(())
    }

    /// Every group in every mode, every image of it.
    fn check_tests(&self, cell: &CellOutcome) -> Result<()> {
        let places = cell.tests.iter().map(|test| (test.mode, test.group));
        let modes = modes_of(cell.spec.arm).iter().copied();
        self.once_each("test", places, modes)?;
        for test in &cell.tests {
            let TestResult {
                group,
                mode: _,
                predictions,
                usage,
                counted: _,
            } = test;
            let images = self.size(*group)?.images;
            ensure!(
                predictions.len() == images,
                "it has {} answers to the {images} images of test group {group}",
                predictions.len()
            );
            for answer in predictions {
                self.check_answer(answer)
                    .with_context(|| format!("test group {group}"))?;
            }
            usage.as_ref().map_or(Ok(()), check_usage)?;
        }
        Ok(())
    }

    fn check_answer(&self, answer: &Answer) -> Result<()> {
        let asks_for_class = self.config.data.source.asks_for_class();
        match answer {
            Answer::Class(class) => ensure!(
                asks_for_class && usize::from(*class) < self.classes,
                "an answer is class {class}, which this run does not have"
            ),
            Answer::Text(text) => {
                let charset = self.config.data.charset;
                let mut characters = text.chars();
                let other = characters.find(|&character| charset.class_of(character).is_none());
                ensure!(
                    !asks_for_class,
                    "an answer is a text, and classes are asked"
                );
                ensure!(
                    other.is_none(),
                    "an answer has {:?}, which is not in charset {charset}",
                    other.unwrap_or_default()
                );
            }
        }
        Ok(())
    }

    /// What models with other words or temperatures read.
    fn check_changed(&self, cell: &CellOutcome) -> Result<()> {
        let (points, temperatures) = (&cell.hardening, &cell.temperatures);
        let places = points.iter().map(|point| (point.k, point.group));
        let ks: BTreeSet<usize> = points.iter().map(|point| point.k).collect();
        self.once_each("hardening", places, ks)?;
        // By their bits, which have an order.
        let bits = || {
            let temperatures = temperatures.iter();
            temperatures.map(|found| (found.temperature.to_bits(), found.group))
        };
        let keys: BTreeSet<u64> = bits().map(|(temperature, _)| temperature).collect();
        self.once_each("temperatures", bits(), keys)?;
        for found in temperatures {
            self.check_error(found.group, found.cer, found.characters)?;
        }
        for point in points {
            self.check_error(point.group, point.cer, point.characters)?;
            // Older versions did not keep them.
            if point.edits.is_empty() {
                continue;
            }
            let size = self.size(point.group)?;
            let edits: f64 = point.edits.iter().copied().map(f64::from).sum();
            let told = point.cer * size.changed_characters.max(1) as f64;
            ensure!(
                point.edits.len() == size.changed && (told - edits).abs() < 0.5,
                "the edits of `hardening` for test group {} do not come to its error",
                point.group
            );
        }
        Ok(())
    }

    fn check_error(&self, group: usize, error: f64, characters: usize) -> Result<()> {
        within("cer", error, &ERRORS)?;
        let size = self.size(group)?;
        ensure!(
            characters == size.changed_characters,
            "it counts errors in {characters} characters where test group {group} has {}",
            size.changed_characters
        );
        Ok(())
    }

    fn size(&self, group: usize) -> Result<GroupSize> {
        let size = self.groups.get(group).copied();
        size.with_context(|| format!("there is no test group {group}"))
    }

    /// Refuses a list that does not hold every test group exactly once for each of `keys`, and nothing else.
    fn once_each<K: Copy + Ord>(
        &self,
        list: &str,
        places: impl Iterator<Item = (K, usize)>,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<()> {
        let mut times: BTreeMap<(K, usize), usize> = BTreeMap::new();
        for place in places {
            *times.entry(place).or_default() += 1;
        }
        for key in keys {
            for group in 0..self.groups.len() {
                let found = times.remove(&(key, group)).unwrap_or(0);
                ensure!(
                    found == 1,
                    "`{list}` has test group {group} {found} times where it is written once"
                );
            }
        }
        let other = times.keys().next().map(|(_, group)| *group);
        ensure!(
            other.is_none(),
            "`{list}` has more of test group {} than this run writes",
            other.unwrap_or_default()
        );
        Ok(())
    }
}

/// Entropies and shares that can be some.
fn check_usage(usage: &UsageRecord) -> Result<()> {
    for (name, value) in [
        ("token_entropy_bits", Some(usage.token_entropy_bits)),
        ("marginal_entropy_bits", Some(usage.marginal_entropy_bits)),
        ("corrected_entropy_bits", usage.corrected_entropy_bits),
        ("entropy_error_bits", usage.entropy_error_bits),
        ("perplexity", Some(usage.perplexity)),
    ] {
        if let Some(value) = value {
            within(name, value, &(-ROUNDING..f64::INFINITY))?;
        }
    }
    let masses = usage.top_k_mass.iter();
    let masses = masses.map(|&(_, mass)| ("top_k_mass", mass));
    let unseen = usage.unseen_mass.map(|mass| ("unseen_mass", mass));
    let small = ("fraction_above_small", usage.fraction_above_small);
    for (name, share) in masses.chain(unseen).chain([small]) {
        within(name, share, &(-ROUNDING..=1.0 + ROUNDING))?;
    }
    Ok(())
}

/// Refuses a number out of its range; what is not a number is in none.
fn within(name: &str, value: f64, range: &impl RangeBounds<f64>) -> Result<()> {
    ensure!(range.contains(&value), "`{name}` is {value}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::outcome::{CellSpec, EvaluationMode, HardeningResult, TemperatureResult};
    use super::super::presets::Preset;
    use super::*;
    use text_images::Charset;

    fn config() -> ProbeConfig {
        let mut config = Preset::Smoke.config();
        config.data.charset = Charset::Digits;
        config
    }

    fn soundness(config: &ProbeConfig) -> Soundness<'_> {
        let size = |images| GroupSize {
            images,
            changed: 1,
            changed_characters: 4,
        };
        Soundness {
            config,
            groups: vec![size(2), size(3)],
            classes: 0,
        }
    }

    fn evaluation(step: usize) -> Evaluation {
        Evaluation {
            step,
            train_loss: None,
            validation_cer: 1.0,
            usage: None,
        }
    }

    fn cell() -> CellOutcome {
        let spec = CellSpec {
            arm: "vet-gumbel@16".parse().unwrap(),
            seed: 1,
            learning_rate: 0.002,
        };
        let mut cell = CellOutcome {
            history: vec![evaluation(0), evaluation(1)],
            validation_cer: Some(1.25),
            validation_loss: Some(2.0),
            ..CellOutcome::begun(spec)
        };
        for (group, images) in [(0, 2), (1, 3)] {
            for mode in [EvaluationMode::Deterministic, EvaluationMode::Sampled] {
                cell.tests.push(TestResult {
                    group,
                    mode,
                    predictions: vec![Answer::Text("0123".to_owned()); images],
                    usage: None,
                    counted: None,
                });
            }
            cell.hardening.push(HardeningResult {
                group,
                k: 1,
                cer: 0.75,
                characters: 4,
                edits: vec![3],
            });
            cell.temperatures.push(TemperatureResult {
                group,
                temperature: 0.5,
                cer: 0.75,
                characters: 4,
            });
        }
        cell
    }

    #[test]
    fn what_a_run_writes_passes() {
        let config = config();
        let sound = soundness(&config);
        sound.check(&cell(), true).unwrap();
        let untested = CellOutcome {
            validation_cer: Some(0.0),
            ..CellOutcome::begun(cell().spec)
        };
        sound.check(&untested, false).unwrap();
        assert!(sound.check(&untested, true).is_err());
        let failed = CellOutcome {
            status: Status::Failed {
                step: 1,
                reason: "the loss is NaN".to_owned(),
            },
            history: vec![evaluation(0)],
            ..CellOutcome::begun(cell().spec)
        };
        sound.check(&failed, true).unwrap();
    }

    type Damage = (fn(&mut CellOutcome), &'static str);

    #[test]
    fn what_no_run_writes_is_refused_with_the_reason() {
        let damages: [Damage; 16] = [
            (|cell| cell.tests[2].group = 0, "test group 0 2 times"),
            (|cell| cell.tests[3].group = 7, "test group 1 0 times"),
            (|cell| cell.tests.truncate(3), "test group 1 0 times"),
            (
                |cell| cell.tests.push(cell.tests[0].clone()),
                "test group 0 2 times",
            ),
            (
                |cell| cell.tests[1].predictions.truncate(1),
                "1 answers to the 2 images",
            ),
            (
                |cell| cell.tests[0].predictions[1] = Answer::Text("01x3".to_owned()),
                "'x', which is not in charset 10",
            ),
            (
                |cell| cell.tests[0].predictions[1] = Answer::Class(1),
                "class 1",
            ),
            (
                |cell| cell.validation_cer = Some(f64::NAN),
                "`validation_cer` is NaN",
            ),
            (
                |cell| cell.validation_cer = Some(-5.0),
                "`validation_cer` is -5",
            ),
            (|cell| cell.validation_cer = None, "no `validation_cer`"),
            (
                |cell| cell.history[1].validation_cer = f64::INFINITY,
                "`validation_cer` is inf",
            ),
            (|cell| cell.history[1].step = 0, "step 0"),
            (|cell| cell.hardening[1].group = 0, "test group 0 2 times"),
            (|cell| cell.hardening[1].cer = 0.5, "do not come to"),
            (
                |cell| cell.temperatures[0].characters = 5,
                "5 characters where test group 0 has 4",
            ),
            (
                |cell| {
                    cell.status = Status::Failed {
                        step: 1,
                        reason: String::new(),
                    };
                },
                "failed, and has results",
            ),
        ];
        let config = config();
        let sound = soundness(&config);
        for (damage, told) in damages {
            let mut damaged = cell();
            damage(&mut damaged);
            let error = format!("{:#}", sound.check(&damaged, true).unwrap_err());
            assert!(error.contains(told), "no `{told}` in: {error}");
        }
    }
}
