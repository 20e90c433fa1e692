//! The quantity that makes a task easy or hard.

use serde::{Deserialize, Serialize};

/// How steps along an [`Axis`] are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Equal differences.
    Linear,
    /// Equal ratios.
    Log,
}

/// Difficulty of a task as a physical quantity of the image. It never means rank: a value of 0.5
/// px is 0.5 px on every canvas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// What is measured, in a few words.
    pub name: &'static str,
    /// Unit, such as `px` or `deg`.
    pub unit: &'static str,
    /// Value at the easy end.
    pub easy: f64,
    /// Value at the hard end, smaller than `easy`: every axis counts signal, so that larger is
    /// easier and psychometric curves rise.
    pub hard: f64,
    /// Spacing of levels and of training difficulties.
    pub scale: Scale,
}

impl Axis {
    /// Value at a fraction of the way from the easy (0) to the hard end (1).
    pub fn at(&self, fraction: f64) -> f64 {
        match self.scale {
            Scale::Linear => self.easy + (self.hard - self.easy) * fraction,
            Scale::Log => self.easy * (self.hard / self.easy).powf(fraction),
        }
    }

    /// `count` fixed values from the easy to the hard end, both included; one level is the easy
    /// end.
    pub fn levels(&self, count: usize) -> Vec<f64> {
        let steps = count.saturating_sub(1).max(1) as f64;
        (0..count)
            .map(|level| self.at(level as f64 / steps))
            .collect()
    }

    /// Whether a value lies between both ends, give or take rounding.
    pub fn contains(&self, value: f64) -> bool {
        let slack = 1e-9 * self.easy.abs();
        (self.hard - slack..=self.easy + slack).contains(&value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXIS: Axis = Axis {
        name: "gap",
        unit: "px",
        easy: 8.0,
        hard: 0.5,
        scale: Scale::Log,
    };

    #[test]
    fn levels_run_from_easy_to_hard_in_equal_ratios() {
        let levels = AXIS.levels(5);
        let expected = [8.0, 4.0, 2.0, 1.0, 0.5];
        for (level, expected) in levels.iter().zip(expected) {
            assert!((level - expected).abs() < 1e-12, "{levels:?}");
            assert!(AXIS.contains(*level));
        }
        assert_eq!(AXIS.levels(1), [8.0]);
    }

    #[test]
    fn linear_levels_have_equal_differences() {
        let axis = Axis {
            scale: Scale::Linear,
            ..AXIS
        };
        assert_eq!(axis.levels(3), [8.0, 4.25, 0.5]);
        assert!(!axis.contains(0.4) && !axis.contains(f64::NAN));
    }
}
