//! Amounts of disk space on the command line.

use indicatif::BinaryBytes;
use std::fmt;
use std::str::FromStr;

/// A number of bytes, written as `500MB`, `20GiB`, `1.5 TB` or plainly; units of 1000 without `i`, of
/// 1024 with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// A text that names no amount.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no amount of bytes; write for example 500MB, 20GiB or 0")]
pub struct NoByteSize(String);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BinaryBytes(self.0).fmt(f)
    }
}

impl FromStr for ByteSize {
    type Err = NoByteSize;

    fn from_str(text: &str) -> Result<Self, NoByteSize> {
        let refused = || NoByteSize(text.to_owned());
        let trimmed = text.trim();
        let digits = trimmed
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let unit = unit.strip_suffix('b').unwrap_or(&unit);
        let (base, unit) = match unit.strip_suffix('i') {
            Some(unit) if !unit.is_empty() => (1024_f64, unit),
            Some(_) => return Err(refused()),
            None => (1000.0, unit),
        };
        let power = match unit {
            "" => 0,
            "k" => 1,
            "m" => 2,
            "g" => 3,
            "t" => 4,
            _ => return Err(refused()),
        };
        let number: f64 = number.parse().map_err(|_| refused())?;
        let bytes = number * base.powi(power);
        if bytes.is_finite() && bytes < u64::MAX as f64 {
            Ok(Self(bytes as u64))
        } else {
            Err(refused())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_1000_and_of_1024_are_told_apart() {
        for (text, bytes) in [
            ("0", 0),
            ("123", 123),
            ("1b", 1),
            ("500MB", 500_000_000),
            ("2k", 2000),
            ("20GiB", 20 << 30),
            ("1.5 kib", 1536),
            ("3TiB", 3 << 40),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in [
            "",
            "GB",
            "-1",
            "1xb",
            "1 i",
            "1ib",
            "1.2.3",
            "9999999999TB",
            "NaN",
            "é",
        ] {
            let error = text.parse::<ByteSize>().unwrap_err().to_string();
            assert!(error.contains("20GiB"), "{text}");
        }
        assert_eq!(ByteSize(20 << 30).to_string(), "20.00 GiB");
    }
}
