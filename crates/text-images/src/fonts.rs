//! Font families: the embedded ones, or those of a folder, with some held out for the test split.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ab_glyph::FontRef;
use fontdb::{Database, FaceInfo, Source};

use oxml_layout::bundled_fonts::bundled_font_data;

use crate::alike_families::AlikeFamilies;
use crate::face::{CharsetFace, Face};
use crate::font_warning::FontWarning;
use crate::stream::stable_hash;
use crate::{Charset, Degradation, Error, Result, Typeface};

/// Embedded families that appear in the test split only: one sans and one serif. Neither is
/// derived from a family seen in training.
pub const HELD_OUT_FAMILIES: [&str; 2] = ["Libertinus Serif", "Noto Sans"];

/// What [`Fonts::for_print`] takes from the fonts of office documents; the others have no Latin text.
const OFFICE_FAMILIES: [&str; 7] = [
    "Liberation Sans",
    "Liberation Serif",
    "Liberation Mono",
    "Carlito",
    "Caladea",
    "Gelasio",
    "Selawik",
];

/// Of a folder's families, one in this many is held out, rounded up.
const HELD_OUT_ONE_IN: usize = 4;

/// Deepest subfolder searched for fonts; a guard against folders that link to themselves.
const MAX_DEPTH: usize = 8;

/// Font families to render with. Cheap to clone.
///
/// # Embedded families
/// | family | style | faces | licence, crate | split |
/// |---|---|---|---|---|
/// | DejaVu Sans (with condensed) | sans | 8 | Bitstream Vera, `dejavu` | all |
/// | Ubuntu | sans | light | Ubuntu font licence, `epaint_default_fonts` | all |
/// | DejaVu Serif (with condensed) | slab serif | 8 | Bitstream Vera, `dejavu` | all |
/// | NewComputerModern | serif | 4 | GUST, `typst-assets` | all |
/// | DejaVu Sans Mono | mono | 4 | Bitstream Vera, `typst-assets` | all |
/// | Hack | mono | regular | MIT and Bitstream Vera, `epaint_default_fonts` | all |
/// | Libertinus Serif | serif | 6 | OFL, `typst-assets` | test only |
/// | Noto Sans | sans | 4 | OFL, `notosans` | test only |
#[derive(Clone, Debug)]
pub struct Fonts {
    faces: Vec<Arc<Face>>,
    /// What the files say whatever the charset.
    found: Vec<FontWarning>,
}

impl Fonts {
    /// Those of a folder, or else the embedded ones that go with a look: more of them for lines of print.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn of(folder: Option<&Path>, look: &Degradation) -> Result<Self> {
        match folder {
            Some(folder) => Self::from_dir(folder),
            None if look.photographed => Ok(Self::for_print()),
            None => Ok(Self::embedded()),
        }
    }

    /// The families in the table above. No font of the system is used.
    pub fn embedded() -> Self {
        Self::of_binaries(embedded_files())
    }

    /// The same and more, for lines of print: Inter, Roboto, JetBrains Mono, Selawik, and what looks like
    /// the fonts of office documents, Liberation Sans, Serif and Mono, Carlito, Caladea and Gelasio (Roboto and
    /// Caladea under Apache-2.0, the others under OFL; crates `damascene-fonts-*` and `oxml-layout`). The
    /// families that are held out are those of [`embedded`](Self::embedded).
    pub fn for_print() -> Self {
        let office = bundled_font_data().into_iter();
        let office = office.filter(|(family, _)| OFFICE_FAMILIES.contains(family));
        let others: [&'static [u8]; 8] = [
            damascene_fonts_roboto::ROBOTO_REGULAR,
            damascene_fonts_roboto::ROBOTO_MEDIUM,
            damascene_fonts_roboto::ROBOTO_BOLD,
            damascene_fonts_roboto::ROBOTO_ITALIC,
            damascene_fonts_inter::INTER_VARIABLE,
            damascene_fonts_inter::INTER_VARIABLE_ITALIC,
            damascene_fonts_jetbrains_mono::JETBRAINS_MONO_VARIABLE,
            damascene_fonts_jetbrains_mono::JETBRAINS_MONO_VARIABLE_ITALIC,
        ];
        let files = embedded_files().chain(office.map(|(_, bytes)| bytes));
        Self::of_binaries(files.chain(others))
    }

    fn of_binaries(files: impl Iterator<Item = &'static [u8]>) -> Self {
        let mut database = Database::new();
        for bytes in files {
            database.load_font_source(Source::Binary(Arc::new(bytes)));
        }
        // The mathematical companions repeat the text faces' alphabet.
        let (mut faces, found) = load_faces(&database, |info| !family_of(info).contains("Math"));
        for face in &mut faces {
            face.held_out = HELD_OUT_FAMILIES.contains(&face.family.as_str());
        }
        Self {
            faces: faces.into_iter().map(Arc::new).collect(),
            found,
        }
    }

    /// All TTF, OTF, TTC and OTC files of a folder and its subfolders.
    ///
    /// A quarter of the families, rounded up, is held out for the test split: those whose names
    /// come first by a fixed hash, among the families that can draw the largest charset that any
    /// two can draw. The choice depends on the fonts only, so it is the same for every charset.
    /// Unreadable files are reported by [`Fonts::warnings`], not as errors.
    ///
    /// # Errors
    /// If the folder cannot be read, or if fewer than two families can draw digits.
    pub fn from_dir(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut files = Vec::new();
        find_font_files(path, MAX_DEPTH, &mut files)?;
        files.sort();
        let mut database = Database::new();
        let mut found = Vec::new();
        for file in files {
            if database
                .load_font_source(Source::File(file.clone()))
                .is_empty()
            {
                found.push(FontWarning::Unreadable { path: file });
            }
        }
        let (mut faces, same_names) = load_faces(&database, |_| true);
        found.extend(same_names);
        let able = |charset| -> BTreeSet<String> {
            faces
                .iter()
                .filter(|face| usable(face, charset).is_ok())
                .map(|face| face.family.clone())
                .collect()
        };
        let alike = AlikeFamilies::of(&faces);
        let mut largest_first = Charset::ALL.into_iter().rev().map(able);
        let candidates = largest_first.find(|families| alike.count(families) >= 2);
        let Some(candidates) = candidates else {
            let drawn = able(Charset::Digits);
            return Err(Error::TooFewFamilies {
                path: path.to_owned(),
                families: alike.count(&drawn),
                alike: alike.groups_with_several().next().map(<[_]>::to_vec),
            });
        };
        let mut by_hash: Vec<String> = candidates.into_iter().collect();
        by_hash.sort_by_key(|family| stable_hash(family));
        // Of families that draw alike, the first one decides for all.
        let mut groups: Vec<usize> = by_hash.iter().map(|family| alike.group(family)).collect();
        let mut seen = BTreeSet::new();
        groups.retain(|group| seen.insert(*group));
        groups.truncate(groups.len().div_ceil(HELD_OUT_ONE_IN));
        for face in &mut faces {
            face.held_out = groups.contains(&alike.group(&face.family));
        }
        found.extend(
            alike
                .groups_with_several()
                .map(|families| FontWarning::SameOutlines {
                    families: families.to_vec(),
                    held_out: groups.contains(&alike.group(&families[0])),
                }),
        );
        Ok(Self {
            faces: faces.into_iter().map(Arc::new).collect(),
            found,
        })
    }

    #[cfg(test)]
    pub(crate) fn faces(&self) -> &[Arc<Face>] {
        &self.faces
    }

    /// Names of the families, those that the test split alone uses marked by `true`.
    pub fn families(&self) -> Vec<(String, bool)> {
        let families: BTreeSet<(String, bool)> = self
            .faces
            .iter()
            .map(|face| (face.family.clone(), face.held_out))
            .collect();
        families.into_iter().collect()
    }

    /// PostScript names of the faces that can draw a charset.
    pub fn face_names(&self, charset: Charset) -> Vec<String> {
        self.faces
            .iter()
            .filter(|face| usable(face, charset).is_ok())
            .map(|face| face.name.clone())
            .collect()
    }

    /// As [`Fonts::face_names`], without the faces that the test split alone uses; sorted.
    pub fn seen_faces(&self, charset: Charset) -> Vec<String> {
        let mut names: Vec<String> = self
            .faces
            .iter()
            .filter(|face| !face.held_out && usable(face, charset).is_ok())
            .map(|face| face.name.clone())
            .collect();
        names.sort();
        names
    }

    /// Files and faces that are not used for a charset, and why; and families and faces that could be
    /// taken for one another.
    pub fn warnings(&self, charset: Charset) -> Vec<FontWarning> {
        let faces = self
            .faces
            .iter()
            .filter_map(|face| usable(face, charset).err());
        self.found.iter().cloned().chain(faces).collect()
    }

    /// Faces that can draw every ASCII character, grouped by family: those of all splits, or with
    /// `held_out` those of the test split only.
    ///
    /// # Errors
    /// [`Error::NoUsableFont`] if there are none.
    pub fn typefaces(&self, held_out: bool) -> Result<Vec<Vec<Typeface>>> {
        let families = self.select(Charset::Printable94, held_out)?;
        let typefaces = |family: Vec<CharsetFace>| {
            let faces = family.into_iter().map(|face| Typeface::new(face.face));
            faces.collect()
        };
        Ok(families.into_iter().map(typefaces).collect())
    }

    /// Faces that can draw the charset, grouped by family.
    pub(crate) fn select(&self, charset: Charset, held_out: bool) -> Result<Vec<Vec<CharsetFace>>> {
        let mut families: Vec<Vec<CharsetFace>> = Vec::new();
        for face in self.faces.iter().filter(|face| face.held_out == held_out) {
            if usable(face, charset).is_err() {
                continue;
            }
            match families.last_mut() {
                Some(family) if family[0].face.family == face.family => {
                    family.push(face.for_charset(charset));
                }
                _ => families.push(vec![face.for_charset(charset)]),
            }
        }
        if families.is_empty() {
            return Err(Error::NoUsableFont {
                role: if held_out { "held-out" } else { "training" },
                charset,
                left_out: self
                    .warnings(charset)
                    .iter()
                    .map(FontWarning::to_string)
                    .collect(),
            });
        }
        Ok(families)
    }
}

/// Files of the families in the table of [`Fonts`].
fn embedded_files() -> impl Iterator<Item = &'static [u8]> {
    let others: [&'static [u8]; 22] = [
        dejavu::sans::regular(),
        dejavu::sans::bold(),
        dejavu::sans::oblique(),
        dejavu::sans::bold_oblique(),
        dejavu::sans_condensed::regular(),
        dejavu::sans_condensed::bold(),
        dejavu::sans_condensed::oblique(),
        dejavu::sans_condensed::bold_oblique(),
        dejavu::serif::regular(),
        dejavu::serif::bold(),
        dejavu::serif::italic(),
        dejavu::serif::bold_italic(),
        dejavu::serif_condensed::regular(),
        dejavu::serif_condensed::bold(),
        dejavu::serif_condensed::italic(),
        dejavu::serif_condensed::bold_italic(),
        notosans::REGULAR_TTF,
        notosans::BOLD_TTF,
        notosans::ITALIC_TTF,
        notosans::BOLD_ITALIC_TTF,
        epaint_default_fonts::UBUNTU_LIGHT,
        epaint_default_fonts::HACK_REGULAR,
    ];
    typst_assets::fonts().chain(others)
}

fn usable(face: &Face, charset: Charset) -> std::result::Result<(), FontWarning> {
    let defects = face.defects(charset);
    if !defects.missing.is_empty() {
        return Err(FontWarning::MissingGlyphs {
            face: face.name.clone(),
            characters: defects.missing,
        });
    }
    if !defects.identical.is_empty() {
        return Err(FontWarning::IdenticalGlyphs {
            face: face.name.clone(),
            pairs: defects.identical,
        });
    }
    Ok(())
}

/// Faces sorted by family and name, so that file order does not matter. Of copies of a face one stays;
/// another face of the same name gets a number, and a warning.
fn load_faces(
    database: &Database,
    wanted: impl Fn(&FaceInfo) -> bool,
) -> (Vec<Face>, Vec<FontWarning>) {
    let mut loaded: Vec<Face> = database
        .faces()
        .filter(|info| wanted(info))
        .filter_map(|info| {
            database.with_face_data(info.id, |bytes, index| {
                let font = FontRef::try_from_slice_and_index(bytes, index).ok()?;
                Some(Face::load(&font, name_of(info), family_of(info)))
            })?
        })
        .collect();
    loaded.sort_by(|a, b| {
        let by_name = (&a.family, &a.name).cmp(&(&b.family, &b.name));
        by_name.then_with(|| a.outline_hash().cmp(&b.outline_hash()))
    });
    let (mut faces, mut warnings) = (Vec::<Face>::new(), Vec::new());
    let (mut name, mut first) = ([String::new(), String::new()], 0);
    for mut face in loaded {
        let own = [face.family.clone(), face.name.clone()];
        if own != name {
            (name, first) = (own, faces.len());
        } else if faces[first..]
            .iter()
            .any(|other| other.same_outlines(&face))
        {
            continue;
        } else {
            face.name = format!("{} ({})", name[1], faces.len() - first + 1);
            warnings.push(FontWarning::SameName {
                name: name.clone(),
                kept_as: face.name.clone(),
            });
        }
        faces.push(face);
    }
    (faces, warnings)
}

fn family_of(info: &FaceInfo) -> String {
    info.families
        .first()
        .map_or_else(|| info.post_script_name.clone(), |(name, _)| name.clone())
}

fn name_of(info: &FaceInfo) -> String {
    if info.post_script_name.is_empty() {
        format!("{} {:?} {}", family_of(info), info.style, info.weight.0)
    } else {
        info.post_script_name.clone()
    }
}

fn find_font_files(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = |source| Error::FontFolder {
        path: dir.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            if depth > 0 {
                find_font_files(&path, depth - 1, found)?;
            }
            continue;
        }
        let extension = path
            .extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default();
        if ["ttf", "otf", "ttc", "otc"].contains(&extension.to_ascii_lowercase().as_str()) {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_face_draws_every_charset() {
        let fonts = Fonts::embedded();
        for charset in Charset::ALL {
            assert_eq!(fonts.warnings(charset), [], "charset {charset}");
            assert_eq!(fonts.face_names(charset).len(), 36);
        }
    }

    #[test]
    fn embedded_families_are_the_documented_ones() {
        let families = Fonts::embedded().families();
        let names: Vec<&str> = families.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            "DejaVu Sans",
            "DejaVu Sans Mono",
            "DejaVu Serif",
            "Hack",
            "Libertinus Serif",
            "NewComputerModern",
            "Noto Sans",
            "Ubuntu",
        ];
        assert_eq!(names, expected);
        for (family, held_out) in &families {
            assert_eq!(*held_out, HELD_OUT_FAMILIES.contains(&family.as_str()));
        }
    }

    #[test]
    fn seen_and_held_out_faces_share_no_family() {
        let fonts = Fonts::embedded();
        let families = |held_out| -> BTreeSet<String> {
            let selected = fonts.select(Charset::Printable94, held_out).unwrap();
            selected.iter().map(|f| f[0].face.family.clone()).collect()
        };
        assert!(families(true).is_disjoint(&families(false)));
        assert_eq!(families(true).len(), 2);
    }

    #[test]
    fn a_charset_that_no_font_can_draw_is_an_error_naming_the_fonts() {
        let font = FontRef::try_from_slice(epaint_default_fonts::EGUI_ICONS).unwrap();
        let fonts = Fonts {
            faces: vec![Arc::new(Face::load(&font, "Icons".into(), "Icons".into()))],
            found: Vec::new(),
        };
        for (held_out, role) in [(false, "training"), (true, "held-out")] {
            let message = fonts
                .select(Charset::Hex, held_out)
                .unwrap_err()
                .to_string();
            assert!(message.contains("Icons has no glyph for 0123"), "{message}");
            assert!(
                message.contains(role) && message.contains("charset 16"),
                "{message}"
            );
        }
    }
}
