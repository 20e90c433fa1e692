//! What stands for a class where readings are texts.

use text_images::Charset;

/// First of the characters for classes beyond a charset: Latin letters with marks.
const BEYOND: u32 = 0x100;
/// Last of them.
const LAST: u32 = 0x24F;

/// Most classes that a question about a whole image can have.
#[must_use]
pub fn most_classes(charset: Charset) -> usize {
    charset.size() + (LAST - BEYOND + 1) as usize
}

/// The character that stands for a class: those of the charset first, then letters from U+0100 on.
/// `None` from [`most_classes`] on.
#[must_use]
pub fn class_char(charset: Charset, class: usize) -> Option<char> {
    let chars = charset.chars();
    chars.get(class).copied().or_else(|| {
        let beyond = u32::try_from(class - chars.len()).ok()?;
        char::from_u32(BEYOND + beyond).filter(|&c| u32::from(c) <= LAST)
    })
}

/// The class that a character stands for.
#[must_use]
pub fn class_of_char(charset: Charset, character: char) -> Option<usize> {
    let beyond = u32::from(character);
    charset.class_of(character).or_else(|| {
        ((BEYOND..=LAST).contains(&beyond)).then(|| charset.size() + (beyond - BEYOND) as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_beyond_the_charset_have_characters_of_their_own() {
        let charset = Charset::Printable94;
        let most = most_classes(charset);
        assert!(most > 200, "CUB has 200 classes");
        let mut seen = std::collections::BTreeSet::new();
        for class in 0..most {
            let character = class_char(charset, class).unwrap();
            assert!(seen.insert(character), "{class}");
            assert_eq!(class_of_char(charset, character), Some(class));
        }
        assert_eq!(class_char(charset, most), None);
        assert_eq!(class_of_char(charset, '中'), None);
    }
}
