//! What a generator draws on, and what it draws from.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use text_images::Typeface;

use crate::ink::{INK, Ink, Paint};
use crate::shape::{Point, Shape};
use crate::typefaces::Typefaces;

/// One image in the making.
///
/// Both images of a counterfactual pair get scenes that differ in `class` only: a generator must
/// take the same draws from `look` whatever the class, so that nothing else changes.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) ink: Ink,
    /// Class to draw.
    pub(crate) class: usize,
    /// Class of the other image of the pair.
    pub(crate) other: usize,
    /// Position on the task's axis. A generator that can only come near writes down what it
    /// reached.
    pub(crate) difficulty: f32,
    /// Contrast that replaces the one of the degradation.
    pub(crate) contrast: Option<f32>,
    /// Font family, where there is one.
    pub(crate) family: Option<(String, bool)>,
    pub(crate) attributes: Vec<(&'static str, f64)>,
    pub(crate) in_test: bool,
    look: ChaCha8Rng,
    typefaces: &'a Typefaces,
    jitter_px: f32,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(
        ink: Ink,
        [class, other]: [usize; 2],
        difficulty: f32,
        look: ChaCha8Rng,
        typefaces: &'a Typefaces,
        jitter_px: f32,
        in_test: bool,
    ) -> Self {
        Self {
            ink,
            class,
            other,
            difficulty,
            contrast: None,
            family: None,
            attributes: Vec::new(),
            in_test,
            look,
            typefaces,
            jitter_px,
        }
    }

    pub(crate) fn width(&self) -> f32 {
        self.ink.width_px() as f32
    }

    pub(crate) fn height(&self) -> f32 {
        self.ink.height_px() as f32
    }

    /// Uniform in a range.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.look.random::<f32>()
    }

    /// Uniform among `0..count`.
    pub(crate) fn pick(&mut self, count: usize) -> usize {
        self.look.random_range(0..count)
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.look.random_bool(0.5)
    }

    /// A shift within the jitter.
    pub(crate) fn jitter(&mut self) -> f32 {
        let most = self.jitter_px;
        self.between(-most, most)
    }

    /// The middle of the canvas, give or take the jitter in x and y.
    pub(crate) fn centre(&mut self) -> Point {
        let (x, y) = (self.width() / 2.0, self.height() / 2.0);
        [x + self.jitter(), y + self.jitter()]
    }

    /// A face, noted as the item's cluster.
    pub(crate) fn typeface(&mut self) -> Typeface {
        let face = self.typefaces.draw(&mut self.look).clone();
        self.set_in(&face);
        face
    }

    /// The families of all splits.
    pub(crate) fn families(&self) -> &'a [Vec<Typeface>] {
        &self.typefaces.seen
    }

    /// Notes a face as the item's cluster.
    pub(crate) fn set_in(&mut self, face: &Typeface) {
        self.family = Some((face.family().to_owned(), face.held_out()));
    }

    pub(crate) fn fill(&mut self, shape: &Shape) {
        self.ink.fill(shape, INK);
    }

    pub(crate) fn paint(&mut self, shape: &Shape, paint: Paint) {
        self.ink.fill(shape, paint);
    }

    pub(crate) fn note(&mut self, name: &'static str, value: f32) {
        self.attributes.push((name, f64::from(value)));
    }
}
