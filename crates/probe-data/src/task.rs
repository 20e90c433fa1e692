//! What a probe is asked about an image.

use super::group::Group;
use anyhow::{Result, ensure};
use projector::seeded;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use text_images::{Charset, Fonts, Split};

/// Seed of the permutations of the control task: part of the task, not of a run.
const CONTROL_SEED: u64 = 0;

/// What a probe is asked about a rendered image.
///
/// A task of the whole image has one label, which is written as one character of the charset: class
/// 0 is its first character. Errors are then counted by the same code as misread characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Read the characters.
    #[default]
    Text,
    /// The control task (arXiv:1909.03368): every image has a random permutation of the alphabet of
    /// its own, and a character counts as what its permutation makes of it. Nothing in an image says
    /// which one, so what is right here was learnt by heart; it is tested on the images trained on.
    /// The accuracy in reading minus that in the control task is the selectivity of a probe.
    Control,
    /// Name the face: a coarse property of the whole image. Only faces that occur in training are
    /// tested.
    Face,
    /// Upright or slanted? Two classes.
    Slant,
}

impl Task {
    /// Name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Control => "control",
            Self::Face => "face",
            Self::Slant => "slant",
        }
    }

    /// Whether the probe reads what is written.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
    pub fn is_text(&self) -> bool {
        *self == Self::Text
    }

    /// Whether there is one label for the whole image.
    #[must_use]
    pub fn is_of_whole_image(self) -> bool {
        matches!(self, Self::Face | Self::Slant)
    }

    /// `group` with the labels of this task instead of its text.
    ///
    /// # Errors
    /// If the charset has fewer characters than the task has classes, or no image is left.
    pub fn relabel(
        self,
        mut group: Group,
        fonts: &Fonts,
        charset: Charset,
        split: Split,
    ) -> Result<Group> {
        if self.is_text() {
            return Ok(group);
        }
        let faces: Vec<String> = fonts.seen_faces(charset);
        if self == Self::Face && split == Split::Test {
            group = group.only(|label| !label.held_out)?;
        }
        ensure!(
            !group.is_empty(),
            "task `{}`: no image of a face that occurs in training is left; render more",
            self.name()
        );
        let chars = charset.chars();
        if self == Self::Face {
            ensure!(
                faces.len() <= chars.len(),
                "task `face` has {} classes and charset {charset} only {} names for them; \
                 choose a larger charset",
                faces.len(),
                chars.len()
            );
        }
        let classes: Vec<u16> = group
            .clusters
            .iter()
            .map(|face| match self {
                Self::Slant => u16::from(is_slanted(face)),
                Self::Text | Self::Control | Self::Face => {
                    faces.iter().position(|known| known == face).unwrap_or(0) as u16
                }
            })
            .collect();
        for (image, label) in group.labels.iter_mut().enumerate() {
            if self == Self::Control {
                let permutation = permutation(image, chars.len());
                for class in &mut label.classes {
                    *class = permutation[usize::from(*class)];
                }
            } else {
                label.classes = vec![classes[label.cluster as usize]];
                label.slots_px = Vec::new();
            }
            label.text = label
                .classes
                .iter()
                .map(|&class| chars[usize::from(class)])
                .collect();
        }
        if self.is_of_whole_image() {
            group.grid = None;
        }
        group.key.condition = self.name().to_owned();
        Ok(group)
    }
}

/// That of the image with an index within its split.
fn permutation(image: usize, classes: usize) -> Vec<u16> {
    let mut permutation: Vec<u16> = (0..classes as u16).collect();
    permutation.shuffle(&mut seeded::stream(
        CONTROL_SEED,
        &format!("control task/{image}"),
    ));
    permutation
}

/// By the names that faces bear.
fn is_slanted(face: &str) -> bool {
    face.contains("Italic") || face.contains("Oblique")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_has_a_permutation_of_its_own() {
        let (first, second) = (permutation(0, 36), permutation(1, 36));
        assert_ne!(first, second);
        assert_eq!(first, permutation(0, 36));
        for permutation in [first, second] {
            let mut sorted = permutation;
            sorted.sort_unstable();
            assert_eq!(sorted, (0..36).collect::<Vec<u16>>());
        }
    }

    #[test]
    fn slanted_faces_are_known_by_their_names() {
        assert!(is_slanted("DejaVuSans-BoldOblique"));
        assert!(is_slanted("NewCM10-Italic"));
        assert!(!is_slanted("DejaVuSerif-Bold"));
    }
}
