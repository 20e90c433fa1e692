//! Which font families draw the same outlines under different names.

use std::collections::BTreeSet;

use crate::Charset;
use crate::face::Face;

/// Families of a folder, put into groups that draw alike.
///
/// Two families belong together if, for some charset, a face of the one and a face of the other draw
/// at least half of the characters that both have with the same outlines: a renamed copy, the names
/// of a TTC file, a fork that changed a few letters.
pub(crate) struct AlikeFamilies(Vec<Vec<String>>);

impl AlikeFamilies {
    /// Compares every family with every other one.
    pub fn of(faces: &[Face]) -> Self {
        let families: BTreeSet<&String> = faces.iter().map(|face| &face.family).collect();
        let mut groups: Vec<Vec<String>> = Vec::new();
        for family in families {
            let own = |face: &&Face| face.family == *family;
            let belongs = |group: &Vec<String>| {
                faces.iter().filter(own).any(|face| {
                    let others = faces.iter().filter(|face| group.contains(&face.family));
                    others.into_iter().any(|other| alike(face, other))
                })
            };
            // A family may connect groups that were apart until now.
            let (together, apart): (Vec<_>, Vec<_>) = groups.into_iter().partition(belongs);
            groups = apart;
            let mut group = together.concat();
            group.push(family.clone());
            groups.push(group);
        }
        for group in &mut groups {
            group.sort();
        }
        groups.sort();
        Self(groups)
    }

    /// Number of the group of a family.
    ///
    /// # Panics
    /// If no face is of this family.
    pub fn group(&self, family: &String) -> usize {
        let group = self.0.iter().position(|group| group.contains(family));
        group.expect("every family of a face has a group")
    }

    /// How many groups these families belong to.
    pub fn count(&self, families: &BTreeSet<String>) -> usize {
        let groups: BTreeSet<usize> = families.iter().map(|family| self.group(family)).collect();
        groups.len()
    }

    /// The groups of more than one family.
    pub fn groups_with_several(&self) -> impl Iterator<Item = &[String]> {
        let groups = self.0.iter().filter(|group| group.len() > 1);
        groups.map(Vec::as_slice)
    }
}

fn alike(face: &Face, other: &Face) -> bool {
    Charset::ALL.into_iter().any(|charset| {
        let (same, all) = face.shared_outlines(other, charset);
        all > 0 && 2 * same >= all
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fonts;

    /// Half is far from what different families have in common. DejaVu Sans Mono and Hack come from
    /// the same ancestor, Bitstream Vera.
    #[test]
    fn embedded_families_do_not_draw_alike() {
        let fonts = Fonts::embedded();
        let faces = fonts.faces();
        for (place, face) in faces.iter().enumerate() {
            for other in faces[place + 1..]
                .iter()
                .filter(|f| f.family != face.family)
            {
                for charset in Charset::ALL {
                    let (same, all) = face.shared_outlines(other, charset);
                    assert!(
                        2 * same < all,
                        "{} {} {charset}: {same} of {all}",
                        face.name,
                        other.name
                    );
                }
            }
        }
    }
}
