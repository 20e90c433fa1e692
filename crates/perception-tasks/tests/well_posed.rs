//! Every task can be solved at its easy end, by a classifier that knows nothing about it, and
//! cannot be solved by the amount of ink where that should not tell.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod kernel_ridge;

use kernel_ridge::{Kernel, Samples, accuracy};
use perception_tasks::{Item, Task, TaskConfig, TaskKind};
use text_images::{Fonts, Split};

const TRAIN: u64 = 800;
const VALIDATION: u64 = 200;
const TEST: u64 = 400;

/// Pixels without what the default degradation changes from image to image: the level of the
/// border is subtracted, and the sign and size of the contrast divided out.
fn pixels(item: &Item) -> Vec<f32> {
    let image = item.image.to_rgb8();
    let channels = if item.image.color().has_color() { 3 } else { 1 };
    let (width, height) = image.dimensions();
    let mut planes = Vec::new();
    for channel in 0..channels {
        let plane: Vec<f32> = image.pixels().map(|p| f32::from(p.0[channel])).collect();
        let mut border: Vec<f32> = (0..width * height)
            .filter(|at| at % width == 0 || at % width == width - 1 || at / width == 0)
            .map(|at| plane[at as usize])
            .collect();
        border.sort_by(f32::total_cmp);
        let background = border[border.len() / 2];
        planes.extend(plane.iter().map(|level| level - background));
    }
    let sum: f32 = planes.iter().sum();
    let most = planes
        .iter()
        .fold(1.0_f32, |most, level| most.max(level.abs()));
    let scale = if sum < 0.0 { -1.0 / most } else { 1.0 / most };
    planes.iter().map(|level| level * scale).collect()
}

/// Mean and standard deviation of the ink, of the raw image and of [`pixels`].
fn amounts(item: &Item) -> Vec<f32> {
    let raw: Vec<f32> = item
        .image
        .to_luma8()
        .pixels()
        .map(|p| f32::from(p.0[0]) / 255.0)
        .collect();
    let moments = |values: &[f32]| {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
        [mean, variance.sqrt()]
    };
    let clean = pixels(item);
    [moments(&raw), moments(&clean)]
        .concat()
        .iter()
        .map(|v| 10.0 * v)
        .collect()
}

/// How alike the image and its shifted copies are, relative to no shift: the same wherever the
/// drawing stands, as counting needs it.
fn autocorrelation(item: &Item) -> Vec<f32> {
    const WIDTH: i64 = 64;
    const HEIGHT: i64 = 32;
    let clean: Vec<f32> = pixels(item)
        .iter()
        .map(|ink| if *ink < 0.15 { 0.0 } else { *ink })
        .collect();
    let inked: Vec<(i64, i64, f32)> = (0..)
        .zip(&clean)
        .filter(|(_, ink)| **ink > 0.0)
        .map(|(at, ink)| (at % WIDTH, at / WIDTH, *ink))
        .collect();
    let at_shift = |dx: i64, dy: i64| -> f32 {
        inked
            .iter()
            .filter(|(x, y, _)| (0..WIDTH).contains(&(x + dx)) && (0..HEIGHT).contains(&(y + dy)))
            .map(|(x, y, ink)| ink * clean[((y + dy) * WIDTH + x + dx) as usize])
            .sum()
    };
    let whole = at_shift(0, 0).max(1e-6);
    let shifts = (0..HEIGHT).flat_map(|dy| (-WIDTH / 2..WIDTH / 2).map(move |dx| (dx, dy)));
    let mut features: Vec<f32> = shifts.map(|(dx, dy)| at_shift(dx, dy) / whole).collect();
    features.push(clean.iter().sum::<f32>().powi(2) / whole / 10.0);
    features
}

fn easy(kind: TaskKind, split: Split, count: u64) -> Vec<Item> {
    let task = Task::new(TaskConfig::new(kind, split, 5), &Fonts::embedded()).unwrap();
    (0..count)
        .map(|index| match kind.difficulty() {
            Some(axis) => task.item_at(index, axis.easy).unwrap(),
            None => task.item(index),
        })
        .collect()
}

struct Easy {
    kind: TaskKind,
    items: [Vec<Item>; 3],
}

impl Easy {
    fn new(kind: TaskKind) -> Self {
        let splits = [
            (Split::Train, TRAIN),
            (Split::Validation, VALIDATION),
            (Split::Test, TEST),
        ];
        Self {
            kind,
            items: splits.map(|(split, count)| easy(kind, split, count)),
        }
    }

    fn accuracy(&self, kernel: Kernel, features: fn(&Item) -> Vec<f32>) -> f64 {
        let [train, validation, test] = [0, 1, 2].map(|part: usize| Samples {
            features: self.items[part].iter().map(features).collect(),
            labels: self.items[part].iter().map(|item| item.label).collect(),
        });
        accuracy(
            kernel,
            self.kind.classes().len(),
            &train,
            &validation,
            &test,
        )
    }
}

#[test]
fn explore() {
    for kind in TaskKind::ALL {
        let easy = Easy::new(kind);
        let linear = easy.accuracy(Kernel::Linear, pixels);
        let gaussian = easy.accuracy(Kernel::Gaussian(0.7), pixels);
        let ink = easy.accuracy(Kernel::Gaussian(0.3), amounts);
        let auto = if kind.name().ends_with("count") {
            [
                easy.accuracy(Kernel::Linear, autocorrelation),
                easy.accuracy(Kernel::Gaussian(0.7), autocorrelation),
            ]
        } else {
            [0.0; 2]
        };
        println!(
            "{:20} chance {:.3} linear {linear:.3} gaussian {gaussian:.3} ink {ink:.3} {auto:.3?}",
            kind.name(),
            kind.chance()
        );
    }
}
