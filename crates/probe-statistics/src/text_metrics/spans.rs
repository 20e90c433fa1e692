//! Pairs of letters that look like one, such as "rn" and "m".
//!
//! Edits of single characters cannot tell "rn" read as "m" from an "r" read as "m" and a lost "n".
//! Here an occurrence of one spelling counts as read as the other if some alignment with the fewest
//! edits pairs the two.

/// Spellings that look alike in many fonts.
pub const CONFUSABLE_SPANS: &[(&str, &str)] = &[("rn", "m"), ("cl", "d"), ("vv", "w")];

/// How often one spelling was read as another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpanConfusion {
    from: Vec<char>,
    to: Vec<char>,
    occurrences: u64,
    correct: u64,
    substituted: u64,
}

impl SpanConfusion {
    /// Counts for references that say `from` and predictions that say `to`.
    pub fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.chars().collect(),
            to: to.chars().collect(),
            ..Self::default()
        }
    }

    /// Both directions of every pair of [`CONFUSABLE_SPANS`].
    pub fn confusable() -> Vec<Self> {
        let pairs = CONFUSABLE_SPANS.iter();
        pairs
            .flat_map(|&(two, one)| [Self::new(two, one), Self::new(one, two)])
            .collect()
    }

    /// Adds one text. Occurrences do not overlap; the first from the left counts.
    pub fn observe(&mut self, target: &str, prediction: &str) {
        let target: Vec<char> = target.chars().collect();
        let span = self.from.len();
        if span == 0 || target.len() < span {
            return;
        }
        let starts = |at: usize| target[at..].starts_with(&self.from);
        if !(0..=target.len() - span).any(starts) {
            return;
        }
        let predicted: Vec<char> = prediction.chars().collect();
        let ahead = EditTable::new(target.iter().copied(), &predicted);
        let reversed: Vec<char> = predicted.iter().rev().copied().collect();
        let behind = EditTable::new(target.iter().rev().copied(), &reversed);
        let fewest = ahead.at(target.len(), predicted.len());
        // Edits of the best alignment that reads the span at `start` as `reading`, at `cost`.
        let aligned = |start: usize, reading: &[char], cost: usize| {
            (0..predicted.len()).any(|col| {
                let rest = predicted[col..].strip_prefix(reading);
                rest.is_some_and(|rest| {
                    let after = behind.at(target.len() - start - span, rest.len());
                    ahead.at(start, col) + cost + after == fewest
                })
            })
        };
        let swap =
            EditTable::new(self.from.iter().copied(), &self.to).at(self.from.len(), self.to.len());
        let (mut correct, mut substituted, mut occurrences) = (0, 0, 0);
        let mut start = 0;
        while start + span <= target.len() {
            if !starts(start) {
                start += 1;
                continue;
            }
            occurrences += 1;
            if aligned(start, &self.from, 0) {
                correct += 1;
            } else if aligned(start, &self.to, swap) {
                substituted += 1;
            }
            start += span;
        }
        self.occurrences += occurrences;
        self.correct += correct;
        self.substituted += substituted;
    }

    /// Adds all texts of `other`, which must be about the same spellings.
    ///
    /// # Panics
    /// If it is not.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(
            (&self.from, &self.to),
            (&other.from, &other.to),
            "counts of different spellings"
        );
        self.occurrences += other.occurrences;
        self.correct += other.correct;
        self.substituted += other.substituted;
    }

    /// Name for tables, such as "rn→m".
    pub fn name(&self) -> String {
        let text = |chars: &[char]| chars.iter().collect::<String>();
        format!("{}→{}", text(&self.from), text(&self.to))
    }

    /// Occurrences in the references.
    pub fn occurrences(&self) -> u64 {
        self.occurrences
    }

    /// Occurrences read rightly.
    pub fn correct(&self) -> u64 {
        self.correct
    }

    /// Occurrences read as the other spelling.
    pub fn substituted(&self) -> u64 {
        self.substituted
    }

    /// Fraction of the occurrences read as the other spelling; `None` without any.
    pub fn substitution_rate(&self) -> Option<f64> {
        (self.occurrences > 0).then(|| self.substituted as f64 / self.occurrences as f64)
    }
}

/// Edit distance of every pair of prefixes.
struct EditTable {
    cells: Vec<usize>,
    width: usize,
}

impl EditTable {
    fn new(target: impl Iterator<Item = char>, predicted: &[char]) -> Self {
        let width = predicted.len() + 1;
        let mut cells: Vec<usize> = (0..width).collect();
        for (row, from) in target.enumerate() {
            let above = row * width;
            cells.push(row + 1);
            for (col, &to) in predicted.iter().enumerate() {
                let pair = cells[above + col] + usize::from(from != to);
                let gap = 1 + cells[above + col + 1].min(cells[above + width + col]);
                cells.push(pair.min(gap));
            }
        }
        Self { cells, width }
    }

    fn at(&self, row: usize, col: usize) -> usize {
        self.cells[row * self.width + col]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text_metrics::Reading;
    use proptest::prelude::*;

    fn counts(from: &str, to: &str, texts: &[(&str, &str)]) -> (u64, u64, u64) {
        let mut spans = SpanConfusion::new(from, to);
        for (target, prediction) in texts {
            spans.observe(target, prediction);
        }
        (spans.occurrences(), spans.correct(), spans.substituted())
    }

    #[test]
    fn letters_that_merge_are_found_wherever_they_stand() {
        assert_eq!(counts("rn", "m", &[("modern", "modem")]), (1, 0, 1));
        assert_eq!(counts("rn", "m", &[("rnrn", "mm")]), (2, 0, 2));
        assert_eq!(
            counts("rn", "m", &[("burn", "burn"), ("barn", "bam")]),
            (2, 1, 1)
        );
        assert_eq!(counts("cl", "d", &[("clear", "dear")]), (1, 0, 1));
        assert_eq!(counts("vv", "w", &[("savvy", "sawy")]), (1, 0, 1));
    }

    #[test]
    fn letters_that_split_are_found_too() {
        assert_eq!(counts("m", "rn", &[("modem", "modern")]), (2, 1, 1));
        assert_eq!(counts("w", "vv", &[("wow", "vvovv")]), (2, 0, 2));
        assert_eq!(counts("d", "cl", &[("dear", "clear")]), (1, 0, 1));
    }

    #[test]
    fn other_errors_are_no_confusion() {
        assert_eq!(counts("rn", "m", &[("burn", "buin")]), (1, 0, 0));
        assert_eq!(counts("rn", "m", &[("burn", "")]), (1, 0, 0));
        assert_eq!(counts("rn", "m", &[("ham", "ham")]), (0, 0, 0));
        // The "m" of the prediction belongs to the one of the reference.
        assert_eq!(counts("rn", "m", &[("rnam", "xxam")]), (1, 0, 0));
        assert_eq!(SpanConfusion::new("rn", "m").substitution_rate(), None);
    }

    #[test]
    fn both_directions_are_named_and_merge() {
        let names: Vec<String> = SpanConfusion::confusable()
            .iter()
            .map(|s| s.name())
            .collect();
        assert_eq!(names, ["rn→m", "m→rn", "cl→d", "d→cl", "vv→w", "w→vv"]);
        let mut left = SpanConfusion::new("rn", "m");
        left.observe("burn", "bum");
        let mut right = SpanConfusion::new("rn", "m");
        right.observe("barn", "barn");
        left.merge(&right);
        assert_eq!(left.substitution_rate(), Some(0.5));
    }

    proptest! {
        #[test]
        fn table_is_the_edit_distance(a in "[rnm]{0,10}", b in "[rnm]{0,10}") {
            let predicted: Vec<char> = b.chars().collect();
            let table = EditTable::new(a.chars(), &predicted);
            prop_assert_eq!(table.at(a.len(), b.len()), Reading::compare(&a, &b).edits);
        }

        #[test]
        fn texts_read_rightly_confuse_nothing(text in "[rnmcldvw]{0,12}") {
            for mut spans in SpanConfusion::confusable() {
                spans.observe(&text, &text);
                prop_assert_eq!(spans.correct(), spans.occurrences());
                prop_assert_eq!(spans.substituted(), 0);
            }
        }
    }
}
