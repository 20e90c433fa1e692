//! Every task can be solved at its easy end, by a classifier that knows nothing about it, and
//! cannot be solved by the amount of ink where that should not tell.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod kernel_ridge;

use image::DynamicImage;
use kernel_ridge::{Kernel, Samples, accuracy};
use perception_tasks::{Group, Item, Task, TaskConfig, TaskKind};
use text_images::{Fonts, Split};

const TRAIN: u64 = 600;
const VALIDATION: u64 = 150;
const TEST: u64 = 300;

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

/// Items of every split at one difficulty.
struct Items {
    kind: TaskKind,
    items: [Vec<Item>; 3],
}

/// Features of an item.
type Features = fn(&Item) -> Vec<f32>;

impl Items {
    fn easy(kind: TaskKind) -> Self {
        let easy = kind.difficulty().map(|axis| axis.easy);
        Self::of(kind, easy)
    }

    fn at(kind: TaskKind, difficulty: f64) -> Self {
        Self::of(kind, Some(difficulty))
    }

    fn of(kind: TaskKind, difficulty: Option<f64>) -> Self {
        let splits = [
            (Split::Train, TRAIN),
            (Split::Validation, VALIDATION),
            (Split::Test, TEST),
        ];
        let items = splits.map(|(split, count)| {
            let task = Task::new(TaskConfig::new(kind, split, 5), &Fonts::embedded()).unwrap();
            (0..count)
                .map(|index| match difficulty {
                    Some(difficulty) => task.item_at(index, difficulty).unwrap(),
                    None => task.item(index),
                })
                .collect()
        });
        Self { kind, items }
    }

    fn accuracy(&self, kernel: Kernel, features: Features) -> f64 {
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

/// What solves a task at its easy end, and the least accuracy that counts as solved: well
/// below what was measured when the test was written.
fn solver(kind: TaskKind) -> (Kernel, Features, f64) {
    match kind {
        // Any of these places and shapes alike: not linear in pixels.
        TaskKind::StrokeCount => (Kernel::Linear, autocorrelation, 0.9),
        TaskKind::DotCount => (Kernel::Gaussian(0.7), autocorrelation, 0.6),
        TaskKind::SameDifferent | TaskKind::Shade => (Kernel::Gaussian(0.7), pixels, 0.95),
        // Letters of many fonts, some of them unseen.
        TaskKind::CharacterHeight => (Kernel::Linear, pixels, 0.8),
        TaskKind::ConfusableGlyphs => (Kernel::Linear, pixels, 0.65),
        TaskKind::ConfusableWords => (Kernel::Linear, pixels, 0.55),
        TaskKind::Diacritics => (Kernel::Linear, pixels, 0.45),
        TaskKind::Punctuation => (Kernel::Linear, pixels, 0.65),
        TaskKind::FontFamily => (Kernel::Linear, pixels, 0.65),
        TaskKind::TextSlant => (Kernel::Linear, pixels, 0.75),
        TaskKind::LineIntersection => (Kernel::Linear, pixels, 0.73),
        TaskKind::Colour => (Kernel::Linear, pixels, 0.85),
        _ => (Kernel::Linear, pixels, 0.98),
    }
}

/// Most that the amount of ink may add to chance at the easy end. Where the answer itself is an
/// amount (of dots, of shade), or glyphs are of unequal weight, ink tells something.
fn shortcut(kind: TaskKind) -> Option<f64> {
    match kind {
        TaskKind::DotCount
        | TaskKind::StrokeCount
        | TaskKind::Shade
        | TaskKind::FontFamily
        | TaskKind::Punctuation
        | TaskKind::Colour => None,
        // Strokes that cross or overlap share some ink; equal areas have unequal edges.
        TaskKind::LineIntersection | TaskKind::TouchingCircles | TaskKind::ShapeClass => Some(0.2),
        _ => Some(0.1),
    }
}

/// Share of the way from chance to perfect that the same solver may reach at the hard end, so that
/// thresholds lie inside the range and no curve ends at a ceiling.
const MOST_AT_HARD_END: f64 = 0.65;

fn check(group: Group) {
    for kind in TaskKind::ALL
        .into_iter()
        .filter(|kind| kind.group() == group)
    {
        let (easy, chance) = (Items::easy(kind), kind.chance());
        let (kernel, features, least) = solver(kind);
        let solved = easy.accuracy(kernel, features);
        assert!(
            solved >= least,
            "{kind}: {solved} of {least} at the easy end"
        );

        let by_ink = easy.accuracy(Kernel::Gaussian(0.3), amounts);
        if let Some(excess) = shortcut(kind) {
            assert!(
                by_ink < chance + excess,
                "{kind}: ink alone answers {by_ink}, chance {chance}"
            );
        }

        let hard = kind.difficulty().map(|axis| axis.hard);
        let at_hard_end = hard.map(|hard| Items::at(kind, hard).accuracy(kernel, features));
        println!(
            "{:18} chance {chance:.3} solved {solved:.3} by ink {by_ink:.3} hard {at_hard_end:.3?}",
            kind.name()
        );
        // Dots that touch can still be told by their amount of ink and its extent.
        if let Some(at_hard_end) = at_hard_end.filter(|_| kind != TaskKind::DotCount) {
            let most = chance + MOST_AT_HARD_END * (1.0 - chance);
            assert!(at_hard_end < most, "{kind}: {at_hard_end} at the hard end");
        }
    }
}

#[test]
fn acuity_is_well_posed() {
    check(Group::Acuity);
}

#[test]
fn glyphs_are_well_posed() {
    check(Group::Glyphs);
}

#[test]
fn relations_are_well_posed() {
    check(Group::Relations);
}

#[test]
fn coarse_controls_are_well_posed() {
    check(Group::Coarse);
}

#[test]
fn colour_tasks_cannot_be_solved_in_grey() {
    fn grey(item: &Item) -> Vec<f32> {
        let mut item = item.clone();
        item.image = DynamicImage::ImageLuma8(item.image.to_luma8());
        pixels(&item)
    }
    for kind in TaskKind::ALL.into_iter().filter(|kind| kind.needs_colour()) {
        let accuracy = Items::easy(kind).accuracy(Kernel::Linear, grey);
        let chance = kind.chance();
        assert!(
            (accuracy - chance).abs() < 0.1,
            "{kind}: {accuracy}, chance {chance}"
        );
    }
}
