//! Accuracy by character slot, without any alignment.

/// Correct characters at each slot of texts with fixed positions.
///
/// Slot `i` is right when both texts have the same character at index `i`. A missing character is
/// wrong; predicted characters beyond the reference are ignored. Unlike the edit distance, a
/// shift by one counts against every slot behind it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PositionAccuracy {
    correct: Vec<u64>,
    total: Vec<u64>,
}

impl PositionAccuracy {
    /// Adds one text.
    pub fn observe(&mut self, target: &str, prediction: &str) {
        let mut predicted = prediction.chars();
        for (slot, character) in target.chars().enumerate() {
            self.add(slot, predicted.next() == Some(character));
        }
    }

    /// Adds an answer with so many slots that is right or wrong in all of them.
    pub fn observe_whole(&mut self, slots: usize, right: bool) {
        (0..slots).for_each(|slot| self.add(slot, right));
    }

    fn add(&mut self, slot: usize, right: bool) {
        if slot == self.total.len() {
            self.correct.push(0);
            self.total.push(0);
        }
        self.correct[slot] += u64::from(right);
        self.total[slot] += 1;
    }

    /// Adds all texts of `other`.
    pub fn merge(&mut self, other: &Self) {
        if self.total.len() < other.total.len() {
            self.correct.resize(other.total.len(), 0);
            self.total.resize(other.total.len(), 0);
        }
        for slot in 0..other.total.len() {
            self.correct[slot] += other.correct[slot];
            self.total[slot] += other.total[slot];
        }
    }

    /// Fraction of right characters at each slot, first slot first.
    pub fn by_position(&self) -> Vec<f64> {
        let slots = self.correct.iter().zip(&self.total);
        slots
            .map(|(&correct, &total)| correct as f64 / total as f64)
            .collect()
    }

    /// From the right characters at each slot of references of these lengths; `None` if there are more at
    /// a slot than references that reach it.
    pub fn of_counts(correct: Vec<u64>, lengths: impl IntoIterator<Item = usize>) -> Option<Self> {
        let mut total: Vec<u64> = Vec::new();
        for length in lengths {
            if total.len() < length {
                total.resize(length, 0);
            }
            total[..length].iter_mut().for_each(|count| *count += 1);
        }
        let fits = correct.len() == total.len() && correct.iter().zip(&total).all(|(c, t)| c <= t);
        fits.then_some(Self { correct, total })
    }

    /// Number of right characters at each slot.
    pub fn correct(&self) -> &[u64] {
        &self.correct
    }

    /// Number of references that have a character at each slot.
    pub fn counts(&self) -> &[u64] {
        &self.total
    }

    /// Fraction of right characters over all slots; `None` before the first character.
    pub fn mean(&self) -> Option<f64> {
        let total: u64 = self.total.iter().sum();
        (total > 0).then(|| self.correct.iter().sum::<u64>() as f64 / total as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_compared_in_place() {
        let mut accuracy = PositionAccuracy::default();
        accuracy.observe("abcd", "abxd");
        accuracy.observe("abc", "bc");
        assert_eq!(accuracy.by_position(), [0.5, 0.5, 0.0, 1.0]);
        assert_eq!(accuracy.counts(), [2, 2, 2, 1]);
        assert_eq!(accuracy.mean(), Some(3.0 / 7.0));
    }

    #[test]
    fn counts_and_lengths_give_the_same_back() {
        let mut accuracy = PositionAccuracy::default();
        accuracy.observe("abcd", "abxd");
        accuracy.observe("", "a");
        accuracy.observe("abc", "bc");
        let back = |correct: &[u64]| PositionAccuracy::of_counts(correct.to_vec(), [4, 0, 3]);
        assert_eq!(back(accuracy.correct()), Some(accuracy));
        assert_eq!(back(&[1, 1, 0]), None);
        assert_eq!(back(&[1, 1, 0, 2]), None);
    }

    #[test]
    fn extra_predicted_characters_are_ignored() {
        let mut accuracy = PositionAccuracy::default();
        accuracy.observe("ab", "abcdef");
        assert_eq!(accuracy.by_position(), [1.0, 1.0]);
    }

    #[test]
    fn merged_parts_equal_the_whole() {
        let texts = [("abc", "abd"), ("x", "x"), ("hello", "hallo")];
        let mut whole = PositionAccuracy::default();
        let mut merged = PositionAccuracy::default();
        for (target, prediction) in texts {
            whole.observe(target, prediction);
            let mut part = PositionAccuracy::default();
            part.observe(target, prediction);
            merged.merge(&part);
        }
        assert_eq!(whole, merged);
    }

    #[test]
    fn nothing_observed_has_no_mean() {
        assert_eq!(PositionAccuracy::default().mean(), None);
    }
}
