//! What the study says, in sentences made from its numbers.

use arms::{ArmKind, ArmSpec};
use html_report::KeyNumber;

/// What sentences call arms whose tokens are one row each.
pub(crate) const HARD: &str = "Hard visual words, one table row per token";
/// What sentences call the arms that mix rows.
pub(crate) const SOFT: &str = "Soft visual words, as Ovis releases them";
const NOTHING: &str = "The sections that were run do not hold the main comparison; their figures and \
    tables follow.";

/// What an arm is compared with, in words.
pub(crate) fn named(reference: ArmSpec) -> String {
    match reference.kind == ArmKind::GeluMlp {
        true => "the MLP of the same width".to_owned(),
        false => format!("`{reference}`"),
    }
}

/// The paragraphs of the answer and the numbers to remember.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Paragraphs; the first one is the answer to the question.
    pub paragraphs: Vec<String>,
    /// Numbers to remember.
    pub key_numbers: Vec<KeyNumber>,
}

impl Answer {
    /// A single paragraph, or nothing.
    pub(crate) fn of(paragraph: Option<String>) -> Self {
        Self {
            paragraphs: paragraph.into_iter().collect(),
            key_numbers: Vec::new(),
        }
    }

    /// The answers of several sections as one.
    pub(crate) fn joined<'a>(answers: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::default();
        for answer in answers {
            all.paragraphs.extend_from_slice(&answer.paragraphs);
            all.key_numbers.extend_from_slice(&answer.key_numbers);
        }
        if all.paragraphs.is_empty() {
            all.paragraphs.push(NOTHING.to_owned());
        }
        all
    }
}
