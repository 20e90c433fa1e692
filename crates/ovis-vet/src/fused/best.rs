//! The best words of a token.

/// A few words and their weights, which sum to 1.
#[derive(Clone, Debug, Default)]
pub(super) struct BestWords {
    /// Numbers of the words, ascending.
    pub(super) ids: Vec<usize>,
    /// Softmax over these words.
    pub(super) weights: Vec<f32>,
    /// Of their scores; empty until the backward pass fills it.
    pub(super) gradient: Vec<f32>,
}

/// The `k` largest scores under a softmax of their own; of equal ones the first are kept.
///
/// # Panics
/// If `k` is 0 or above the number of scores.
pub(super) fn best_words(scores: &[f32], k: usize) -> BestWords {
    let mut order = scores.to_vec();
    let (_, &mut threshold, _) = order.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    // Total order: a score that is no number is above all others, so its weight shows it.
    let against = |id: usize| scores[id].total_cmp(&threshold);
    let above = (0..scores.len()).filter(|&id| against(id).is_gt()).count();
    let mut ties = k - above;
    let ids: Vec<usize> = (0..scores.len())
        .filter(|&id| {
            let tie = against(id).is_eq() && ties > 0;
            ties -= usize::from(tie);
            tie || against(id).is_gt()
        })
        .collect();
    let max = ids
        .iter()
        .map(|&id| scores[id])
        .fold(f32::NEG_INFINITY, f32::max);
    let mut weights: Vec<f32> = ids.iter().map(|&id| (scores[id] - max).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    BestWords {
        ids,
        weights,
        gradient: Vec::new(),
    }
}

impl BestWords {
    /// Adds the mixture of the words' rows to `sum`.
    pub(super) fn mix(&self, table: &[f32], sum: &mut [f32]) {
        let d = sum.len();
        for (&id, &weight) in self.ids.iter().zip(&self.weights) {
            for (sum, &value) in sum.iter_mut().zip(&table[id * d..(id + 1) * d]) {
                *sum = value.mul_add(weight, *sum);
            }
        }
    }

    /// Gradient of the scores of these words, `q (g - Σ q g)` with `g` the products of the token's
    /// gradient and the rows.
    pub(super) fn score_gradient(&self, table: &[f32], token_gradient: &[f32]) -> Vec<f32> {
        let d = token_gradient.len();
        let mut gradient: Vec<f32> = self
            .ids
            .iter()
            .map(|&id| dot(token_gradient, &table[id * d..(id + 1) * d]))
            .collect();
        let weighted: f32 = dot(&gradient, &self.weights);
        for (g, &q) in gradient.iter_mut().zip(&self.weights) {
            *g = q * (*g - weighted);
        }
        gradient
    }
}

/// Sum of products in sixteen parts, which the compiler may keep in registers.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    const PARTS: usize = 16;
    let (a_parts, a_rest) = a.as_chunks::<PARTS>();
    let (b_parts, b_rest) = b.as_chunks::<PARTS>();
    let mut sums = [0.0_f32; PARTS];
    for (a, b) in a_parts.iter().zip(b_parts) {
        for part in 0..PARTS {
            sums[part] = a[part].mul_add(b[part], sums[part]);
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_keep_exactly_k_words_and_the_first_ones() {
        let best = best_words(&[1.0, 3.0, 1.0, 2.0, 1.0], 3);
        assert_eq!(best.ids, [0, 1, 3]);
        assert!((best.weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(best_words(&[0.5; 4], 2).ids, [0, 1]);
        assert_eq!(best_words(&[0.5; 4], 4).ids, [0, 1, 2, 3]);
    }

    #[test]
    fn scores_that_are_no_numbers_make_weights_that_are_none() {
        let best = best_words(&[1.0, f32::NAN, 0.0], 2);
        assert_eq!(best.ids.len(), 2);
        assert!(best.weights.iter().all(|weight| weight.is_nan()));
    }

    #[test]
    fn sums_of_products_take_every_number() {
        let a: Vec<f32> = (0..37_u8).map(f32::from).collect();
        assert_eq!(dot(&a, &[1.0; 37]), 666.0);
    }
}
