//! ICDAR's text files: corners and label of a word per line.

/// A word on a page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Word {
    /// Corners in px, clockwise from the one above the beginning of the word.
    pub corners: [[f64; 2]; 4],
    /// What it says, or [`DONT_CARE`].
    pub label: String,
}

/// Label of words that are not to be read.
pub(super) const DONT_CARE: &str = "###";

/// Corners further out are nonsense.
const FARTHEST_PX: f64 = 1e6;

/// What is wrong with a line.
pub(super) const EXPECTED: &str =
    "x1,y1,x2,y2,label or x1,y1,x2,y2,x3,y3,x4,y4,label, divided by commas or spaces";

/// A line of an annotation file with its number, counted from 1.
pub(super) type Line = (usize, Option<Word>);

/// Reads an annotation file; `None` stands for a line that is not as it should be.
///
/// Lines have 8 numbers (quadrilaterals, ICDAR 2015) or 4 (boxes, ICDAR 2013): a file of which
/// every good line can be read with 8 is taken to have 8, since a label may be a number too. The
/// label is the rest of the line, commas included; quotes around all of it are taken off, as are
/// a byte-order mark and blank lines.
pub(super) fn parse(text: &str) -> Vec<Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty())
        .collect();
    let quads = |line: &str| word::<8>(line).is_some();
    let boxes = |line: &str| word::<4>(line).is_some();
    let all_quads = lines.iter().all(|(_, line)| quads(line) || !boxes(line));
    lines
        .into_iter()
        .map(|(number, line)| {
            let word = if all_quads {
                word::<8>(line)
            } else {
                word::<4>(line)
            };
            (number, word)
        })
        .collect()
}

/// A line with `N` numbers before its label.
fn word<const N: usize>(line: &str) -> Option<Word> {
    let mut rest = line;
    let mut numbers = [0.0; N];
    let by_commas = line.contains(',');
    for number in &mut numbers {
        let end = if by_commas {
            rest.find(',')?
        } else {
            rest.find(char::is_whitespace)?
        };
        let value: f64 = rest[..end].trim().parse().ok()?;
        if !value.is_finite() || value.abs() > FARTHEST_PX {
            return None;
        }
        *number = value;
        // Both dividers, the comma and the space, are one byte long, but others are not.
        let divider = rest[end..].chars().next()?;
        rest = rest[end + divider.len_utf8()..].trim_start();
    }
    let label = rest
        .strip_prefix('"')
        .and_then(|label| label.strip_suffix('"'))
        .unwrap_or(rest);
    let corners = match *numbers.as_slice() {
        [x1, y1, x2, y2] => [[x1, y1], [x2, y1], [x2, y2], [x1, y2]],
        [x1, y1, x2, y2, x3, y3, x4, y4] => [[x1, y1], [x2, y2], [x3, y3], [x4, y4]],
        _ => return None,
    };
    (!label.is_empty()).then(|| Word {
        corners,
        label: label.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(text: &str) -> Vec<Option<String>> {
        let lines = parse(text).into_iter();
        lines.map(|(_, word)| Some(word?.label)).collect()
    }

    #[test]
    fn both_editions_of_the_contest_are_read() {
        let text = "\u{feff}377,117,463,117,465,130,378,130,Genaxis Theatre\r\n\r\n\
                    1,2,3,4,5,6,7,8,###\n1,2,3,4,5,6,7,8,1,000\n";
        let words = parse(text);
        assert_eq!(words[0].1.as_ref().unwrap().corners[2], [465.0, 130.0]);
        assert_eq!((words[1].0, words[2].0), (3, 4));
        let expected = ["Genaxis Theatre", "###", "1,000"].map(|label| Some(label.to_owned()));
        assert_eq!(labels(text), expected);

        let test = "38, 43, 920, 215, \"Tiredness\"\n0, 0, 1, 1, \"a, b\"";
        assert_eq!(
            labels(test),
            ["Tiredness", "a, b"].map(|l| Some(l.to_owned()))
        );
        let corners = [[38.0, 43.0], [920.0, 43.0], [920.0, 215.0], [38.0, 215.0]];
        assert_eq!(parse(test)[0].1.as_ref().unwrap().corners, corners);
        let training = "158 128 411 181 \"Footpath\"\n1 2 3 4 5";
        assert_eq!(
            labels(training),
            ["Footpath", "5"].map(|l| Some(l.to_owned()))
        );
    }

    #[test]
    fn numbers_as_labels_do_not_turn_boxes_into_quadrilaterals() {
        let text = "1,2,3,4,word\n1,2,3,4,5,6,7,8,9";
        let expected = ["word", "5,6,7,8,9"].map(|label| Some(label.to_owned()));
        assert_eq!(labels(text), expected);
    }

    #[test]
    fn bad_lines_stay_single() {
        let text = "1,2,3,4,a\nnonsense\n1,2,3,nan,b\n1,2,3,1e9,c\n1,2,3,4,\n5,6,7,8,d";
        let read: Vec<bool> = labels(text).iter().map(Option::is_some).collect();
        assert_eq!(read, [true, false, false, false, false, true]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[0-9, \u{2003}é\"#\n-]{0,80}|\\PC{0,80}") {
            parse(&text);
        }

        #[test]
        fn any_box_reads_back(
            corners in prop::array::uniform8(-2000_i32..4000),
            label in "[a-zA-Zé!,#'][a-zA-Z0-9é!,#' ]{0,10}[a-z]",
        ) {
            let numbers: Vec<String> = corners.iter().map(i32::to_string).collect();
            let words = parse(&format!("{},{label}", numbers.join(",")));
            let word = words[0].1.as_ref().unwrap();
            prop_assert_eq!(&word.label, &label);
            prop_assert_eq!(word.corners[3], [f64::from(corners[6]), f64::from(corners[7])]);
        }
    }
}
