//! Reading `items.safetensors` back.

use super::record::{CellRecord, GroupRecord, Record, hardening_name, prefix, test_name};
use super::{FILE, FORMAT, FORMAT_KEY, RECORD};
use crate::seal;
use anyhow::{Context, Result, anyhow, bail, ensure};
use flate2::read::ZlibDecoder;
use probe::{CellOutcome, CountedAnswers, ProbeConfig, RunOutcome, TestSet, TrainingLength};
use probe_data::Answer;
use probe_statistics::text_metrics::PositionAccuracy;
use safetensors::SafeTensors;
use std::io::Read;
use std::path::Path;

/// Longest text of one image; a damaged number must not take the memory.
const MOST_CHARS: u32 = 100_000;
/// Longest record when unpacked, in bytes; a study of thousands of cells has a tenth of it.
const MOST_RECORD: u64 = 256 << 20;
/// What to do about a file that cannot be used.
const REMEDY: &str = "bring back the file that belongs to this folder, or make the run again";
/// Stands for a character of a text that was not kept; only how many there are is known.
const NOT_KEPT: &str = "\u{fffd}";

/// The run of `config` in `folder`, as far as the file holds it: answers are counted, not kept, but for
/// classes, and texts have their length alone.
///
/// # Errors
/// Names the file: if it is not there, is not one of these or not of this version, is damaged, or belongs
/// to a run of other settings.
pub fn read(folder: &Path, config: &ProbeConfig) -> Result<RunOutcome> {
    let path = folder.join(FILE);
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // What is wrong stands before what can be done.
    outcome(&bytes, config).map_err(|error| anyhow!("{}: {error:#}; {REMEDY}", path.display()))
}

fn outcome(bytes: &[u8], config: &ProbeConfig) -> Result<RunOutcome> {
    let (_, header) = SafeTensors::read_metadata(bytes).context("it is damaged")?;
    let metadata = header.metadata().as_ref();
    match metadata.and_then(|entries| entries.get(FORMAT_KEY)) {
        None => bail!("it holds other tensors, not the items of a run"),
        Some(format) if format != FORMAT => {
            bail!("it says `{format}`, and this version reads `{FORMAT}`")
        }
        Some(_) => {}
    }
    let tensors = SafeTensors::deserialize(bytes).context("it is damaged")?;
    seal::check(&tensors)?;
    let record = tensors
        .tensor(RECORD)
        .with_context(|| format!("it is damaged: it has no tensor `{RECORD}`"))?;
    let mut text = String::new();
    let mut unpacked = ZlibDecoder::new(record.data()).take(MOST_RECORD);
    unpacked
        .read_to_string(&mut text)
        .context("it is damaged: its record cannot be unpacked")?;
    // Its message alone: the error itself quotes the line, which can be the whole record.
    let record: Record = toml::from_str(&text).map_err(|error| {
        let message = error.message();
        anyhow!("it is damaged, or of another version of the program: {message}")
    })?;
    let file = File { tensors };
    let sets = record.groups.into_iter().enumerate();
    let test_sets = sets
        .map(|(group, found)| file.test_set(group, found))
        .collect::<Result<Vec<_>>>()?;
    let cells = |length: Option<usize>, cells: Vec<CellRecord>| -> Result<Vec<CellOutcome>> {
        let cells = cells.into_iter();
        cells
            .map(|cell| file.cell(&prefix(length), cell, &test_sets))
            .collect()
    };
    let shorter = record.shorter.into_iter().map(|length| {
        Ok(TrainingLength {
            steps: length.steps,
            cells: cells(Some(length.steps), length.cells)?,
        })
    });
    let shorter = shorter.collect::<Result<_>>()?;
    let cells = cells(None, record.cells)?;
    let tuning = record.tuning.into_iter();
    let run = RunOutcome {
        test_images: Vec::new(),
        class_names: record.class_names,
        image_notes: record.image_notes,
        tuning: tuning.map(super::record::TuningRecord::tuning).collect(),
        cells,
        shorter,
        moving: record.moving,
        test_sets,
    };
    let wanted = run.trained_with(config);
    ensure!(
        record.config == wanted,
        "it belongs to a run of other settings ({})",
        difference(&record.config, &wanted)
    );
    for &arm in &config.arms {
        let mut tuned = run.tuning.iter();
        // Where every rate broke down, the first seed stands for all.
        let broke_down = tuned.any(|tuning| tuning.arm == arm && tuning.chosen.is_none());
        for &seed in &config.seeds[..if broke_down { 1 } else { config.seeds.len() }] {
            let mut specs = run.cells.iter().map(|cell| &cell.spec);
            ensure!(
                specs.any(|spec| spec.arm == arm && spec.seed == seed),
                "it is damaged: it lacks the cell of `{arm}` with seed {seed}"
            );
        }
    }
    Ok(run)
}

/// The first line in which settings differ.
fn difference(found: &ProbeConfig, wanted: &ProbeConfig) -> String {
    let lines = |config: &ProbeConfig| toml::to_string(config).unwrap_or_default();
    let (found, wanted) = (lines(found), lines(wanted));
    let mut pairs = found.lines().zip(wanted.lines());
    pairs.find(|(there, here)| there != here).map_or_else(
        || "another number of settings".to_owned(),
        |(there, here)| format!("there `{there}`, in the folder `{here}`"),
    )
}

struct File<'a> {
    tensors: SafeTensors<'a>,
}

impl File<'_> {
    /// The whole numbers of a tensor with one number per image.
    fn list(&self, name: &str, images: usize) -> Result<Vec<u32>> {
        let found = seal::list(&self.tensors, name)?;
        let found = found.with_context(|| format!("it is damaged: it has no tensor `{name}`"))?;
        ensure!(
            found.len() == images,
            "it is damaged: tensor `{name}` has {} numbers for {images} images",
            found.len()
        );
        Ok(found)
    }

    /// The same, where no number can be more than a reader would ever write.
    fn edits(&self, name: &str, images: usize) -> Result<Vec<u32>> {
        let edits = self.list(name, images)?;
        let most = edits.iter().copied().max().unwrap_or(0);
        ensure!(
            most <= MOST_CHARS,
            "tensor `{name}`: no answer has {most} edits"
        );
        Ok(edits)
    }

    fn test_set(&self, group: usize, record: GroupRecord) -> Result<TestSet> {
        let targets = match seal::list(&self.tensors, &format!("right/{group}"))? {
            Some(classes) => answers(&classes)?,
            None => {
                let name = format!("chars/{group}");
                let found = seal::list(&self.tensors, &name)?;
                let lengths =
                    found.with_context(|| format!("it is damaged: it has no tensor `{name}`"))?;
                let most = lengths.iter().copied().max().unwrap_or(0);
                ensure!(
                    most <= MOST_CHARS,
                    "tensor `{name}`: no image has {most} characters"
                );
                let text = |&chars: &u32| Answer::Text(NOT_KEPT.repeat(chars as usize));
                lengths.iter().map(text).collect()
            }
        };
        let held_out = self.list(&format!("held_out/{group}"), targets.len())?;
        let clusters = self.list(&format!("cluster/{group}"), targets.len())?;
        Ok(TestSet {
            density: record.density,
            mean_density: record.mean_density,
            condition: record.condition,
            difficulty: record.difficulty,
            clusters,
            cluster_names: record.cluster_names,
            held_out: held_out.iter().map(|&mark| mark != 0).collect(),
            targets,
        })
    }

    fn cell(&self, prefix: &str, record: CellRecord, sets: &[TestSet]) -> Result<CellOutcome> {
        let CellRecord { mut outcome, tests } = record;
        ensure!(
            tests.len() == outcome.tests.len(),
            "it is damaged: a cell of `{}` has {} tests and scores of {}",
            outcome.spec.arm,
            outcome.tests.len(),
            tests.len()
        );
        for (index, scores) in tests.into_iter().enumerate() {
            let set = group(sets, outcome.tests[index].group)?;
            let images = set.targets.len();
            let edits = test_name("edits", prefix, &outcome, index);
            if seal::list(&self.tensors, &edits)?.is_none() {
                let name = test_name("answers", prefix, &outcome, index);
                outcome.tests[index].predictions = answers(&self.list(&name, images)?)?;
                continue;
            }
            let lengths = set.targets.iter().map(Answer::units);
            let positions = PositionAccuracy::of_counts(scores.right, lengths);
            outcome.tests[index].counted = Some(CountedAnswers {
                edits: self.edits(&edits, images)?,
                one_minus_ned: scores.one_minus_ned,
                positions: positions.with_context(|| {
                    format!("it is damaged: more right characters than there are in `{edits}`")
                })?,
            });
        }
        for index in 0..outcome.hardening.len() {
            group(sets, outcome.hardening[index].group)?;
            let name = hardening_name(prefix, &outcome, index);
            // Only the first images are read so.
            let edits = seal::list(&self.tensors, &name)?.unwrap_or_default();
            let images = sets[outcome.hardening[index].group].targets.len();
            ensure!(
                edits.len() <= images,
                "it is damaged: tensor `{name}` has {} numbers for {images} images",
                edits.len()
            );
            outcome.hardening[index].edits = edits;
        }
        Ok(outcome)
    }
}

fn group(sets: &[TestSet], index: usize) -> Result<&TestSet> {
    sets.get(index)
        .with_context(|| format!("it is damaged: there is no test group {index}"))
}

fn answers(classes: &[u32]) -> Result<Vec<Answer>> {
    let classes = classes.iter().map(|&class| {
        let class = u16::try_from(class);
        Ok(Answer::Class(class.context("it is damaged: not a class")?))
    });
    classes.collect()
}
