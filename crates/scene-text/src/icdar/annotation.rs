//! ICDAR's text files: corners and label of a word per line.
//!
//! | edition | line |
//! |---|---|
//! | 2015, quadrilaterals | `x1,y1,x2,y2,x3,y3,x4,y4,label` |
//! | MLT 2017 and 2019 | `x1,y1,...,x4,y4,script,label` |
//! | 2013, boxes, test | `x1, y1, x2, y2, "label"` |
//! | 2013, boxes, training | `x1 y1 x2 y2 "label"` |
//! | results with confidences | `x1,y1,...,confidence,label` |
//!
//! The label is the rest of the line, dividers included. Which of these a file is, its own lines
//! decide: see [`Votes`].
//!
//! # Source
//! The formats and the escapes within quotes (`\"` and `\\`) are those of the contest's own
//! evaluation scripts (`rrc_evaluation_funcs.py`, rrc.cvc.uab.es).

use text_images::encoding;

use super::layout::{Divider, Layout, Middle};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not have the layout that the file has.
    Layout(Layout),
    /// Numbers, and nothing that could be the label.
    NoTranscription,
    /// It is not UTF-8 but in this encoding.
    Encoding(&'static str),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Layout(layout) => write!(f, "expected {layout}, as in the rest of the file"),
            Self::NoTranscription => f.write_str("no transcription after the numbers"),
            Self::Encoding(found) => {
                write!(f, "is not UTF-8 but in {found}; convert the file to UTF-8")
            }
        }
    }
}

/// The lines of a file that are not blank: their numbers, counted from 1, and their texts.
pub(super) fn lines(file: &[u8]) -> impl Iterator<Item = (usize, Result<&str, &'static str>)> {
    encoding::lines(file)
        .map(|(number, line)| (number, encoding::utf8(line).map(str::trim)))
        .filter(|(_, line)| *line != Ok(""))
}

/// The numbers at the beginning of a line, at most 8, and what stands after each: `None` if the line
/// ends there, without a divider.
pub(super) fn leading(line: &str, divider: Divider) -> (Vec<f64>, Vec<Option<&str>>) {
    let (mut numbers, mut rests) = (Vec::new(), Vec::new());
    let mut rest = Some(line);
    while let Some(text) = rest.filter(|_| numbers.len() < 8) {
        let (field, after) = divider.split(text);
        let value = field.parse::<f64>().ok();
        let Some(value) = value.filter(|value| value.abs() <= FARTHEST_PX) else {
            break;
        };
        numbers.push(value);
        rests.push(after);
        rest = after;
    }
    (numbers, rests)
}

/// Reads a line of a file of this layout.
pub(super) fn word(line: &str, layout: Layout) -> Result<Word, Fault> {
    let (numbers, rests) = leading(line, layout.divider);
    let corners = match *numbers.as_slice() {
        [x1, y1, x2, y2, ..] if !layout.quadrilaterals => [[x1, y1], [x2, y1], [x2, y2], [x1, y2]],
        [x1, y1, x2, y2, x3, y3, x4, y4] => [[x1, y1], [x2, y2], [x3, y3], [x4, y4]],
        _ => return Err(Fault::Layout(layout)),
    };
    let rest = rests[layout.numbers() - 1].unwrap_or_default();
    if rest.is_empty() {
        return Err(Fault::NoTranscription);
    }
    let label = match (layout.middle, layout.divider.split(rest)) {
        (Middle::Nothing, _) => rest,
        (Middle::Script | Middle::Confidence, (field, None)) => {
            return Err(if layout.middle.is(field) {
                Fault::NoTranscription
            } else {
                Fault::Layout(layout)
            });
        }
        (Middle::Script | Middle::Confidence, (field, Some(label))) => {
            if !layout.middle.is(field) {
                return Err(Fault::Layout(layout));
            }
            label
        }
    };
    let label = unquoted(label);
    if label.is_empty() {
        return Err(Fault::NoTranscription);
    }
    Ok(Word { corners, label })
}

/// A label without the quotes around all of it; only within them, quotes and backslashes are escaped.
fn unquoted(label: &str) -> String {
    let quoted = label
        .strip_prefix('"')
        .and_then(|label| label.strip_suffix('"'));
    quoted.map_or_else(
        || label.to_owned(),
        |quoted| quoted.replace("\\\\", "\\").replace("\\\"", "\""),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icdar::layout::Votes;
    use proptest::prelude::*;

    type Read = Vec<(usize, Result<Word, Fault>)>;

    fn parse(text: &str) -> Read {
        let layout = Votes::of(text.as_bytes())
            .layout(&Votes::default())
            .unwrap();
        let read = |line: Result<&str, _>| word(line.unwrap(), layout);
        let lines = lines(text.as_bytes());
        lines.map(|(number, line)| (number, read(line))).collect()
    }

    fn labels(text: &str) -> Vec<Option<String>> {
        let lines = parse(text).into_iter();
        lines.map(|(_, word)| Some(word.ok()?.label)).collect()
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
            if let Ok(layout) = Votes::of(text.as_bytes()).layout(&Votes::default()) {
                for (_, line) in lines(text.as_bytes()) {
                    let _ = word(line.unwrap(), layout);
                }
            }
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
