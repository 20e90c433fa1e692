//! Which characters are read as which, from a minimal alignment of the two texts.

use std::collections::BTreeMap;

/// Characters that look alike in many fonts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfusableGroup {
    /// Short name for tables.
    pub name: &'static str,
    /// The characters.
    pub chars: &'static [char],
}

/// Groups whose substitution rate is reported by name.
pub const CONFUSABLE_GROUPS: &[ConfusableGroup] = &[
    ConfusableGroup {
        name: "0/O",
        chars: &['0', 'O'],
    },
    ConfusableGroup {
        name: "1/l/I",
        chars: &['1', 'l', 'I'],
    },
    ConfusableGroup {
        name: "2/Z",
        chars: &['2', 'Z'],
    },
    ConfusableGroup {
        name: "5/S",
        chars: &['5', 'S'],
    },
    ConfusableGroup {
        name: "6/G",
        chars: &['6', 'G'],
    },
    ConfusableGroup {
        name: "8/B",
        chars: &['8', 'B'],
    },
];

/// One kind of substitution and how often it occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfusedPair<T = char> {
    /// Character of the reference.
    pub target: T,
    /// Character that was read instead.
    pub predicted: T,
    /// Number of occurrences.
    pub count: u64,
}

/// Counts of matched, substituted, deleted and inserted characters, or of classes that were taken for
/// one another.
///
/// Texts are aligned with the fewest edits and, among those alignments, with the fewest deletions
/// and insertions, so that "ab" read as "ba" is two substitutions. The totals of each kind follow
/// from this rule alone; where several alignments remain, the one is taken that, from the end of
/// the texts, pairs characters before it deletes and deletes before it inserts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confusion<T = char> {
    aligned: BTreeMap<(T, T), u64>,
    deleted: BTreeMap<T, u64>,
    inserted: BTreeMap<T, u64>,
}

impl Confusion {
    /// Adds one text. Time and memory grow with the product of the two lengths.
    pub fn observe(&mut self, target: &str, prediction: &str) {
        for pair in align(target, prediction) {
            match pair {
                (Some(from), Some(to)) => *self.aligned.entry((from, to)).or_default() += 1,
                (Some(from), None) => *self.deleted.entry(from).or_default() += 1,
                (None, Some(to)) => *self.inserted.entry(to).or_default() += 1,
                (None, None) => {}
            }
        }
    }
}

impl<T: Copy + Ord> Confusion<T> {
    /// Adds one class and what it was taken for.
    pub fn observe_class(&mut self, target: T, predicted: T) {
        *self.aligned.entry((target, predicted)).or_default() += 1;
    }

    /// Adds all texts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (&pair, &count) in &other.aligned {
            *self.aligned.entry(pair).or_default() += count;
        }
        for (&character, &count) in &other.deleted {
            *self.deleted.entry(character).or_default() += count;
        }
        for (&character, &count) in &other.inserted {
            *self.inserted.entry(character).or_default() += count;
        }
    }

    /// Times `target` was aligned with `predicted`; with both equal, times it was read correctly.
    pub fn count(&self, target: T, predicted: T) -> u64 {
        self.aligned.get(&(target, predicted)).copied().unwrap_or(0)
    }

    /// Characters read correctly.
    pub fn matches(&self) -> u64 {
        let pairs = self.aligned.iter().filter(|((from, to), _)| from == to);
        pairs.map(|(_, count)| count).sum()
    }

    /// Characters read as another one.
    pub fn substitutions(&self) -> u64 {
        self.aligned.values().sum::<u64>() - self.matches()
    }

    /// Characters of references without a counterpart.
    pub fn deletions(&self) -> u64 {
        self.deleted.values().sum()
    }

    /// Predicted characters without a counterpart.
    pub fn insertions(&self) -> u64 {
        self.inserted.values().sum()
    }

    /// Occurrences of `target` in the references.
    pub fn occurrences(&self, target: T) -> u64 {
        let row = self.aligned.iter().filter(|((from, _), _)| *from == target);
        let deleted = self.deleted.get(&target).copied().unwrap_or(0);
        row.map(|(_, count)| count).sum::<u64>() + deleted
    }

    /// Fraction of the occurrences of `target` that were read correctly; `None` if it never occurs.
    pub fn recall(&self, target: T) -> Option<f64> {
        let occurrences = self.occurrences(target);
        (occurrences > 0).then(|| self.count(target, target) as f64 / occurrences as f64)
    }

    /// The `limit` most frequent substitutions, most frequent first; ties by character.
    pub fn top_confusions(&self, limit: usize) -> Vec<ConfusedPair<T>> {
        let mut pairs: Vec<ConfusedPair<T>> = self
            .aligned
            .iter()
            .filter(|((from, to), _)| from != to)
            .map(|(&(target, predicted), &count)| ConfusedPair {
                target,
                predicted,
                count,
            })
            .collect();
        // Stable, so that equal counts keep the order of the map.
        pairs.sort_by_key(|pair| std::cmp::Reverse(pair.count));
        pairs.truncate(limit);
        pairs
    }

    /// Fraction of the occurrences of a group's characters that were read as another character of
    /// the group; `None` if none of them occurs in the references.
    pub fn substitution_rate(&self, group: &[T]) -> Option<f64> {
        let members = || {
            let distinct = group.iter().enumerate();
            distinct
                .filter(|(index, c)| !group[..*index].contains(c))
                .map(|(_, &c)| c)
        };
        let occurrences: u64 = members().map(|c| self.occurrences(c)).sum();
        let confused: u64 = members()
            .flat_map(|from| members().map(move |to| (from, to)))
            .filter(|(from, to)| from != to)
            .map(|(from, to)| self.count(from, to))
            .sum();
        (occurrences > 0).then(|| confused as f64 / occurrences as f64)
    }
}

/// The alignment that [`Confusion`] counts, from the start of the texts: what stands there and what
/// was read, one of them missing where a character was passed over or made up.
pub fn align(target: &str, prediction: &str) -> Vec<(Option<char>, Option<char>)> {
    let target: Vec<char> = target.chars().collect();
    let predicted: Vec<char> = prediction.chars().collect();
    let costs = AlignmentCosts::new(&target, &predicted);
    let (mut row, mut col) = (target.len(), predicted.len());
    let mut pairs = Vec::with_capacity(row.max(col));
    while row > 0 || col > 0 {
        if row > 0 && col > 0 {
            let (from, to) = (target[row - 1], predicted[col - 1]);
            if costs.at(row, col) == costs.at(row - 1, col - 1) + pair_cost(from, to) {
                pairs.push((Some(from), Some(to)));
                (row, col) = (row - 1, col - 1);
                continue;
            }
        }
        if row > 0 && costs.at(row, col) == costs.at(row - 1, col) + GAP {
            row -= 1;
            pairs.push((Some(target[row]), None));
        } else {
            col -= 1;
            pairs.push((None, Some(predicted[col])));
        }
    }
    pairs.reverse();
    pairs
}

/// Cost of an edit: edits count in the upper half, deletions and insertions in the lower, so that
/// comparing sums compares edits first.
const SUBSTITUTION: u64 = 1 << 32;
const GAP: u64 = SUBSTITUTION + 1;

fn pair_cost(from: char, to: char) -> u64 {
    if from == to { 0 } else { SUBSTITUTION }
}

/// Cost of aligning every prefix of the target with every prefix of the prediction.
struct AlignmentCosts {
    cells: Vec<u64>,
    width: usize,
}

impl AlignmentCosts {
    fn new(target: &[char], predicted: &[char]) -> Self {
        let width = predicted.len() + 1;
        let mut cells: Vec<u64> = (0..width as u64).map(|col| col * GAP).collect();
        cells.reserve(target.len() * width);
        for (row, &from) in target.iter().enumerate() {
            let above = row * width;
            cells.push(cells[above] + GAP);
            for (col, &to) in predicted.iter().enumerate() {
                let pair = cells[above + col] + pair_cost(from, to);
                let delete = cells[above + col + 1] + GAP;
                let insert = cells[above + width + col] + GAP;
                cells.push(pair.min(delete).min(insert));
            }
        }
        Self { cells, width }
    }

    fn at(&self, row: usize, col: usize) -> u64 {
        self.cells[row * self.width + col]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text_metrics::Reading;
    use proptest::prelude::*;

    fn confusion(texts: &[(&str, &str)]) -> Confusion {
        let mut confusion = Confusion::default();
        for (target, prediction) in texts {
            confusion.observe(target, prediction);
        }
        confusion
    }

    #[test]
    fn kitten_to_sitting_is_two_substitutions_and_an_insertion() {
        let found = confusion(&[("kitten", "sitting")]);
        assert_eq!(found.count('k', 's'), 1);
        assert_eq!(found.count('e', 'i'), 1);
        assert_eq!(found.inserted.get(&'g'), Some(&1));
        assert_eq!((found.matches(), found.deletions()), (4, 0));
    }

    #[test]
    fn an_alignment_names_every_place_from_the_start() {
        let pair = |from: Option<char>, to: Option<char>| (from, to);
        assert_eq!(
            align("abc", "xbcd"),
            [
                pair(Some('a'), Some('x')),
                pair(Some('b'), Some('b')),
                pair(Some('c'), Some('c')),
                pair(None, Some('d')),
            ]
        );
        assert_eq!(align("a", ""), [pair(Some('a'), None)]);
        assert!(align("", "").is_empty());
    }

    #[test]
    fn swapped_characters_are_substitutions() {
        let found = confusion(&[("ab", "ba")]);
        assert_eq!((found.substitutions(), found.deletions()), (2, 0));
    }

    #[test]
    fn most_frequent_confusions_come_first() {
        let found = confusion(&[("0O0", "OOO"), ("8", "B"), ("a", "a")]);
        let pair = |target, predicted, count| ConfusedPair {
            target,
            predicted,
            count,
        };
        assert_eq!(
            found.top_confusions(5),
            [pair('0', 'O', 2), pair('8', 'B', 1)]
        );
        assert_eq!(found.top_confusions(1).len(), 1);
    }

    #[test]
    fn group_rate_counts_only_swaps_within_the_group() {
        // Five characters of the group: two swapped, one lost, one read as something else.
        let found = confusion(&[("0O", "O0"), ("0x", "x"), ("O", "Q"), ("O", "O")]);
        assert_eq!(found.substitution_rate(&['0', 'O']), Some(0.4));
        assert_eq!(found.substitution_rate(&['0', 'O', 'O']), Some(0.4));
        assert_eq!(found.substitution_rate(&['5', 'S']), None);
        assert_eq!(found.recall('O'), Some(1.0 / 3.0));
    }

    #[test]
    fn named_groups_are_distinct_characters_under_their_own_name() {
        for group in CONFUSABLE_GROUPS {
            let joined: Vec<String> = group.chars.iter().map(char::to_string).collect();
            assert_eq!(joined.join("/"), group.name);
            assert!(group.chars.len() > 1);
        }
    }

    proptest! {
        #[test]
        fn alignment_costs_exactly_the_edit_distance(a in "[ab0O]{0,12}", b in "[ab0O]{0,12}") {
            let found = confusion(&[(&a, &b)]);
            let edits = found.substitutions() + found.deletions() + found.insertions();
            prop_assert_eq!(edits as usize, Reading::compare(&a, &b).edits);
        }

        #[test]
        fn every_character_of_both_texts_is_counted_once(a in "[abc]{0,12}", b in "[abc]{0,12}") {
            let found = confusion(&[(&a, &b)]);
            let aligned = found.matches() + found.substitutions();
            prop_assert_eq!(aligned + found.deletions(), a.len() as u64);
            prop_assert_eq!(aligned + found.insertions(), b.len() as u64);
            for c in ['a', 'b', 'c'] {
                prop_assert_eq!(found.occurrences(c) as usize, a.matches(c).count());
            }
        }

        #[test]
        fn swapping_the_texts_swaps_deletions_and_insertions(
            a in "[ab0O]{0,12}", b in "[ab0O]{0,12}",
        ) {
            let (forth, back) = (confusion(&[(&a, &b)]), confusion(&[(&b, &a)]));
            prop_assert_eq!(forth.substitutions(), back.substitutions());
            prop_assert_eq!(forth.deletions(), back.insertions());
            prop_assert_eq!(forth.matches(), back.matches());
        }

        #[test]
        fn merge_order_does_not_matter(texts in prop::collection::vec(("[ab]{0,6}", "[ab]{0,6}"), 1..6)) {
            let parts: Vec<Confusion> =
                texts.iter().map(|(a, b)| confusion(&[(a, b)])).collect();
            let mut forward = Confusion::default();
            parts.iter().for_each(|part| forward.merge(part));
            let mut backward = Confusion::default();
            parts.iter().rev().for_each(|part| backward.merge(part));
            prop_assert_eq!(forward, backward);
        }
    }
}
