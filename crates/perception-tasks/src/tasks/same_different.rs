//! Whether two textures are the same.
//!
//! Half of the 16 cells of the left texture are inked. In the right one, four inked cells hand a
//! share of their ink to four blank ones if the answer is `different`; both textures hold the
//! same amount of ink, so only a comparison cell by cell tells.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::{Point, Shape};
use crate::{Axis, Scale};

const SIDE: usize = 4;
const CELL_PX: f32 = 4.0;
const MOVED: usize = 4;
const SEPARATION_PX: f32 = 28.0;

pub(crate) const TASK: Description = Description {
    question: "Are the two textures the same?",
    group: Group::Relations,
    classes: &["same", "different"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "share of ink moved in half of the cells",
        unit: "of full ink",
        easy: 1.0,
        hard: 0.03,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    // On whole pixels, because cells that share half a pixel would leave a seam.
    let centre = scene.centre().map(f32::round);
    let mut order: Vec<usize> = (0..SIDE * SIDE).collect();
    for last in (1..order.len()).rev() {
        let swap = scene.pick(last + 1);
        order.swap(last, swap);
    }
    let mut left = [0.0_f32; SIDE * SIDE];
    for &cell in &order[..SIDE * SIDE / 2] {
        left[cell] = 1.0;
    }
    let mut right = left;
    if scene.class == 1 {
        for moved in 0..MOVED {
            right[order[moved]] -= scene.difficulty;
            right[order[SIDE * SIDE - 1 - moved]] += scene.difficulty;
        }
    }
    for (side, cells) in [(-0.5, left), (0.5, right)] {
        texture(scene, [centre[0] + side * SEPARATION_PX, centre[1]], &cells);
    }
    scene.note("centre_x", centre[0]);
    scene.note("centre_y", centre[1]);
}

fn texture(scene: &mut Scene<'_>, centre: Point, cells: &[f32]) {
    for (cell, &ink) in cells.iter().enumerate() {
        let (row, column) = (cell / SIDE, cell % SIDE);
        let from_middle = |n: usize| (n as f32 + 0.5 - SIDE as f32 / 2.0) * CELL_PX;
        let at = [
            centre[0] + from_middle(column),
            centre[1] + from_middle(row),
        ];
        if ink > 0.0 {
            scene.paint(&Shape::rectangle(at, CELL_PX, CELL_PX), [ink; 3]);
        }
    }
}
