//! Whether two circles overlap, as in BlindTest (arXiv:2407.06581).

use std::f32::consts::FRAC_PI_4;

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::{Shape, towards};
use crate::{Axis, Scale};

const RADIUS_PX: [f32; 2] = [5.0, 7.0];
const STROKE_PX: f32 = 1.2;

pub(crate) const TASK: Description = Description {
    question: "Do the two circles overlap?",
    group: Group::Relations,
    classes: &["apart", "overlapping"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "distance or overlap of the outer edges",
        unit: "px",
        easy: 4.0,
        hard: 0.04,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let centre = scene.centre();
    let radii = [0, 1].map(|_| scene.between(RADIUS_PX[0], RADIUS_PX[1]));
    let angle = scene.between(-FRAC_PI_4, FRAC_PI_4);
    let distance = if scene.class == 0 {
        scene.difficulty
    } else {
        -scene.difficulty
    };
    let separation = radii[0] + radii[1] + distance;
    for (side, radius) in [(-0.5, radii[0]), (0.5, radii[1])] {
        let at = towards(centre, angle, side * separation);
        scene.fill(&Shape::ring(at, radius, radius - STROKE_PX));
    }
    scene.note("distance", distance);
    scene.note("left_radius", radii[0]);
    scene.note("right_radius", radii[1]);
    scene.note("angle_deg", angle.to_degrees());
}
