//! What the text says: which source it is drawn from, and how much each source says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::markov::Markov;
use crate::zipf::Zipf;
use crate::{Charset, Error, Result};

/// Highest order of [`Content::Markov`].
pub const MAX_MARKOV_ORDER: usize = 4;

/// Source of the text.
///
/// Text form (serde, `Display`, `FromStr`): `random`, `words`, `print`, `markov:BITS`, `markov:BITS:ORDER`,
/// `zipf:BITS`, `text`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Content {
    /// Characters drawn uniformly and independently: no language helps the reader.
    ///
    /// Splits use different random streams. Short strings over small charsets still coincide by
    /// chance (4 digits have 10,000 values).
    #[default]
    Random,
    /// English words of 3 to 8 letters, joined without spaces so that they fill a line exactly.
    ///
    /// The pool is the English BIP-39 list: 2,048 common words, none of them a slur, all
    /// distinct in their first four letters. A hash of the word, the same for every seed, puts
    /// 70% of it in train, 10% in validation and 20% in test, so that no word is drawn in two
    /// splits. Words are upper-case in charset 36 and lower-case otherwise.
    Words,
    /// What stands between two spaces in print: words in lower case, with a capital or in upper case,
    /// some with punctuation, made-up words, numbers, prices, dates, and strings of random characters.
    /// In a line of free length it has the lengths of print, otherwise exactly those that are asked for.
    /// The words are those of [`Words`](Self::Words), split in the same way, and a hundred of the
    /// shortest and commonest, which are in all splits. For training there is a longer list besides, of which
    /// words of the other splits are left out.
    Print,
    /// A Markov source that uses every character equally often, and says `bits` with each.
    ///
    /// The next character is `o[(l₁[x₁] + … + l_k[x_k] + Z) mod n]`, where `x₁ … x_k` are the last
    /// `k` = `order` characters, `o` and `lᵢ` are permutations of the `n` characters that belong to
    /// the language (the same in every split and for every seed), and `Z` is drawn independently
    /// with `P(Z = i) ~ rⁱ`. `r` is the one that gives `Z` an entropy of `bits`. After any `k`
    /// characters the next one is a permutation of `Z`, so its conditional entropy is `bits`, and
    /// any `k` characters that follow each other are uniform and independent. The first `order`
    /// characters of an image are drawn uniformly; the text runs on over the lines of a grid.
    Markov {
        /// Entropy of a character, given those before it.
        bits: BitsPerChar,
        /// Characters that the next one depends on, 1 to [`MAX_MARKOV_ORDER`].
        order: usize,
    },
    /// Pseudo-words of 4 characters, drawn independently with the weights of Zipf's law, `1 / rankˢ`.
    ///
    /// There are 4,096 distinct ones, or half of all strings of 4 characters if that is less. They
    /// are the same in every split and for every seed. `s` is the one that gives a word an entropy
    /// of four times `bits`. Words follow each other without spaces, over the lines of a grid as
    /// well, and the last one is cut. Characters are not equally frequent.
    Zipf {
        /// Entropy of a word, divided by its characters.
        bits: BitsPerChar,
    },
    /// Random windows of a user's own text, see [`Corpus`](crate::Corpus).
    Text,
}

impl Content {
    /// Whether this source can write with a charset.
    ///
    /// # Errors
    /// If words cannot be spelled, or the source cannot say as much or depend on as many characters
    /// as asked for.
    pub fn check(self, charset: Charset) -> Result<()> {
        match self {
            Self::Random | Self::Print | Self::Text => Ok(()),
            Self::Words if charset.has_letters() => Ok(()),
            Self::Words => Err(Error::WordsNeedLetters { charset }),
            Self::Markov { bits, order } => {
                check_order(order, &self.to_string())?;
                self.check_bits(bits, charset, charset.bits_per_char())
            }
            Self::Zipf { bits } => self.check_bits(bits, charset, Zipf::most_bits(charset)),
        }
    }

    fn check_bits(self, bits: BitsPerChar, charset: Charset, most: f64) -> Result<()> {
        if bits.get() > most {
            return Err(Error::EntropyOutOfRange {
                content: self,
                charset,
                most: BitsPerChar::at_most(most),
            });
        }
        Ok(())
    }

    /// Entropy in bits of a text of `characters` characters, where it is known exactly.
    ///
    /// With `n` characters in the charset: random text of `N` characters has `N log₂ n` bits, a
    /// Markov source of order `k` `min(N, k) log₂ n + max(0, N − k) bits`. Zipf's words have `4 bits`
    /// each; the first `j` characters of a word have the entropy of these prefixes. `None` for
    /// [`Content::Words`], [`Content::Print`] and [`Content::Text`]: there is an estimate of the latter,
    /// [`Corpus::entropy_estimate`](crate::Corpus::entropy_estimate).
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn entropy_bits(self, charset: Charset, characters: usize) -> Result<Option<f64>> {
        self.check(charset)?;
        Ok(match self {
            Self::Random => Some(characters as f64 * charset.bits_per_char()),
            Self::Markov { bits, order } => {
                Some(Markov::new(charset, bits, order).entropy_bits(characters))
            }
            Self::Zipf { bits } => Some(Zipf::new(charset, bits).entropy_bits(characters)),
            Self::Words | Self::Print | Self::Text => None,
        })
    }
}

fn check_order(order: usize, name: &str) -> Result<()> {
    if (1..=MAX_MARKOV_ORDER).contains(&order) {
        return Ok(());
    }
    Err(Error::ContentOrder {
        name: name.to_owned(),
    })
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Words => f.write_str("words"),
            Self::Print => f.write_str("print"),
            Self::Markov { bits, order: 1 } => write!(f, "markov:{bits}"),
            Self::Markov { bits, order } => write!(f, "markov:{bits}:{order}"),
            Self::Zipf { bits } => write!(f, "zipf:{bits}"),
            Self::Text => f.write_str("text"),
        }
    }
}

impl FromStr for Content {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let bits = |number: &str| {
            BitsPerChar::parse(number).ok_or_else(|| Error::ContentBits {
                name: name.to_owned(),
            })
        };
        let parts: Vec<&str> = name.split(':').collect();
        match parts[..] {
            ["random"] => Ok(Self::Random),
            ["words"] => Ok(Self::Words),
            ["print"] => Ok(Self::Print),
            ["text"] => Ok(Self::Text),
            ["markov", number] => Ok(Self::Markov {
                bits: bits(number)?,
                order: 1,
            }),
            ["markov", number, order] => {
                let bits = bits(number)?;
                let order = order.parse().unwrap_or(0);
                check_order(order, name)?;
                Ok(Self::Markov { bits, order })
            }
            ["zipf", number] => Ok(Self::Zipf {
                bits: bits(number)?,
            }),
            ["markov" | "zipf"] => Err(Error::ContentBits {
                name: name.to_owned(),
            }),
            _ => Err(Error::UnknownContent {
                name: name.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Content {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<Content> for String {
    fn from(content: Content) -> Self {
        content.to_string()
    }
}

/// An entropy in bits per character, a whole number of millionths, so that it is equal to itself
/// and is written as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BitsPerChar(u32);

impl BitsPerChar {
    const PARTS: u32 = 1_000_000;
    const DECIMALS: usize = 6;
    /// More than any alphabet of ours needs.
    const MOST_BITS: u32 = 1000;

    /// The number, in bits per character.
    #[must_use]
    pub fn get(self) -> f64 {
        f64::from(self.0) / f64::from(Self::PARTS)
    }

    /// The largest one that is not above `bits`.
    fn at_most(bits: f64) -> Self {
        Self((bits * f64::from(Self::PARTS)).floor() as u32)
    }

    /// A decimal number without sign or exponent and with at most six decimals.
    fn parse(text: &str) -> Option<Self> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > Self::DECIMALS {
            return None;
        }
        let whole: u32 = whole.parse().ok()?;
        let parts: u32 = format!("{decimals:0<width$}", width = Self::DECIMALS)
            .parse()
            .ok()?;
        (whole < Self::MOST_BITS).then_some(Self(whole * Self::PARTS + parts))
    }
}

impl fmt::Display for BitsPerChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, parts) = (self.0 / Self::PARTS, self.0 % Self::PARTS);
        if parts == 0 {
            return write!(f, "{whole}");
        }
        let decimals = format!("{parts:0width$}", width = Self::DECIMALS);
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(name: &str) -> Content {
        name.parse().unwrap()
    }

    #[test]
    fn text_forms_read_back_and_old_ones_are_what_they_were() {
        for name in [
            "random",
            "words",
            "print",
            "markov:3",
            "markov:0",
            "markov:5.169925",
            "markov:2.5:4",
            "zipf:1.000001",
            "text",
        ] {
            assert_eq!(content(name).to_string(), name);
            let json = serde_json::to_string(&content(name)).unwrap();
            assert_eq!(json, format!("\"{name}\""));
            assert_eq!(
                serde_json::from_str::<Content>(&json).unwrap(),
                content(name)
            );
        }
        assert_eq!(content("markov:3.0:1"), content("markov:3"));
        assert_eq!(content("zipf:02.50"), content("zipf:2.5"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_to_write() {
        let refused = |name: &str, part: &str| {
            let message = name.parse::<Content>().unwrap_err().to_string();
            assert!(message.contains(part), "{name}: {message}");
            assert!(message.contains(&format!("`{name}`")), "{name}: {message}");
        };
        for name in [
            "",
            "Random",
            "markow:3",
            "random:3",
            "zipf:2:1",
            "markov:3:1:1",
        ] {
            refused(name, "markov:BITS:ORDER");
        }
        for name in [
            "markov",
            "markov:",
            "markov:-1",
            "markov:1e1",
            "markov:.5",
            "markov:3.",
            "zipf:NaN",
            "zipf:inf",
            "zipf:1.1234567",
            "markov:1000",
            "markov:99999999999",
            "markov:x:2",
        ] {
            refused(name, "at most six decimals");
        }
        for name in [
            "markov:3:0",
            "markov:3:5",
            "markov:3:x",
            "markov:3:",
            "markov:3:-1",
        ] {
            refused(name, "1 to 4");
        }
    }

    #[test]
    fn a_source_that_says_more_than_its_charset_can_is_refused_with_the_range() {
        for (name, charset, most) in [
            ("markov:3.321929", Charset::Digits, "3.321928"),
            ("markov:5.17:2", Charset::Alnum36, "5.169925"),
            ("zipf:3.000001", Charset::Digits, "3"),
        ] {
            let message = content(name).check(charset).unwrap_err().to_string();
            assert!(
                message.contains(&format!("0 to {most} bits")) && message.contains(name),
                "{message}"
            );
        }
        for (name, charset) in [
            ("markov:3.321928", Charset::Digits),
            ("markov:4:4", Charset::Hex),
            ("markov:6.554588", Charset::Printable94),
            ("zipf:3", Charset::Digits),
        ] {
            content(name).check(charset).unwrap();
        }
        assert!(content("words").check(Charset::Digits).is_err());
        let unchecked = Content::Markov {
            bits: BitsPerChar(0),
            order: 5,
        };
        assert!(unchecked.entropy_bits(Charset::Digits, 1).is_err());
    }

    #[test]
    fn entropies_follow_their_formulas() {
        let of = |name: &str, characters| {
            content(name)
                .entropy_bits(Charset::Alnum36, characters)
                .unwrap()
        };
        let character = 36_f64.log2();
        for (name, characters, expected) in [
            ("random", 8, 8.0 * character),
            ("markov:2.5", 0, 0.0),
            ("markov:2.5", 1, character),
            ("markov:2.5", 8, character + 7.0 * 2.5),
            ("markov:2.5:3", 2, 2.0 * character),
            ("markov:2.5:3", 8, 3.0 * character + 5.0 * 2.5),
            ("zipf:2.5", 8, 20.0),
            ("zipf:0", 400, 0.0),
        ] {
            let bits = of(name, characters).unwrap();
            assert!((bits - expected).abs() < 1e-6, "{name}: {bits} {expected}");
        }
        assert_eq!(of("words", 8), None);
        assert_eq!(of("text", 8), None);
    }
}
