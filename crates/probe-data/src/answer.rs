//! What is said about an image: the right answer, or one that was given.

use crate::group::Label;
use probe_statistics::text_metrics::{PositionAccuracy, Reading};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An answer. In files: a string, or a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// What is written, normalised to the charset.
    Text(String),
    /// The class of the whole image.
    Class(u16),
}

impl Answer {
    /// The text; `None` for a class.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Class(_) => None,
        }
    }

    /// The class; `None` for a text.
    #[must_use]
    pub fn class(&self) -> Option<u16> {
        match self {
            Self::Text(_) => None,
            Self::Class(class) => Some(*class),
        }
    }

    /// What errors are counted in: the characters of a text; a class is one.
    #[must_use]
    pub fn units(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::Class(_) => 1,
        }
    }

    /// How `given` differs from this right answer: texts by their edit distance, classes as right or
    /// wrong.
    #[must_use]
    pub fn compare(&self, given: &Self) -> Reading {
        match (self, given) {
            (Self::Text(target), Self::Text(text)) => Reading::compare(target, text),
            (Self::Class(_), Self::Class(_) | Self::Text(_)) | (Self::Text(_), Self::Class(_)) => {
                Reading::whole(self.units(), self == given)
            }
        }
    }

    /// Adds `given` by character places; a class stands at the first one.
    pub fn observe_positions(&self, given: &Self, positions: &mut PositionAccuracy) {
        match (self, given) {
            (Self::Text(target), Self::Text(text)) => positions.observe(target, text),
            (Self::Class(_), Self::Class(_) | Self::Text(_)) | (Self::Text(_), Self::Class(_)) => {
                positions.observe_whole(self.units(), self == given);
            }
        }
    }

    /// For people: the text, or the name of the class (its number where it has none).
    #[must_use]
    pub fn shown<'a>(&'a self, class_names: &'a [String]) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Class(class) => match class_names.get(usize::from(*class)) {
                Some(name) => name.into(),
                None => class.to_string().into(),
            },
        }
    }
}

impl Label {
    /// That of an image whose whole content has a class.
    #[must_use]
    pub fn of_class(class: u16, cluster: u32, held_out: bool) -> Self {
        Self {
            answer: Answer::Class(class),
            classes: vec![class],
            slots_px: Vec::new(),
            cluster,
            held_out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrong_by_characters_and_classes_as_a_whole() {
        let text = |text: &str| Answer::Text(text.to_owned());
        let reading = text("abcd").compare(&text("abxd"));
        assert_eq!((reading.edits, reading.reference_chars), (1, 4));
        let wrong = Answer::Class(3).compare(&Answer::Class(300));
        assert_eq!(
            (wrong.edits, wrong.reference_chars, wrong.exact),
            (1, 1, false)
        );
        assert_eq!(wrong.ned_similarity, 0.0);
        let right = Answer::Class(300).compare(&Answer::Class(300));
        assert_eq!((right.edits, right.exact), (0, true));
        assert_eq!(right.ned_similarity, 1.0);
    }

    #[test]
    fn classes_are_shown_by_name_where_they_have_one() {
        let names = ["left".to_owned(), "right".to_owned()];
        assert_eq!(Answer::Class(1).shown(&names), "right");
        assert_eq!(Answer::Class(2).shown(&names), "2");
        assert_eq!(Answer::Text("1".to_owned()).shown(&names), "1");
    }
}
