//! The list of tasks.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::scene::Scene;
use crate::tasks::{
    bar_orientation, character_height, colour, confusable_glyphs, confusable_words, contrast,
    diacritics, dot_count, font_family, hue_difference, landolt_gap, landolt_size, layout_quadrant,
    line_intersection, object_position, punctuation, same_different, shade, shade_difference,
    shape_class, size_difference, stroke_count, stroke_width, text_slant, touching_circles,
    vernier,
};
use crate::{Axis, Error};

/// What a task is about: fine detail, or what should survive any projector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// How small a detail can be.
    Acuity,
    /// Glyphs that look nearly alike.
    Glyphs,
    /// Counting and comparing.
    Relations,
    /// Controls that need no detail at their easy end.
    Coarse,
}

/// Everything about a task but its name.
pub(crate) struct Description {
    /// What is asked, as a question.
    pub(crate) question: &'static str,
    pub(crate) group: Group,
    /// Names of the classes, in label order.
    pub(crate) classes: &'static [&'static str],
    pub(crate) partner: Partner,
    pub(crate) axis: Option<Axis>,
    /// The task to use in grey, if this one shows hue.
    pub(crate) in_grey: Option<TaskKind>,
    /// What its typefaces must be able to draw, and whether they must be upright.
    pub(crate) lettering: Option<(&'static [&'static str], bool)>,
    pub(crate) draw: fn(&mut Scene<'_>),
}

/// Which two classes make a counterfactual pair.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Partner {
    /// Any two.
    Any,
    /// Neighbours in label order: 0 with 1, 2 with 3. The number of classes is even.
    Neighbour,
    /// Two of the same group; groups are runs of labels of these sizes.
    Within(&'static [usize]),
}

impl Partner {
    /// The other class of a pair. Over the classes it is a permutation for every `turn`, so that
    /// labels of second images are as balanced as those of first ones.
    pub(crate) fn of(self, class: usize, classes: usize, turn: u64) -> usize {
        let rotated = |first: usize, size: usize| {
            let shift = 1 + (turn % (size as u64 - 1)) as usize;
            first + (class - first + shift) % size
        };
        match self {
            Self::Any => rotated(0, classes),
            Self::Neighbour => class ^ 1,
            Self::Within(sizes) => {
                let mut first = 0;
                for &size in sizes {
                    if class < first + size {
                        return rotated(first, size);
                    }
                    first += size;
                }
                class
            }
        }
    }
}

macro_rules! tasks {
    ($($variant:ident $module:ident $name:literal $doc:literal),* $(,)?) => {
        /// The tasks. Text form (serde, `Display`, `FromStr`) is [`TaskKind::name`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum TaskKind {
            $(#[doc = $doc] #[serde(rename = $name)] $variant,)*
        }

        impl TaskKind {
            /// Every task, by group.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$variant),*];

            /// Name in files and on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            pub(crate) fn description(self) -> &'static Description {
                match self {
                    $(Self::$variant => &$module::TASK,)*
                }
            }
        }
    };
}

tasks! {
    LandoltGap landolt_gap "landolt-gap" "Which of 8 directions does the gap of a large ring face? Gap in px.",
    LandoltSize landolt_size "landolt-size" "Which of 4 directions does a Landolt C face? Gap, a fifth of its diameter, in px.",
    Contrast contrast "contrast" "Which of 4 directions does a faint Landolt C face? Contrast.",
    Vernier vernier "vernier" "Is the lower of two bars left or right of the upper? Offset in px.",
    StrokeWidth stroke_width "stroke-width" "Which of two strokes is thicker? Difference in px.",
    BarOrientation bar_orientation "bar-orientation" "Which way does a bar lean? Angle in degrees.",
    CharacterHeight character_height "character-height" "Which capital letter is it? Height in px.",
    ConfusableGlyphs confusable_glyphs "confusable-glyphs" "Which of 15 confusable glyphs is it? Distance from its double in px².",
    ConfusableWords confusable_words "confusable-words" "Which of 15 confusable glyphs is inside the word? Distance in px².",
    Diacritics diacritics "diacritics" "Which accent does the letter bear? Distance in px².",
    Punctuation punctuation "punctuation" "Which mark is it? Distance in px².",
    DotCount dot_count "dot-count" "How many dots? Gap between neighbours in px.",
    StrokeCount stroke_count "stroke-count" "How many strokes? Gap between neighbours in px.",
    SameDifferent same_different "same-different" "Are two textures the same? Moved share of the ink of four cells.",
    LineIntersection line_intersection "line-intersection" "How often do two bent lines cross? Distance at their knots in px.",
    TouchingCircles touching_circles "touching-circles" "Do two circles overlap? Distance or overlap in px.",
    ObjectPosition object_position "object-position" "In which of 8 cells is the dot? Diameter in px.",
    SizeDifference size_difference "size-difference" "Which of two discs is larger? Difference of diameters in px.",
    ShadeDifference shade_difference "shade-difference" "Which of two patches is fainter? Difference in ink.",
    HueDifference hue_difference "hue-difference" "Which of two patches is redder? Difference of hues in degrees; needs RGB.",
    ShapeClass shape_class "shape-class" "Which of 6 shapes is it? Root of its area in px.",
    Shade shade "shade" "Which of 4 shades has the patch in the frame?",
    Colour colour "colour" "Which of 6 hues has the disc? Chroma; needs RGB.",
    FontFamily font_family "font-family" "Which of 5 font families is it? Height in px.",
    TextSlant text_slant "text-slant" "Is the text slanted? Angle in degrees.",
    LayoutQuadrant layout_quadrant "layout-quadrant" "In which quarter is the text? Height in px.",
}

impl TaskKind {
    /// What is asked, as a question.
    pub fn question(self) -> &'static str {
        self.description().question
    }

    /// What the task is about.
    pub fn group(self) -> Group {
        self.description().group
    }

    /// Names of the classes; a label is an index into it.
    pub fn classes(self) -> &'static [&'static str] {
        self.description().classes
    }

    /// Runs of labels whose classes stand for each other in counterfactual pairs: look-alikes for
    /// the glyph tasks, all classes where any two make a pair.
    pub fn look_alikes(self) -> Vec<Range<usize>> {
        let classes = self.classes().len();
        let sizes = match self.description().partner {
            Partner::Any => vec![classes],
            Partner::Neighbour => vec![2; classes / 2],
            Partner::Within(sizes) => sizes.to_vec(),
        };
        let mut first = 0;
        sizes
            .into_iter()
            .map(|size| {
                let run = first..first + size;
                first = run.end;
                run
            })
            .collect()
    }

    /// Share of correct answers by guessing.
    pub fn chance(self) -> f64 {
        1.0 / self.classes().len() as f64
    }

    /// Share of pairs with both answers correct by guessing each on its own.
    pub fn pair_chance(self) -> f64 {
        self.chance().powi(2)
    }

    /// What makes the task hard, if it has levels.
    pub fn difficulty(self) -> Option<Axis> {
        self.description().axis
    }

    /// Whether the task shows text, whose font family is then the cluster of an item.
    pub fn shows_text(self) -> bool {
        self.description().lettering.is_some()
    }

    /// Whether the task shows hue at constant luminance, which a grey image loses.
    pub fn needs_colour(self) -> bool {
        self.in_grey().is_some()
    }

    /// For a task that needs colour, the one that asks the same of lightness.
    pub fn in_grey(self) -> Option<Self> {
        self.description().in_grey
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for TaskKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| Error::UnknownTask {
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn partners_are_permutations_without_fixed_points() {
        for kind in TaskKind::ALL {
            let (classes, partner) = (kind.classes().len(), kind.description().partner);
            for turn in 0..20 {
                let others: BTreeSet<usize> = (0..classes)
                    .map(|class| {
                        let other = partner.of(class, classes, turn);
                        assert_ne!(other, class, "{kind} {turn}");
                        other
                    })
                    .collect();
                assert_eq!(others, (0..classes).collect(), "{kind} {turn}");
            }
        }
    }

    #[test]
    fn groups_of_partners_cover_the_classes() {
        for kind in TaskKind::ALL {
            let (classes, partner) = (kind.classes().len(), kind.description().partner);
            let runs = kind.look_alikes();
            assert_eq!(
                runs.iter().map(Range::len).sum::<usize>(),
                classes,
                "{kind}"
            );
            for class in 0..classes {
                let run = runs.iter().find(|run| run.contains(&class)).unwrap();
                for turn in 0..20 {
                    assert!(run.contains(&partner.of(class, classes, turn)), "{kind}");
                }
            }
        }
    }

    #[test]
    fn names_read_back_and_unknown_ones_list_them() {
        for kind in TaskKind::ALL {
            assert_eq!(kind.name().parse::<TaskKind>().unwrap(), kind);
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(json, format!("\"{kind}\""));
        }
        let message = "snellen".parse::<TaskKind>().unwrap_err().to_string();
        assert!(message.contains("snellen") && message.contains("vernier, stroke-width"));
    }

    #[test]
    fn axes_run_from_easy_down_to_hard() {
        for kind in TaskKind::ALL {
            if let Some(axis) = kind.difficulty() {
                assert!(0.0 < axis.hard && axis.hard < axis.easy, "{kind}");
            }
            assert_eq!(kind.in_grey().is_some(), kind.needs_colour());
        }
    }
}
