//! Axes: from a value to a distance along a side of a plot, and the ticks on the way.

use crate::font::{self, Weight};
use crate::style::SMALL_EM;

/// Space in pixels that a logarithmic axis keeps below its break for values of exactly 0.
const ZERO_SLOT: f64 = 72.0;
/// Where in that space the value 0 lies.
const ZERO_AT: f64 = 20.0;
/// More ticks than this are clutter even where they fit.
const MOST_TICKS: usize = 14;

/// Direction of an axis; it decides how much room tick labels need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Horizontal,
    Vertical,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warp {
    Linear,
    Log,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub value: f64,
    pub label: String,
}

/// A side of a plot, `length` pixels long.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    warp: Warp,
    low: f64,
    high: f64,
    length: f64,
    direction: Direction,
    has_zero_slot: bool,
    pub ticks: Vec<Tick>,
}

impl Axis {
    /// From 0 to the largest value, rounded up to a tick.
    pub(crate) fn linear(values: &[f64], length: f64, direction: Direction) -> Self {
        let largest = largest(values).filter(|&high| high > 0.0).unwrap_or(1.0);
        let step = round_step(largest / 6.0);
        Self::with_linear_ticks(
            (largest / step - 1e-9).ceil() * step,
            step,
            length,
            direction,
        )
    }

    /// From 0 to just beyond the largest value, for steps of training.
    pub(crate) fn steps(values: &[f64], length: f64, direction: Direction) -> Self {
        let largest = largest(values).filter(|&high| high > 0.0).unwrap_or(1.0);
        let step = round_step(largest / 8.0).max(1.0);
        Self::with_linear_ticks(largest * 1.01, step, length, direction)
    }

    fn with_linear_ticks(high: f64, step: f64, length: f64, direction: Direction) -> Self {
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let count = (high / step + 1e-9).floor() as u32;
        let ticks = (0..=count)
            .map(|index| {
                let value = f64::from(index) * step;
                let label = format!("{value:.decimals$}");
                Tick { value, label }
            })
            .collect();
        Self {
            warp: Warp::Linear,
            low: 0.0,
            high,
            length,
            direction,
            has_zero_slot: false,
            ticks,
        }
        .thinned()
    }

    /// Base 10 over the positive values, with a place for 0 below a break if there is a 0.
    pub(crate) fn log10(values: &[f64], length: f64, direction: Direction) -> Self {
        let (low, high) = positive_range(values).unwrap_or((0.1, 100.0));
        let low = *decimal_grid(low / 10.0, low, &[1.0, 2.0, 5.0])
            .last()
            .unwrap_or(&low);
        let mut high = *decimal_grid(high, high * 10.0, &[1.0, 2.0, 5.0])
            .first()
            .unwrap_or(&high);
        if high < low * 1.5 {
            high = low * 2.0;
        }
        // The finest set of ticks whose labels all fit; the coarsest is thinned if it has to be.
        let sets: [&[f64]; 3] = [
            &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0],
            &[1.0, 2.0, 5.0],
            &[1.0],
        ];
        let axes = sets.map(|mantissas| {
            let ticks = decimal_grid(low, high, mantissas);
            Self::with_log_ticks(low, high, &ticks, values, length, direction)
        });
        let [fine, middle, coarse] = axes;
        let fits = |axis: &Self| axis.ticks.len() <= MOST_TICKS && axis.fits(1);
        if fits(&fine) {
            fine
        } else if fits(&middle) || coarse.ticks.len() < 2 {
            middle.thinned()
        } else {
            coarse.thinned()
        }
    }

    /// Base 2 over the positive values with `room` pixels free at both ends; ticks at the values where
    /// these are a few whole numbers, else at powers of two, or at the smallest and largest value where
    /// there are no two powers between them.
    pub(crate) fn log2(values: &[f64], room: f64, length: f64, direction: Direction) -> Self {
        let (low, high) = positive_range(values).unwrap_or((1.0, 2.0));
        let mut ticks: Vec<f64> = ((low.log2() - 1e-9).ceil() as i32
            ..=(high.log2() + 1e-9).floor() as i32)
            .map(|power| 2f64.powi(power))
            .collect();
        if let Some(values) = few_whole_numbers(values) {
            ticks = values;
        } else if ticks.len() < 2 {
            ticks.extend([low, high]);
            ticks.sort_by(f64::total_cmp);
            ticks.dedup();
        }
        let octaves = (high / low).log2();
        let margin = if octaves > 0.0 {
            octaves * room / (length - 2.0 * room).max(1.0)
        } else {
            1.0
        };
        let (low, high) = (low * (-margin).exp2(), high * margin.exp2());
        Self::with_log_ticks(low, high, &ticks, values, length, direction).thinned()
    }

    fn with_log_ticks(
        low: f64,
        high: f64,
        ticks: &[f64],
        values: &[f64],
        length: f64,
        direction: Direction,
    ) -> Self {
        let has_zero_slot = values.iter().any(|&value| value <= 0.0);
        let zero = has_zero_slot.then(|| Tick {
            value: 0.0,
            label: "0".to_owned(),
        });
        let positive = ticks.iter().map(|&value| Tick {
            value,
            label: shortest(value),
        });
        Self {
            warp: Warp::Log,
            low,
            high,
            length,
            direction,
            has_zero_slot,
            ticks: zero.into_iter().chain(positive).collect(),
        }
    }

    /// Distance of a value from the low end in pixels; none for values off the axis.
    pub(crate) fn place(&self, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        let slot = self.slot();
        let share = match self.warp {
            Warp::Linear => (value - self.low) / (self.high - self.low),
            Warp::Log if value <= 0.0 => return self.has_zero_slot.then_some(ZERO_AT),
            Warp::Log => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        let on_axis = (-1e-6..=1.0 + 1e-6).contains(&share);
        on_axis.then(|| slot + share.clamp(0.0, 1.0) * (self.length - slot))
    }

    /// Where the axis is broken between 0 and the logarithmic part, in pixels.
    pub(crate) fn broken_at(&self) -> Option<f64> {
        self.has_zero_slot.then_some((ZERO_AT + ZERO_SLOT) / 2.0)
    }

    pub(crate) fn length(&self) -> f64 {
        self.length
    }

    /// Width of the widest tick label in pixels.
    pub(crate) fn label_width(&self) -> f64 {
        let widths = self.ticks.iter().map(|tick| tick_width(&tick.label));
        widths.fold(0.0, f64::max)
    }

    fn slot(&self) -> f64 {
        if self.has_zero_slot { ZERO_SLOT } else { 0.0 }
    }

    /// Keeps every n-th tick, with the smallest n at which no two labels touch; 0 always stays.
    fn thinned(mut self) -> Self {
        let stride = (1..self.ticks.len().max(2))
            .find(|&stride| self.fits(stride))
            .unwrap_or(1);
        let kept = self.every(stride);
        self.ticks = kept
            .into_iter()
            .map(|index| self.ticks[index].clone())
            .collect();
        self
    }

    fn every(&self, stride: usize) -> Vec<usize> {
        let first = usize::from(self.has_zero_slot);
        (0..first)
            .chain((first..self.ticks.len()).step_by(stride))
            .collect()
    }

    /// Whether no two labels touch when every `stride`-th tick is kept.
    fn fits(&self, stride: usize) -> bool {
        let place = |index: usize| self.place(self.ticks[index].value).unwrap_or(0.0);
        let room = |index: usize| match self.direction {
            Direction::Horizontal => tick_width(&self.ticks[index].label) / 2.0 + 8.0,
            Direction::Vertical => SMALL_EM * 0.65,
        };
        self.every(stride)
            .windows(2)
            .all(|pair| place(pair[1]) - place(pair[0]) >= room(pair[0]) + room(pair[1]))
    }
}

fn tick_width(label: &str) -> f64 {
    font::width(label, SMALL_EM, Weight::Regular)
}

fn largest(values: &[f64]) -> Option<f64> {
    values
        .iter()
        .copied()
        .filter(|value| value.is_finite())
        .reduce(f64::max)
}

/// The positive values, rising, if they are two to five whole numbers, neither close to nor far from each other.
fn few_whole_numbers(values: &[f64]) -> Option<Vec<f64>> {
    let mut values: Vec<f64> = values
        .iter()
        .copied()
        .filter(|value| *value > 0.0)
        .collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let apart = values
        .windows(2)
        .all(|pair| (1.5..=8.0).contains(&(pair[1] / pair[0])));
    let whole = values.iter().all(|value| value.fract() == 0.0);
    ((2..=5).contains(&values.len()) && apart && whole).then_some(values)
}

fn positive_range(values: &[f64]) -> Option<(f64, f64)> {
    values
        .iter()
        .filter(|value| value.is_finite() && **value > 0.0)
        .fold(None, |range, &value| match range {
            None => Some((value, value)),
            Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
        })
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let decade = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|mantissa| mantissa * decade)
        .find(|&step| step >= least * (1.0 - 1e-9))
        .unwrap_or(decade * 10.0)
}

/// Every mantissa times a power of ten from `low` to `high`, both included, in rising order.
fn decimal_grid(low: f64, high: f64, mantissas: &[f64]) -> Vec<f64> {
    let decades = (low.log10().floor() as i32 - 1)..=(high.log10().ceil() as i32);
    decades
        .flat_map(|decade| {
            // Parsing gives the number nearest to the decimal; a product of powers would not.
            mantissas
                .iter()
                .filter_map(move |mantissa| format!("{mantissa}e{decade}").parse::<f64>().ok())
        })
        .filter(|value| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(value))
        .collect()
}

/// The number to three significant digits (all digits of an integer) without trailing zeros, in
/// plain notation while that is short.
fn shortest(value: f64) -> String {
    let rounded = if value.fract() == 0.0 {
        value
    } else {
        format!("{value:.2e}").parse().unwrap_or(value)
    };
    if (1e-5..1e7).contains(&rounded) {
        format!("{rounded}")
    } else {
        format!("{rounded:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn zero_gets_its_own_place_on_a_logarithmic_axis() {
        let axis = Axis::log10(&[0.0, 0.3, 40.0], 600.0, Direction::Horizontal);
        assert_eq!(
            labels(&axis),
            ["0", "0.2", "0.5", "1", "2", "5", "10", "20", "50"]
        );
        assert_eq!(axis.place(0.0), Some(ZERO_AT));
        assert_eq!(axis.place(0.2), Some(ZERO_SLOT));
        assert_eq!(axis.place(50.0), Some(600.0));
        assert!(axis.broken_at().is_some());
    }

    #[test]
    fn zero_is_off_a_logarithmic_axis_that_no_datum_asked_for_it() {
        let axis = Axis::log10(&[0.3, 40.0], 600.0, Direction::Horizontal);
        assert_eq!(axis.place(0.0), None);
        assert_eq!(axis.place(f64::NAN), None);
    }

    #[test]
    fn a_linear_axis_starts_at_zero_and_ends_on_a_tick() {
        let axis = Axis::linear(&[3.0, 87.0, f64::INFINITY], 600.0, Direction::Vertical);
        assert_eq!(labels(&axis), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(axis.place(50.0), Some(300.0));
    }

    #[test]
    fn powers_of_two_are_thinned_until_their_labels_fit() {
        let axis = Axis::log2(&[1.0, 65536.0], 10.0, 300.0, Direction::Horizontal);
        assert!(axis.ticks.len() >= 3, "{:?}", labels(&axis));
        for pair in axis.ticks.windows(2) {
            let gap = axis.place(pair[1].value).unwrap() - axis.place(pair[0].value).unwrap();
            let needed = (tick_width(&pair[0].label) + tick_width(&pair[1].label)) / 2.0;
            assert!(gap > needed, "{pair:?}");
        }
    }

    #[test]
    fn densities_between_two_powers_of_two_are_labelled_themselves() {
        let axis = Axis::log2(&[1.5, 1.0 / 0.6], 10.0, 500.0, Direction::Horizontal);
        assert_eq!(labels(&axis), ["1.5", "1.67"]);
    }

    #[test]
    fn a_few_whole_numbers_are_labelled_themselves() {
        for (values, expected) in [
            (
                &[4000.0, 250.0, 1000.0, 250.0][..],
                &["250", "1000", "4000"][..],
            ),
            (&[7.8, 9.2, 14.1, 28.0], &["8", "16"]),
            (&[6.0, 7.0, 10.0, 12.0], &["6", "8", "12"]),
        ] {
            let axis = Axis::log2(values, 10.0, 500.0, Direction::Horizontal);
            assert_eq!(labels(&axis), expected);
        }
    }

    #[test]
    fn one_value_or_none_still_make_an_axis() {
        for values in [&[][..], &[7.0], &[0.0], &[f64::NAN]] {
            for axis in [
                Axis::linear(values, 500.0, Direction::Horizontal),
                Axis::steps(values, 500.0, Direction::Horizontal),
                Axis::log10(values, 500.0, Direction::Horizontal),
                Axis::log2(values, 10.0, 500.0, Direction::Horizontal),
            ] {
                assert!(!axis.ticks.is_empty(), "{values:?}");
                for value in values.iter().filter(|value| value.is_finite()) {
                    assert!(axis.place(*value).is_some(), "{value} on {axis:?}");
                }
            }
        }
    }
}
