//! The runs of the fine-grained section: tasks, data sets, and reading.

use super::READING;
use crate::design::{MAIN_BITS, base, contrasted_arms, vocabulary};
use crate::scale::{FineGrainedScale, Scale};
use crate::section::Section;
use perception_tasks::{DatasetSource, TaskKind};
use probe::{ImageSource, Photographs, ProbeConfig, ReaderKind};
use serde::{Deserialize, Serialize};
use text_images::Charset;

/// Tasks unless some are named: acuity, glyphs, relations, and coarse controls.
const TASKS: [TaskKind; 5] = [
    TaskKind::LandoltGap,
    TaskKind::Vernier,
    TaskKind::ConfusableGlyphs,
    TaskKind::ShapeClass,
    TaskKind::TextSlant,
];
/// Vocabularies from which on a study is large enough for every task.
const ALL_TASKS_FROM: usize = 65_536;

/// What is asked beside reading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FineGrained {
    /// Tasks; those of the preset if neither tasks nor data sets are named.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskKind>,
    /// Photographs with one class each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<DatasetSource>,
    /// Whether photographs that cannot be read are counted and left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub skip_broken: bool,
    /// Margin around the bounding boxes that photographs are cropped to; whole ones if not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub box_margin: Option<f32>,
    /// As a section beside others: as many seeds as their claims have, and no reading of its own.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub beside_others: bool,
}

impl FineGrained {
    /// What the section asks in a study of these sections: beside others what a claim is about, by
    /// itself what `fine-grained-probe` asks.
    #[must_use]
    pub fn in_study(sections: &[Section]) -> Self {
        if !sections.contains(&Section::FineGrained) || sections.len() == 1 {
            return Self::default();
        }
        Self {
            tasks: vec![TaskKind::LandoltGap, TaskKind::Vernier],
            beside_others: true,
            ..Self::default()
        }
    }

    /// Whether nothing is named.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// One run per data set, so that a broken file is found before anything is trained; reading; one
    /// run per task. Test images of tasks stand on nine levels of difficulty.
    fn configs(&self, scale: &Scale) -> Vec<(String, ProbeConfig)> {
        let mut runs: Vec<(String, ProbeConfig)> = Vec::new();
        for source in &self.datasets {
            let mut config = whole_image(scale);
            config.data.source = ImageSource::Photographs(Photographs {
                dataset: source.clone(),
                skip_broken: self.skip_broken,
                box_margin: self.box_margin,
            });
            let base = source.short_name();
            let mut name = base.clone();
            let mut number = 2;
            while runs.iter().any(|(known, _)| *known == name) {
                name = format!("{base}-{number}");
                number += 1;
            }
            runs.push((name, config));
        }
        if !self.beside_others {
            runs.push((READING.to_owned(), reading(scale)));
        }
        for kind in self.chosen(scale) {
            let mut config = whole_image(scale);
            config.data.source = ImageSource::Perception(kind);
            // As many of each label at each of the nine levels.
            let round = 2 * kind.classes().len();
            config.data.images.test = (scale.test / 8).next_multiple_of(round);
            config.data.images.validation = 4 * scale.validation;
            runs.push((kind.name().to_owned(), config));
        }
        if self.beside_others {
            for (_, config) in &mut runs {
                config.seeds = scale.origin.seeds(scale.seeds);
            }
        }
        runs
    }

    fn chosen(&self, scale: &Scale) -> Vec<TaskKind> {
        if !self.tasks.is_empty() || !self.datasets.is_empty() {
            return self.tasks.clone();
        }
        let all = scale.largest_vocabulary >= ALL_TASKS_FROM;
        let grey = |kind: &TaskKind| !kind.needs_colour();
        let chosen = |kind: &TaskKind| grey(kind) && (all || TASKS.contains(kind));
        TaskKind::ALL.into_iter().filter(chosen).collect()
    }
}

pub(super) fn runs(scale: &Scale, asked: &FineGrained) -> Vec<(String, ProbeConfig)> {
    asked.configs(scale)
}

/// Questions about a whole image.
fn whole_image(scale: &Scale) -> ProbeConfig {
    let mut config = common(scale, |smaller| &smaller.task_rates);
    config.reader = ReaderKind::Flat;
    config
}

/// Random characters, one per token.
fn reading(scale: &Scale) -> ProbeConfig {
    let mut config = common(scale, |smaller| &smaller.reading_rates);
    config.data.images.test = scale.test / 2;
    config
}

/// What all runs have in common: arms, seeds and steps.
fn common(scale: &Scale, rates: fn(&FineGrainedScale) -> &Vec<f64>) -> ProbeConfig {
    let bits = scale
        .fine_grained
        .as_ref()
        .map_or(MAIN_BITS, |smaller| smaller.bits);
    let k = vocabulary(bits.min(scale.largest_vocabulary.ilog2()));
    let mut config = base(scale, Charset::Printable94, &[1.0], scale.few_seeds);
    config.arms = contrasted_arms("identity", k);
    if let Some(smaller) = &scale.fine_grained {
        config.training.learning_rates.clone_from(rates(smaller));
        config.training.extensions = smaller.extensions;
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StudyPreset;

    fn names(asked: &FineGrained, preset: StudyPreset) -> Vec<String> {
        let configs = asked.configs(&preset.scale()).into_iter();
        configs
            .map(|(name, config)| {
                config.check().unwrap();
                name
            })
            .collect()
    }

    #[test]
    fn the_full_preset_has_every_task_that_a_grey_tower_can_be_asked() {
        let names = names(&FineGrained::default(), StudyPreset::Full);
        let grey = TaskKind::ALL.iter().filter(|kind| !kind.needs_colour());
        assert_eq!(names.len(), 1 + grey.count());
        assert!(names.contains(&"shade-difference".to_owned()));
        assert!(!names.contains(&"hue-difference".to_owned()));
    }

    #[test]
    fn what_is_named_takes_the_place_of_the_tasks_of_the_preset() {
        let source = |text: &str| text.parse::<DatasetSource>().unwrap();
        let asked = FineGrained {
            tasks: vec![TaskKind::Contrast],
            datasets: vec![source("folder:a/birds"), source("folder:b/birds")],
            skip_broken: false,
            box_margin: None,
            beside_others: false,
        };
        let expected = ["folder-birds", "folder-birds-2", "reading", "contrast"];
        assert_eq!(names(&asked, StudyPreset::Quick), expected);
    }

    #[test]
    fn beside_other_sections_stand_the_tasks_of_the_claim_with_as_many_seeds() {
        assert!(FineGrained::in_study(&[Section::FineGrained]).is_default());
        let asked = FineGrained::in_study(&Section::STUDY);
        let expected = ["landolt-gap", "vernier"];
        assert_eq!(names(&asked, StudyPreset::Quick), expected);
        let scale = StudyPreset::Quick.scale();
        for (_, config) in asked.configs(&scale) {
            assert_eq!(config.seeds.len() as u64, scale.seeds);
        }
    }

    #[test]
    fn every_level_has_as_many_images_of_each_label() {
        for (_, config) in FineGrained::default().configs(&StudyPreset::Quick.scale()) {
            if let Some(kind) = config.data.source.perception() {
                assert_eq!(config.data.images.test % (2 * kind.classes().len()), 0);
            }
        }
    }
}
