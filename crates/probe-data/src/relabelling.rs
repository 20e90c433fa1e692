//! Other questions about rendered text than what it says.

use super::answer::Answer;
use super::group::{Group, Label};
use anyhow::{Context, Result, ensure};
use projector::seeded;
use rand::seq::SliceRandom;
use text_images::{Charset, Fonts, Split, says_slanted};

/// Seed of the permutations of the control task: part of the task, not of a run.
const CONTROL_SEED: u64 = 0;

/// What a probe is asked about rendered text instead of reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relabelling {
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

impl Relabelling {
    /// Name in settings and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Face => "face",
            Self::Slant => "slant",
        }
    }

    /// Names of the classes that an image may have; none where its characters are asked for.
    #[must_use]
    pub fn class_names(self, fonts: &Fonts, charset: Charset) -> Vec<String> {
        match self {
            Self::Control => Vec::new(),
            Self::Face => fonts.seen_faces(charset),
            Self::Slant => ["upright", "slanted"].map(str::to_owned).to_vec(),
        }
    }

    /// `group`, with its number among those of its split, with these labels instead of its text.
    ///
    /// # Errors
    /// If no image of a face that occurs in training is left, or an image to train on is of another.
    pub fn relabel(
        self,
        (number, group): (usize, Group),
        fonts: &Fonts,
        charset: Charset,
        split: Split,
    ) -> Result<Group> {
        let mut group = match self {
            Self::Control => permuted(group, number, charset),
            Self::Face => {
                let faces = self.class_names(fonts, charset);
                let group = match split {
                    Split::Test => group.only(|label| !label.held_out)?,
                    Split::Train | Split::Validation => group,
                };
                classified(group, |face| {
                    let class = faces.iter().position(|known| known == face);
                    class.with_context(|| format!("face `{face}` does not occur in training"))
                })?
            }
            Self::Slant => classified(group, |face| Ok(usize::from(says_slanted(face))))?,
        };
        ensure!(
            !group.is_empty(),
            "task `{}`: no image of a face that occurs in training is left; render more",
            self.name()
        );
        group.key.condition = self.name().to_owned();
        Ok(group)
    }
}

/// Every image with its alphabet permuted: that with a number in the group with one of its own.
fn permuted(mut group: Group, number: usize, charset: Charset) -> Group {
    let chars = charset.chars();
    for (image, label) in group.labels.iter_mut().enumerate() {
        let permutation = permutation(number, image, chars.len());
        for class in &mut label.classes {
            *class = permutation[usize::from(*class)];
        }
        let read = label.classes.iter().map(|&class| chars[usize::from(class)]);
        label.answer = Answer::Text(read.collect());
    }
    group
}

/// Every image with a class that follows from its face, and without the places of its characters.
fn classified(mut group: Group, class_of: impl Fn(&str) -> Result<usize>) -> Result<Group> {
    for label in &mut group.labels {
        let class = class_of(&group.clusters[label.cluster as usize])?;
        *label = Label::of_class(class as u16, label.cluster, label.held_out);
    }
    group.grid = None;
    Ok(group)
}

/// That of the image with an index within a group of its split.
fn permutation(group: usize, image: usize, classes: usize) -> Vec<u16> {
    let name = match group {
        0 => format!("control task/{image}"),
        _ => format!("control task/{group}/{image}"),
    };
    let mut permutation: Vec<u16> = (0..classes as u16).collect();
    permutation.shuffle(&mut seeded::stream(CONTROL_SEED, &name));
    permutation
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_has_a_permutation_of_its_own() {
        let (first, second) = (permutation(0, 0, 36), permutation(0, 1, 36));
        assert_ne!(first, permutation(1, 0, 36), "of another density");
        assert_ne!(first, second);
        assert_eq!(first, permutation(0, 0, 36));
        for permutation in [first, second] {
            let mut sorted = permutation;
            sorted.sort_unstable();
            assert_eq!(sorted, (0..36).collect::<Vec<u16>>());
        }
    }

    #[test]
    fn slanted_faces_are_known_by_their_names() {
        assert!(says_slanted("DejaVuSans-BoldOblique"));
        assert!(says_slanted("NewCM10-Italic"));
        assert!(says_slanted("CMUSerif-RomanSlanted"));
        assert!(says_slanted("SourceSans3-BoldIt"));
        assert!(says_slanted("HelveticaNeue-LightObl 2"));
        assert!(!says_slanted("Fit-Regular"));
        assert!(!says_slanted("DejaVuSerif-Bold"));
    }
}
