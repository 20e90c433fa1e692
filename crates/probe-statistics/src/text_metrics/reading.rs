//! Edit distance of one text, and the scores of many.

use rapidfuzz::distance::levenshtein;

use crate::StatisticsError;
use crate::error::require_count;

/// How one prediction differs from its reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Levenshtein distance in characters (substitution, deletion and insertion cost 1 each).
    pub edits: usize,
    /// Characters of the reference.
    pub reference_chars: usize,
    /// Whether the texts are identical.
    pub exact: bool,
    /// `1 − edits / max(length of either text)`, in [0, 1]; 1 when both texts are empty.
    pub ned_similarity: f64,
}

impl Reading {
    /// Compares `prediction` with `target`.
    ///
    /// Two empty texts agree perfectly, so their similarity is defined as 1; an empty text against
    /// any other scores 0.
    pub fn compare(target: &str, prediction: &str) -> Self {
        let reference_chars = target.chars().count();
        let edits = levenshtein::distance(target.chars(), prediction.chars());
        let longest = reference_chars.max(prediction.chars().count());
        Self {
            edits,
            reference_chars,
            exact: target == prediction,
            ned_similarity: if longest == 0 {
                1.0
            } else {
                1.0 - edits as f64 / longest as f64
            },
        }
    }

    /// An answer that is right or wrong as a whole, where the right one counts as so many units.
    pub fn whole(units: usize, exact: bool) -> Self {
        Self {
            edits: if exact { 0 } else { units },
            reference_chars: units,
            exact,
            ned_similarity: f64::from(u8::from(exact)),
        }
    }
}

/// Scores over a set of readings, as fractions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadingScores {
    /// Number of readings.
    pub items: usize,
    /// Sum of edits.
    pub edits: usize,
    /// Sum of reference characters.
    pub reference_chars: usize,
    /// Micro character error rate, `Σ edits / Σ reference characters`; insertions can push it
    /// above 1.
    pub cer: f64,
    /// Fraction of texts read without any error.
    pub word_accuracy: f64,
    /// 1-NED: mean of [`Reading::ned_similarity`], as in the ICDAR 2019 robust reading challenges.
    pub one_minus_ned: f64,
}

impl ReadingScores {
    /// Scores `readings`.
    ///
    /// # Errors
    /// If there are none, or all their references are empty.
    ///
    /// # Source
    /// 1-NED: C. K. Chng et al., "ICDAR2019 Robust Reading Challenge on Arbitrary-Shaped Text",
    /// arXiv:1909.07145.
    pub fn of<'a>(
        readings: impl IntoIterator<Item = &'a Reading>,
    ) -> Result<Self, StatisticsError> {
        let (mut items, mut edits, mut reference_chars, mut exact) = (0, 0, 0, 0_usize);
        let mut similarity = 0.0;
        for reading in readings {
            items += 1;
            edits += reading.edits;
            reference_chars += reading.reference_chars;
            exact += usize::from(reading.exact);
            similarity += reading.ned_similarity;
        }
        require_count("readings", 1, items)?;
        if reference_chars == 0 {
            return Err(StatisticsError::EmptyReferences {
                what: format!("{items} readings"),
            });
        }
        Ok(Self {
            items,
            edits,
            reference_chars,
            cer: edits as f64 / reference_chars as f64,
            word_accuracy: exact as f64 / items as f64,
            one_minus_ned: similarity / items as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn characters_are_unicode_scalars_not_bytes() {
        let reading = Reading::compare("naïve—café", "naive—cafe");
        assert_eq!((reading.edits, reading.reference_chars), (2, 10));
        assert!((reading.ned_similarity - 0.8).abs() < 1e-15);
    }

    #[test]
    fn longer_text_divides_the_distance() {
        let reading = Reading::compare("kitten", "sitting");
        assert_eq!(reading.edits, 3);
        assert!((reading.ned_similarity - (1.0 - 3.0 / 7.0)).abs() < 1e-15);
    }

    #[test]
    fn empty_texts_have_defined_scores() {
        let both = Reading::compare("", "");
        assert!(both.exact && both.ned_similarity == 1.0);
        assert_eq!(Reading::compare("", "abc").ned_similarity, 0.0);
        assert_eq!(Reading::compare("abc", "").ned_similarity, 0.0);
    }

    #[test]
    fn error_rate_is_weighted_by_length() {
        let readings = [
            Reading::compare("abcdefgh", "abcdefgh"),
            Reading::compare("ab", "xy"),
        ];
        let scores = ReadingScores::of(&readings).unwrap();
        assert_eq!((scores.items, scores.edits), (2, 2));
        assert_eq!(scores.cer, 0.2);
        assert_eq!(scores.word_accuracy, 0.5);
        assert_eq!(scores.one_minus_ned, 0.5);
    }

    #[test]
    fn sets_without_reference_characters_are_refused() {
        assert!(ReadingScores::of(&[]).is_err());
        assert!(ReadingScores::of(&[Reading::compare("", "a")]).is_err());
    }

    proptest! {
        #[test]
        fn identical_texts_have_no_error(text in ".{0,20}") {
            let reading = Reading::compare(&text, &text);
            prop_assert_eq!(reading.edits, 0);
            prop_assert!(reading.exact && reading.ned_similarity == 1.0);
        }

        #[test]
        fn distance_is_symmetric_and_bounded(a in "[ab0O]{0,12}", b in "[ab0O]{0,12}") {
            let (forth, back) = (Reading::compare(&a, &b), Reading::compare(&b, &a));
            prop_assert_eq!(forth.edits, back.edits);
            prop_assert_eq!(forth.exact, forth.edits == 0);
            prop_assert!((0.0..=1.0).contains(&forth.ned_similarity));
            prop_assert!(forth.edits <= a.len().max(b.len()));
            prop_assert!(forth.edits >= a.len().abs_diff(b.len()));
        }
    }
}
