//! How much a text says, estimated from above by a model that learns while it reads.

use std::collections::HashMap;

/// Most characters before one that the model looks at.
pub(crate) const MOST_CONTEXT: usize = 5;

/// Bits that hold a class: charsets have fewer than 128.
const CLASS_BITS: usize = 7;

/// Mean code length of a character, in bits, with contexts of 0, 1, … [`MOST_CONTEXT`] characters
/// before it. `classes`, of which there is at least one, are below `size`.
///
/// The model is adaptive: it predicts a character from those before it only, so the lengths are
/// those of a code that can be decoded, and a longer context costs what it takes to learn. The
/// probabilities of a context are blended with those of the context one shorter, which has the
/// weight `distinct / (total + distinct)` (method C of Witten and Bell, 1991, interpolated).
pub(crate) fn code_lengths(classes: &[u8], size: usize) -> [f64; MOST_CONTEXT + 1] {
    let mut contexts: HashMap<u64, Seen> = HashMap::new();
    let mut followers: HashMap<u64, u32> = HashMap::new();
    let mut bits = [0.0; MOST_CONTEXT + 1];
    for (index, &class) in classes.iter().enumerate() {
        let mut probability = 1.0 / size as f64;
        let mut before = 0;
        for (length, bits) in bits.iter_mut().enumerate() {
            // At the start of the text there are no longer contexts.
            if length <= index {
                if length > 0 {
                    before = before << CLASS_BITS | u64::from(classes[index - length]);
                }
                // A one in front tells contexts of different lengths apart.
                let context = 1 << (CLASS_BITS * length) | before;
                let seen = contexts.entry(context).or_default();
                let follower = followers
                    .entry(context << CLASS_BITS | u64::from(class))
                    .or_default();
                if seen.total > 0 {
                    let (total, distinct) = (f64::from(seen.total), f64::from(seen.distinct));
                    probability =
                        (f64::from(*follower) + distinct * probability) / (total + distinct);
                }
                seen.total += 1;
                seen.distinct += u32::from(*follower == 0);
                *follower += 1;
            }
            *bits -= probability.log2();
        }
    }
    bits.map(|bits| bits / classes.len() as f64)
}

/// What followed a context.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    total: u32,
    distinct: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::stream;
    use crate::words::random_text;
    use crate::{Charset, Content};

    fn classes(charset: Charset, text: &str) -> Vec<u8> {
        let classes = text.chars().map(|c| charset.class_of(c).unwrap() as u8);
        classes.collect()
    }

    #[test]
    fn probabilities_are_those_of_the_blend() {
        // Before the third character: 0 seen once after 0, so (1 + 1 * p) / 2 with p of context 0,
        // where 0 was seen twice: (2 + 1 * 1/4) / 3.
        let lengths = code_lengths(&[0, 0, 0], 4);
        let p = [
            [0.25, 0.25, 0.25],
            [0.625, 0.625, 0.625],
            [0.75, 0.875, 0.875],
        ];
        for (context, length) in lengths.iter().take(3).enumerate() {
            let expected: f64 = p.iter().map(|p: &[f64; 3]| -p[context].log2()).sum();
            assert!(
                (length - expected / 3.0).abs() < 1e-12,
                "{context}: {length}"
            );
        }
    }

    #[test]
    fn it_needs_as_much_as_the_source_says_and_little_more() {
        for (charset, name, contexts) in [
            (Charset::Alnum36, "markov:2.5", 1),
            (Charset::Hex, "markov:1:2", 2),
        ] {
            let content: Content = name.parse().unwrap();
            let Content::Markov { bits, order } = content else {
                panic!("{content}");
            };
            let source = crate::markov::Markov::new(charset, bits, order);
            let text = source.text(300_000, &mut stream(1, "model", 0));
            let lengths = code_lengths(&classes(charset, &text), charset.size());
            for (context, length) in lengths.iter().enumerate() {
                let entropy = if context < contexts {
                    charset.bits_per_char()
                } else {
                    bits.get()
                };
                assert!(*length > 0.998 * entropy, "{name} {context}: {length}");
            }
            assert!(lengths[contexts] < 1.05 * bits.get(), "{name}: {lengths:?}");
        }
        let charset = Charset::Alnum36;
        let text = random_text(charset, 100_000, &mut stream(1, "model", 1));
        let lengths = code_lengths(&classes(charset, &text), charset.size());
        assert!(
            lengths.iter().all(|bits| *bits > 36_f64.log2()),
            "{lengths:?}"
        );
        assert!(lengths[0] < 1.001 * 36_f64.log2(), "{lengths:?}");
    }
}
