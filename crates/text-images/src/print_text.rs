//! What stands between two spaces in print: see [`Content::Print`](crate::Content::Print).

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

use crate::words::{random_text, split_of_word, word_list};
use crate::{Charset, Split};

/// Longest text that is drawn uniformly; strings of random characters are rarely longer in print.
const RANDOM_CHARS: usize = 12;

/// Characters of the longest word.
const LONGEST_WORD: usize = 25;

/// Words of two to four letters, most of which the list of words lacks and print does not.
const SHORT_WORDS: [&str; 100] = [
    "the", "of", "and", "to", "in", "is", "it", "you", "that", "he", "was", "for", "on", "are",
    "with", "as", "his", "they", "be", "at", "one", "have", "this", "from", "or", "had", "by",
    "hot", "but", "some", "what", "we", "can", "out", "were", "all", "your", "when", "up", "use",
    "how", "said", "an", "each", "she", "do", "their", "if", "will", "way", "many", "then", "them",
    "so", "her", "him", "has", "more", "no", "my", "than", "who", "its", "now", "find", "down",
    "day", "did", "get", "come", "made", "may", "part", "over", "new", "take", "only", "work",
    "know", "place", "year", "live", "me", "back", "give", "most", "very", "after", "our", "just",
    "name", "good", "man", "think", "say", "great", "where", "help", "much", "too",
];

/// Draws texts without a space.
#[derive(Clone, Debug)]
pub(crate) struct PrintText {
    charset: Charset,
    words: Vec<&'static str>,
}

impl PrintText {
    /// The words of one split; the shortest ones are in all of them, and a longer list is for training
    /// alone.
    pub(crate) fn new(split: Split, charset: Charset) -> Self {
        let of_split = |word: &&str| split_of_word(word) == split;
        let more = match split {
            Split::Train => am_wordlist::LEN,
            Split::Validation | Split::Test => 0,
        };
        let more = am_wordlist::iter().take(more).filter(of_split);
        let words = word_list().filter(of_split).chain(SHORT_WORDS);
        Self {
            charset,
            words: words.chain(more).collect(),
        }
    }

    /// A text of `fewest` to `most` characters. Where there is room for more than a word, half of the texts
    /// are several, parted by spaces that do not count.
    pub(crate) fn draw(&self, fewest: usize, most: usize, rng: &mut impl Rng) -> String {
        if most > LONGEST_WORD && fewest <= LONGEST_WORD && rng.random_bool(0.5) {
            return self.several(rng.random_range(LONGEST_WORD..=most), rng);
        }
        self.one(fewest, most.min(LONGEST_WORD.max(fewest)), rng)
    }

    /// Words up to `most` characters in all.
    fn several(&self, most: usize, rng: &mut impl Rng) -> String {
        let mut text = self.one(1, LONGEST_WORD, rng);
        let mut characters = text.len();
        loop {
            let next = self.one(1, LONGEST_WORD, rng);
            characters += next.len();
            if characters > most {
                return text;
            }
            text = format!("{text} {next}");
        }
    }

    fn one(&self, fewest: usize, most: usize, rng: &mut impl Rng) -> String {
        // Most texts fit, unless the limits are narrow.
        for _ in 0..16 {
            let text = self.spelled(&self.any(most, rng));
            if (fewest..=most).contains(&text.len()) {
                return text;
            }
        }
        random_text(self.charset, rng.random_range(fewest..=most), rng)
    }

    fn any(&self, most: usize, rng: &mut impl Rng) -> String {
        match rng.random_range(0..100) {
            0..52 => punctuated(in_some_case(self.word(rng), rng), rng),
            52..64 => punctuated(in_some_case(self.made_up_word(rng), rng), rng),
            64..77 => number(rng),
            77..84 => {
                let [first, second] = [0, 1].map(|_| in_some_case(self.word(rng), rng));
                let between = pick(&["-", "-", "/", "'", ".", "@", "_", "&", "+", ":"], rng);
                format!("{first}{between}{second}")
            }
            84..96 => random_text(
                self.charset,
                rng.random_range(1..=RANDOM_CHARS.min(most)),
                rng,
            ),
            _ => random_text(self.charset, rng.random_range(1..=most), rng),
        }
    }

    /// A word, with an ending in one case of five.
    fn word(&self, rng: &mut impl Rng) -> String {
        let word = pick(&self.words, rng).to_owned();
        match rng.random_range(0..5) {
            0 => word + pick(&["s", "s", "ed", "ing", "er", "ly", "es", "d"], rng),
            _ => word,
        }
    }

    /// The beginning of one word and the end of another: spelling that was never seen.
    fn made_up_word(&self, rng: &mut impl Rng) -> String {
        let [first, second] = [0, 1].map(|_| pick(&self.words, rng));
        let head = &first[..rng.random_range(1..=first.len())];
        let tail = &second[rng.random_range(0..second.len())..];
        format!("{head}{tail}")
    }

    /// What the charset has of a text.
    fn spelled(&self, text: &str) -> String {
        let chars = text.chars();
        let known = chars.filter_map(|character| {
            let folded = if self.charset.has_both_cases() {
                character
            } else {
                character.to_ascii_uppercase()
            };
            self.charset.class_of(folded).map(|_| folded)
        });
        known.collect()
    }
}

fn pick<T: Copy>(of: &[T], rng: &mut impl Rng) -> T {
    *of.choose(rng).expect("a list of ours is not empty")
}

/// Lower case, with a capital, or upper case.
fn in_some_case(word: String, rng: &mut impl Rng) -> String {
    match rng.random_range(0..20) {
        0..11 => word,
        11..16 => word[..1].to_ascii_uppercase() + &word[1..],
        _ => word.to_ascii_uppercase(),
    }
}

/// One in seven words has a mark before or behind it.
fn punctuated(word: String, rng: &mut impl Rng) -> String {
    if rng.random_range(0..7) > 0 {
        return word;
    }
    match rng.random_range(0..10) {
        0..7 => {
            word + pick(
                &[
                    ",", ".", ",", ".", ";", ":", "!", "?", ")", "\"", "'", "'s", "*",
                ],
                rng,
            )
        }
        7 => format!("({word})"),
        8 => format!("\"{word}\""),
        _ => format!("{}{word}", pick(&["(", "\"", "'", "#", "$", "&", "-"], rng)),
    }
}

/// A number as print writes it: counts, prices, times, dates, shares.
fn number(rng: &mut impl Rng) -> String {
    let mut digits = |most: usize| {
        let count = rng.random_range(1..=most);
        random_text(Charset::Digits, count, rng)
    };
    let (long, short, pair) = (digits(6), digits(3), digits(2));
    match rng.random_range(0..12) {
        0..4 => long,
        4 => format!("{short}.{pair}"),
        5 => format!("{short},{}", random_text(Charset::Digits, 3, rng)),
        6 => format!("${short}.{}", random_text(Charset::Digits, 2, rng)),
        7 => format!("{pair}:{}", random_text(Charset::Digits, 2, rng)),
        8 => format!("{pair}/{}/{}", short, random_text(Charset::Digits, 4, rng)),
        9 => format!("{pair}%"),
        10 => format!("19{}", random_text(Charset::Digits, 2, rng)),
        _ => format!("{short}-{long}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::stream;

    #[test]
    fn texts_keep_to_their_limits_and_their_charset() {
        for charset in [Charset::Digits, Charset::Alnum36, Charset::Printable94] {
            let text = PrintText::new(Split::Train, charset);
            for index in 0..500 {
                for (fewest, most) in [(1, 25), (3, 3), (1, 1), (5, 9)] {
                    let drawn = text.draw(fewest, most, &mut stream(1, "print", index));
                    assert!((fewest..=most).contains(&drawn.len()), "{drawn}");
                    assert!(
                        drawn.chars().all(|c| charset.class_of(c).is_some()),
                        "{drawn}"
                    );
                }
                for (fewest, most) in [(1, 63), (40, 40)] {
                    let drawn = text.draw(fewest, most, &mut stream(1, "print", index));
                    let characters = drawn.chars().filter(|c| *c != ' ');
                    assert!((fewest..=most).contains(&characters.count()), "{drawn}");
                }
            }
        }
    }

    #[test]
    fn long_words_of_the_test_split_are_not_trained_on() {
        let [train, test] = [Split::Train, Split::Test].map(|split| {
            let words = PrintText::new(split, Charset::Printable94).words;
            words
                .into_iter()
                .filter(|word| !SHORT_WORDS.contains(word))
                .collect::<Vec<_>>()
        });
        assert!(train.len() > 10_000 && test.len() > 200);
        // They are cut between bytes.
        assert!(
            train
                .iter()
                .all(|word| word.chars().all(|c| c.is_ascii_lowercase()))
        );
        assert!(train.iter().all(|word| !test.contains(word)));
    }

    #[test]
    fn every_character_comes_up_and_letters_most_often() {
        let text = PrintText::new(Split::Train, Charset::Printable94);
        let mut counts = [0_usize; 94];
        for index in 0..20_000 {
            for character in text.draw(1, 25, &mut stream(2, "print", index)).chars() {
                counts[Charset::Printable94.class_of(character).unwrap()] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count > 100), "{counts:?}");
        let e = Charset::Printable94.class_of('e').unwrap();
        assert!(counts[e] > 5000, "{counts:?}");
    }
}
