//! What a user should know about fonts.

use std::fmt;
use std::path::PathBuf;

/// What a user should know about a font file, a face or families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FontWarning {
    /// Families that draw at least half the characters of some charset with the same outlines, such
    /// as a renamed copy: they count as one, so that no outline is both trained on and held out.
    SameOutlines {
        /// The families.
        families: Vec<String>,
        /// Whether all of them are held out for the test split, or none.
        held_out: bool,
    },
    /// Different fonts under one family and PostScript name; all are used.
    SameName {
        /// Family and PostScript name.
        name: [String; 2],
        /// Name in results of another one.
        kept_as: String,
    },
    /// A file with the name of a font that no face could be read from.
    Unreadable {
        /// The file.
        path: PathBuf,
    },
    /// A face without glyphs for some characters: it would draw boxes or nothing.
    MissingGlyphs {
        /// PostScript name of the face.
        face: String,
        /// The characters, in class-id order.
        characters: Vec<char>,
    },
    /// A face that draws different characters alike, as all-capital fonts do.
    IdenticalGlyphs {
        /// PostScript name of the face.
        face: String,
        /// The pairs, in class-id order.
        pairs: Vec<(char, char)>,
    },
}

impl fmt::Display for FontWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameOutlines { families, held_out } => write!(
                f,
                "the families {} draw the same outlines and count as one: {}",
                families.join(", "),
                if *held_out {
                    "all are held out for the test split"
                } else {
                    "none is held out"
                }
            ),
            Self::SameName {
                name: [family, face],
                kept_as,
            } => write!(
                f,
                "two different fonts are named {face} (family {family}); one is used as {kept_as}"
            ),
            Self::Unreadable { path } => write!(f, "{}: not a readable font", path.display()),
            Self::MissingGlyphs { face, characters } => {
                let list: String = characters.iter().collect();
                write!(f, "{face} has no glyph for {list}")
            }
            Self::IdenticalGlyphs { face, pairs } => {
                let list: Vec<String> = pairs.iter().map(|(a, b)| format!("{a}{b}")).collect();
                write!(f, "{face} draws these alike: {}", list.join(" "))
            }
        }
    }
}
