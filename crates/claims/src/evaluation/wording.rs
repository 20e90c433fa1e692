//! Numbers in sentences.

use probe_statistics::bootstrap::Interval;

/// A p-value, correlation or ratio with three digits.
pub(crate) fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 {
        format!("{value:.1e}")
    } else {
        format!("{value:.3}")
    }
}

/// A fraction in percentage points, with its sign.
pub(crate) fn points(value: f64) -> String {
    format!("{:+.2} points", 100.0 * value)
}

/// An interval of fractions in percentage points.
pub(crate) fn points_interval(interval: Option<Interval>) -> String {
    interval.map_or("[no interval]".to_owned(), |i| {
        format!("[{:+.2}, {:+.2}]", 100.0 * i.low, 100.0 * i.high)
    })
}

/// An interval of plain numbers.
pub(crate) fn interval(interval: Option<Interval>) -> String {
    interval.map_or("[no interval]".to_owned(), |i| {
        format!("[{:.3}, {:.3}]", i.low, i.high)
    })
}
