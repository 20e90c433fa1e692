//! Vernier acuity: two bars end to end, the lower one shifted.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

const WIDTH_PX: [f32; 2] = [1.8, 3.0];
const LENGTH_PX: [f32; 2] = [8.0, 11.0];
/// Free px between the ends of the bars.
const BREAK_PX: [f32; 2] = [1.0, 2.5];
/// Farthest that the middle line of a bar is moved to either side, whatever the offset.
const ROOM_PX: f32 = 6.0;

pub(crate) const TASK: Description = Description {
    question: "Is the lower bar left or right of the upper one?",
    group: Group::Acuity,
    classes: &["left", "right"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "offset",
        unit: "px",
        easy: 2.0,
        hard: 0.01,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

/// Half of the offset goes to each bar. Bars of every offset stand in the same places: where large offsets show
/// places that small ones never do, a reader trained on all of them is worse at the largest. Places vary by several
/// times the offset, so that the place of one bar tells little.
fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let width = scene.between(WIDTH_PX[0], WIDTH_PX[1]);
    let length = scene.between(LENGTH_PX[0], LENGTH_PX[1]);
    let half_break = scene.between(BREAK_PX[0], BREAK_PX[1]) / 2.0;
    let offset = scene.difficulty;
    let room = ROOM_PX - offset / 2.0;
    let x = x + scene.between(-room, room);
    let sign = if scene.class == 0 { -1.0 } else { 1.0 };
    let (upper, lower) = (x - sign * offset / 2.0, x + sign * offset / 2.0);
    let stroke = |x: f32, from: f32, to: f32| Shape::stroke([x, from], [x, to], width);
    scene.fill(&stroke(upper, y - half_break - length, y - half_break));
    scene.fill(&stroke(lower, y + half_break, y + half_break + length));
    scene.note("upper_x", upper);
    scene.note("lower_x", lower);
    scene.note("break_y", y);
    scene.note("width", width);
}
