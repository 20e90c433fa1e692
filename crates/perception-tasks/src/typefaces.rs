//! The faces that a task may letter with.

use rand::{Rng, RngExt};
use text_images::{Fonts, Split, Typeface};

use crate::{Error, Result, TaskKind};

/// Share of test items in held-out fonts, as in `text_images::Renderer`.
const HELD_OUT_SHARE: f64 = 0.5;

/// Faces by family: those of all splits, and those of the test split only.
#[derive(Clone, Debug, Default)]
pub(crate) struct Typefaces {
    pub(crate) seen: Vec<Vec<Typeface>>,
    held_out: Vec<Vec<Typeface>>,
}

impl Typefaces {
    /// Faces that can draw all of `words`, upright ones only if asked.
    pub(crate) fn new(
        fonts: &Fonts,
        kind: TaskKind,
        split: Split,
        words: &[&str],
        upright: bool,
    ) -> Result<Self> {
        let usable = |face: &Typeface| {
            let drawn = words.iter().all(|word| face.lettering(word).is_some());
            drawn && !(upright && face.is_slanted())
        };
        let families = |held_out: bool| -> Result<Vec<Vec<Typeface>>> {
            let mut families = fonts.typefaces(held_out)?;
            for family in &mut families {
                family.retain(usable);
            }
            families.retain(|family| !family.is_empty());
            if families.is_empty() {
                return Err(Error::NoTypeface { kind, held_out });
            }
            Ok(families)
        };
        Ok(Self {
            seen: families(false)?,
            held_out: match split {
                Split::Test => families(true)?,
                Split::Train | Split::Validation => Vec::new(),
            },
        })
    }

    /// A family first, then one of its faces, so that families with many faces do not dominate.
    ///
    /// # Panics
    /// If the task letters nothing.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> &Typeface {
        let held_out = rng.random_bool(HELD_OUT_SHARE) && !self.held_out.is_empty();
        let families = if held_out { &self.held_out } else { &self.seen };
        let family = &families[rng.random_range(0..families.len())];
        &family[rng.random_range(0..family.len())]
    }
}
