//! What becomes of a label before training or testing: two policies of the field, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::{Error, SceneCharset};

/// Longest label of both reference implementations, in characters.
pub const MAX_LABEL_CHARS: usize = 25;

/// Which implementation is followed.
///
/// | step | `parseq` | `dtrb` | `dtrb-unfiltered` |
/// |---|---|---|---|
/// | whitespace removed, NFKD, non-ASCII characters dropped | yes | no | no |
/// | labels above the maximum length dropped | yes | yes | no |
/// | labels with characters outside the charset dropped | no | yes | no |
/// | small letters if the charset has no capitals | yes | yes | yes |
/// | characters outside the charset deleted | yes | (none left) | yes |
///
/// # Source
/// `strhub/data/dataset.py` and `strhub/data/utils.py` of baudm/parseq; `dataset.py` of
/// clovaai/deep-text-recognition-benchmark, whose `--data_filtering_off` is `dtrb-unfiltered`.
/// Differs: a label that ends up empty is dropped and counted under every policy; DTRB keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelPolicy {
    /// PARSeq: labels are cleaned, and characters that the charset lacks deleted.
    Parseq,
    /// Deep-text-recognition-benchmark: whole samples are dropped instead.
    Dtrb,
    /// The same with `--data_filtering_off`: nothing is dropped.
    DtrbUnfiltered,
}

impl LabelPolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Parseq, Self::Dtrb, Self::DtrbUnfiltered];

    /// Name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parseq => "parseq",
            Self::Dtrb => "dtrb",
            Self::DtrbUnfiltered => "dtrb-unfiltered",
        }
    }
}

impl fmt::Display for LabelPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LabelPolicy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|policy| policy.name() == name)
            .ok_or_else(|| Error::UnknownName {
                what: "label policy",
                name: name.to_owned(),
                known: "parseq, dtrb and dtrb-unfiltered",
            })
    }
}

/// A policy with what it needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelRule {
    /// Whose steps.
    pub policy: LabelPolicy,
    /// The alphabet.
    pub charset: SceneCharset,
    /// Longest label that is kept, in characters.
    pub max_chars: usize,
}

/// What each step of a policy did to the labels of a data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PolicyCounts {
    /// Labels that came in.
    pub seen: u64,
    /// Labels that came out.
    pub kept: u64,
    /// Labels from which whitespace was removed.
    pub whitespace: u64,
    /// Labels that NFKD and the loss of non-ASCII characters changed.
    pub normalised: u64,
    /// Labels dropped because they were too long.
    pub too_long: u64,
    /// Labels dropped because of characters outside the charset.
    pub outside_charset: u64,
    /// Labels that were brought into small letters.
    pub lowered: u64,
    /// Labels of which characters were deleted.
    pub shortened: u64,
    /// Characters deleted from them.
    pub deleted_chars: u64,
    /// Labels dropped because nothing was left of them.
    pub empty: u64,
}

impl LabelRule {
    /// The rule with the usual maximum of [`MAX_LABEL_CHARS`].
    pub fn new(policy: LabelPolicy, charset: SceneCharset) -> Self {
        Self {
            policy,
            charset,
            max_chars: MAX_LABEL_CHARS,
        }
    }

    /// The label as the policy leaves it, `None` if it drops the sample. `counts` takes note.
    pub fn apply(&self, label: &str, counts: &mut PolicyCounts) -> Option<String> {
        counts.seen += 1;
        let cleaned = match self.policy {
            LabelPolicy::Parseq => cleaned(label, counts),
            LabelPolicy::Dtrb | LabelPolicy::DtrbUnfiltered => label.to_owned(),
        };
        let filtered = self.policy != LabelPolicy::DtrbUnfiltered;
        if filtered && cleaned.chars().count() > self.max_chars {
            counts.too_long += 1;
            return None;
        }
        let lacks = |character: char| self.charset.class_of(character).is_none();
        let lowered = self.charset.lowered(&cleaned);
        if self.policy == LabelPolicy::Dtrb && lowered.chars().any(lacks) {
            counts.outside_charset += 1;
            return None;
        }
        counts.lowered += u64::from(lowered != cleaned);
        let kept: String = lowered.chars().filter(|c| !lacks(*c)).collect();
        let deleted = lowered.chars().count() - kept.chars().count();
        counts.shortened += u64::from(deleted > 0);
        counts.deleted_chars += deleted as u64;
        if kept.is_empty() {
            counts.empty += 1;
            return None;
        }
        counts.kept += 1;
        Some(kept)
    }
}

/// PARSeq's cleaning: `''.join(label.split())`, then NFKD encoded as ASCII without the rest.
fn cleaned(label: &str, counts: &mut PolicyCounts) -> String {
    let joined: String = label.chars().filter(|c| !is_python_space(*c)).collect();
    counts.whitespace += u64::from(joined != label);
    let plain: String = joined.nfkd().filter(char::is_ascii).collect();
    counts.normalised += u64::from(plain != joined);
    plain
}

/// What Python's `str.split()` takes for whitespace: four separators more than Unicode's property.
fn is_python_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

impl PolicyCounts {
    /// What happened, in words; steps that did nothing are left out.
    pub fn steps(&self) -> Vec<String> {
        let steps = [
            (self.whitespace, "with whitespace removed"),
            (self.normalised, "normalised to ASCII"),
            (self.too_long, "dropped: too long"),
            (
                self.outside_charset,
                "dropped: characters outside the charset",
            ),
            (self.lowered, "lowered"),
            (self.shortened, "with characters deleted"),
            (self.empty, "dropped: nothing left"),
        ];
        steps
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, step)| format!("{count} {step}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(policy: LabelPolicy, charset: SceneCharset, label: &str) -> Option<String> {
        LabelRule::new(policy, charset).apply(label, &mut PolicyCounts::default())
    }

    #[test]
    fn parseq_cleans_and_deletes() {
        let parseq = |charset, label| apply(LabelPolicy::Parseq, charset, label);
        let text = Some("cafe3".to_owned());
        assert_eq!(parseq(SceneCharset::Lower36, " Ca\u{a0}fé\u{1f}-3"), text);
        assert_eq!(
            parseq(SceneCharset::Printable94, "Ca fé-½").as_deref(),
            Some("Cafe-12")
        );
        assert_eq!(parseq(SceneCharset::Lower36, "日本"), None);
    }

    #[test]
    fn parseq_measures_the_length_before_characters_are_deleted() {
        // 26 characters, of which only 3 would be left.
        let label = format!("abc{}", "!".repeat(23));
        assert_eq!(
            apply(LabelPolicy::Parseq, SceneCharset::Lower36, &label),
            None
        );
        let shorter = &label[..25];
        assert_eq!(
            apply(LabelPolicy::Parseq, SceneCharset::Lower36, shorter).as_deref(),
            Some("abc")
        );
        // Whitespace and what NFKD makes are settled before.
        let spaced = format!("a{}b", " ".repeat(40));
        assert_eq!(
            apply(LabelPolicy::Parseq, SceneCharset::Lower36, &spaced).as_deref(),
            Some("ab")
        );
    }

    #[test]
    fn dtrb_drops_whole_samples_unless_filtering_is_off() {
        let charset = SceneCharset::Lower36;
        assert_eq!(apply(LabelPolicy::Dtrb, charset, "Don't"), None);
        assert_eq!(
            apply(LabelPolicy::Dtrb, charset, "Dont").as_deref(),
            Some("dont")
        );
        assert_eq!(
            apply(LabelPolicy::DtrbUnfiltered, charset, "Don't").as_deref(),
            Some("dont")
        );
        let long = "a".repeat(26);
        assert_eq!(apply(LabelPolicy::Dtrb, charset, &long), None);
        assert_eq!(
            apply(LabelPolicy::DtrbUnfiltered, charset, &long),
            Some(long)
        );
    }

    #[test]
    fn every_label_is_counted_once_as_kept_or_dropped() {
        let labels = ["Don't", "a b", "日本", "É", "plain", "x!", &"y".repeat(30)];
        for policy in LabelPolicy::ALL {
            for charset in SceneCharset::ALL {
                let mut counts = PolicyCounts::default();
                for label in labels {
                    LabelRule::new(policy, charset).apply(label, &mut counts);
                }
                assert_eq!(counts.seen, labels.len() as u64);
                let dropped = counts.too_long + counts.outside_charset + counts.empty;
                assert_eq!(counts.kept + dropped, counts.seen, "{policy} {charset}");
            }
        }
        let mut counts = PolicyCounts::default();
        let rule = LabelRule::new(LabelPolicy::Parseq, SceneCharset::Lower36);
        for label in labels {
            rule.apply(label, &mut counts);
        }
        let expected = PolicyCounts {
            seen: 7,
            kept: 5,
            whitespace: 1,
            normalised: 2,
            too_long: 1,
            outside_charset: 0,
            lowered: 2,
            shortened: 2,
            deleted_chars: 2,
            empty: 1,
        };
        assert_eq!(counts, expected);
        assert!(counts.steps().contains(&"1 dropped: too long".to_owned()));
    }
}
