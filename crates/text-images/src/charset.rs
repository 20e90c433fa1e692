//! The alphabets a probe reads, with their class ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

const DIGITS: [char; 10] = ascii_range(b'0');
const PRINTABLE94: [char; 94] = ascii_range(b'!');
const ALNUM62: [char; 62] = {
    let mut chars = ['0'; 62];
    let mut class = 0;
    while class < 62 {
        chars[class] = match class {
            0..10 => b'0' + class as u8,
            10..36 => b'A' + (class as u8 - 10),
            _ => b'a' + (class as u8 - 36),
        } as char;
        class += 1;
    }
    chars
};

const fn ascii_range<const N: usize>(first: u8) -> [char; N] {
    let mut chars = ['0'; N];
    let mut class = 0;
    while class < N {
        chars[class] = (first + class as u8) as char;
        class += 1;
    }
    chars
}

/// Alphabet of the rendered text. A character's class id is its index in [`Charset::chars`].
///
/// | variant | size | order of class ids |
/// |---|---|---|
/// | `Digits` | 10 | `0-9` |
/// | `Hex` | 16 | `0-9A-F` |
/// | `Alnum36` | 36 | `0-9A-Z` |
/// | `Alnum62` | 62 | `0-9A-Za-z` |
/// | `Printable94` | 94 | ASCII 33 to 126, in order |
///
/// The first four are nested: a character keeps its class id in the larger ones. Text form
/// (serde, `Display`, `FromStr`) is the size; `FromStr` also accepts the name in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Charset {
    /// `0-9`.
    Digits,
    /// `0-9A-F`.
    Hex,
    /// `0-9A-Z`.
    Alnum36,
    /// `0-9A-Za-z`.
    Alnum62,
    /// ASCII 33 to 126: everything printable except the space.
    Printable94,
}

impl Charset {
    /// Every charset, smallest first.
    pub const ALL: [Self; 5] = [
        Self::Digits,
        Self::Hex,
        Self::Alnum36,
        Self::Alnum62,
        Self::Printable94,
    ];

    /// Characters in class-id order.
    pub fn chars(self) -> &'static [char] {
        match self {
            Self::Digits => &DIGITS,
            Self::Hex => &ALNUM62[..16],
            Self::Alnum36 => &ALNUM62[..36],
            Self::Alnum62 => &ALNUM62,
            Self::Printable94 => &PRINTABLE94,
        }
    }

    /// Number of classes.
    pub fn size(self) -> usize {
        self.chars().len()
    }

    /// Class id of a character, `None` if the charset lacks it. Case matters: see
    /// [`Charset::normalise`].
    pub fn class_of(self, character: char) -> Option<usize> {
        let code = u32::from(character) as usize;
        let class = match (self, character) {
            (Self::Printable94, '!'..='~') => code - '!' as usize,
            (Self::Printable94, _) => return None,
            (_, '0'..='9') => code - '0' as usize,
            (_, 'A'..='Z') => code - 'A' as usize + 10,
            (_, 'a'..='z') => code - 'a' as usize + 36,
            _ => return None,
        };
        (class < self.size()).then_some(class)
    }

    /// Information in one uniformly drawn character, in bits.
    pub fn bits_per_char(self) -> f64 {
        (self.size() as f64).log2()
    }

    /// Whether words can be spelled with it (every letter in at least one case).
    pub fn has_letters(self) -> bool {
        self.size() >= 36
    }

    /// Whether upper and lower case are different classes.
    pub fn has_both_cases(self) -> bool {
        self.size() >= 62
    }

    /// Brings a label into the charset: upper-cases ASCII letters where the charset has one case
    /// only, and changes nothing else.
    ///
    /// # Errors
    /// [`UnsupportedCharacters`] with every character that has no class, so that a caller can
    /// name and count them. Whitespace has no class in any charset.
    pub fn normalise(self, text: &str) -> Result<String, UnsupportedCharacters> {
        let folded: String = if self.has_both_cases() {
            text.to_owned()
        } else {
            text.to_ascii_uppercase()
        };
        let unsupported: Vec<char> = folded
            .chars()
            .zip(text.chars())
            .filter(|(folded, _)| self.class_of(*folded).is_none())
            .map(|(_, original)| original)
            .collect();
        if unsupported.is_empty() {
            Ok(folded)
        } else {
            Err(UnsupportedCharacters {
                charset: self,
                characters: unsupported,
            })
        }
    }
}

/// Characters of a label that a charset cannot express.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} not in charset {charset}; choose a larger charset or change the label",
    quoted(characters)
)]
pub struct UnsupportedCharacters {
    /// The charset that was asked.
    pub charset: Charset,
    /// Every unsupported character in reading order, repetitions included.
    pub characters: Vec<char>,
}

fn quoted(characters: &[char]) -> String {
    let mut seen = Vec::new();
    for character in characters {
        if !seen.contains(character) {
            seen.push(*character);
        }
    }
    let list: Vec<String> = seen.iter().map(|c| format!("{c:?}")).collect();
    list.join(" ")
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.size())
    }
}

impl FromStr for Charset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name.trim() {
            "10" | "digits" => Ok(Self::Digits),
            "16" | "hex" => Ok(Self::Hex),
            "36" | "alnum36" => Ok(Self::Alnum36),
            "62" | "alnum62" => Ok(Self::Alnum62),
            "94" | "printable94" => Ok(Self::Printable94),
            _ => Err(Error::UnknownCharset {
                name: name.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Charset {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<Charset> for String {
    fn from(charset: Charset) -> Self {
        charset.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_ids_are_the_positions_in_chars() {
        for charset in Charset::ALL {
            for (class, &character) in charset.chars().iter().enumerate() {
                assert_eq!(charset.class_of(character), Some(class), "{charset}");
            }
        }
        assert_eq!(Charset::Printable94.chars()[0], '!');
        assert_eq!(Charset::Printable94.chars()[93], '~');
        assert_eq!(Charset::Alnum62.chars()[36], 'a');
    }

    #[test]
    fn characters_outside_a_charset_have_no_class() {
        assert_eq!(Charset::Digits.class_of('A'), None);
        assert_eq!(Charset::Hex.class_of('G'), None);
        assert_eq!(Charset::Alnum36.class_of('a'), None);
        assert_eq!(Charset::Printable94.class_of(' '), None);
        assert_eq!(Charset::Printable94.class_of('é'), None);
    }

    #[test]
    fn text_form_is_the_size_and_reads_back() {
        for charset in Charset::ALL {
            assert_eq!(charset.to_string().parse::<Charset>().unwrap(), charset);
            let json = serde_json::to_string(&charset).unwrap();
            assert_eq!(json, format!("\"{}\"", charset.size()));
            assert_eq!(serde_json::from_str::<Charset>(&json).unwrap(), charset);
        }
        assert_eq!("alnum36".parse::<Charset>().unwrap(), Charset::Alnum36);
    }

    #[test]
    fn unknown_charset_lists_the_known_ones() {
        let message = "26".parse::<Charset>().unwrap_err().to_string();
        assert!(message.contains("26") && message.contains("10, 16, 36, 62, 94"));
    }

    #[test]
    fn normalise_folds_case_only_where_there_is_one_case() {
        assert_eq!(Charset::Alnum36.normalise("aB3").unwrap(), "AB3");
        assert_eq!(Charset::Hex.normalise("beef").unwrap(), "BEEF");
        assert_eq!(Charset::Alnum62.normalise("aB3").unwrap(), "aB3");
    }

    #[test]
    fn normalise_names_every_unsupported_character() {
        let outcome = Charset::Alnum36.normalise("a b-é b").unwrap_err();
        assert_eq!(outcome.characters, [' ', '-', 'é', ' ']);
        let message = outcome.to_string();
        assert!(
            message.starts_with("' ' '-' 'é' not in charset 36"),
            "{message}"
        );
    }
}
