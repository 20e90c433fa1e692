//! What a study measured, in the form that claims are evaluated on.

use std::collections::BTreeSet;

use probe_statistics::bootstrap::{Interval, SeedItems};
use serde::{Deserialize, Serialize};

use crate::ClaimsError;
use crate::registration::Metric;

/// Everything that was measured.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measurements {
    /// Outcomes of test items, one series for each arm and combination of facets.
    pub series: Vec<Series>,
    /// Facts about the arms of each study.
    pub arms: Vec<ArmFacts>,
}

/// How tokens were made at evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evaluation {
    /// As trained, without noise.
    #[default]
    Deterministic,
    /// Words drawn with noise.
    Sampled,
    /// Only the `k` most probable words.
    TopK,
}

/// What an arm is in the design, whatever it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// No projector at all: nothing should read better.
    Ceiling,
    /// A continuous connector, such as the PatchMerger.
    Continuous,
    /// A GELU MLP with the width of a vocabulary.
    WidthMatchedMlp,
    /// A mixture of visual words.
    Soft,
    /// One or several visual words per token, hard from the start of training.
    Hard,
    /// Trained soft first, hard in the end.
    Curriculum,
    /// A continuous connector with noise that equals the loss of a hard arm.
    NoiseMatched,
    /// The same tokens whatever the image: nothing should read worse.
    Floor,
}

/// Outcomes of one arm on one test set.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Study that measured it, such as "ocr" or "rate-ladder".
    pub study: String,
    /// Name of the arm, such as "vet-st-argmax@1024+usage".
    pub arm: String,
    /// Size of the alphabet, or number of answers of a task; one over it is chance.
    pub charset: usize,
    /// "random", "words", or the name of a task.
    pub condition: String,
    /// Characters per token.
    pub density: Option<f64>,
    /// How tokens were made.
    pub evaluation: Evaluation,
    /// Words kept, if `evaluation` is top-k.
    pub k: Option<usize>,
    /// Level of a fine-grained stimulus, above 0: gap or offset in pixels, more being easier.
    pub stimulus: Option<f64>,
    /// Side of the square of pixels that a character has, where the size of the text is what varies.
    pub pixels_per_character: Option<f64>,
    /// Training steps, where the length of the training is what varies.
    pub steps: Option<usize>,
    /// Bits that the code can hold, such as log₂ K.
    pub bits_nominal: Option<f64>,
    /// Bias-corrected marginal entropy of the code, in bits per token.
    pub bits_used: Option<f64>,
    /// Learning rate of the arm's final training.
    pub learning_rate: Option<f64>,
    /// Error on validation data after tuning: what arms are chosen by.
    pub validation_error: Option<f64>,
    /// Right answers of a reader that sees nothing, as a fraction; one over the charset if absent.
    pub chance_accuracy: Option<f64>,
    /// Outcomes, items in the same order for all seeds and arms of a test set. A task has one
    /// character per item, wrong or right.
    pub seeds: Vec<SeedItems>,
    /// Differences to other arms on this test set that the study publishes by itself.
    pub published: Vec<PublishedDifference>,
}

/// A difference of two arms on one test set, as the tables of the study give it. A claim about the
/// same difference takes value and interval from here, so that both say the same.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedDifference {
    /// The arm that is subtracted.
    pub reference: String,
    /// What is compared.
    pub metric: Metric,
    /// Error of the arm minus that of the reference, as a fraction.
    pub value: f64,
    /// Its interval, if there is enough to resample.
    pub interval: Option<Interval>,
    /// Seeds of both arms.
    pub seeds: usize,
}

/// What is known about an arm of a study beside its outcomes. Absent facts are not measured.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmFacts {
    /// The study.
    pub study: String,
    /// Name of the arm, as in its series.
    pub arm: String,
    /// Name without its size, such as "vet-softmax".
    pub kind: String,
    /// What it is in the design.
    pub role: Role,
    /// Rows of its table, or hidden width of its MLP.
    pub vocabulary: Option<usize>,
    /// Whether every trainable parameter received a gradient.
    pub gradients_present: Option<bool>,
    /// Whether the chosen setting lies on the edge of the grid; derived from the curve if absent.
    pub on_grid_edge: Option<bool>,
    /// Validation error of every setting tried, as (setting, error).
    pub validation_curve: Vec<(f64, f64)>,
    /// Accuracy on the control task, by seed.
    pub control_accuracy: Vec<(u64, f64)>,
    /// Accuracy on the data whose codelength was measured.
    pub accuracy: Option<f64>,
    /// Online codelength of those data, in bits per label.
    pub codelength_bits: Option<f64>,
    /// R² of a linear reconstruction of the patches.
    pub reconstruction_r2: Option<f64>,
    /// R² of predicting the mean instead, on the same data: 0 if computed rightly.
    pub mean_predictor_r2: Option<f64>,
}

impl ArmFacts {
    /// An arm of which nothing else is known yet.
    pub fn new(study: &str, arm: &str, kind: &str, role: Role) -> Self {
        Self {
            study: study.to_owned(),
            arm: arm.to_owned(),
            kind: kind.to_owned(),
            role,
            vocabulary: None,
            gradients_present: None,
            on_grid_edge: None,
            validation_curve: Vec::new(),
            control_accuracy: Vec::new(),
            accuracy: None,
            codelength_bits: None,
            reconstruction_r2: None,
            mean_predictor_r2: None,
        }
    }

    /// Whether the best setting is the smallest or largest one tried; `None` if unknown.
    pub fn tuned_on_edge(&self) -> Option<bool> {
        if self.on_grid_edge.is_some() {
            return self.on_grid_edge;
        }
        let curve = || {
            self.validation_curve
                .iter()
                .filter(|(_, error)| error.is_finite())
        };
        let (best, _) = curve().min_by(|a, b| a.1.total_cmp(&b.1))?;
        let smallest = curve().map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
        let largest = curve().map(|(x, _)| *x).fold(f64::NEG_INFINITY, f64::max);
        (smallest < largest).then_some(*best <= smallest || *best >= largest)
    }
}

impl Series {
    /// Where the test set lies in the design: equal for arms that read the same items after trainings
    /// of the same length.
    pub(crate) fn cell(&self) -> Cell {
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        // Positive floats order like their bits.
        Cell {
            study: self.study.clone(),
            condition: self.condition.clone(),
            charset: self.charset,
            density: bits(self.density),
            stimulus: bits(self.stimulus),
            pixels_per_character: bits(self.pixels_per_character),
            steps: self.steps,
        }
    }

    /// Name for messages.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!(
            "{} of {}, {} over {} symbols",
            self.arm, self.study, self.condition, self.charset
        );
        let facets = [
            (self.density, "characters per token"),
            (self.stimulus, "px"),
            (self.pixels_per_character, "px per character"),
            (self.steps.map(|steps| steps as f64), "steps"),
            (self.k.map(|k| k as f64), "words kept"),
        ];
        for (value, unit) in facets {
            if let Some(value) = value {
                text.push_str(&format!(", {value} {unit}"));
            }
        }
        text
    }
}

/// Identity of a test set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell {
    study: String,
    condition: String,
    charset: usize,
    density: Option<u64>,
    stimulus: Option<u64>,
    pixels_per_character: Option<u64>,
    steps: Option<usize>,
}

impl Measurements {
    /// Fails if a series or an arm is given twice.
    pub(crate) fn check(&self) -> Result<(), ClaimsError> {
        let mut seen = BTreeSet::new();
        for series in &self.series {
            let key = (
                series.cell(),
                series.arm.clone(),
                series.evaluation,
                series.k,
            );
            if !seen.insert(key) {
                return Err(ClaimsError::RepeatedSeries {
                    series: series.describe(),
                });
            }
        }
        let mut seen = BTreeSet::new();
        for facts in &self.arms {
            if !seen.insert((&facts.study, &facts.arm)) {
                return Err(ClaimsError::RepeatedArm {
                    study: facts.study.clone(),
                    arm: facts.arm.clone(),
                });
            }
        }
        Ok(())
    }

    /// Facts about an arm of a study.
    pub(crate) fn facts(&self, study: &str, arm: &str) -> Option<&ArmFacts> {
        let mut arms = self.arms.iter();
        arms.find(|facts| facts.study == study && facts.arm == arm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_of_the_grid_is_read_from_the_curve() {
        let mut facts = ArmFacts::new("ocr", "linear", "linear", Role::Continuous);
        assert_eq!(facts.tuned_on_edge(), None);
        facts.validation_curve = vec![(1e-3, 0.3), (3e-3, 0.1), (1e-2, f64::NAN), (2e-3, 0.2)];
        assert_eq!(facts.tuned_on_edge(), Some(true));
        facts.validation_curve.push((1e-2, 0.15));
        assert_eq!(facts.tuned_on_edge(), Some(false));
        facts.on_grid_edge = Some(true);
        assert_eq!(facts.tuned_on_edge(), Some(true));
    }

    #[test]
    fn repeated_arms_are_refused() {
        let facts = ArmFacts::new("ocr", "linear", "linear", Role::Continuous);
        let twice = Measurements {
            arms: vec![facts.clone(), facts],
            ..Measurements::default()
        };
        assert!(matches!(
            twice.check(),
            Err(ClaimsError::RepeatedArm { .. })
        ));
    }
}
