//! What a cell of the run leaves behind.

use crate::config::Objective;
use crate::images::ImageKind;
use crate::measures::FeatureRecord;
use arms::ArmSpec;
use probe::{Status, UsageRecord};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What pictures are reconstructed from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// The tokens of an arm.
    Arm(ArmSpec),
    /// No tokens: the picture itself. What is lost here, the reader loses.
    Original,
    /// No tokens: the picture shrunk to as many numbers as its tokens have, and enlarged again.
    Resized,
    /// No tokens: the mean grey level of the picture.
    MeanColour,
}

impl Subject {
    /// The subjects without tokens.
    pub const BASELINES: [Self; 3] = [Self::Original, Self::Resized, Self::MeanColour];

    /// The arm, if it is one.
    #[must_use]
    pub fn arm(self) -> Option<ArmSpec> {
        match self {
            Self::Arm(arm) => Some(arm),
            Self::Original | Self::Resized | Self::MeanColour => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm(arm) => arm.fmt(f),
            Self::Original => f.write_str("original"),
            Self::Resized => f.write_str("resized"),
            Self::MeanColour => f.write_str("mean-colour"),
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.to_string()
    }
}

impl TryFrom<String> for Subject {
    type Error = <ArmSpec as std::str::FromStr>::Err;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let baseline = Self::BASELINES.into_iter().find(|b| b.to_string() == name);
        baseline.map_or_else(|| name.parse().map(Self::Arm), Ok)
    }
}

/// One training: an arm, what it is trained for, a seed, a learning rate. A baseline has none of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellSpec {
    /// What is decoded.
    pub subject: Subject,
    /// What the projector is trained for; none for a baseline.
    pub objective: Option<Objective>,
    /// Decides data order, parameters and noise; paired across arms.
    pub seed: u64,
    /// Peak learning rate of the projector.
    pub learning_rate: f64,
}

impl fmt::Display for CellSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            seed,
            learning_rate,
            ..
        } = self;
        match self.objective {
            Some(objective) => write!(f, "{subject} {objective} {seed} {learning_rate}"),
            None => write!(f, "{subject}"),
        }
    }
}

/// Everything measured in one cell; TOML, because every number reads back as the bits that were written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellOutcome {
    /// Which cell.
    pub spec: CellSpec,
    /// How it ended.
    pub status: Status,
    /// Trainable parameters of the projector.
    pub parameters: usize,
    /// Trainable parameters of the decoder.
    pub decoder_parameters: usize,
    /// Nominal bits per token, for hard tokens.
    pub bits_per_token: Option<f64>,
    /// Character error rate on validation texts of the probe that the projector was trained with.
    pub reading_cer: Option<f64>,
    /// Mean absolute error on standardised pixels of validation images.
    pub validation_l1: Option<f64>,
    /// `(step, mean absolute error of the batch)` along the training of the decoder.
    pub history: Vec<(usize, f64)>,
    /// What the test images came to; none for a learning rate that was tried and not chosen.
    pub parts: Vec<Part>,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl CellOutcome {
    /// That of a cell of which nothing is known yet.
    #[must_use]
    pub fn begun(spec: CellSpec) -> Self {
        Self {
            spec,
            status: Status::Finished,
            parameters: 0,
            decoder_parameters: 0,
            bits_per_token: None,
            reading_cer: None,
            validation_l1: None,
            history: Vec::new(),
            parts: Vec::new(),
            seconds: 0.0,
        }
    }

    /// What it is one of: the cells of a subject that was trained for something, one per seed.
    #[must_use]
    pub fn unit(&self) -> (Subject, Option<Objective>) {
        (self.spec.subject, self.spec.objective)
    }

    /// Whether training broke down.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        matches!(self.status, Status::Failed { .. })
    }
}

/// Test images that are reported together: texts of one density, one task, photographs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What the images show.
    pub kind: ImageKind,
    /// Name in results: `text at 2`, `vernier`, `photographs`.
    pub name: String,
    /// Visual tokens of an image.
    pub tokens: usize,
    /// Pixels of an image.
    pub pixels: usize,
    /// Width of an image in pixels.
    pub width: usize,
    /// Characters per visual token, for text.
    pub density: Option<f64>,
    /// Height of a character's cell as a share of the image's, for text.
    pub relative_glyph_height: Option<f64>,
    /// Font, level or photograph of each image: images that are drawn together in the bootstrap.
    pub clusters: Vec<u32>,
    /// Mean squared error on standardised pixels of each image: the share of its variance that is lost.
    pub distortion: Vec<f64>,
    /// Peak signal-to-noise ratio of each image in dB.
    pub psnr: Vec<f64>,
    /// Structural similarity of each image.
    pub ssim: Vec<f64>,
    /// Whether each image is the nearest of its group to its reconstruction.
    pub identified: Vec<bool>,
    /// Images of a group that one is told apart from, itself included.
    pub identified_among: usize,
    /// Edits between what the frozen reader reads in each reconstruction and its text; empty without text.
    pub edits: Vec<u32>,
    /// Characters of each text.
    pub characters: Vec<u32>,
    /// Grey pixels of the first reconstructions, row by row, in Base64.
    pub samples: Vec<String>,
    /// Patch features found in the tokens; none for baselines.
    pub features: Option<FeatureRecord>,
    /// Use of the vocabulary over all tokens of these images; none for continuous tokens.
    pub usage: Option<UsageRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_survive_their_names() {
        let baselines = ["original", "resized", "mean-colour"];
        for name in ["vq@1024", "rvq@256+codes4", "identity"]
            .into_iter()
            .chain(baselines)
        {
            let subject = Subject::try_from(name.to_owned()).unwrap();
            assert_eq!(subject.to_string(), name);
            assert_eq!(subject.arm().is_none(), baselines.contains(&name));
        }
        assert!(Subject::try_from("nonsense".to_owned()).is_err());
    }
}
