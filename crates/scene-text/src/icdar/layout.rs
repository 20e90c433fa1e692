//! Which layout an annotation file has, by the evidence of its lines.

use std::fmt;

use super::annotation::{leading, lines};

/// The scripts of MLT 2017 and 2019, as their annotations name them.
const SCRIPTS: [&str; 10] = [
    "Arabic", "Bangla", "Chinese", "Hindi", "Japanese", "Korean", "Latin", "Mixed", "None",
    "Symbols",
];

/// How the lines of a file are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// What stands between the numbers.
    pub divider: Divider,
    /// Whether there are 8 numbers, the corners of a quadrilateral, and not the 4 of a box.
    pub quadrilaterals: bool,
    /// What stands between the numbers and the label.
    pub middle: Middle,
}

/// What stands between the numbers of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Divider {
    /// A comma, and spaces around it.
    Comma,
    /// Whitespace.
    Space,
}

/// What stands between the numbers and the label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Middle {
    /// Nothing.
    Nothing,
    /// The script that the word is written in.
    Script,
    /// How sure a detector is, from 0 to 1.
    Confidence,
}

impl Divider {
    /// The first field, and what follows its divider; `None` if there is no divider.
    pub fn split(self, text: &str) -> (&str, Option<&str>) {
        let divided = match self {
            Self::Comma => text.split_once(','),
            Self::Space => text.split_once(char::is_whitespace),
        };
        match divided {
            Some((field, rest)) => (field.trim(), Some(rest.trim_start())),
            None => (text.trim(), None),
        }
    }
}

impl Middle {
    /// Whether a field may be what this column holds.
    pub fn is(self, field: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Script => SCRIPTS.contains(&field),
            Self::Confidence => field
                .parse::<f64>()
                .is_ok_and(|value| (0.0..=1.0).contains(&value)),
        }
    }
}

impl Layout {
    /// Numbers before the label.
    pub fn numbers(self) -> usize {
        if self.quadrilaterals { 8 } else { 4 }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let corners = if self.quadrilaterals {
            "x1,y1,x2,y2,x3,y3,x4,y4"
        } else {
            "x1,y1,x2,y2"
        };
        let middle = match self.middle {
            Middle::Nothing => "",
            Middle::Script => ",script",
            Middle::Confidence => ",confidence",
        };
        let divided = match self.divider {
            Divider::Comma => "",
            Divider::Space => ", divided by spaces",
        };
        write!(f, "{corners}{middle},label{divided}")
    }
}

/// How many lines speak for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Votes {
    /// Lines that begin with 4 numbers divided by commas, or by spaces.
    commas: usize,
    spaces: usize,
    /// Lines of 8 numbers that are corners of something, and those whose corners enclose nothing.
    quadrilaterals: usize,
    flat_quadrilaterals: usize,
    /// Lines of 4 to 7 numbers, unless they look like 8 of which one is misspelt.
    boxes: usize,
    /// Lines with 4 numbers more after 8: polygons of other contests (CTW1500, Total-Text).
    polygons: usize,
    /// Lines with a label, with 8 or 4 numbers: all, and those that begin with a script or a
    /// confidence.
    labelled: [usize; 2],
    scripts: [usize; 2],
    confidences: [usize; 2],
}

/// Index into the votes about labels.
fn place(quadrilaterals: bool) -> usize {
    usize::from(quadrilaterals)
}

impl Votes {
    /// Those of a file.
    pub fn of(file: &[u8]) -> Self {
        let mut votes = Self::default();
        for line in lines(file).filter_map(|(_, line)| line.ok()) {
            let by = |divider| leading(line, divider);
            let (commas, spaces) = (by(Divider::Comma), by(Divider::Space));
            let (divider, (numbers, rests)) = if commas.0.len() >= 4 {
                votes.commas += 1;
                (Divider::Comma, commas)
            } else if spaces.0.len() >= 4 {
                votes.spaces += 1;
                (Divider::Space, spaces)
            } else {
                continue;
            };
            match *numbers.as_slice() {
                [x1, y1, x2, y2, x3, y3, x4, y4] => {
                    // Twice the area, by the diagonals.
                    let area = (x3 - x1) * (y4 - y2) - (y3 - y1) * (x4 - x2);
                    let after = rests[7].map(|rest| leading(rest, divider).0.len());
                    votes.polygons += usize::from(after >= Some(4));
                    if area == 0.0 {
                        votes.flat_quadrilaterals += 1;
                    } else {
                        votes.quadrilaterals += 1;
                    }
                }
                _ if misspelt_quadrilateral(rests[3], divider) => {}
                _ => votes.boxes += 1,
            }
            for quadrilaterals in [false, true] {
                let after = rests.get(if quadrilaterals { 7 } else { 3 });
                if let Some(label) = after.copied().flatten().filter(|label| !label.is_empty()) {
                    votes.add_label(label, divider, place(quadrilaterals));
                }
            }
        }
        votes
    }

    fn add_label(&mut self, label: &str, divider: Divider, place: usize) {
        self.labelled[place] += 1;
        let (field, _) = divider.split(label);
        self.scripts[place] += usize::from(Middle::Script.is(field));
        // `1` may be the beginning of `1,000`.
        let confident = Middle::Confidence.is(field) && field.contains('.');
        self.confidences[place] += usize::from(confident);
    }

    /// Adds those of another file.
    pub fn add(&mut self, other: &Self) {
        self.commas += other.commas;
        self.spaces += other.spaces;
        self.quadrilaterals += other.quadrilaterals;
        self.flat_quadrilaterals += other.flat_quadrilaterals;
        self.boxes += other.boxes;
        self.polygons += other.polygons;
        for place in 0..2 {
            self.labelled[place] += other.labelled[place];
            self.scripts[place] += other.scripts[place];
            self.confidences[place] += other.confidences[place];
        }
    }

    /// What most lines of the file say; where they are at odds, what those of the whole set say.
    ///
    /// # Errors
    /// If that does not decide it either: reading the lines would be guessing; or they are polygons of
    /// more than 4 corners.
    pub fn layout(&self, set: &Self) -> Result<Layout, &'static str> {
        let divider = if self.spaces > self.commas {
            Divider::Space
        } else {
            Divider::Comma
        };
        let quadrilaterals = match self.has_quadrilaterals().or(set.has_quadrilaterals()) {
            Some(quadrilaterals) => quadrilaterals,
            None if self.commas + self.spaces == 0 => true,
            None => {
                return Err(
                    "as many lines speak for 8 numbers before the label as for 4; repair or remove \
                     those that are wrong",
                );
            }
        };
        if 2 * self.polygons > self.commas + self.spaces {
            return Err(
                "its lines are polygons of more than 4 corners, which are not read; convert them to \
                 quadrilaterals",
            );
        }
        let place = place(quadrilaterals);
        let middle = [
            (Middle::Script, self.scripts, set.scripts),
            (Middle::Confidence, self.confidences, set.confidences),
        ]
        .into_iter()
        .find(|(_, own, of_set)| {
            // One line alone may begin with the word `Latin`.
            let alone = self.labelled[place] == 1;
            2 * own[place] > self.labelled[place]
                && (!alone || 2 * of_set[place] >= set.labelled[place])
        })
        .map_or(Middle::Nothing, |(middle, _, _)| middle);
        Ok(Layout {
            divider,
            quadrilaterals,
            middle,
        })
    }

    /// Whether the lines are quadrilaterals; `None` if they are at odds.
    fn has_quadrilaterals(&self) -> Option<bool> {
        // Numbers as the label of a box seldom happen to be corners of something.
        let (quadrilaterals, boxes) = match self.boxes {
            0 => (self.quadrilaterals + self.flat_quadrilaterals, 0),
            boxes => (self.quadrilaterals, boxes),
        };
        (quadrilaterals != boxes).then_some(quadrilaterals > boxes)
    }
}

/// Whether what stands after 4 numbers looks like 4 more, not all of which can be read.
fn misspelt_quadrilateral(rest: Option<&str>, divider: Divider) -> bool {
    let (mut numbers, mut rest) = (0, rest);
    for _ in 0..4 {
        let Some(text) = rest else {
            return false;
        };
        let (field, after) = divider.split(text);
        numbers += usize::from(field.parse::<f64>().is_ok());
        rest = after;
    }
    numbers == 3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(file: &str) -> Result<String, &'static str> {
        let votes = Votes::of(file.as_bytes());
        votes.layout(&votes).map(|layout| layout.to_string())
    }

    const QUADS: &str = "20,20,60,28,57,44,17,36,Hello\n120,60,160,68,157,84,117,76,World\n";
    const AS_QUADS: &str = "x1,y1,x2,y2,x3,y3,x4,y4,label";

    #[test]
    fn odd_lines_do_not_decide() {
        for odd in [
            "30,100,70,108,67,124,27,116",
            "30,100,70,108,67,124,27,116,",
            "30,100,70,108,67,1O4,27,116,Three",
            "30,100,70",
            "30,100,70,108,67",
            "nonsense",
            "1,2,3,4,5",
        ] {
            assert_eq!(
                layout(&format!("{QUADS}{odd}")).as_deref(),
                Ok(AS_QUADS),
                "{odd}"
            );
        }
    }

    #[test]
    fn a_file_at_odds_is_decided_by_the_set_or_refused() {
        let (quads, boxes) = ("20,20,60,28,57,44,17,36,Hello", "5,5,9,9,word");
        let file = Votes::of(format!("{quads}\n{boxes}").as_bytes());
        assert!(file.layout(&file).is_err());
        for (line, expected) in [(quads, true), (boxes, false)] {
            let mut set = file;
            set.add(&Votes::of(line.as_bytes()));
            assert_eq!(file.layout(&set).unwrap().quadrilaterals, expected);
        }
    }

    #[test]
    fn a_middle_column_is_one_in_most_lines() {
        let script = "0,0,9,0,9,9,0,9,Latin,a\n0,0,9,0,9,9,0,9,None,###\n";
        assert!(layout(script).unwrap().contains("script"));
        assert!(
            !layout(&format!("{QUADS}{script}"))
                .unwrap()
                .contains("script")
        );
        let sure = "0,0,9,0,9,9,0,9,0.97,a\n0,0,9,0,9,9,0,9,1,b\n0,0,9,0,9,9,0,9,0.5,c\n";
        assert!(layout(sure).unwrap().contains("confidence"));
        // A price on one page of many.
        let price = Votes::of(b"0,0,9,0,9,9,0,9,0.99");
        let mut set = Votes::of(QUADS.as_bytes());
        set.add(&price);
        assert_eq!(price.layout(&set).unwrap().middle, Middle::Nothing);
    }
}
