//! Numbers as people read them: percent, counts, densities, intervals.
//!
//! Whatever writes a number into a sentence or a table takes it from here, so that one quantity looks
//! the same everywhere. Values and differences of a run are put into words by `run_results::wording`,
//! numbers of claims by [`claims`].

pub mod claims;

use probe_statistics::bootstrap::Interval;

/// A fraction in percent, `12.3%`; two decimals below 1%.
#[must_use]
pub fn percent(fraction: f64) -> String {
    let decimals = decimals_for(fraction * 100.0);
    format!("{}%", fixed(fraction * 100.0, decimals))
}

/// `2 characters per token`.
#[must_use]
pub fn density(density: f64) -> String {
    let noun = if density == 1.0 {
        "character"
    } else {
        "characters"
    };
    format!("{} {noun} per token", rounded(density))
}

/// A number with at most two decimals.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A count with separators, `16,384`.
#[must_use]
pub fn count(value: usize) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 seed`, `3 seeds`.
#[must_use]
pub fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// With a capital letter.
#[must_use]
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// With the minus sign of running text, and none before a zero.
#[must_use]
pub fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let is_zero = text.chars().all(|c| c == '0' || c == '.');
    if value < 0.0 && !is_zero {
        format!("−{text}")
    } else {
        text
    }
}

/// With a plus or the minus sign of running text, `+12.3`.
#[must_use]
pub fn signed(value: f64, decimals: usize) -> String {
    let sign = if value > 0.0 { "+" } else { "" };
    format!("{sign}{}", fixed(value, decimals))
}

/// Three significant digits, with no more than so many decimals: `0.0123`, `1.23`, `1234`.
#[must_use]
pub fn significant(value: f64, most_decimals: usize) -> String {
    let magnitude = value.abs().max(1e-6).log10().floor();
    fixed(
        value,
        (2.0 - magnitude).clamp(0.0, most_decimals as f64) as usize,
    )
}

/// Entropy or information in bits, `7.25`.
#[must_use]
pub fn bits(value: f64) -> String {
    fixed(value, 2)
}

/// Decimals that a value of this size is written with: two below 1, else one.
#[must_use]
pub fn decimals_for(value: f64) -> usize {
    if value.abs() < 1.0 { 2 } else { 1 }
}

/// An interval of plain numbers behind its value, ` [1.61, 2.30]`. As all intervals, it is nothing if there is
/// none and if nothing varied: a value without spread stands alone, instead of looking certain.
#[must_use]
pub fn interval(interval: Option<Interval>, decimals: usize) -> String {
    behind(interval, |end| fixed(end, decimals))
}

/// An interval of numbers with three significant digits each, ` [0.0912, 1.10]`.
#[must_use]
pub fn significant_interval(interval: Option<Interval>, most_decimals: usize) -> String {
    behind(interval, |end| significant(end, most_decimals))
}

/// An interval of fractions in percent or points, ` [10.1, 14.0]`.
#[must_use]
pub fn bracket(interval: Option<Interval>, decimals: usize) -> String {
    behind(interval, |end| fixed(end * 100.0, decimals))
}

fn behind(interval: Option<Interval>, end: impl Fn(f64) -> String) -> String {
    match interval.filter(|ends| !ends.is_point()) {
        Some(ends) => format!(" [{}, {}]", end(ends.low), end(ends.high)),
        None => String::new(),
    }
}

/// `a`, `b` and `c`.
#[must_use]
pub fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(percent(0.1234), "12.3%");
        assert_eq!(percent(0.0), "0.00%");
        assert_eq!(count(65_536), "65,536");
        assert_eq!(count(4), "4");
        assert_eq!(density(1.0), "1 character per token");
        assert_eq!(density(1.874_9), "1.87 characters per token");
        assert_eq!(fixed(-0.001, 1), "0.0");
        assert_eq!(counted(1, "seed"), "1 seed");
        assert_eq!(signed(0.25, 1), "+0.2");
        assert_eq!(signed(-0.25, 2), "−0.25");
        assert_eq!(signed(0.0, 1), "0.0");
        assert_eq!(bits(-0.001), "0.00");
    }

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(significant(0.012_345, 6), "0.0123");
        assert_eq!(significant(0.000_123_4, 4), "0.0001");
        assert_eq!(significant(-1.234_5, 4), "−1.23");
        assert_eq!(significant(123.4, 4), "123");
        assert_eq!(significant(1234.4, 6), "1234");
    }

    #[test]
    fn intervals_keep_the_digits_of_their_ends() {
        let ends = Interval {
            low: -0.0512,
            high: 1.25,
        };
        assert_eq!(interval(Some(ends), 1), " [−0.1, 1.2]");
        assert_eq!(significant_interval(Some(ends), 6), " [−0.0512, 1.25]");
        assert_eq!(bracket(Some(ends), 1), " [−5.1, 125.0]");
        assert_eq!(bracket(None, 1), "");
    }

    #[test]
    fn what_did_not_vary_has_no_interval_and_what_only_rounds_to_one_number_has() {
        let of = |low, high| Some(Interval { low, high });
        for ends in [of(0.0, 0.0), of(-0.0, 0.0), of(1.0, 1.0)] {
            assert_eq!(interval(ends, 2), "");
            assert_eq!(significant_interval(ends, 2), "");
            assert_eq!(bracket(ends, 2), "");
        }
        assert_eq!(bracket(of(0.999_99, 1.0), 1), " [100.0, 100.0]");
        assert_eq!(interval(of(0.0, 1e-9), 2), " [0.00, 0.00]");
    }

    #[test]
    fn lists_end_with_and() {
        let items = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(listed(&items), "a, b and c");
        assert_eq!(listed(&items[..1]), "a");
        assert_eq!(listed(&[]), "");
    }
}
