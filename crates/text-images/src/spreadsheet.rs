//! Texts in CSV files that no spreadsheet program takes for formulas.
//!
//! Labels and readings are arbitrary text. A cell that begins with `=`, `+`, `-`, `@`, a tab or a
//! carriage return (or the full-width form of a sign) is run as a formula when the file is opened
//! in a spreadsheet program. All CSV files of this workspace put an apostrophe before such a cell,
//! which these programs show as plain text; what reads the files takes it off again. So that this
//! loses nothing, an apostrophe is also put before a cell that begins with apostrophes and then
//! such a sign. Plain numbers (`-0.5`) are left alone.

use std::borrow::Cow;

const SIGNS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// The text as it stands in a cell.
pub fn guard(text: &str) -> Cow<'_, str> {
    if is_formula(text.trim_start_matches('\'')) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The text of a cell: takes off what [`guard`] put before it.
pub fn unguard(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(text) if is_formula(text.trim_start_matches('\'')) => text,
        _ => cell,
    }
}

fn is_formula(text: &str) -> bool {
    let is_number = || {
        let plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e');
        text.chars().all(plain) && text.parse::<f64>().is_ok()
    };
    text.starts_with(SIGNS) && !is_number()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_guarded_and_numbers_are_not() {
        for (text, cell) in [
            ("=1+2", "'=1+2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-", "'-"),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("＝1", "'＝1"),
            ("\t=1", "'\t=1"),
            ("'=1", "''=1"),
            ("-inf", "'-inf"),
            ("-0.5", "-0.5"),
            ("+1e-7", "+1e-7"),
            ("'tis", "'tis"),
            ("", ""),
            ("a=b", "a=b"),
        ] {
            assert_eq!(guard(text), cell);
            assert_eq!(unguard(cell), text);
        }
    }

    proptest! {
        #[test]
        fn no_cell_is_a_formula_and_every_text_reads_back(text in "['=+@0-9.\t-]{0,6}|.{0,9}") {
            let cell = guard(&text);
            prop_assert!(!is_formula(&cell));
            prop_assert_eq!(unguard(&cell), text.as_str());
        }
    }
}
