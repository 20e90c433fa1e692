//! A user's own text, to be rendered.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rand::{Rng, RngExt};

use crate::context_model::{MOST_CONTEXT, code_lengths};
use crate::{Charset, Error, Result, Split};

/// Largest file.
const MOST_BYTES: u64 = 1 << 28;

/// Shortest text, in characters: its validation part has a tenth of it.
const FEWEST_CHARS: usize = 10_000;

/// Least share, in percent, of the characters besides white space that a charset must have.
const LEAST_KEPT_PERCENT: usize = 90;

/// Characters that the entropy is estimated on.
const ESTIMATED_CHARS: usize = 1_000_000;

/// Different characters that a note or an error shows.
const SHOWN: usize = 8;

/// The text of a file in the characters of a charset, cut into one piece per split.
///
/// White space is dropped, because no charset has a space. Letters become capitals where a charset
/// has one case. What is then outside the charset is dropped, and counted. Of the rest the first 70%
/// are for training, the next 10% for validation and the last 20% for testing. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Corpus {
    charset: Charset,
    /// One byte per character: charsets are ASCII.
    text: Arc<str>,
    dropped: Dropped,
    /// Bits per character with contexts of 0, 1, … characters.
    code_lengths: [f64; MOST_CONTEXT + 1],
}

/// Characters of a file that are not rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Dropped {
    white_space: usize,
    outside: usize,
    /// Some of those outside the charset.
    examples: Vec<char>,
}

impl Corpus {
    /// Reads the UTF-8 file at `path`.
    ///
    /// # Errors
    /// If it cannot be read, has more than 256 MiB, is not UTF-8, has less than 10,000 characters of
    /// the charset, or if more than a tenth of its characters besides white space are outside it.
    pub fn read(path: &Path, charset: Charset) -> Result<Self> {
        let read_error = |source| Error::CorpusRead {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(read_error)?;
        file.take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(read_error)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(Error::CorpusTooLarge {
                path: path.to_owned(),
                most_mib: MOST_BYTES >> 20,
            });
        }
        let text = str::from_utf8(&bytes).map_err(|error| Error::CorpusEncoding {
            path: path.to_owned(),
            byte: error.valid_up_to(),
        })?;
        Self::new(text, charset, path)
    }

    /// `path` is for messages.
    fn new(text: &str, charset: Charset, path: &Path) -> Result<Self> {
        let (kept, dropped) = in_charset(text.trim_start_matches('\u{feff}'), charset);
        let others = kept.len() + dropped.outside;
        if 100 * kept.len() < LEAST_KEPT_PERCENT * others {
            return Err(Error::CorpusOutsideCharset {
                path: path.to_owned(),
                charset,
                outside: dropped.outside,
                others,
                least_percent: LEAST_KEPT_PERCENT,
                examples: dropped.examples,
            });
        }
        if kept.len() < FEWEST_CHARS {
            return Err(Error::CorpusTooShort {
                path: path.to_owned(),
                charset,
                characters: kept.len(),
                fewest: FEWEST_CHARS,
            });
        }
        let estimated = kept.chars().take(ESTIMATED_CHARS);
        let classes: Vec<u8> = estimated
            .filter_map(|character| charset.class_of(character))
            .map(|class| class as u8)
            .collect();
        Ok(Self {
            charset,
            code_lengths: code_lengths(&classes, charset.size()),
            text: kept.into(),
            dropped,
        })
    }

    /// The alphabet that it was brought into.
    #[must_use]
    pub fn charset(&self) -> Charset {
        self.charset
    }

    /// The characters of a split, in the order of the file.
    #[must_use]
    pub fn part(&self, split: Split) -> &str {
        let tenth = |tenths: usize| (self.text.len() as u128 * tenths as u128 / 10) as usize;
        match split {
            Split::Train => &self.text[..tenth(7)],
            Split::Validation => &self.text[tenth(7)..tenth(8)],
            Split::Test => &self.text[tenth(8)..],
        }
    }

    /// Estimated entropy in bits of `characters` characters that follow each other.
    ///
    /// Each has the code length that an adaptive model needs which sees no more than the characters
    /// before it in this window, and at most 5 of them. The model learns from nothing but the first
    /// million characters of the file, so it overestimates what a better model would.
    #[must_use]
    pub fn entropy_estimate(&self, characters: usize) -> f64 {
        let lengths = self.code_lengths.iter().scan(f64::INFINITY, |least, bits| {
            // A longer context may be dearer, because there is more to learn.
            *least = least.min(*bits);
            Some(*least)
        });
        let first: f64 = lengths.take(characters).sum();
        let rest = characters.saturating_sub(self.code_lengths.len());
        first + rest as f64 * self.bits_per_char()
    }

    /// Estimated entropy in bits per character of the running text, by the same model. The code is
    /// one that can be decoded, so the text takes no more than this and the length of a decoder.
    #[must_use]
    pub fn bits_per_char(&self) -> f64 {
        self.code_lengths.into_iter().fold(f64::INFINITY, f64::min)
    }

    /// What was kept of the file and what was dropped, in words.
    #[must_use]
    pub fn note(&self) -> String {
        let Dropped {
            white_space,
            outside,
            examples,
        } = &self.dropped;
        let examples = if examples.is_empty() {
            String::new()
        } else {
            format!(" ({})", shown(examples))
        };
        format!(
            "{} characters in charset {}; dropped: {white_space} of white space, {outside} \
             others{examples}",
            self.text.len(),
            self.charset
        )
    }

    /// A random window of a split's part, which is long enough.
    pub(crate) fn window(&self, split: Split, characters: usize, rng: &mut impl Rng) -> String {
        let part = self.part(split);
        let start = rng.random_range(0..=part.len() - characters);
        part[start..start + characters].to_owned()
    }
}

/// The characters of a text that a charset has, and what was dropped.
fn in_charset(text: &str, charset: Charset) -> (String, Dropped) {
    let mut kept = String::with_capacity(text.len());
    let mut dropped = Dropped::default();
    for original in text.chars() {
        let folded = if charset.has_both_cases() {
            original
        } else {
            original.to_ascii_uppercase()
        };
        if charset.class_of(folded).is_some() {
            kept.push(folded);
        } else if original.is_whitespace() {
            dropped.white_space += 1;
        } else {
            dropped.outside += 1;
            let examples = &mut dropped.examples;
            if examples.len() < SHOWN && !examples.contains(&original) {
                examples.push(original);
            }
        }
    }
    (kept, dropped)
}

/// Characters for messages.
pub(crate) fn shown(characters: &[char]) -> String {
    let quoted = characters.iter().map(|character| format!("{character:?}"));
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::stream;

    /// Some pages of English, of words that are drawn.
    fn pages() -> String {
        let list = bip39::Language::English.word_list();
        let mut rng = stream(1, "pages", 0);
        let words = (0..4000).map(|index| {
            let word = list[rng.random_range(0..list.len())];
            let end = if index % 12 == 11 { ".\r\n" } else { " " };
            format!("{word}{end}")
        });
        words.collect()
    }

    fn corpus(text: &str, charset: Charset) -> Result<Corpus> {
        Corpus::new(text, charset, Path::new("pages.txt"))
    }

    #[test]
    fn parts_are_disjoint_and_none_of_the_text_is_lost() {
        let corpus = corpus(&pages(), Charset::Alnum36).unwrap();
        let [train, validation, test] = Split::ALL.map(|split| corpus.part(split));
        assert_eq!(format!("{train}{validation}{test}"), &*corpus.text);
        let length = corpus.text.len();
        assert_eq!(train.len(), length * 7 / 10);
        assert_eq!(test.len(), length - length * 8 / 10);
        // In memory as well: no window of one reaches into another.
        for split in Split::ALL {
            let part = corpus.part(split);
            for index in 0..500 {
                let window = corpus.window(split, 40, &mut stream(1, "windows", index));
                assert_eq!(window.len(), 40);
                assert!(part.contains(&window));
            }
            let all = corpus.window(split, part.len(), &mut stream(1, "windows", 0));
            assert_eq!(all, part);
        }
    }

    #[test]
    fn white_space_and_characters_outside_are_dropped_and_counted() {
        let text = format!("\u{feff}a B\u{a0}c—“é”\t—{}", "x1Y2\n".repeat(3000));
        let found = corpus(&text, Charset::Alnum36).unwrap();
        assert!(found.text.starts_with("ABCX1Y2X1"), "{}", &found.text[..9]);
        assert_eq!(found.text.len(), 12_003);
        let note = found.note();
        for part in [
            "12003 characters",
            "3003 of white",
            "5 others",
            "'—' '“' 'é' '”'",
        ] {
            assert!(note.contains(part), "{note}");
        }
        let found = corpus(&text, Charset::Alnum62).unwrap();
        assert!(found.text.starts_with("aBcx1Y2x1"));
    }

    #[test]
    fn files_that_will_not_do_are_refused_with_what_to_do() {
        let refused = |text: &str, charset, parts: &[&str]| {
            let message = corpus(text, charset).unwrap_err().to_string();
            for part in parts.iter().chain(&["pages.txt"]) {
                assert!(message.contains(part), "{message}");
            }
        };
        refused("", Charset::Alnum36, &["0 characters", "10000"]);
        refused(
            &"a b ".repeat(4999),
            Charset::Alnum36,
            &["9998 characters", "longer"],
        );
        refused(&pages(), Charset::Digits, &["charset 10", "larger", "'m'"]);
        // Nine tenths are enough.
        let (enough, few) = ("123456789é".repeat(2000), "12345678é".repeat(2000));
        corpus(&enough, Charset::Digits).unwrap();
        refused(&few, Charset::Digits, &["2000 of its 18000", "'é'", "90%"]);
    }

    #[test]
    fn files_that_cannot_be_read_are_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str, part: &str| {
            let error = Corpus::read(&folder.path().join(name), Charset::Alnum36).unwrap_err();
            let message = error.to_string();
            assert!(
                message.contains(name) && message.contains(part),
                "{message}"
            );
        };
        refused("absent.txt", "check the path");
        std::fs::create_dir(folder.path().join("folder")).unwrap();
        refused("folder", "check the path");
        std::fs::write(folder.path().join("latin.txt"), b"abc\xe9").unwrap();
        refused("latin.txt", "byte 3");
        std::fs::write(folder.path().join("good.txt"), pages()).unwrap();
        Corpus::read(&folder.path().join("good.txt"), Charset::Alnum36).unwrap();
    }

    #[test]
    fn an_estimate_is_that_of_a_window_and_falls_with_its_length() {
        let corpus = corpus(&pages(), Charset::Alnum36).unwrap();
        let of = |characters| corpus.entropy_estimate(characters);
        assert_eq!(of(0), 0.0);
        assert!((3.5..4.7).contains(&of(1)), "{}", of(1));
        let per_char = corpus.bits_per_char();
        assert!((1.0..of(1)).contains(&per_char), "{per_char}");
        let rises = (1..20).map(|characters| of(characters) - of(characters - 1));
        let rises: Vec<f64> = rises.collect();
        assert!(rises.is_sorted_by(|a, b| a + 1e-9 >= *b), "{rises:?}");
        assert!((rises[18] - per_char).abs() < 1e-9);
    }
}
