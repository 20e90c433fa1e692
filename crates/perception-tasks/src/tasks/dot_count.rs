//! How many dots there are, at a given distance from each other.
//!
//! Every dot is as far from its nearest neighbour as the difficulty says. Dots of one image have
//! one size, drawn anew for every image over a range that changes their area fourfold, so that
//! the amount of ink says little about their number.

use std::f32::consts::TAU;

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::{Point, Shape, towards};
use crate::{Axis, Scale};

const COUNTS: [&str; 6] = ["1", "2", "3", "4", "5", "6"];
const DIAMETER_PX: [f32; 2] = [1.8, 3.6];
/// Free px around the dots.
const MARGIN_PX: f32 = 1.5;
/// Places tried for a dot before all dots are placed anew.
const TRIES: usize = 200;

pub(crate) const TASK: Description = Description {
    question: "How many dots are there?",
    group: Group::Relations,
    classes: &COUNTS,
    partner: Partner::Neighbour,
    axis: Some(Axis {
        name: "gap between neighbours",
        unit: "px",
        easy: 5.0,
        hard: 0.2,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let diameter = scene.between(DIAMETER_PX[0], DIAMETER_PX[1]);
    let pitch = diameter + scene.difficulty;
    // Both images of a pair show the first dots of the same places.
    let places = loop {
        if let Some(places) = place(scene, diameter, pitch) {
            break places;
        }
    };
    for &at in &places[..=scene.class] {
        scene.fill(&Shape::disc(at, diameter / 2.0));
    }
    scene.note("diameter", diameter);
    scene.note("gap", scene.difficulty);
}

/// Centres of as many dots as there may be, each at `pitch` from one before it and no nearer to
/// any other. `None` if the dots so far leave no room; that is rare.
fn place(scene: &mut Scene<'_>, diameter: f32, pitch: f32) -> Option<Vec<Point>> {
    let edge = MARGIN_PX + diameter / 2.0;
    let (width, height) = (scene.width(), scene.height());
    let inside =
        |[x, y]: Point| (edge..=width - edge).contains(&x) && (edge..=height - edge).contains(&y);
    let mut places: Vec<Point> = vec![[
        scene.between(width * 0.35, width * 0.65),
        scene.between(height * 0.35, height * 0.65),
    ]];
    for _ in 0..TRIES {
        if places.len() == COUNTS.len() {
            break;
        }
        let anchor = places[scene.pick(places.len())];
        let angle = scene.between(0.0, TAU);
        let at = towards(anchor, angle, pitch);
        let free = |other: &Point| (at[0] - other[0]).hypot(at[1] - other[1]) > 0.999 * pitch;
        if inside(at) && places.iter().all(free) {
            places.push(at);
        }
    }
    (places.len() == COUNTS.len()).then_some(places)
}
