//! Gap direction of a large ring whose gap alone shrinks.
//!
//! The Landolt ring of ISO 8596 has a gap as wide as its stroke, a fifth of its diameter. Here
//! the ring keeps its size, so that only the gap decides, down to less than a pixel;
//! [`super::landolt_size`] is the optotype of the norm.

use std::f32::consts::TAU;

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::{Point, Shape};
use crate::{Axis, Scale};

const DIAMETER_PX: [f32; 2] = [20.0, 24.0];
const STROKE_PX: [f32; 2] = [3.5, 5.0];

pub(crate) const TASK: Description = Description {
    question: "Which direction does the gap of the ring face?",
    group: Group::Acuity,
    classes: &[
        "right",
        "down-right",
        "down",
        "down-left",
        "left",
        "up-left",
        "up",
        "up-right",
    ],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "gap",
        unit: "px",
        easy: 5.0,
        hard: 0.05,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let centre = scene.centre();
    let diameter = scene.between(DIAMETER_PX[0], DIAMETER_PX[1]);
    let stroke = scene.between(STROKE_PX[0], STROKE_PX[1]);
    let ring = Landolt {
        centre,
        diameter,
        stroke,
        gap: scene.difficulty,
        angle: TAU * scene.class as f32 / 8.0,
    };
    ring.draw(scene);
}

/// A ring with a gap of parallel sides.
pub(super) struct Landolt {
    pub(super) centre: Point,
    pub(super) diameter: f32,
    pub(super) stroke: f32,
    pub(super) gap: f32,
    /// Radians clockwise from the right.
    pub(super) angle: f32,
}

impl Landolt {
    /// Draws the ring and notes its measures.
    pub(super) fn draw(&self, scene: &mut Scene<'_>) {
        let outer = self.diameter / 2.0;
        let radii = [outer, outer - self.stroke];
        scene.fill(&Shape::open_ring(self.centre, radii, self.gap, self.angle));
        scene.note("centre_x", self.centre[0]);
        scene.note("centre_y", self.centre[1]);
        scene.note("diameter", self.diameter);
        scene.note("stroke", self.stroke);
        scene.note("gap", self.gap);
    }
}
