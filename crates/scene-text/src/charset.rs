//! The field's alphabets, in the field's order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Digits, lower case, upper case, punctuation: the order of PARSeq's `94_full` and of DTRB's
/// command lines. Every charset is a beginning of it.
const CHARACTERS: &str = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\
                          !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// Alphabet of scene-text recognition. The position of a character is its class id.
///
/// | variant | size | characters |
/// |---|---|---|
/// | `Digits` | 10 | `0-9` |
/// | `Lower36` | 36 | `0-9a-z` |
/// | `Mixed62` | 62 | `0-9a-zA-Z` |
/// | `Printable94` | 94 | the same and the 32 marks of ASCII |
///
/// Differs from [`text_images::Charset`], which keeps ASCII's order and reads capitals. Text form
/// (serde, `Display`, `FromStr`) is the size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SceneCharset {
    /// `0-9`.
    Digits,
    /// `0-9a-z`: the default of the protocol, blind to case and to punctuation.
    Lower36,
    /// `0-9a-zA-Z`.
    Mixed62,
    /// All printable ASCII but the space.
    Printable94,
}

impl SceneCharset {
    /// Every charset, smallest first.
    pub const ALL: [Self; 4] = [
        Self::Digits,
        Self::Lower36,
        Self::Mixed62,
        Self::Printable94,
    ];

    /// Number of characters.
    pub fn size(self) -> usize {
        match self {
            Self::Digits => 10,
            Self::Lower36 => 36,
            Self::Mixed62 => 62,
            Self::Printable94 => 94,
        }
    }

    /// The characters, in class-id order.
    pub fn characters(self) -> &'static str {
        &CHARACTERS[..self.size()]
    }

    /// Class id of a character; `None` if the charset lacks it. Case matters.
    pub fn class_of(self, character: char) -> Option<usize> {
        self.characters().find(character)
    }

    /// Whether capitals are read as small letters, because the charset has none.
    pub fn is_lower_only(self) -> bool {
        self.size() <= 36
    }

    /// A text as this charset sees it: in small letters if it has no others, without the
    /// characters that it lacks. What the protocol compares.
    pub fn fold(self, text: &str) -> String {
        self.lowered(text)
            .chars()
            .filter(|character| self.class_of(*character).is_some())
            .collect()
    }

    pub(crate) fn lowered(self, text: &str) -> String {
        if self.is_lower_only() {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    }
}

impl fmt::Display for SceneCharset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.size())
    }
}

impl FromStr for SceneCharset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|charset| charset.to_string() == name.trim())
            .ok_or_else(|| Error::UnknownName {
                what: "charset",
                name: name.to_owned(),
                known: "10, 36, 62 and 94",
            })
    }
}

impl TryFrom<String> for SceneCharset {
    type Error = Error;

    fn try_from(name: String) -> Result<Self, Error> {
        name.parse()
    }
}

impl From<SceneCharset> for String {
    fn from(charset: SceneCharset) -> Self {
        charset.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_ids_follow_the_order_of_the_field() {
        assert_eq!(CHARACTERS.len(), 94);
        assert_eq!(SceneCharset::Lower36.class_of('a'), Some(10));
        assert_eq!(SceneCharset::Mixed62.class_of('A'), Some(36));
        assert_eq!(SceneCharset::Mixed62.class_of('!'), None);
        assert_eq!(SceneCharset::Printable94.class_of('!'), Some(62));
        assert_eq!(SceneCharset::Printable94.class_of('~'), Some(93));
        assert_eq!(SceneCharset::Lower36.class_of('A'), None);
        for charset in SceneCharset::ALL {
            assert_eq!(charset.characters().len(), charset.size());
            assert_eq!(
                charset.to_string().parse::<SceneCharset>().unwrap(),
                charset
            );
            for (class, character) in charset.characters().chars().enumerate() {
                assert_eq!(charset.class_of(character), Some(class));
            }
        }
    }

    #[test]
    fn the_94_are_all_printable_ascii_but_the_space() {
        let mut ours: Vec<char> = CHARACTERS.chars().collect();
        ours.sort_unstable();
        let ascii: Vec<char> = ('!'..='~').collect();
        assert_eq!(ours, ascii);
    }

    #[test]
    fn folding_is_what_the_protocol_compares() {
        assert_eq!(SceneCharset::Lower36.fold("Don't É 3"), "dont3");
        assert_eq!(SceneCharset::Mixed62.fold("Don't"), "Dont");
        assert_eq!(SceneCharset::Printable94.fold("Don't 3"), "Don't3");
    }
}
