//! The sections of the study, one file each: question, runs, tables, figures, words, and what claims
//! take from it.

mod capacity;
mod coarse;
mod codelength;
mod compression;
mod control;
mod estimators;
mod fine_grained;
mod ocr;
mod paper;
mod rate_ladder;
mod redundancy;
mod regimes;
mod vocabulary;

pub use fine_grained::FineGrained;
pub(crate) use ocr::FEWER_WORDS;

use super::answer::Answer;
use super::figure::{RunPlot, StudyFigure};
use super::part::{Part, PartResult, of_section};
use super::scale::Scale;
use super::section::Section;
use super::series;
use super::table::StudyTable;
use anyhow::Result;
use claims::{ArmFacts, Evaluator, Measurements};
use probe::ProbeConfig;
use run_results::Outputs;

/// What a section is made of. All but the first three parts may be left out.
pub(crate) struct Definition {
    /// Name on the command line, in results and in claims.
    pub name: &'static str,
    /// What it asks.
    pub question: &'static str,
    /// Its runs: what distinguishes each of them within the section, and its settings.
    pub runs: fn(&Scale, &FineGrained) -> Vec<(String, ProbeConfig)>,
    /// Plots of its single runs that the page shows; runs without any leave tables only.
    pub run_plots: &'static [RunPlot],
    /// Its tables, its figures over several runs, and its sentences of the answer.
    pub findings: fn(&StudyResults<'_>) -> Result<Findings>,
    /// Adds what claims are evaluated on. Without it: the tests and the arms of every run, under the
    /// name of the section.
    pub measure: fn(&PartResult, &mut Measurements) -> Result<()>,
    /// Runs without which nothing is added: a claim about a curve is not one about a part of it.
    pub fewest_runs: usize,
    /// Adds to the facts about an arm of the main comparison, from all runs of the study.
    pub main_facts: fn(&[PartResult], &mut ArmFacts),
    /// What the page and the claims are when the section is asked by itself.
    pub stand_alone: Option<StandAlone>,
}

impl Definition {
    const fn new(
        name: &'static str,
        question: &'static str,
        runs: fn(&Scale, &FineGrained) -> Vec<(String, ProbeConfig)>,
    ) -> Self {
        Self {
            name,
            question,
            runs,
            run_plots: &[],
            findings: |_| Ok(Findings::default()),
            measure: |result, measurements| {
                series::add(result, result.part.section.name(), measurements)
            },
            fewest_runs: 1,
            main_facts: |_, _| {},
            stand_alone: None,
        }
    }
}

/// A study of one section.
pub(crate) struct StandAlone {
    /// Headline of the page.
    pub title: &'static str,
    /// What the page says is asked.
    pub question: &'static str,
    /// Its claims, as TOML.
    pub registration: &'static str,
}

/// What sections make tables, figures and sentences of.
#[derive(Clone, Copy)]
pub(crate) struct StudyResults<'a> {
    /// All runs.
    pub runs: &'a [PartResult],
    /// The same in the form that claims are evaluated on.
    pub measurements: &'a Measurements,
    /// Evaluates rules on them as those of claims are.
    pub evaluator: &'a Evaluator<'a>,
}

impl<'a> StudyResults<'a> {
    /// The runs of a section.
    pub fn of(self, section: Section) -> impl Iterator<Item = &'a PartResult> {
        of_section(self.runs, section)
    }
}

/// What a section found.
#[derive(Default)]
pub(crate) struct Findings {
    /// Tables, in the order of the page.
    pub tables: Vec<StudyTable>,
    /// Figures that go over several runs, in the order of the page.
    pub figures: Vec<StudyFigure>,
    /// Its sentences and numbers of the study's answer.
    pub answer: Answer,
}

impl Section {
    pub(crate) fn definition(self) -> &'static Definition {
        match self {
            Self::Ocr => &ocr::DEFINITION,
            Self::Capacity => &capacity::DEFINITION,
            Self::RateLadder => &rate_ladder::DEFINITION,
            Self::Redundancy => &redundancy::DEFINITION,
            Self::Estimators => &estimators::DEFINITION,
            Self::Vocabulary => &vocabulary::DEFINITION,
            Self::Regimes => &regimes::DEFINITION,
            Self::Codelength => &codelength::DEFINITION,
            Self::Control => &control::DEFINITION,
            Self::Coarse => &coarse::DEFINITION,
            Self::FineGrained => &fine_grained::DEFINITION,
            Self::Compression => &compression::DEFINITION,
            Self::Converged => &paper::converged::DEFINITION,
            Self::TrainingLength => &paper::training_length::DEFINITION,
            Self::Rungs => &paper::rungs::DEFINITION,
            Self::Knee => &paper::knee::DEFINITION,
            Self::Language => &paper::language::DEFINITION,
            Self::Untaught => &paper::untaught::DEFINITION,
            Self::Memory => &paper::memory::DEFINITION,
            Self::Gradients => &paper::gradients::DEFINITION,
        }
    }

    /// Name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// What it asks.
    #[must_use]
    pub fn question(self) -> &'static str {
        self.definition().question
    }

    /// The runs of the section.
    #[must_use]
    pub fn parts(self, scale: &Scale, fine_grained: &FineGrained) -> Vec<Part> {
        let runs = (self.definition().runs)(scale, fine_grained).into_iter();
        runs.map(|(variant, config)| Part {
            section: self,
            variant,
            config: ProbeConfig {
                preset: format!("study {}", self.name()),
                ..config
            },
        })
        .collect()
    }

    /// What is special about a study of these sections, if it is one section that can stand alone.
    pub(crate) fn stand_alone(sections: &[Self]) -> Option<&'static StandAlone> {
        match sections {
            [only] => only.definition().stand_alone.as_ref(),
            [] | [_, _, ..] => None,
        }
    }
}

impl Part {
    /// Whether its study is made run by run, over days and machines: seeds with images of their own take hours.
    #[must_use]
    pub fn is_made_in_pieces(&self) -> bool {
        !self.config.replication.is_start()
    }

    /// Which files it leaves; the figures of the study go over several runs.
    #[must_use]
    pub fn outputs(&self) -> Outputs {
        if self.section.definition().run_plots.is_empty() {
            Outputs::Tables
        } else {
            Outputs::of(&self.config)
        }
    }

    /// Name of its folder: `capacity-36-characters`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.variant.is_empty() {
            self.section.name().to_owned()
        } else {
            format!("{}-{}", self.section.name(), self.variant)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StudyPreset;
    use clap::ValueEnum;

    #[test]
    fn a_section_has_one_name_on_the_command_line_in_files_and_in_results() {
        for &section in Section::value_variants() {
            let on_command_line = section.to_possible_value().unwrap();
            assert_eq!(on_command_line.get_name(), section.name());
            let in_files = toml::Value::try_from(section).unwrap();
            assert_eq!(in_files.as_str(), Some(section.name()));
        }
    }

    #[test]
    fn every_section_but_compression_belongs_to_a_registration() {
        let mut asked = Section::STUDY.to_vec();
        asked.extend(Section::PAPER);
        asked.push(Section::Compression);
        asked.sort_unstable();
        asked.dedup();
        assert_eq!(asked, Section::value_variants());
    }

    #[test]
    fn every_run_of_every_preset_is_sound() {
        for &preset in StudyPreset::value_variants() {
            for &section in Section::value_variants() {
                let parts = section.parts(&preset.scale(), &FineGrained::default());
                assert!(!parts.is_empty(), "{}", section.name());
                for part in &parts {
                    part.config.check().unwrap();
                    assert!(part.config.arms.len() > 1, "{}", part.name());
                }
                let mut names: Vec<String> = parts.iter().map(Part::name).collect();
                names.dedup();
                assert_eq!(names.len(), parts.len());
            }
        }
    }

    #[test]
    fn no_vocabulary_is_larger_than_the_scale_allows() {
        for &preset in StudyPreset::value_variants() {
            let scale = preset.scale();
            for &section in Section::value_variants() {
                for part in section.parts(&scale, &FineGrained::default()) {
                    for arm in &part.config.arms {
                        let words = arm.words().unwrap_or(0);
                        assert!(
                            words <= scale.largest_vocabulary,
                            "{arm} of {}",
                            part.name()
                        );
                    }
                }
            }
        }
    }
}
