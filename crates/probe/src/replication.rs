//! What differs between the seeds of a run.

use crate::config::ProbeConfig;
use crate::image_source::ImageSource;
use crate::outcome::RunOutcome;
use anyhow::{Context, Result, ensure};
use probe_data::Relabelling;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What stands for the number of the seed in the name of a backbone.
pub const SEED_PLACE: &str = "{seed}";

/// What a seed decides besides the start of the parameters, the order of the images and the noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Replication {
    /// Nothing: all seeds train on the same images behind the same tower.
    #[default]
    Start,
    /// The images to train on and to choose on. Test images are the same for all seeds, and so are those of the
    /// control task, which reads what it was trained on.
    Images,
    /// Those images, and the tower: `{seed}` in the name of the backbone stands for the number.
    Towers,
}

impl Replication {
    /// Whether seeds share images and tower.
    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
    #[must_use]
    pub fn is_start(&self) -> bool {
        *self == Self::Start
    }
}

impl ProbeConfig {
    /// Checks that seeds can differ in what they are meant to.
    pub(crate) fn check_replication(&self) -> Result<()> {
        let has_place = self.backbone.to_string_lossy().contains(SEED_PLACE);
        let towers = self.replication == Replication::Towers;
        ensure!(
            has_place == towers,
            "`replication = \"towers\"` and a `{SEED_PLACE}` in the name of the backbone belong together; \
             write both, or neither"
        );
        ensure!(
            self.data.train_seed.is_none() || self.replication.is_start(),
            "`data.train_seed` and `replication` both say which images are trained on; leave one out"
        );
        if self.replication.is_start() {
            return Ok(());
        }
        let rendered = match &self.data.source {
            ImageSource::Text { train, .. } => train.is_rendered(),
            ImageSource::Relabelled(_) | ImageSource::Perception(_) => true,
            ImageSource::Photographs(_) => false,
        };
        ensure!(
            rendered && self.checkpoint.is_none(),
            "`replication` draws new training images for every seed, which only rendered images behind our \
             own towers have; leave it out"
        );
        ensure!(
            self.training.until_converged.is_none(),
            "`replication` and `training.until_converged` do not go together yet; leave one out"
        );
        Ok(())
    }

    /// What the run is carried out as: itself, or the run of every seed alone, where each has images of its own.
    #[must_use]
    pub fn replicates(&self) -> Vec<Self> {
        if self.replication.is_start() {
            return vec![self.clone()];
        }
        self.seeds.iter().map(|&seed| self.of_seed(seed)).collect()
    }

    /// The seed of one of its [`replicates`](Self::replicates), where it has images of its own.
    #[must_use]
    pub fn own_seed(&self, replicate: &Self) -> Option<u64> {
        let own = !self.replication.is_start();
        own.then(|| replicate.seeds.first().copied()).flatten()
    }

    /// The run of one seed alone, with the images and the tower that are its own.
    #[must_use]
    pub fn of_seed(&self, seed: u64) -> Self {
        let mut config = self.clone();
        config.seeds = vec![seed];
        match self.replication {
            Replication::Start => return config,
            Replication::Images => {}
            Replication::Towers => {
                let path = self.backbone.to_string_lossy();
                config.backbone = PathBuf::from(path.replace(SEED_PLACE, &seed.to_string()));
            }
        }
        config.replication = Replication::Start;
        // The control task tests on the images that it trained on, and all seeds are tested on the same.
        let tests_on_training = config.data.source == ImageSource::Relabelled(Relabelling::Control);
        config.data.train_seed = (!tests_on_training).then_some(seed);
        config
    }
}

/// A run as a sequence of runs that each have one tower and one set of images.
#[derive(Debug)]
pub struct Replicates<'a> {
    config: &'a ProbeConfig,
    outcomes: Vec<RunOutcome>,
}

impl<'a> Replicates<'a> {
    /// None of them carried out.
    #[must_use]
    pub fn of(config: &'a ProbeConfig) -> Self {
        Self {
            config,
            outcomes: Vec::new(),
        }
    }

    /// What to carry out next; none if everything is. Later seeds train at the learning rates that the
    /// first one chose on its validation images; arms that broke down there are left out.
    #[must_use]
    pub fn next(&self) -> Option<ProbeConfig> {
        if self.config.replication.is_start() {
            return self.outcomes.is_empty().then(|| self.config.clone());
        }
        let &seed = self.config.seeds.get(self.outcomes.len())?;
        let mut next = self.config.of_seed(seed);
        if let Some(first) = self.outcomes.first() {
            for tuning in &first.tuning {
                let chosen = tuning.chosen.into_iter().collect();
                let name = tuning.arm.to_string();
                next.training.rates_of_arms.insert(name, chosen);
            }
            next.training.extensions = 0;
            next.arms.retain(|arm| {
                let mut tuned = first.tuning.iter();
                tuned.any(|tuning| tuning.arm == *arm && tuning.chosen.is_some())
            });
            // Rates of arms that are not there would be refused.
            let arms = next.arms.clone();
            let is_there = |name: &String| arms.iter().any(|arm| arm.to_string() == *name);
            next.training.rates_of_arms.retain(|name, _| is_there(name));
        }
        (!next.arms.is_empty()).then_some(next)
    }

    /// How many were carried out.
    #[must_use]
    pub fn count(&self) -> usize {
        self.outcomes.len()
    }

    /// What [`next`](Self::next) came to.
    pub fn add(&mut self, outcome: RunOutcome) {
        self.outcomes.push(outcome);
    }

    /// All of it as the outcome of the run.
    ///
    /// # Errors
    /// If nothing was carried out, or test images differ between seeds.
    pub fn joined(self) -> Result<RunOutcome> {
        let mut outcomes = self.outcomes.into_iter();
        let mut all = outcomes.next().context("a run without seeds")?;
        for other in outcomes {
            ensure!(
                other.test_sets == all.test_sets,
                "the seeds of a run were not tested on the same images"
            );
            for note in other.image_notes {
                if !all.image_notes.contains(&note) {
                    all.image_notes.push(note);
                }
            }
            all.cells.extend(other.cells);
        }
        // As of any run: by arm, then by seed.
        let place = |arm| self.config.arms.iter().position(|known| *known == arm);
        all.cells.sort_by_key(|cell| place(cell.spec.arm));
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{CellOutcome, CellSpec, Tuning};
    use crate::presets::Preset;

    fn replicated() -> ProbeConfig {
        let mut config = Preset::Smoke.config();
        config.arms.truncate(2);
        config.seeds = vec![5, 6];
        config.replication = Replication::Towers;
        config.backbone = PathBuf::from("towers/seed-{seed}.safetensors");
        config
    }

    fn outcome(config: &ProbeConfig, chosen: [Option<f64>; 2]) -> RunOutcome {
        let of_arm = |(&arm, chosen): (_, Option<f64>)| {
            let tuning = Tuning {
                arm,
                candidates: Vec::new(),
                chosen,
                on_edge: false,
            };
            let cell = CellOutcome::begun(CellSpec {
                arm,
                seed: config.seeds[0],
                learning_rate: chosen.unwrap_or(1.0),
            });
            (tuning, cell)
        };
        let (tuning, cells) = config.arms.iter().zip(chosen).map(of_arm).unzip();
        RunOutcome {
            test_sets: Vec::new(),
            test_images: Vec::new(),
            class_names: Vec::new(),
            image_notes: vec!["as always".to_owned()],
            tuning,
            cells,
            shorter: Vec::new(),
            moving: Vec::new(),
        }
    }

    #[test]
    fn every_seed_has_a_tower_and_images_of_its_own() {
        let config = replicated();
        config.check().unwrap();
        let one = config.of_seed(6);
        assert_eq!(one.backbone, PathBuf::from("towers/seed-6.safetensors"));
        assert_eq!((one.data.train_seed, one.seeds.clone()), (Some(6), vec![6]));
        one.check().unwrap();
        let shared = Preset::Smoke.config();
        assert_eq!(shared.of_seed(1).data, shared.data);
    }

    #[test]
    fn later_seeds_take_the_rates_of_the_first_and_leave_out_what_broke_down() {
        let config = replicated();
        let mut replicates = Replicates::of(&config);
        let first = replicates.next().unwrap();
        assert_eq!(first.seeds, [5]);
        assert!(first.training.rates_of_arms.is_empty());
        replicates.add(outcome(&first, [Some(0.25), None]));
        let second = replicates.next().unwrap();
        second.check().unwrap();
        assert_eq!(
            (second.seeds.clone(), &second.arms[..]),
            (vec![6], &config.arms[..1])
        );
        assert_eq!(second.rates_of(config.arms[0]), [0.25]);
        replicates.add(outcome(&second, [Some(0.25), None]));
        assert!(replicates.next().is_none());
        let all = replicates.joined().unwrap();
        let seeds: Vec<u64> = all.cells.iter().map(|cell| cell.spec.seed).collect();
        assert_eq!(seeds, [5, 6, 5]);
        assert_eq!(all.image_notes, ["as always"]);
    }

    #[test]
    fn a_run_whose_seeds_share_everything_is_carried_out_once() {
        let config = Preset::Smoke.config();
        let mut replicates = Replicates::of(&config);
        assert_eq!(replicates.next().as_ref(), Some(&config));
        replicates.add(outcome(&config, [Some(0.5), Some(0.5)]));
        assert!(replicates.next().is_none());
    }

    #[test]
    fn what_cannot_be_replicated_is_refused_by_name() {
        let refused = |change: fn(&mut ProbeConfig)| {
            let mut config = replicated();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        let no_place = refused(|config| config.backbone = PathBuf::from("one.safetensors"));
        assert!(no_place.contains("{seed}"), "{no_place}");
        assert!(refused(|config| config.replication = Replication::Images).contains("{seed}"));
        assert!(refused(|config| config.data.train_seed = Some(1)).contains("train_seed"));
        let rates = refused(|config| {
            let rates = &mut config.training.rates_of_arms;
            rates.insert("vq@7".to_owned(), vec![0.1]);
        });
        assert!(rates.contains("vq@7"), "{rates}");
    }
}
