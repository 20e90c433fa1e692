//! Numbers as the sentences of claims write them: ASCII signs, and as many digits whatever their size,
//! so that `claims.csv` can be read by programs.

use probe_statistics::bootstrap::Interval;

/// A p-value, correlation or ratio with three digits.
#[must_use]
pub fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 {
        format!("{value:.1e}")
    } else {
        format!("{value:.3}")
    }
}

/// A fraction in percentage points, with its sign.
#[must_use]
pub fn points(value: f64) -> String {
    format!("{:+.2} points", 100.0 * value)
}

/// An interval of fractions in percentage points.
#[must_use]
pub fn points_interval(interval: Option<Interval>) -> String {
    ends(interval, |end| format!("{:+.2}", 100.0 * end))
}

/// An interval of plain numbers.
#[must_use]
pub fn interval(interval: Option<Interval>) -> String {
    ends(interval, |end| format!("{end:.3}"))
}

fn ends(interval: Option<Interval>, end: impl Fn(f64) -> String) -> String {
    match interval {
        Some(ends) if ends.is_point() => "[did not vary]".to_owned(),
        Some(ends) => format!("[{}, {}]", end(ends.low), end(ends.high)),
        None => "[no interval]".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_claims_have_ascii_signs_and_fixed_digits() {
        let ends = Some(Interval {
            low: -0.0512,
            high: 1.25,
        });
        assert_eq!(number(0.0), "0.000");
        assert_eq!(number(-0.25), "-0.250");
        assert_eq!(number(0.000_123), "1.2e-4");
        assert_eq!(points(-0.0512), "-5.12 points");
        assert_eq!(points_interval(ends), "[-5.12, +125.00]");
        assert_eq!(interval(ends), "[-0.051, 1.250]");
        assert_eq!(interval(None), "[no interval]");
        let point = |end| {
            Some(Interval {
                low: end,
                high: end,
            })
        };
        assert_eq!(points_interval(point(0.0)), "[did not vary]");
        assert_eq!(interval(point(1.0)), "[did not vary]");
    }
}
