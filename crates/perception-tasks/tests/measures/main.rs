//! The difficulty that an item claims can be measured in its pixels.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod acuity;
mod coarse;
mod glyphs;
mod relations;

use perception_tasks::{Item, Task, TaskConfig, TaskKind};
use text_images::{Degradation, Fonts, Split};

/// Ink in 0 to 1 of a clean image, row by row.
struct Ink {
    width: usize,
    ink: Vec<f64>,
}

impl Ink {
    fn of(item: &Item) -> Self {
        let image = item.image.to_luma8();
        let ink = image
            .pixels()
            .map(|pixel| 1.0 - f64::from(pixel.0[0]) / 255.0);
        Self {
            width: image.width() as usize,
            ink: ink.collect(),
        }
    }

    /// x and y of the middle of every inked pixel, and its ink.
    fn pixels(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let inked = self.ink.iter().enumerate().filter(|(_, ink)| **ink > 0.0);
        inked.map(|(at, ink)| {
            (
                (at % self.width) as f64 + 0.5,
                (at / self.width) as f64 + 0.5,
                *ink,
            )
        })
    }

    fn total(&self) -> f64 {
        self.ink.iter().sum()
    }

    /// Moments of the part that `keep` accepts: amount, mean x, mean y, and the covariances of
    /// xx, xy, yy.
    fn moments(&self, keep: impl Fn(f64, f64) -> bool) -> [f64; 6] {
        let part: Vec<_> = self.pixels().filter(|(x, y, _)| keep(*x, *y)).collect();
        let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            part.iter().map(|(x, y, ink)| ink * f(*x, *y)).sum()
        };
        let amount = sum(&|_, _| 1.0);
        let (mx, my) = (sum(&|x, _| x) / amount, sum(&|_, y| y) / amount);
        let second = |f: &dyn Fn(f64, f64) -> f64| sum(&|x, y| f(x - mx, y - my)) / amount;
        [
            amount,
            mx,
            my,
            second(&|x, _| x * x),
            second(&|x, y| x * y),
            second(&|_, y| y * y),
        ]
    }

    fn at(&self, x: usize, y: usize) -> f64 {
        self.ink[y * self.width + x]
    }
}

fn attribute(item: &Item, name: &str) -> f64 {
    let found = item.attributes.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

/// Calls `check` for clean test items on all levels, two pairs each.
fn each(kind: TaskKind, check: impl Fn(&Item, f64, &Ink)) {
    let mut config = TaskConfig::new(kind, Split::Test, 21);
    config.degradation = Degradation {
        jitter_px: 1.0,
        ..Degradation::none()
    };
    let task = Task::new(config, &Fonts::embedded()).unwrap();
    for index in 0..4 * task.levels().len() as u64 {
        let item = task.item(index);
        check(&item, item.difficulty.unwrap(), &Ink::of(&item));
    }
}

/// Calls `check` for both items of clean pairs.
fn each_pair(kind: TaskKind, check: impl Fn([&Item; 2], f64, [&Ink; 2])) {
    let mut config = TaskConfig::new(kind, Split::Test, 22);
    config.degradation = Degradation {
        jitter_px: 1.0,
        ..Degradation::none()
    };
    let task = Task::new(config, &Fonts::embedded()).unwrap();
    for pair in 0..4 * task.levels().len() as u64 {
        let [mut a, mut b] = [task.item(2 * pair), task.item(2 * pair + 1)];
        if a.label > b.label {
            std::mem::swap(&mut a, &mut b);
        }
        check(
            [&a, &b],
            a.difficulty.unwrap(),
            [&Ink::of(&a), &Ink::of(&b)],
        );
    }
}

#[track_caller]
fn close(measured: f64, asked: f64, tolerance: f64) {
    assert!(
        (measured - asked).abs() <= tolerance,
        "measured {measured}, asked {asked}"
    );
}
