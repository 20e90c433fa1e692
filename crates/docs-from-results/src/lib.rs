//! Numbers and tables in Markdown files, taken from the tables of published runs.
//!
//! A number stands between two comments, which no reader of the page sees. The first says from which
//! row of which table it comes and how it is written:
//!
//! ```text
//! The softmax VET reads <!-- = ocr arm=vet-softmax@1028 density=2 : percent mean -->4.1%<!-- /= --> wrong.
//! ```
//!
//! | comment | what it does |
//! |---|---|
//! | `source NAME = FILE [COLUMN=VALUE]...` | gives rows of a table a short name in this file |
//! | `= SOURCE [COLUMN=VALUE]... : FORMAT COLUMN [LOW HIGH]`, closed by `/=` | a number of the one row that has these values |
//! | `table SOURCE [COLUMN=VALUE]...`, then lines `rows COLUMN[=LABEL] VALUE[=LABEL]...`, `columns` likewise and `cells FORMAT COLUMN [LOW HIGH]`, closed by `/table` | one number per row and column |
//! | the same with one line `list HEADER=COLUMN...` | columns of all rows; rows that are the same are written once |
//!
//! A value `first-below:X` takes of the rows that have the other values the first whose number is below X: after how
//! many steps was an error reached?
//!
//! A `FILE` is a CSV file below the folder of published results; a `*` in the name of a folder on the way stands for
//! all that fit, whose tables are read as one. A `SOURCE` is such a file or a short
//! name. Words that hold spaces stand in double quotes. Formats: `percent` and `points` of fractions,
//! `number` with two decimals (these three with the ends of an interval or without), `count`, and `text`
//! as it stands. Comments in code are left alone.
//!
//! A comment that cannot be understood, a missing column, and a row that is missing or not unique are
//! errors that name the line.
//!
//! Files: `comment` finds comments, `query` parses them, `source` reads tables, `format` writes numbers,
//! `fill` puts it together; `links` finds links that lead nowhere.

mod comment;
mod fill;
mod format;
mod links;
mod query;
mod source;

pub use fill::{Change, Error, Filled, fill};
pub use links::{BrokenLink, broken_links};
pub use source::Published;
