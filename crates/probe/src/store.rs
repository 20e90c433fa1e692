//! Finished cells on disk.

use super::config::ProbeConfig;
use super::half_done::HalfDone;
use super::outcome::{CellOutcome, CellSpec};
use anyhow::{Context, Result, anyhow, ensure};
use arms::ArmSpec;
use probe_data::version_0_1::stored_class;
use run_support::atomic;
use sha2::{Digest, Sha256};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use text_images::Charset;

/// Extension of the files of cells in training.
const HALF_DONE: &str = "half-done";

/// Raised when the same settings come to give other numbers, so that cells of an older version are
/// trained again instead of being mixed with new ones.
const ARITHMETIC: u32 = 2;

/// A folder with one TOML file per finished cell, named by a hash of what the cell is, of the
/// settings it was trained with and of what it was trained and tested on: a cell of images or a
/// backbone that have changed counts as absent, and runs that have cells in common may share a
/// folder.
///
/// TOML, because every number reads back as the bits that were written: a resumed run then leaves
/// the same bytes as an uninterrupted one. (`serde_json` may be off by one unit in the last place.)
#[derive(Clone, Debug)]
pub struct CellStore {
    folder: PathBuf,
    origin: String,
    /// Where the answers are classes: what version 0.1 wrote them in.
    classes_in: Option<Charset>,
}

impl CellStore {
    /// Opens `folder`, which is made if it does not exist, for cells of `config` on `inputs`
    /// ([`Prepared::inputs_hash`](super::Prepared::inputs_hash)).
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(folder: &Path, config: &ProbeConfig, inputs: &str) -> Result<Self> {
        atomic::make_folder(folder)?;
        let settings = config.cell_identity()?;
        Ok(Self {
            folder: folder.to_owned(),
            classes_in: (config.data.source.asks_for_class()).then_some(config.data.charset),
            origin: format!(
                "{:x} {inputs}",
                Sha256::digest(format!("{ARITHMETIC}\n{settings}"))
            ),
        })
    }

    /// The outcome of `spec`, if it is there.
    ///
    /// # Errors
    /// Names the file, if it cannot be read, is damaged, or does not pass `check`.
    pub fn read(
        &self,
        spec: &CellSpec,
        check: impl FnOnce(&CellOutcome) -> Result<()>,
    ) -> Result<Option<CellOutcome>> {
        let path = self.path(spec);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let outcome = self.outcome(&text, spec);
        let checked = outcome.and_then(|outcome| check(&outcome).map(|()| outcome));
        checked
            .map(Some)
            .with_context(|| format!("{} is damaged", path.display()))
    }

    /// What a file of `spec` holds.
    fn outcome(&self, text: &str, spec: &CellSpec) -> Result<CellOutcome> {
        // Its message alone: the error itself quotes the line, which can be all answers of a group.
        let mut outcome: CellOutcome =
            toml::from_str(text).map_err(|error| anyhow!("{}", error.message()))?;
        if let Some(charset) = self.classes_in {
            let tests = outcome.tests.iter_mut();
            for answer in tests.flat_map(|test| &mut test.predictions) {
                *answer = stored_class(answer, charset).context("an answer is no class")?;
            }
        }
        let found = &outcome.spec;
        ensure!(
            found == spec,
            "it is the cell of `{}` with seed {} at learning rate {:?}, under the name of another",
            found.arm,
            found.seed,
            found.learning_rate
        );
        Ok(outcome)
    }

    /// Stores an outcome, atomically, and forgets the state it was trained from.
    ///
    /// # Errors
    /// If the disk is full or the folder is read-only.
    pub fn save(&self, outcome: &CellOutcome) -> Result<()> {
        self.save_untested(outcome)?;
        self.half_done(&outcome.spec).discard()
    }

    /// Stores an outcome, atomically, and keeps the state: the cell may yet be tested.
    ///
    /// # Errors
    /// If the disk is full or the folder is read-only.
    pub fn save_untested(&self, outcome: &CellOutcome) -> Result<()> {
        let text = toml::to_string(outcome).context("a cell does not fit into TOML")?;
        atomic::write_bytes(&self.path(&outcome.spec), text.as_bytes())
    }

    /// Where a cell is kept while it trains.
    #[must_use]
    pub fn half_done(&self, spec: &CellSpec) -> HalfDone {
        HalfDone::new(self.path(spec).with_extension(HALF_DONE), spec.clone())
    }

    fn path(&self, spec: &CellSpec) -> PathBuf {
        let CellSpec {
            arm,
            seed,
            learning_rate,
        } = spec;
        let arithmetic = arm.arithmetic();
        let name = format!("{arm} {seed} {learning_rate} {}{arithmetic}", self.origin);
        let hash = format!("{:x}", Sha256::digest(name));
        self.folder.join(format!("{}.toml", &hash[..16]))
    }
}

/// The cells that a folder has files of, whatever images and settings they are of: what has no file
/// is missing, and that is known before any image is rendered.
#[derive(Clone, Debug, Default)]
pub struct StoredCells(Vec<CellSpec>);

impl StoredCells {
    /// Reads which cell each file of `folder` is of; there are none in a folder that does not exist.
    #[must_use]
    pub fn list(folder: &Path) -> Self {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Self::default();
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let files = paths.filter(|path| path.extension().is_some_and(|end| end == "toml"));
        Self(
            files
                .filter_map(|path| spec_of(&std::fs::read_to_string(path).ok()?))
                .collect(),
        )
    }

    /// Whether no cell at all of an arm's tuning has a file.
    #[must_use]
    pub fn none_of(&self, config: &ProbeConfig, arm: ArmSpec) -> bool {
        !tuning_cells(config, arm).any(|spec| self.0.contains(&spec))
    }

    /// The arms of a run that are not finished, because a cell of their tuning has no file. Arms that
    /// are not listed may still lack cells of other seeds, or of these images.
    #[must_use]
    pub fn unfinished(&self, config: &ProbeConfig) -> Vec<ArmSpec> {
        let arms = config.arms.iter().copied();
        arms.filter(|&arm| !tuning_cells(config, arm).all(|spec| self.0.contains(&spec)))
            .collect()
    }
}

/// The cells that every finished arm has: the first seed at every learning rate of the grid.
fn tuning_cells(config: &ProbeConfig, arm: ArmSpec) -> impl Iterator<Item = CellSpec> {
    let rates = config.rates_of(arm).iter();
    rates.map(move |&learning_rate| CellSpec {
        arm,
        seed: config.seeds[0],
        learning_rate,
    })
}

/// Which cell a file is of. Most of it are predictions, which are passed over.
fn spec_of(text: &str) -> Option<CellSpec> {
    let part = text.split("[spec]\n").nth(1)?;
    let part = part.split("\n[").next()?;
    let spec = toml::from_str(part).ok();
    spec.or_else(|| Some(toml::from_str::<CellOutcome>(text).ok()?.spec))
}

#[cfg(test)]
mod tests {
    use super::super::outcome::{Evaluation, EvaluationMode, HardeningResult, Status};
    use super::super::outcome::{TestResult, UsageRecord};
    use super::super::presets::Preset;
    use super::*;
    use crate::image_source::ImageSource;
    use perception_tasks::TaskKind;
    use probe_data::Answer;

    fn outcome(learning_rate: f64) -> CellOutcome {
        // 0.1 + 0.2 and the like have no short decimal form.
        let awkward = |i: u32| f64::from(i) * 0.1 + 0.2 / 3.0;
        let usage = UsageRecord {
            codebooks: 2,
            words: 12,
            tokens: 99,
            token_entropy_bits: awkward(1),
            marginal_entropy_bits: awkward(2),
            corrected_entropy_bits: None,
            entropy_error_bits: Some(awkward(3)),
            unseen_mass: None,
            perplexity: 1e-300,
            codes_used: 3,
            codes_covering_90: 2,
            top_k_mass: (1..40).map(|i| (i as usize, awkward(i))).collect(),
            fraction_above_small: 0.0,
            dead_codebooks: 1,
        };
        CellOutcome {
            spec: CellSpec {
                arm: "vet-gumbel@16+usage".parse().unwrap(),
                seed: 1,
                learning_rate,
            },
            status: Status::Failed {
                step: 3,
                reason: "a \"quoted\"\nreason".to_owned(),
            },
            parameters: 1,
            multiply_adds_per_token: 2,
            bits_per_token: Some(12f64.log2()),
            published_levels: 2,
            reader_parameters: 3,
            without_gradient: None,
            history: vec![Evaluation {
                step: 0,
                train_loss: None,
                validation_cer: awkward(7),
                usage: Some(usage.clone()),
            }],
            validation_cer: None,
            validation_loss: None,
            tests: vec![TestResult {
                group: 0,
                mode: EvaluationMode::Sampled,
                predictions: ["", "'\"\\#=é\u{7f}"]
                    .map(|text| Answer::Text(text.to_owned()))
                    .to_vec(),
                usage: Some(usage),
                counted: None,
            }],
            hardening: vec![HardeningResult {
                group: 0,
                k: 1,
                cer: awkward(9),
                characters: 5,
                edits: Vec::new(),
            }],
            temperatures: Vec::new(),
            reconstruction: None,
            seconds: 1e9 / 7.0,
        }
    }

    fn config() -> ProbeConfig {
        Preset::Smoke.config()
    }

    impl CellStore {
        /// What is there and whole.
        fn load(&self, spec: &CellSpec) -> Option<CellOutcome> {
            self.read(spec, |_| Ok(())).ok().flatten()
        }
    }

    #[test]
    fn runs_share_the_cells_that_are_the_same_in_both() {
        let folder = tempfile::tempdir().unwrap();
        let open = |config: &ProbeConfig| CellStore::open(folder.path(), config, "inputs").unwrap();
        let outcome = outcome(0.002);
        open(&config()).save(&outcome).unwrap();
        let mut other = config();
        other.arms.truncate(1);
        other.seeds = vec![7];
        other.training.learning_rates.push(0.5);
        assert_eq!(open(&other).load(&outcome.spec), Some(outcome.clone()));
        other.training.steps += 1;
        assert_eq!(open(&other).load(&outcome.spec), None);
    }

    #[test]
    fn cells_read_back_to_the_bit() {
        let folder = tempfile::tempdir().unwrap();
        let store = CellStore::open(folder.path(), &config(), "inputs").unwrap();
        for rate in [0.002, 1e30, 0.1 + 0.2, 1.0 / 3.0] {
            let outcome = outcome(rate);
            assert_eq!(store.load(&outcome.spec), None);
            store.save(&outcome).unwrap();
            assert_eq!(store.load(&outcome.spec), Some(outcome));
        }
    }

    #[test]
    fn cells_without_a_file_are_known_to_be_missing_whatever_the_images_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config();
        config.arms = ["vet-gumbel@16+usage", "blind"]
            .map(|arm| arm.parse().unwrap())
            .into();
        config.training.learning_rates = vec![0.002, 0.1 + 0.2];
        let [gumbel, blind] = config.arms[..] else {
            unreachable!()
        };
        let stored = || StoredCells::list(folder.path());
        assert_eq!(stored().unfinished(&config), config.arms);
        let store = CellStore::open(folder.path(), &config, "inputs").unwrap();
        store.save(&outcome(0.002)).unwrap();
        assert!(!stored().none_of(&config, gumbel) && stored().none_of(&config, blind));
        assert_eq!(stored().unfinished(&config), config.arms);
        store.save(&outcome(0.1 + 0.2)).unwrap();
        assert_eq!(stored().unfinished(&config), [blind]);
        // Other seeds and rates do not count.
        config.seeds[0] = 7;
        assert!(stored().none_of(&config, gumbel));
        let absent = StoredCells::list(&folder.path().join("absent"));
        assert!(absent.none_of(&config, blind));
    }

    #[test]
    fn classes_of_version_0_1_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config();
        config.data.source = ImageSource::Perception(TaskKind::Vernier);
        let store = CellStore::open(folder.path(), &config, "inputs").unwrap();
        let mut expected = outcome(0.002);
        let classes = [1, 0, 40];
        expected.tests[0].predictions = classes.map(Answer::Class).to_vec();
        store.save(&expected).unwrap();
        assert_eq!(store.load(&expected.spec), Some(expected.clone()));
        let path = store.path(&expected.spec);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("predictions = [1, 0, 40]"), "{text}");
        let old = |texts| text.replace("[1, 0, 40]", texts);
        // The 41st character behind the 36 of the charset is the fifth letter from U+0100 on.
        std::fs::write(&path, old("[\"1\", \"0\", \"Ą\"]")).unwrap();
        assert_eq!(store.load(&expected.spec), Some(expected.clone()));
        std::fs::write(&path, old("[\"1\", \"0\", \"\"]")).unwrap();
        assert_eq!(store.load(&expected.spec), None);
    }

    #[test]
    fn cells_of_other_inputs_and_damaged_cells_count_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let store = CellStore::open(folder.path(), &config(), "inputs").unwrap();
        let outcome = outcome(0.002);
        store.save(&outcome).unwrap();
        let other = CellStore::open(folder.path(), &config(), "other inputs").unwrap();
        assert_eq!(other.load(&outcome.spec), None);
        std::fs::write(store.path(&outcome.spec), "[spec]\narm = \"blind").unwrap();
        assert_eq!(store.load(&outcome.spec), None);
        let error = store.read(&outcome.spec, |_| Ok(())).unwrap_err();
        let file = store.path(&outcome.spec).display().to_string();
        assert!(error.to_string().contains(&file), "{error}");
    }
}
