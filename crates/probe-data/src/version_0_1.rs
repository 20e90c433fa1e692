//! How version 0.1 wrote classes into cells and into the hashes by which cells are found.
//!
//! There a class was a text of one character: those of the charset first, then Latin letters from
//! U+0100 on. Nothing but the hash of a group and the reading of old cells knows about it.

use crate::answer::Answer;
use std::borrow::Cow;
use text_images::Charset;

/// First of the characters for classes beyond a charset.
const BEYOND: u32 = 0x100;
/// Last of them.
const LAST: u32 = 0x24F;

/// What stands for an answer in the hash of a group; for classes that version 0.1 could not have, the
/// number.
pub(crate) fn hashed(answer: &Answer, charset: Charset) -> Cow<'_, str> {
    match answer {
        Answer::Text(text) => text.into(),
        Answer::Class(class) => {
            let index = usize::from(*class);
            match character(charset, index) {
                Some(character) => character.to_string().into(),
                None => class.to_string().into(),
            }
        }
    }
}

/// The class that a stored text stands for; an answer that is a class already stays. `None` for a
/// text that stands for none.
#[must_use]
pub fn stored_class(answer: &Answer, charset: Charset) -> Option<Answer> {
    let text = match answer {
        Answer::Class(_) => return Some(answer.clone()),
        Answer::Text(text) => text,
    };
    let mut characters = text.chars();
    let character = characters.next().filter(|_| characters.next().is_none())?;
    let beyond = || {
        let number = u32::from(character);
        ((BEYOND..=LAST).contains(&number)).then(|| charset.size() + (number - BEYOND) as usize)
    };
    let class = charset.class_of(character).or_else(beyond)?;
    Some(Answer::Class(class as u16))
}

fn character(charset: Charset, class: usize) -> Option<char> {
    let chars = charset.chars();
    chars.get(class).copied().or_else(|| {
        let number = BEYOND + (class - chars.len()) as u32;
        char::from_u32(number).filter(|_| number <= LAST)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_version_0_1_reads_back() {
        for charset in [Charset::Digits, Charset::Printable94] {
            let classes = charset.size() as u16 + (LAST - BEYOND + 1) as u16;
            for class in 0..classes {
                let text = hashed(&Answer::Class(class), charset).into_owned();
                assert_eq!(text.chars().count(), 1);
                let stored = Answer::Text(text);
                assert_eq!(stored_class(&stored, charset), Some(Answer::Class(class)));
            }
            let next = Answer::Class(classes);
            assert_eq!(hashed(&next, charset), classes.to_string());
        }
        let charset = Charset::Printable94;
        for nothing in ["", "ab", "中"] {
            assert_eq!(
                stored_class(&Answer::Text(nothing.to_owned()), charset),
                None
            );
        }
        assert_eq!(
            hashed(&Answer::Class(94), charset),
            "Ā",
            "the first letter behind the charset"
        );
        assert_eq!(
            stored_class(&Answer::Class(7), charset),
            Some(Answer::Class(7))
        );
    }
}
