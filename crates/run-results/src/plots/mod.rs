//! The figures of a run, as structs filled with its numbers; drawing is [`figures`]' work.

mod errors;
mod hardening;
mod read_by_one;
mod training;

use super::scored::{RANDOM, ScoredRun};
use super::summary::Summary;
use super::wording;
use anyhow::Result;
use arms::{ArmKind, ArmRole, ArmSpec};
use figures::{
    Arm, CerByArm, CerByDensity, CerScale, Family, FigureError, HardeningCurve, LearningCurves,
    ReadByOne, TokensOverTraining,
};
use run_support::atomic;
use std::path::Path;

/// Error rates that differ by more than this factor are drawn on a logarithmic scale.
const LOG_FROM: f64 = 20.0;

/// The figures of a run.
pub(super) struct Drawn {
    /// Those that were drawn, in the order of reading.
    pub figures: Vec<DrawnFigure>,
    /// Those left out, each with the reason.
    pub skipped: Vec<String>,
}

/// A figure that was drawn.
pub(super) struct DrawnFigure {
    /// Its files' name without ending.
    pub name: String,
    /// Its headline.
    pub title: String,
    /// One sentence on how to read it.
    pub how_to_read: &'static str,
}

/// Draws every figure.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn draw(folder: &Path, scored: &ScoredRun<'_>, summary: &Summary) -> Result<Drawn> {
    atomic::make_folder(folder)?;
    let mut plots = Plots {
        folder,
        drawn: Drawn {
            figures: Vec::new(),
            skipped: Vec::new(),
        },
    };
    let suffixes = suffixes(&summary.conditions);
    for (condition, suffix) in summary.conditions.iter().zip(suffixes) {
        let view = View {
            scored,
            summary,
            condition,
            groups: summary.groups_of(condition),
        };
        let name = |figure: &str| format!("{figure}{suffix}");
        let mut sets = view.groups.iter();
        if let Some(set) = sets.find_map(|&group| summary.data_set(group)) {
            match (scored.run.has_answers(), view.read_by_one_of(set)) {
                (true, _) => plots.add(name("read_by_one"), view.read_by_one(set))?,
                (false, Err(reason)) => plots.add::<ReadByOne>(name("read_by_one"), Err(reason))?,
                // Without what was read, a picture that was drawn with it stays.
                (false, Ok(_)) => {}
            }
        }
        plots.add(name("cer_by_arm"), view.cer_by_arm())?;
        plots.add(name("cer_by_density"), view.cer_by_density())?;
        plots.add(name("hardening"), view.hardening())?;
    }
    let tokens = training::tokens_over_training(scored);
    plots.add("tokens_over_training".to_owned(), tokens)?;
    let curves = training::learning_curves(scored);
    plots.add("learning_curves".to_owned(), curves)?;
    Ok(plots.drawn)
}

/// A figure of a run.
trait Drawing {
    /// One sentence for those who see it for the first time.
    const HOW_TO_READ: &'static str;

    fn title(&self) -> &str;

    fn draw(&self, stem: &Path) -> Result<(), FigureError>;
}

macro_rules! drawing {
    ($figure:ty, $how_to_read:literal) => {
        impl Drawing for $figure {
            const HOW_TO_READ: &'static str = $how_to_read;

            fn title(&self) -> &str {
                &self.title
            }

            fn draw(&self, stem: &Path) -> Result<(), FigureError> {
                self.draw(stem)
            }
        }
    };
}

drawing!(
    CerByArm,
    "One row per arm and one panel per text density: further left is better, whiskers are 95% \
     intervals, and a hard arm with few codes used (at the right) loses to collapse, not to \
     discreteness as such."
);
drawing!(
    ReadByOne,
    "The arm that reads most words right against others, one pair below the other: at the left images \
     that the first arm reads and the second does not, at the right the other way round; each with its \
     label, then both readings. Many images at one side and none at the other are a loss, a few at either \
     are chance."
);
drawing!(
    CerByDensity,
    "Lower is better: follow an arm from left to right as every token has to carry more \
     characters; dashed vertical lines mark the capacity of one hard token. The black bound is the least \
     that a hard code of that size leaves wrong, place by place; edit distances forgive shifts and may \
     lie slightly below."
);
drawing!(
    HardeningCurve,
    "Arms trained soft and read, without retraining, with only their k best words: the left end is \
     argmax, and where the curve flattens is how many words a soft token really mixes."
);
drawing!(
    TokensOverTraining,
    "From the first step to the last: a falling entropy (above) means that tokens become more like \
     single words, a falling count (below) that words go out of use."
);
drawing!(
    LearningCurves,
    "Validation error by training step: an arm whose curve still falls at the right end had not \
     finished learning, so its rank there is one of speed."
);

/// Why there is nothing to draw.
type Reason = &'static str;

struct Plots<'a> {
    folder: &'a Path,
    drawn: Drawn,
}

impl Plots<'_> {
    fn add<F: Drawing>(&mut self, name: String, figure: Result<F, Reason>) -> Result<()> {
        let files = ["svg", "png", "csv"].map(|extension| format!("{name}.{extension}"));
        let reason = match figure {
            Ok(figure) => {
                let drawn = atomic::write_group(self.folder, &files, |folder| {
                    figure.draw(&folder.join(&name))
                })?;
                match drawn {
                    Ok(()) => {
                        self.drawn.figures.push(DrawnFigure {
                            title: figure.title().to_owned(),
                            how_to_read: F::HOW_TO_READ,
                            name,
                        });
                        return Ok(());
                    }
                    // A number that has no place on an axis, such as a density of 0, costs one
                    // figure, not the run.
                    Err(
                        error @ (FigureError::Empty { .. }
                        | FigureError::CellCount { .. }
                        | FigureError::Position { .. }),
                    ) => error.to_string(),
                    Err(error) => return Err(error.into()),
                }
            }
            Err(reason) => reason.to_owned(),
        };
        for file in &files {
            atomic::remove_stale(&self.folder.join(file))?;
        }
        self.drawn.skipped.push(format!("{name}: {reason}"));
        Ok(())
    }
}

/// One kind of text.
struct View<'a> {
    scored: &'a ScoredRun<'a>,
    summary: &'a Summary,
    condition: &'a str,
    /// In rising order of density.
    groups: Vec<usize>,
}

impl View<'_> {
    fn is_random(&self) -> bool {
        self.condition == RANDOM
    }

    fn alphabet(&self) -> usize {
        self.scored.config.data.charset.size()
    }

    /// Density for axes and headings.
    fn density(&self, group: usize) -> f64 {
        wording::rounded(self.summary.groups[group].density)
    }

    /// What was read, for headlines.
    fn text_kind(&self) -> String {
        let size = self.alphabet();
        match self.condition {
            RANDOM => format!("random strings over {size} characters"),
            other => format!("{other} text, {size} characters"),
        }
    }

    /// Images, seeds and training, for captions.
    fn sizes(&self) -> String {
        let images = self
            .groups
            .iter()
            .map(|&group| self.summary.groups[group].images);
        let (fewest, most) = images.fold((usize::MAX, 0), |(fewest, most), images| {
            (fewest.min(images), most.max(images))
        });
        let images = if fewest == most {
            wording::count(most)
        } else {
            format!("{} to {}", wording::count(fewest), wording::count(most))
        };
        let seeds = wording::counted(self.scored.config.seeds.len(), "seed");
        let training = &self.scored.config.training;
        let steps = match training.until_converged {
            None => wording::counted(training.steps, "step"),
            Some(_) => "trained until converged".to_owned(),
        };
        format!("{images} test images per density, {seeds}, {steps}")
    }

    /// What the whiskers of test results are.
    fn whiskers(&self) -> String {
        let mut groups = self.groups.iter();
        let unit = groups
            .next()
            .map_or("seeds", |&group| self.summary.groups[group].resampled());
        format!("whiskers: 95% BCa bootstrap interval, resampling {unit}")
    }
}

/// An arm under the name of the tables, with a note if not all of its seeds finished.
fn figure_arm(scored: &ScoredRun<'_>, arm: ArmSpec) -> Arm {
    let cells = scored.cells_of(arm).count();
    let finished = scored.cells_of(arm).filter(|cell| cell.failure().is_none());
    let label = match finished.count() {
        0 => arm.to_string(),
        finished if finished == cells => arm.to_string(),
        finished => format!("{arm} ({finished} of {cells} seeds)"),
    };
    // Only the cells know whether the checkpoint's projector has a vocabulary.
    let family = match arm.kind.role() == ArmRole::Published && !scored.has_words(arm) {
        true => Family::Merger,
        false => family(arm.kind),
    };
    Arm::new(label, family)
}

/// The family that lends a kind of arm its colour and marker.
pub fn family(kind: ArmKind) -> Family {
    match kind.role() {
        ArmRole::Ceiling => Family::Ceiling,
        ArmRole::Merger => Family::Merger,
        ArmRole::Control | ArmRole::WidthMatchedMlp | ArmRole::NoiseMatched => Family::Control,
        ArmRole::SoftWords | ArmRole::Published => Family::VetSoft,
        ArmRole::HardWords | ArmRole::Curriculum => Family::VetHard,
        ArmRole::SampledWords => Family::VetGumbel,
        ArmRole::Codebook => Family::Codebook,
        ArmRole::Floor => Family::Blind,
    }
}

/// Logarithmic where small and large error rates meet.
pub fn scale_of(cers: impl Iterator<Item = f64>) -> CerScale {
    let (low, high) = cers
        .filter(|cer| *cer > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(low, high), cer| {
            (low.min(cer), high.max(cer))
        });
    if high > LOG_FROM * low {
        CerScale::Log
    } else {
        CerScale::Linear
    }
}

/// Mean validation CER of an arm's finished cells; what display choices are made by, so that
/// nothing is chosen on test images.
fn validation_cer(scored: &ScoredRun<'_>, arm: ArmSpec) -> Option<f64> {
    let cells = scored.cells_of(arm).filter(|cell| cell.failure().is_none());
    let cers: Vec<f64> = cells
        .filter_map(|cell| cell.outcome.validation_cer)
        .collect();
    mean(&cers)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// What stands behind the names of each condition's figures: nothing for the first, then names of their own.
fn suffixes(conditions: &[String]) -> Vec<String> {
    let parts: Vec<String> = conditions.iter().map(|name| file_name_part(name)).collect();
    let mut taken: Vec<String> = Vec::new();
    for (index, part) in parts.iter().enumerate().skip(1) {
        let mut name = part.clone();
        let mut number = index + 1;
        // Names in other letters are all alike here; those that were not stay what they are.
        while taken.contains(&name) || (name != *part && parts.contains(&name)) {
            name = format!("{part}-{number}");
            number += 1;
        }
        taken.push(name);
    }
    let first = conditions.iter().take(1).map(|_| String::new());
    let others = taken.iter().map(|name| format!("_{name}"));
    first.chain(others).collect()
}

/// A condition's name as part of a file name: data sets may be called anything.
fn file_name_part(condition: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    condition.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_data_sets_cannot_leave_the_folder() {
        assert_eq!(file_name_part("../scans 1"), "---scans-1");
    }

    #[test]
    fn conditions_have_files_of_their_own() {
        let suffixes = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            suffixes(&names)
        };
        assert_eq!(
            suffixes(&["random", "words", "a b"]),
            ["", "_words", "_a-b"]
        );
        assert_eq!(suffixes(&["random", "日本", "中国"]), ["", "_--", "_---3"]);
        // A number that another name has already is not taken again.
        let names = ["a!", "a?", "a.", "a--3"];
        assert_eq!(suffixes(&names), ["", "_a-", "_a--4", "_a--3"]);
        assert!(suffixes(&[]).is_empty());
    }

    #[test]
    fn small_errors_beside_large_ones_need_a_logarithmic_scale() {
        assert_eq!(scale_of([0.0, 0.001, 0.97].into_iter()), CerScale::Log);
        assert_eq!(scale_of([0.2, 0.97].into_iter()), CerScale::Linear);
        assert_eq!(scale_of(std::iter::empty()), CerScale::Linear);
    }
}
