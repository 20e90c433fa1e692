//! Values and differences of runs in words, beside the numbers of the crate `wording`, which this
//! module passes on.

pub use wording::*;

use super::comparison::{Comparison, Judgement, Value};
use probe_statistics::bootstrap::Interval;

/// A value with its interval, `12.3% [11.0, 13.9]`; `failed` if there is none.
pub fn value(value: Option<Value>) -> String {
    value.map_or_else(
        || "failed".to_owned(),
        |Value { mean, interval, .. }| {
            let decimals = decimals_for(mean * 100.0);
            format!("{}{}", percent(mean), bracket(interval, decimals))
        },
    )
}

/// A difference of error rates in points with its interval, `+12.3 [10.1, 14.0]`.
pub fn difference(comparison: &Comparison) -> String {
    let decimals = decimals_for(comparison.difference * 100.0);
    let points = signed(comparison.difference * 100.0, decimals);
    format!("{points}{}", bracket(comparison.interval, decimals))
}

/// A difference of error rates with its unit, `+12.3 points`.
pub fn points(comparison: &Comparison) -> String {
    let decimals = decimals_for(comparison.difference * 100.0);
    format!("{} points", signed(comparison.difference * 100.0, decimals))
}

/// The interval of a share or a difference in percent or points, `95% [10.1, 14.0]; `, or nothing if there is
/// none to show.
pub fn interval_in_note(value: f64, interval: Option<Interval>) -> String {
    let bracket = bracket(interval, decimals_for(value * 100.0));
    match bracket.is_empty() {
        true => bracket,
        false => format!("95%{bracket}; "),
    }
}

/// A difference of error rates in words, by sign and interval.
pub fn judged(comparison: &Comparison) -> String {
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
        Judgement::Unresolved => unresolved(comparison),
    }
}

/// A difference of words right in words: unlike with errors, more is better.
pub fn judged_right(comparison: &Comparison) -> String {
    let decimals = decimals_for(comparison.difference * 100.0);
    let points = fixed(comparison.difference.abs() * 100.0, decimals);
    match comparison.judgement() {
        Judgement::Higher => {
            let interval = bracket(comparison.interval, decimals);
            format!("{points} points more{interval}")
        }
        Judgement::Lower => {
            let turned = comparison.interval.map(Interval::negated);
            format!("{points} points fewer{}", bracket(turned, decimals))
        }
        Judgement::Unresolved => unresolved(comparison),
    }
}

fn unresolved(comparison: &Comparison) -> String {
    let constant = comparison.interval.is_some_and(|ends| ends.is_point());
    let addition = if constant { ", did not vary" } else { "" };
    format!(
        "no difference resolved ({}{addition})",
        difference(comparison)
    )
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
            "no difference resolved (0.00, did not vary)"
        );
        assert_eq!(worded(1.0, 1.0, 1.0), "worse by 100.0 points");
    }

    #[test]
    fn notes_have_the_interval_if_there_is_one_to_show() {
        let ends = |low, high| Some(Interval { low, high });
        assert_eq!(interval_in_note(0.2, ends(0.1, 0.3)), "95% [10.0, 30.0]; ");
        assert_eq!(interval_in_note(1.0, ends(1.0, 1.0)), "");
        assert_eq!(interval_in_note(1.0, None), "");
    }

    #[test]
    fn more_words_right_are_better() {
        let worded = |low, middle, high| judged_right(&comparison(low, middle, high));
        assert_eq!(worded(0.101, 0.123, 0.14), "12.3 points more [10.1, 14.0]");
        assert_eq!(
            worded(-0.14, -0.123, -0.101),
            "12.3 points fewer [10.1, 14.0]"
        );
        assert_eq!(
            worded(-0.004, 0.003, 0.01),
            "no difference resolved (+0.30 [−0.40, 1.00])"
        );
    }
}
