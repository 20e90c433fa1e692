//! Sizes, colours, markers and dashes; one place, so that an arm looks the same in every figure.
//!
//! Colours are the palette of Okabe and Ito (2008), which stays apart under the common forms of
//! colour blindness. Colour is never alone: a family also has its marker, and members of one
//! family differ by dash and by filled or hollow markers.

use plotters::style::RGBColor;

/// Width of every figure in pixels of the PNG (and in user units of the SVG).
pub(crate) const PAGE_WIDTH: f64 = 1600.0;
/// Empty border of the page in pixels.
pub(crate) const MARGIN: f64 = 36.0;

/// Font sizes (em) in pixels.
pub(crate) const TITLE_EM: f64 = 29.0;
pub(crate) const TEXT_EM: f64 = 23.0;
pub(crate) const SMALL_EM: f64 = 21.0;

pub(crate) const LINE_WIDTH: f64 = 3.0;
pub(crate) const THIN_WIDTH: f64 = 2.0;
pub(crate) const GRID_WIDTH: f64 = 1.0;
pub(crate) const MARKER_RADIUS: f64 = 8.0;

pub(crate) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(crate) const MUTED: RGBColor = RGBColor(0x59, 0x59, 0x59);
pub(crate) const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
pub(crate) const STRIPE: RGBColor = RGBColor(0xf4, 0xf4, 0xf4);
pub(crate) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);

/// The families of arms. The family fixes the colour and the marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// The identity ceiling: features passed on unchanged.
    Ceiling,
    /// PatchMerger, the reference projector.
    Merger,
    /// Continuous controls: linear, mean-pool, matched MLPs.
    Control,
    /// Visual embedding table with soft assignment.
    VetSoft,
    /// Visual embedding table with straight-through hard assignment.
    VetHard,
    /// Visual embedding table with Gumbel noise.
    VetGumbel,
    /// Other quantisers: nearest codeword, finite scalar, lookup-free.
    Codebook,
    /// The blind floor: a constant token.
    Blind,
}

impl Family {
    /// Every family, in the order in which legends list them.
    pub const ALL: [Self; 8] = [
        Self::Ceiling,
        Self::Merger,
        Self::Control,
        Self::VetSoft,
        Self::VetHard,
        Self::VetGumbel,
        Self::Codebook,
        Self::Blind,
    ];

    /// The family's name in legends and tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Ceiling => "identity ceiling",
            Self::Merger => "PatchMerger",
            Self::Control => "continuous control",
            Self::VetSoft => "VET, soft",
            Self::VetHard => "VET, hard",
            Self::VetGumbel => "VET, Gumbel",
            Self::Codebook => "other quantiser",
            Self::Blind => "blind",
        }
    }

    pub(crate) fn colour(self) -> RGBColor {
        match self {
            Self::Ceiling => RGBColor(0x00, 0x00, 0x00),
            Self::Merger => RGBColor(0x00, 0x72, 0xb2),
            Self::Control => RGBColor(0x56, 0xb4, 0xe9),
            Self::VetSoft => RGBColor(0x00, 0x9e, 0x73),
            Self::VetHard => RGBColor(0xd5, 0x5e, 0x00),
            Self::VetGumbel => RGBColor(0xe6, 0x9f, 0x00),
            Self::Codebook => RGBColor(0xcc, 0x79, 0xa7),
            Self::Blind => RGBColor(0x80, 0x80, 0x80),
        }
    }

    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Ceiling => Shape::Diamond,
            Self::Merger => Shape::Square,
            Self::Control => Shape::TriangleUp,
            Self::VetSoft => Shape::Circle,
            Self::VetHard => Shape::TriangleDown,
            Self::VetGumbel => Shape::Hexagon,
            Self::Codebook => Shape::Star,
            Self::Blind => Shape::Cross,
        }
    }
}

/// Outline of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Circle,
    Square,
    TriangleUp,
    Diamond,
    TriangleDown,
    Hexagon,
    Star,
    Cross,
}

impl Shape {
    const ALL: [Self; 8] = [
        Self::Circle,
        Self::Square,
        Self::TriangleUp,
        Self::Diamond,
        Self::TriangleDown,
        Self::Hexagon,
        Self::Star,
        Self::Cross,
    ];

    fn shifted(self, by: usize) -> Self {
        Self::ALL[(self as usize + by) % Self::ALL.len()]
    }
}

/// Dash pattern of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    Solid,
    Long,
    Short,
    Dotted,
    Broad,
    Sparse,
}

impl Dash {
    /// Those that arms are drawn with.
    const OF_PENS: [Self; 4] = [Self::Solid, Self::Long, Self::Short, Self::Dotted];

    /// Stroke and gap in pixels; none for a solid line.
    pub(crate) fn pattern(self) -> Option<(f64, f64)> {
        match self {
            Self::Solid => None,
            Self::Long => Some((20.0, 8.0)),
            Self::Short => Some((9.0, 6.0)),
            Self::Dotted => Some((3.0, 5.0)),
            Self::Broad => Some((36.0, 5.0)),
            Self::Sparse => Some((4.0, 14.0)),
        }
    }

    /// The pattern of the n-th reference line: never solid, so it cannot pass for data.
    pub(crate) fn of_reference(index: usize) -> Self {
        let dashes = [
            Self::Short,
            Self::Dotted,
            Self::Long,
            Self::Sparse,
            Self::Broad,
        ];
        dashes[index % dashes.len()]
    }
}

/// A shade of the same hue, dark enough to be told apart beside it.
fn darkened(RGBColor(red, green, blue): RGBColor) -> RGBColor {
    let [red, green, blue] = [red, green, blue].map(|part| (u16::from(part) * 3 / 5) as u8);
    RGBColor(red, green, blue)
}

/// How one arm is drawn in a line chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pen {
    pub colour: RGBColor,
    pub dash: Dash,
    pub shape: Shape,
    pub hollow: bool,
}

impl Pen {
    /// The pen of the n-th member of a family; the first 32 members all differ. Two share a marker, once filled
    /// and once hollow, and a shade of the family's colour.
    pub(crate) fn of_member(family: Family, member: usize) -> Self {
        let pair = member / 2;
        // All markers have been used twice when the dashes move on.
        let dash = member + pair / Shape::ALL.len();
        Self {
            colour: if pair % 2 == 1 {
                darkened(family.colour())
            } else {
                family.colour()
            },
            dash: Dash::OF_PENS[dash % Dash::OF_PENS.len()],
            shape: family.shape().shifted(pair),
            hollow: member % 2 == 1,
        }
    }

    /// The pen of the n-th vocabulary size, where all lines belong to one family: marker and dash
    /// both tell sizes apart.
    pub(crate) fn of_vocabulary(family: Family, index: usize) -> Self {
        Self {
            shape: family.shape().shifted(index),
            ..Self::of_member(family, index)
        }
    }

    /// The same with the n-th marker behind that of its family.
    pub(crate) fn shifted(self, by: usize) -> Self {
        Self {
            shape: self.shape.shifted(by),
            ..self
        }
    }

    /// One pen per arm: the n-th arm of a family gets the family's n-th pen.
    pub(crate) fn for_families(families: impl IntoIterator<Item = Family>) -> Vec<Self> {
        let mut members = [0; Family::ALL.len()];
        families
            .into_iter()
            .map(|family| {
                let member = members[family as usize];
                members[family as usize] += 1;
                Self::of_member(family, member)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_many_arms_in_one_family_share_a_pen() {
        let pens = Pen::for_families([Family::VetHard; 32]);
        for (index, pen) in pens.iter().enumerate() {
            assert!(!pens[..index].contains(pen), "pen {index} repeats");
        }
    }

    #[test]
    fn six_quantisers_differ_in_more_than_the_dash() {
        let pens = Pen::for_families([Family::Codebook; 6]);
        for (index, pen) in pens.iter().enumerate() {
            let looks_the_same =
                |other: &Pen| other.shape == pen.shape && other.hollow == pen.hollow;
            assert!(!pens[..index].iter().any(looks_the_same), "marker {index}");
        }
    }

    #[test]
    fn families_differ_in_colour_and_in_marker() {
        for (index, family) in Family::ALL.iter().enumerate() {
            for other in &Family::ALL[..index] {
                assert_ne!(family.colour(), other.colour());
                assert_ne!(family.shape(), other.shape());
            }
        }
    }
}
