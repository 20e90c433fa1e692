//! How long a study takes here, and what its seeds and items can show.

use super::config::StudyConfig;
use super::part::Part;
use anyhow::Result;
use perception_tasks::TaskConfig;
use probe::{CellSpec, Prepared, ProbeConfig, SplitSizes, TrainingConfig, train_cell};
use runs::session::Session;
use std::collections::BTreeMap;
use text_images::Split;

/// Steps of the two cells that a timing is the difference of.
const TIMED_STEPS: [usize; 2] = [2, 12];
/// Images of a split of a timed run.
const TIMED_IMAGES: usize = 128;

/// What a run of the study will take.
#[derive(Clone, Debug, PartialEq)]
pub struct PartPlan {
    /// Its name.
    pub name: String,
    /// Cells to train if every best learning rate lies within the grid.
    pub cells: usize,
    /// Seconds of one lane for all of them.
    pub lane_seconds: f64,
}

/// Times a few steps of every kind of cell of the study and adds up.
///
/// Reading images during training and testing is counted at the speed of the forward passes that
/// were timed with them, making images at that of a few; statistics are not counted.
///
/// # Errors
/// If a run of the study cannot be made at all.
pub fn time(config: &StudyConfig, session: &Session<'_>) -> Result<Vec<PartPlan>> {
    // Runs of one section mostly have the same cells on other images.
    let mut timed: BTreeMap<String, [f64; 2]> = BTreeMap::new();
    let mut made: BTreeMap<String, f64> = BTreeMap::new();
    let mut plans = Vec::new();
    for part in config.parts()? {
        session.stop.check()?;
        let cells_of = |arm| part.config.rates_of(arm).len() + part.config.seeds.len() - 1;
        let images_key = format!("{:?} {}", part.config.regime, timing_key(&part));
        let small = timing_config(&part.config);
        let mut prepared = None;
        let of_an_image = match made.get(&images_key) {
            Some(known) => *known,
            None => {
                let prepared = prepared_once(&mut prepared, &small, session)?;
                let seconds = session.lanes.count() as f64 * seconds_of_an_image(prepared);
                made.insert(images_key.clone(), seconds);
                seconds
            }
        };
        let mut lane_seconds = of_an_image * images_made(&part.config) as f64;
        for &arm in &part.config.arms {
            let key = format!("{arm} {images_key}");
            let [step, image] = match timed.get(&key) {
                Some(known) => *known,
                None => {
                    let prepared = prepared_once(&mut prepared, &small, session)?;
                    let spec = CellSpec {
                        arm,
                        seed: small.seeds[0],
                        learning_rate: 1e-4,
                    };
                    let found = time_cell(&small, prepared, &spec, session)?;
                    timed.insert(key, found);
                    found
                }
            };
            let read = images_read(&part.config);
            let training = part.config.training.steps as f64 * step;
            lane_seconds += cells_of(arm) as f64 * (training + read as f64 * image);
        }
        plans.push(PartPlan {
            name: part.name(),
            cells: part.config.arms.iter().map(|&arm| cells_of(arm)).sum(),
            lane_seconds,
        });
    }
    Ok(plans)
}

/// The images of a timed run, made from nothing at the first call.
fn prepared_once<'a>(
    slot: &'a mut Option<Prepared>,
    config: &ProbeConfig,
    session: &Session<'_>,
) -> Result<&'a Prepared> {
    match slot {
        Some(prepared) => Ok(prepared),
        none => {
            let (lanes, device) = (&session.lanes, session.device());
            Ok(none.insert(Prepared::new(config, None, lanes, device, session.stop)?))
        }
    }
}

/// Wall time of rendering or reading an image and of its features.
fn seconds_of_an_image(prepared: &Prepared) -> f64 {
    let stages = prepared.times.iter();
    let made = stages.filter(|(name, _)| name != "load backbone");
    let seconds: f64 = made.map(|(_, seconds)| seconds).sum();
    let groups = [&prepared.train, &prepared.validation, &prepared.test];
    let images = groups.into_iter().flatten().map(|part| part.group.len());
    seconds / images.sum::<usize>().max(1) as f64
}

/// Images that a run makes for all of its seeds, those that words are counted on left out.
fn images_made(config: &ProbeConfig) -> usize {
    let (data, images) = (&config.data, &config.data.images);
    let groups = data.densities.len().max(1);
    let trained = groups * data.train_contents.len() * (images.train + images.validation);
    let tested = groups * tested(config);
    match config.replication.is_start() {
        true => trained + tested,
        // Test images are the same for all of them, but each tower encodes them anew.
        false => config.seeds.len() * (trained + tested),
    }
}

/// What the time of a step depends on besides the arm.
fn timing_key(part: &Part) -> String {
    let (data, training) = (&part.config.data, &part.config.training);
    let reader = part.config.reader;
    format!(
        "{reader:?} {} {:?} {}",
        data.charset, data.densities, training.batch
    )
}

/// A run with the same cells on few images.
fn timing_config(config: &ProbeConfig) -> ProbeConfig {
    let mut small = config.of_seed(config.seeds[0]);
    small.data.next_block = false;
    small.usage_tokens = 0;
    small.data.images = SplitSizes {
        train: TIMED_IMAGES,
        validation: TIMED_IMAGES,
        test: TIMED_IMAGES,
        test_words: TIMED_IMAGES,
    };
    small.training = TrainingConfig {
        evaluations: 1,
        evaluation_images: TIMED_IMAGES,
        ..small.training
    };
    small
}

/// Seconds of a training step, and of reading an image.
fn time_cell(
    config: &ProbeConfig,
    prepared: &Prepared,
    spec: &CellSpec,
    session: &Session<'_>,
) -> Result<[f64; 2]> {
    let mut seconds = [0.0; 2];
    for (steps, seconds) in TIMED_STEPS.into_iter().zip(&mut seconds) {
        let mut config = config.clone();
        config.training.steps = steps;
        let (device, stop) = (session.device(), session.stop);
        // On a lane, so that it computes with as many threads as a cell of the study does.
        let cells = session.lanes.map(1, |_, _| {
            train_cell(&config, prepared, spec, device, stop, None, |_| {})
        });
        for cell in cells {
            *seconds = cell?.outcome.seconds;
        }
    }
    let [few, many] = seconds;
    let [short, long] = TIMED_STEPS;
    let step = ((many - few) / (long - short) as f64).max(0.0);
    // Validation images are read at step 0, at the end, and once more to choose a learning rate.
    let images = 3 * TIMED_IMAGES * config.data.densities.len().max(1);
    let image = ((few - short as f64 * step) / images as f64).max(0.0);
    Ok([step, image])
}

/// Images that a cell reads besides its training batches.
fn images_read(config: &ProbeConfig) -> usize {
    let (images, training) = (&config.data.images, &config.training);
    let groups = config.data.densities.len().max(1);
    let looks = (training.evaluations + 1) * training.evaluation_images.min(images.validation);
    groups * (looks + images.validation + tested(config))
}

/// Test images of a density; those of a task are so many on each of its levels.
fn tested(config: &ProbeConfig) -> usize {
    let data = &config.data;
    let task = data
        .source
        .perception()
        .filter(|kind| kind.difficulty().is_some());
    let levels = task.map_or(1, |kind| {
        TaskConfig::new(kind, Split::Test, data.seed).levels
    });
    data.test_contents.len() * data.images.test * levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FineGrained, Section, StudyPreset};

    #[test]
    fn a_timed_run_has_the_cells_of_the_real_one_on_few_images() {
        let study = StudyConfig {
            preset: StudyPreset::Full,
            sections: Section::STUDY.to_vec(),
            fine_grained: FineGrained::default(),
            settings: toml::Table::new(),
        };
        for part in study.parts().unwrap() {
            let small = timing_config(&part.config);
            small.check().unwrap();
            assert_eq!(small.arms, part.config.arms);
            assert_eq!(small.regime, part.config.regime);
            assert!(small.data.images.train <= TIMED_IMAGES);
        }
    }
}
