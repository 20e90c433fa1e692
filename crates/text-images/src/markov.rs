//! Text of a Markov source with a known entropy: see [`Content::Markov`](crate::Content::Markov).

use rand::{Rng, RngExt};

use crate::Charset;
use crate::content::BitsPerChar;
use crate::distribution::Distribution;
use crate::stream::stream;

/// Seed of the language, the same in every run: only texts differ.
const LANGUAGE: u64 = 1;

/// The source.
#[derive(Clone, Debug)]
pub(crate) struct Markov {
    charset: Charset,
    /// What a character adds to the state, for the last character, the one before it, ….
    lags: Vec<Vec<usize>>,
    /// The character of a state.
    outputs: Vec<usize>,
    noise: Distribution,
}

impl Markov {
    /// Of `bits` per character; [`Content::check`](crate::Content::check) says whether they are
    /// possible.
    pub(crate) fn new(charset: Charset, bits: BitsPerChar, order: usize) -> Self {
        let permutation = |number: u64| permutation(charset, order, number);
        Self {
            charset,
            lags: (1..=order as u64).map(permutation).collect(),
            outputs: permutation(0),
            noise: Distribution::geometric(charset.size(), bits.get()),
        }
    }

    /// Entropy in bits of a text of `characters` characters.
    pub(crate) fn entropy_bits(&self, characters: usize) -> f64 {
        let uniform = characters.min(self.lags.len());
        uniform as f64 * self.charset.bits_per_char()
            + (characters - uniform) as f64 * self.noise.entropy_bits()
    }

    /// A text.
    pub(crate) fn text(&self, characters: usize, rng: &mut impl Rng) -> String {
        let chars = self.charset.chars();
        let mut classes: Vec<usize> = Vec::with_capacity(characters);
        for index in 0..characters {
            let class = if index < self.lags.len() {
                rng.random_range(0..chars.len())
            } else {
                let before = classes.iter().rev().zip(&self.lags);
                let state: usize = before.map(|(&class, lag)| lag[class]).sum();
                self.outputs[(state + self.noise.draw(rng)) % chars.len()]
            };
            classes.push(class);
        }
        classes.into_iter().map(|class| chars[class]).collect()
    }
}

/// A permutation of the charset that belongs to the language.
fn permutation(charset: Charset, order: usize, number: u64) -> Vec<usize> {
    let mut rng = stream(LANGUAGE, &format!("markov/{charset}/{order}"), number);
    let mut classes: Vec<usize> = (0..charset.size()).collect();
    // Fisher and Yates.
    for last in (1..classes.len()).rev() {
        classes.swap(last, rng.random_range(0..=last));
    }
    classes
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::Content;
    use crate::distribution::entropy_bits;

    fn source(charset: Charset, name: &str) -> Markov {
        let Content::Markov { bits, order } = name.parse().unwrap() else {
            panic!("{name}")
        };
        Markov::new(charset, bits, order)
    }

    fn classes(charset: Charset, text: &str) -> Vec<usize> {
        let classes = text.chars().map(|c| charset.class_of(c).unwrap());
        classes.collect()
    }

    /// Entropy of counts and its standard error.
    fn plug_in(counts: &HashMap<Vec<usize>, f64>) -> (f64, f64) {
        let sum: f64 = counts.values().sum();
        let entropy = entropy_bits(counts.values().map(|count| count / sum));
        let square = counts.values().map(|count| {
            let p = count / sum;
            p * (-p.log2() - entropy).powi(2)
        });
        (entropy, (square.sum::<f64>() / sum).sqrt())
    }

    fn counts(classes: &[usize], length: usize) -> HashMap<Vec<usize>, f64> {
        let mut counts = HashMap::new();
        for window in classes.windows(length) {
            *counts.entry(window.to_vec()).or_insert(0.0) += 1.0;
        }
        counts
    }

    /// H(next | last `order`), from counts, and the bias and standard error of this estimate.
    fn conditional(classes: &[usize], order: usize) -> (f64, f64, f64) {
        let (long, short) = (counts(classes, order + 1), counts(classes, order));
        let characters = classes.len() as f64;
        let (joint, error) = plug_in(&long);
        // Miller and Madow: as many nats per free parameter as half an observation.
        let free = long.len() as f64 - short.len() as f64;
        let bias = -free / (2.0 * characters * std::f64::consts::LN_2);
        (joint - plug_in(&short).0, bias, error)
    }

    #[test]
    fn the_entropy_measured_is_that_asked_for() {
        for (charset, name, order) in [
            (Charset::Alnum36, "markov:3", 1),
            (Charset::Alnum36, "markov:0.5", 1),
            (Charset::Printable94, "markov:5", 1),
            (Charset::Hex, "markov:2:2", 2),
            (Charset::Digits, "markov:1.5:3", 3),
        ] {
            let source = source(charset, name);
            let asked: f64 = name.split(':').nth(1).unwrap().parse().unwrap();
            let text = source.text(1_000_000, &mut stream(3, name, 0));
            let (found, bias, error) = conditional(&classes(charset, &text), order);
            assert!(
                (found - bias - asked).abs() < 4.0 * error,
                "{name}: {found} - {bias} of {asked} ± {error}"
            );
            assert!(error < 0.003, "{name}: {error}");
        }
    }

    #[test]
    fn every_character_is_equally_frequent_at_every_place() {
        let charset = Charset::Hex;
        for name in ["markov:1", "markov:1:3"] {
            let source = source(charset, name);
            let texts = 16_000_u32;
            let texts: Vec<Vec<usize>> = (0..texts)
                .map(|index| {
                    classes(
                        charset,
                        &source.text(12, &mut stream(5, name, index.into())),
                    )
                })
                .collect();
            for place in [0, 1, 5, 11] {
                let mut counts = [0.0_f64; 16];
                for text in &texts {
                    counts[text[place]] += 1.0;
                }
                let chi_square: f64 = counts.iter().map(|c| (c - 1000.0).powi(2) / 1000.0).sum();
                // 15 degrees of freedom: above 44 once in 10,000.
                assert!(chi_square < 44.0, "{name} at {place}: {chi_square}");
            }
        }
    }

    #[test]
    fn of_short_texts_of_few_bits_some_are_drawn_again() {
        // As many as a seed of the section `language` is trained on, and METHODOLOGY.md says how many return.
        for (name, share) in [("markov:1", 0.28), ("markov:1:2", 0.06), ("markov:5", 0.0)] {
            let source = source(Charset::Alnum36, name);
            let text = |index: u64| source.text(16, &mut stream(9, name, index));
            let trained: HashSet<String> = (0..64_000).map(text).collect();
            let returned = (64_000..72_000).filter(|&index| trained.contains(&text(index)));
            let found = returned.count() as f64 / 8000.0;
            assert!((found - share).abs() < 0.015, "{name}: {found}");
        }
    }

    #[test]
    fn what_depends_on_more_characters_looks_random_to_who_sees_fewer() {
        let charset = Charset::Hex;
        let source = source(charset, "markov:1:2");
        let text = source.text(300_000, &mut stream(1, "order", 0));
        let classes = classes(charset, &text);
        let of_order = |order| {
            let (found, bias, _) = conditional(&classes, order);
            found - bias
        };
        assert!((of_order(1) - 4.0).abs() < 0.002, "{}", of_order(1));
        assert!((of_order(2) - 1.0).abs() < 0.01, "{}", of_order(2));
    }

    #[test]
    fn at_both_ends_it_is_certain_and_random() {
        let certain = source(Charset::Alnum36, "markov:0");
        let text = |seed| certain.text(60, &mut stream(seed, "ends", 0));
        let next = |text: &str| {
            let pairs = text.as_bytes().windows(2);
            pairs
                .map(|pair| (pair[0], pair[1]))
                .collect::<HashMap<u8, u8>>()
        };
        let follows = next(&(0..50).map(text).max().unwrap());
        for (before, after) in next(&text(99)) {
            assert!(follows.get(&before).is_none_or(|known| *known == after));
        }
        let random = source(Charset::Hex, "markov:4");
        let text = random.text(100_000, &mut stream(1, "ends", 0));
        let (found, bias, _) = conditional(&classes(Charset::Hex, &text), 1);
        assert!((found - bias - 4.0).abs() < 0.005, "{found}");
    }

    #[test]
    fn the_seed_decides_the_text_and_never_the_language() {
        let source = source(Charset::Alnum36, "markov:2");
        let text = |seed| source.text(16, &mut stream(seed, "test/text", 0));
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        // In every release.
        assert_eq!(text(1), "YWHWXT56IF1GHV21");
    }
}
