//! A reading beside the text, character by character.

use figures::Mark;
use probe_statistics::text_metrics::align;

/// Marks of a reading, line by line.
///
/// On a character grid of `columns` every place is compared with itself. Lines of free length are
/// aligned with the fewest edits. Without a text, nothing is compared.
#[must_use]
pub fn marks(text: Option<&str>, reading: &str, columns: Option<usize>) -> Vec<Vec<Mark>> {
    let mark = |target: Option<char>, read: Option<char>| match (target, read) {
        (Some(target), Some(read)) if target == read => Mark::Right(read),
        _ => Mark::Wrong { target, read },
    };
    let marks: Vec<Mark> = match (text, columns) {
        (None, _) => reading.chars().map(Mark::Plain).collect(),
        (Some(text), Some(_)) => {
            let mut read = reading.chars();
            let places = text.chars().map(|c| (Some(c), read.next()));
            let places: Vec<_> = places.collect();
            let rest = read.map(|c| (None, Some(c)));
            let places = places.into_iter().chain(rest);
            places.map(|(target, read)| mark(target, read)).collect()
        }
        (Some(text), None) => {
            let pairs = align(text, reading).into_iter();
            pairs.map(|(target, read)| mark(target, read)).collect()
        }
    };
    let length = columns.unwrap_or(marks.len()).max(1);
    marks.chunks(length).map(<[Mark]>::to_vec).collect()
}

/// A text that is not compared with anything.
#[must_use]
pub fn plain(text: &str, columns: Option<usize>) -> Vec<Vec<Mark>> {
    marks(None, text, columns)
}

/// Places that were read wrong.
#[must_use]
pub fn errors(marks: &[Vec<Mark>]) -> usize {
    marks
        .iter()
        .flatten()
        .filter(|mark| mark.is_wrong())
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_compared_place_by_place() {
        let found = marks(Some("ABCD"), "AXCD", Some(2));
        let wrong = Mark::Wrong {
            target: Some('B'),
            read: Some('X'),
        };
        let (a, c, d) = (Mark::Right('A'), Mark::Right('C'), Mark::Right('D'));
        assert_eq!(found, [vec![a, wrong], vec![c, d]]);
        assert_eq!(errors(&found), 1);
    }

    #[test]
    fn lines_of_free_length_are_aligned() {
        let found = marks(Some("ABC"), "BC", None);
        let lost = Mark::Wrong {
            target: Some('A'),
            read: None,
        };
        assert_eq!(found, [vec![lost, Mark::Right('B'), Mark::Right('C')]]);
    }

    #[test]
    fn nothing_is_an_error_where_the_text_is_not_known() {
        let found = marks(None, "AB", Some(2));
        assert_eq!(found, [vec![Mark::Plain('A'), Mark::Plain('B')]]);
        assert_eq!(errors(&found), 0);
        assert!(marks(None, "", None).is_empty());
    }
}
