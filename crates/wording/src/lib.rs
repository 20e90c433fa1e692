//! Numbers as people read them: percent, counts, densities, intervals.

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

/// Decimals that a value of this size is written with: two below 1, else one.
#[must_use]
pub fn decimals_for(value: f64) -> usize {
    if value.abs() < 1.0 { 2 } else { 1 }
}

/// An interval of fractions in percent or points, ` [10.1, 14.0]`; nothing if there is none.
#[must_use]
pub fn bracket(interval: Option<Interval>, decimals: usize) -> String {
    interval.map_or_else(String::new, |Interval { low, high }| {
        let [low, high] = [low, high].map(|end| fixed(end * 100.0, decimals));
        format!(" [{low}, {high}]")
    })
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
    }
}
