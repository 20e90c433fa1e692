//! Numbers in the names of arms.

use std::fmt;
use std::str::FromStr;

/// A number above 0 with at most three decimals. Arms are compared and hashed, so their numbers are
/// kept whole, and a name has one way to write each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Thousandths(u32);

impl Thousandths {
    /// 1.
    pub const ONE: Self = Self(1000);

    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        f64::from(self.0) / 1000.0
    }

    /// The nearest such number; `None` if that is 0, too large, or `value` is none.
    #[must_use]
    pub fn nearest(value: f64) -> Option<Self> {
        let thousandths = (value * 1000.0).round();
        let fits = (1.0..=f64::from(u32::MAX)).contains(&thousandths);
        fits.then_some(Self(thousandths as u32))
    }
}

impl FromStr for Thousandths {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 3 {
            return Err(());
        }
        let whole: u32 = whole.parse().map_err(|_| ())?;
        let part: u32 = format!("{part:0<3}").parse().map_err(|_| ())?;
        let thousandths = whole.checked_mul(1000).and_then(|n| n.checked_add(part));
        thousandths.filter(|&n| n > 0).map(Self).ok_or(())
    }
}

impl fmt::Display for Thousandths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_one_way() {
        for (text, written) in [("1", "1"), ("2.50", "2.5"), ("0.003", "0.003"), ("07", "7")] {
            assert_eq!(text.parse::<Thousandths>().unwrap().to_string(), written);
        }
        for text in [
            "",
            "0",
            "0.0001",
            "0.0",
            "-1",
            "1e3",
            ".5",
            "1.",
            "nan",
            "9999999999",
        ] {
            assert!(text.parse::<Thousandths>().is_err(), "{text}");
        }
    }

    #[test]
    fn values_are_rounded_to_the_nearest() {
        assert_eq!(Thousandths::nearest(0.1234), "0.123".parse().ok());
        assert_eq!(Thousandths::nearest(1.0), Some(Thousandths::ONE));
        for value in [0.0, 0.0004, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(Thousandths::nearest(value), None);
        }
    }
}
