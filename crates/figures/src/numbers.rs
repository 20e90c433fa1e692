//! The numbers that several figures take: arms, estimates with intervals, reference lines.

use crate::FigureError;
use crate::style::Family;

/// One arm of the comparison: what it is called and which family lends it its colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arm {
    /// The arm's full name as it stands in the tables, for example `vet:st-argmax (K=1024)`.
    pub label: String,
    /// The family; it fixes colour and marker in every figure.
    pub family: Family,
}

impl Arm {
    /// An arm with the given label and family.
    pub fn new(label: impl Into<String>, family: Family) -> Self {
        Self {
            label: label.into(),
            family,
        }
    }
}

/// A value with the interval that the caption names.
///
/// A value that is not finite marks a failed cell; an interval that is not finite is left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The value, in the unit of the field that holds the estimate.
    pub mean: f64,
    /// Lower end of the interval, same unit.
    pub low: f64,
    /// Upper end of the interval, same unit.
    pub high: f64,
}

impl Estimate {
    /// A value and its interval.
    pub fn new(mean: f64, low: f64, high: f64) -> Self {
        Self { mean, low, high }
    }

    /// A value without an interval; no whisker is drawn.
    pub fn exact(value: f64) -> Self {
        Self::new(value, value, value)
    }

    /// The result of a cell that did not finish.
    pub fn failed() -> Self {
        Self::exact(f64::NAN)
    }

    /// Whether there is no finite value to draw.
    pub fn is_failed(&self) -> bool {
        !self.mean.is_finite()
    }

    pub(crate) fn interval(&self) -> Option<(f64, f64)> {
        let drawable = self.low.is_finite() && self.high.is_finite() && self.low < self.high;
        drawable.then_some((self.low, self.high))
    }

    pub(crate) fn in_percent(&self) -> Self {
        Self::new(self.mean * 100.0, self.low * 100.0, self.high * 100.0)
    }

    /// Every finite number that will be drawn; an axis has to cover them.
    pub(crate) fn drawn(&self) -> Vec<f64> {
        if self.is_failed() {
            return Vec::new();
        }
        let mut values = vec![self.mean];
        values.extend(
            self.interval()
                .into_iter()
                .flat_map(|(low, high)| [low, high]),
        );
        values
    }

    /// `value, low, high` for the CSV; empty fields where nothing finite was drawn.
    pub(crate) fn fields(&self) -> [String; 3] {
        [self.mean, self.low, self.high].map(|number| {
            if number.is_finite() && !self.is_failed() {
                number.to_string()
            } else {
                String::new()
            }
        })
    }
}

/// A level to compare against, drawn as a dashed line across the panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// What the level is, for the legend; equal labels in several panels share one entry.
    pub label: String,
    /// The family whose colour the line takes.
    pub family: Family,
    /// Character error rate as a fraction; a reference that is not finite is left out.
    pub cer: f64,
}

/// The scale of a character-error-rate axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CerScale {
    /// From 0 upwards.
    #[default]
    Linear,
    /// Base 10. Values of exactly 0 are drawn at a tick labelled 0 below an axis break.
    Log,
}

pub(crate) fn require<T>(
    items: &[T],
    figure: &'static str,
    what: &'static str,
) -> Result<(), FigureError> {
    if items.is_empty() {
        return Err(FigureError::Empty { figure, what });
    }
    Ok(())
}

pub(crate) fn require_finite(
    value: f64,
    figure: &'static str,
    name: &'static str,
) -> Result<(), FigureError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(FigureError::Position {
        figure,
        name,
        value,
        expected: "finite",
    })
}

pub(crate) fn require_positive(
    value: f64,
    figure: &'static str,
    name: &'static str,
) -> Result<(), FigureError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(FigureError::Position {
        figure,
        name,
        value,
        expected: "finite and above 0",
    })
}
