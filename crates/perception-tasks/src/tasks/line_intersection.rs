//! How often two bent lines cross, as in BlindTest.
//!
//! After "Vision language models are blind" (arXiv:2407.06581): two lines through three columns
//! of points. There they have two colours and end anywhere; here they have one ink, and the
//! distance between them at every column is controlled.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

const WIDTH_PX: [f32; 2] = [1.2, 2.0];
/// Distance between columns of points.
const COLUMN_PX: f32 = 24.0;
/// Most that the middle between the lines strays from the middle of the canvas.
const STRAY_PX: f32 = 2.5;
/// The distance at a column is the difficulty times one to this.
const SPREAD: f32 = 1.4;

pub(crate) const TASK: Description = Description {
    question: "How often do the two lines cross?",
    group: Group::Relations,
    classes: &["0", "1", "2"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "least distance between the lines at a column",
        unit: "px",
        easy: 12.0,
        hard: 0.25,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let width = scene.between(WIDTH_PX[0], WIDTH_PX[1]);
    let crossing_is_first = scene.coin();
    // On which side of the second line the first one is, column by column.
    let signs: [f32; 3] = match (scene.class, crossing_is_first) {
        (0, _) => [1.0, 1.0, 1.0],
        (1, true) => [-1.0, 1.0, 1.0],
        (1, false) => [1.0, 1.0, -1.0],
        _ => [1.0, -1.0, 1.0],
    };
    let columns = [-1.0, 0.0, 1.0].map(|column| x + COLUMN_PX * column);
    let mut lines = [[[0.0_f32; 2]; 3]; 2];
    for (column, sign) in signs.into_iter().enumerate() {
        let middle = y + scene.between(-STRAY_PX, STRAY_PX);
        let distance = scene.difficulty * scene.between(1.0, SPREAD);
        for (line, side) in [(0, 0.5), (1, -0.5)] {
            lines[line][column] = [columns[column], middle + side * sign * distance];
        }
    }
    for line in lines {
        for ends in line.windows(2) {
            scene.fill(&Shape::stroke(ends[0], ends[1], width));
        }
        scene.fill(&Shape::disc(line[1], width / 2.0));
    }
    scene.note("width", width);
}
