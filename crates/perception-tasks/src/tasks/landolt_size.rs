//! The Landolt C of ISO 8596 at decreasing sizes: gap and stroke are a fifth of the diameter.

use std::f32::consts::TAU;

use super::landolt_gap::Landolt;
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::{Axis, Scale};

pub(crate) const TASK: Description = Description {
    question: "Which direction does the C face?",
    group: Group::Acuity,
    classes: &["right", "down", "left", "up"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "gap",
        unit: "px",
        easy: 4.8,
        hard: 0.4,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let gap = scene.difficulty;
    let ring = Landolt {
        centre: scene.centre(),
        diameter: 5.0 * gap,
        stroke: gap,
        gap,
        angle: TAU * scene.class as f32 / 4.0,
    };
    ring.draw(scene);
}
