//! Numbers of a row as text.

use probe_statistics::bootstrap::Interval;
use text_images::spreadsheet;

/// How columns are written. Each but the last takes a number, or a number and the ends of its
/// interval, which is left out where nothing varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `percent`: a fraction in percent, `4.1% [3.1, 5.4]`.
    Percent,
    /// `points`: a difference of fractions in points, `−0.07 points [−0.27, 0.07]`.
    Points,
    /// `number`: two decimals, `7.66`, `2.47 [2.23, 2.80]`.
    Number,
    /// `p`: a p-value, `0.047`, `6.6e-4`.
    P,
    /// `count`: a whole number, `65,536`.
    Count,
    /// `text`: the cell as it is.
    Text,
}

impl Format {
    /// All, by name.
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("percent", Self::Percent),
        ("points", Self::Points),
        ("number", Self::Number),
        ("p", Self::P),
        ("count", Self::Count),
        ("text", Self::Text),
    ];

    /// Whether it can be written of so many columns.
    pub(crate) fn takes(self, columns: usize) -> bool {
        match self {
            Self::Percent | Self::Points | Self::Number => columns == 1 || columns == 3,
            Self::P | Self::Count | Self::Text => columns == 1,
        }
    }

    /// The cells as text; `Err` is the place of a cell that should be a number and is none.
    pub(crate) fn write(self, cells: &[&str]) -> Result<String, usize> {
        let number = |place: usize| finite(cells[place]).ok_or(place);
        let interval = || match cells.len() {
            3 => number(1).and_then(|low| {
                let high = number(2)?;
                Ok(Some(Interval { low, high }))
            }),
            _ => Ok(None),
        };
        let in_percent = |unit: &str| {
            let value = number(0)? * 100.0;
            let decimals = wording::decimals_for(value);
            let ends = wording::bracket(interval()?, decimals);
            Ok(wording::fixed(value, decimals) + unit + &ends)
        };
        match self {
            Self::Percent => in_percent("%"),
            Self::Points => in_percent(" points"),
            Self::Number => Ok(wording::fixed(number(0)?, 2) + &wording::interval(interval()?, 2)),
            Self::P => number(0).map(wording::claims::number),
            Self::Count => cells[0].parse().map(wording::count).map_err(|_| 0),
            Self::Text => Ok(spreadsheet::unguard(cells[0]).to_owned()),
        }
    }
}

fn finite(cell: &str) -> Option<f64> {
    cell.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_write_as_the_runs_do() {
        for (format, cells, text) in [
            (
                Format::Percent,
                &["0.0395", "0.033", "0.043"][..],
                "4.0% [3.3, 4.3]",
            ),
            (Format::Percent, &["0.0065"], "0.65%"),
            (
                Format::Points,
                &["-0.0007", "-0.0027", "0.0007"],
                "−0.07 points [−0.27, 0.07]",
            ),
            (
                Format::Number,
                &["2.473", "2.232", "2.803"],
                "2.47 [2.23, 2.80]",
            ),
            (Format::Number, &["-0.2"], "−0.20"),
            (Format::Percent, &["0", "0", "0"], "0.00%"),
            (Format::Points, &["0", "-0", "0"], "0.00 points"),
            (Format::Number, &["1", "1", "1"], "1.00"),
            (
                Format::Number,
                &["1", "0.999", "1.001"],
                "1.00 [1.00, 1.00]",
            ),
            (Format::Count, &["65536"], "65,536"),
            (Format::Text, &["'+0.41 [0.02, 0.89]"], "+0.41 [0.02, 0.89]"),
        ] {
            assert_eq!(format.write(cells).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_cell_that_is_no_number_is_named_by_its_place() {
        assert_eq!(Format::Percent.write(&["0.1", "", "0.2"]), Err(1));
        assert_eq!(Format::Number.write(&["NaN"]), Err(0));
        assert_eq!(Format::Count.write(&["1.5"]), Err(0));
    }
}
