//! Numbers as people read them: percent, points, densities.

use super::comparison::{Comparison, Judgement, Value};
use probe_statistics::bootstrap::Interval;

/// A fraction in percent, `12.3%`; two decimals below 1%.
pub(crate) fn percent(fraction: f64) -> String {
    let decimals = decimals_for(fraction * 100.0);
    format!("{}%", fixed(fraction * 100.0, decimals))
}

/// A value with its interval, `12.3% [11.0, 13.9]`; `failed` if there is none.
pub(crate) fn value(value: Option<Value>) -> String {
    let Some(value) = value else {
        return "failed".to_owned();
    };
    match value.interval {
        Some(Interval { low, high }) => {
            let decimals = decimals_for(value.mean * 100.0);
            let [low, high] = [low, high].map(|end| fixed(end * 100.0, decimals));
            format!("{} [{low}, {high}]", percent(value.mean))
        }
        None => percent(value.mean),
    }
}

/// A difference of error rates in points with its interval, `+12.3 [10.1, 14.0]`.
pub(crate) fn difference(comparison: &Comparison) -> String {
    let decimals = decimals_for(comparison.difference * 100.0);
    let points = fixed(comparison.difference * 100.0, decimals);
    let sign = if comparison.difference > 0.0 { "+" } else { "" };
    format!("{sign}{points}{}", bracket(comparison.interval, decimals))
}

/// A difference of error rates with its unit, `+12.3 points`.
pub(super) fn points(comparison: &Comparison) -> String {
    let decimals = decimals_for(comparison.difference * 100.0);
    let points = fixed(comparison.difference * 100.0, decimals);
    let sign = if comparison.difference > 0.0 { "+" } else { "" };
    format!("{sign}{points} points")
}

/// The interval of a difference in points, `95% [10.1, 14.0]; `, or nothing if there is none.
pub(super) fn interval(comparison: &Comparison) -> String {
    let decimals = decimals_for(comparison.difference * 100.0);
    match comparison.interval {
        Some(_) => format!("95%{}; ", bracket(comparison.interval, decimals)),
        None => String::new(),
    }
}

/// A difference of error rates in words, by sign and interval.
pub(crate) fn judged(comparison: &Comparison) -> String {
    let decimals = decimals_for(comparison.difference * 100.0);
    let points = fixed(comparison.difference.abs() * 100.0, decimals);
    match comparison.judgement() {
        Judgement::Higher => {
            let interval = bracket(comparison.interval, decimals);
            format!("worse by {points} points{interval}")
        }
        Judgement::Lower => {
            let turned = comparison.interval.map(Interval::negated);
            format!("better by {points} points{}", bracket(turned, decimals))
        }
        Judgement::Unresolved => {
            format!("no difference resolved ({})", difference(comparison))
        }
    }
}

/// `2 characters per token`.
pub(crate) fn density(density: f64) -> String {
    let noun = if density == 1.0 {
        "character"
    } else {
        "characters"
    };
    format!("{} {noun} per token", rounded(density))
}

/// A number with at most two decimals.
pub(crate) fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// A count with separators, `16,384`.
pub(crate) fn count(value: usize) -> String {
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
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

/// With the minus sign of running text, and none before a zero.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let is_zero = text.chars().all(|c| c == '0' || c == '.');
    if value < 0.0 && !is_zero {
        format!("−{text}")
    } else {
        text
    }
}

fn decimals_for(value: f64) -> usize {
    if value.abs() < 1.0 { 2 } else { 1 }
}

fn bracket(interval: Option<Interval>, decimals: usize) -> String {
    interval.map_or_else(String::new, |Interval { low, high }| {
        let [low, high] = [low, high].map(|end| fixed(end * 100.0, decimals));
        format!(" [{low}, {high}]")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(low: f64, middle: f64, high: f64) -> Comparison {
        Comparison {
            reference: "patch-merger".parse().unwrap(),
            seeds: 3,
            difference: middle,
            interval: Some(Interval { low, high }),
            p: 0.25,
            smallest_p: 0.25,
        }
    }

    #[test]
    fn differences_are_worded_by_sign_and_interval() {
        let worded = |low, middle, high| judged(&comparison(low, middle, high));
        assert_eq!(
            worded(0.101, 0.123, 0.14),
            "worse by 12.3 points [10.1, 14.0]"
        );
        assert_eq!(
            worded(-0.14, -0.123, -0.101),
            "better by 12.3 points [10.1, 14.0]"
        );
        assert_eq!(
            worded(-0.004, 0.003, 0.01),
            "no difference resolved (+0.30 [−0.40, 1.00])"
        );
        assert_eq!(
            worded(0.0, 0.0, 0.0),
            "no difference resolved (0.00 [0.00, 0.00])"
        );
    }

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
