use super::*;
use crate::StatisticsError;
use proptest::prelude::*;

fn usage(words: usize, probabilities: &[f32]) -> Usage {
    let mut accumulator = UsageAccumulator::new(words).unwrap();
    accumulator.add_probabilities(probabilities).unwrap();
    accumulator.finish().unwrap()
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::MIN, f32::max);
    let exps: Vec<f32> = logits.iter().map(|l| (l - largest).exp()).collect();
    let sum: f32 = exps.iter().sum();
    exps.iter().map(|e| e / sum).collect()
}

fn masses(usage: &Usage) -> Vec<(usize, f64)> {
    usage.top_k_mass.iter().map(|t| (t.k, t.mass)).collect()
}

#[test]
fn soft_tokens_give_the_numbers_worked_out_by_hand() {
    // Two tokens over five words; exact binary fractions.
    let found = usage(5, &[0.5, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5]);
    assert_eq!((found.tokens, found.words, found.codes_used), (2, 5, 2));
    // Token entropies 1.5 and 1 bit.
    assert!((found.per_token.bits() - 1.25).abs() < 1e-6);
    // Mean distribution: three words at 1/4, two at 1/8.
    assert!((found.marginal.bits() - 2.25).abs() < 1e-12);
    assert_eq!(found.codes_covering_90, 5);
    assert_eq!(masses(&found), [(1, 0.5), (2, 0.875), (4, 1.0), (5, 1.0)]);
    assert_eq!(found.fraction_above_small, 0.5);
    assert!((found.hard.plug_in.bits() - 1.0).abs() < 1e-12);
}

#[test]
fn top_k_mass_agrees_with_a_full_sort() {
    for words in [1, 2, 3, 7, 64, 1000] {
        let logits: Vec<f32> = (0..words)
            .map(|i| ((i * 7919) % 101) as f32 * 0.1)
            .collect();
        let mut sorted = softmax(&logits);
        let found = usage(words, &sorted);
        sorted.sort_by(|a, b| b.total_cmp(a));
        for (k, mass) in masses(&found) {
            let expected: f64 = sorted[..k].iter().map(|&p| f64::from(p)).sum();
            assert!((mass - expected).abs() < 1e-12, "{words} words, k {k}");
        }
    }
}

#[test]
fn an_id_is_the_one_hot_distribution() {
    let mut ids = UsageAccumulator::new(4).unwrap();
    ids.add_ids(&[2, 0, 2]).unwrap();
    let one_hot = [0., 0., 1., 0., 1., 0., 0., 0., 0., 0., 1., 0.];
    assert_eq!(ids.finish().unwrap(), usage(4, &one_hot));
    assert_eq!(ids.finish().unwrap().per_token.nats(), 0.0);
}

#[test]
fn ninety_percent_is_reached_exactly_by_nine_of_ten_equal_words() {
    let mut accumulator = UsageAccumulator::new(20).unwrap();
    accumulator.add_ids(&(0..10).collect::<Vec<_>>()).unwrap();
    assert_eq!(accumulator.finish().unwrap().codes_covering_90, 9);
    // The same in tenths, whose sum is not exact.
    assert_eq!(usage(10, &[0.1; 10]).codes_covering_90, 9);
}

#[test]
fn bad_batches_are_refused_and_change_nothing() {
    let mut accumulator = UsageAccumulator::new(2).unwrap();
    let before = accumulator.clone();
    assert!(accumulator.add_probabilities(&[0.5, 0.5, 1.0]).is_err());
    for bad in [
        [1.5, -0.5],
        [0.2, 0.2],
        [f32::NAN, 1.0],
        [f32::INFINITY, 0.0],
    ] {
        let batch = [0.5, 0.5, bad[0], bad[1]];
        let error = accumulator.add_probabilities(&batch).unwrap_err();
        assert!(matches!(
            error,
            StatisticsError::NotADistribution { token: 1, .. }
        ));
    }
    let error = accumulator.add_ids(&[0, 2]).unwrap_err();
    assert_eq!(
        error,
        StatisticsError::UnknownWord {
            token: 1,
            id: 2,
            words: 2
        }
    );
    assert_eq!(accumulator, before);
    assert!(accumulator.finish().is_err());
    assert!(
        accumulator
            .merge(&UsageAccumulator::new(3).unwrap())
            .is_err()
    );
    assert!(UsageAccumulator::new(0).is_err());
}

proptest! {
    #[test]
    fn entropies_and_masses_stay_in_bounds(
        logits in prop::collection::vec(prop::collection::vec(-9.0_f32..9.0, 13), 1..6),
    ) {
        let probabilities: Vec<f32> = logits.iter().flat_map(|l| softmax(l)).collect();
        let found = usage(13, &probabilities);
        let most = 13_f64.ln() + 1e-6;
        // Mixing distributions never lowers the entropy.
        prop_assert!(found.per_token.nats() <= found.marginal.nats() + 1e-6);
        prop_assert!(found.per_token.nats() >= 0.0 && found.marginal.nats() <= most);
        prop_assert!(found.codes_used <= logits.len().min(13));
        prop_assert!(found.top_k_mass.windows(2).all(|w| w[0].mass <= w[1].mass + 1e-12));
        prop_assert!((found.top_k_mass.last().unwrap().mass - 1.0).abs() < 1e-5);
    }

    #[test]
    fn merge_order_does_not_matter(
        logits in prop::collection::vec(prop::collection::vec(-9.0_f32..9.0, 6), 2..6),
        ids in prop::collection::vec(0_usize..6, 1..8),
    ) {
        let mut parts: Vec<UsageAccumulator> = logits
            .iter()
            .map(|l| {
                let mut part = UsageAccumulator::new(6).unwrap();
                part.add_probabilities(&softmax(l)).unwrap();
                part
            })
            .collect();
        parts[0].add_ids(&ids).unwrap();
        let fold = |parts: &mut dyn Iterator<Item = &UsageAccumulator>| {
            let mut all = UsageAccumulator::new(6).unwrap();
            parts.for_each(|part| all.merge(part).unwrap());
            all.finish().unwrap()
        };
        let forward = fold(&mut parts.iter());
        let backward = fold(&mut parts.iter().rev());
        prop_assert_eq!(forward.tokens, backward.tokens);
        prop_assert_eq!(forward.hard, backward.hard);
        prop_assert_eq!(forward.fraction_above_small, backward.fraction_above_small);
        prop_assert!((forward.marginal.nats() - backward.marginal.nats()).abs() < 1e-12);
        prop_assert!((forward.per_token.nats() - backward.per_token.nats()).abs() < 1e-12);
        for (f, b) in forward.top_k_mass.iter().zip(&backward.top_k_mass) {
            prop_assert!((f.mass - b.mass).abs() < 1e-12);
        }
    }
}
