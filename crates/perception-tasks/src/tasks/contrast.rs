//! A large Landolt C at decreasing contrast, in noise that stays the same.

use std::f32::consts::TAU;

use super::landolt_gap::Landolt;
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::{Axis, Scale};

const DIAMETER_PX: [f32; 2] = [20.0, 24.0];

pub(crate) const TASK: Description = Description {
    question: "Which direction does the faint C face?",
    group: Group::Acuity,
    classes: &["right", "down", "left", "up"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "contrast",
        unit: "of the grey range",
        easy: 0.8,
        hard: 0.01,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let centre = scene.centre();
    let diameter = scene.between(DIAMETER_PX[0], DIAMETER_PX[1]);
    let ring = Landolt {
        centre,
        diameter,
        stroke: diameter / 5.0,
        gap: diameter / 5.0,
        angle: TAU * scene.class as f32 / 4.0,
    };
    ring.draw(scene);
    scene.contrast = Some(scene.difficulty);
}
