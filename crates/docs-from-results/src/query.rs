//! What a comment asks for; the grammar is described at the crate.

use crate::format::Format;
use std::collections::BTreeMap;

/// What a comment says.
#[derive(Clone, Debug)]
pub(crate) enum Query {
    Number(Rows, Show),
    NumberEnd,
    Table(Rows, Cells),
    TableEnd,
    Source(String, Rows),
}

/// Rows of a table: those that have all the values.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// Path of the table below the folder of results.
    pub(crate) table: String,
    /// Columns with their values.
    pub(crate) values: Vec<(String, String)>,
}

/// Columns of a row and how they are written.
#[derive(Clone, Debug)]
pub(crate) struct Show {
    pub(crate) format: Format,
    pub(crate) columns: Vec<String>,
}

/// What is in the cells of a table.
#[derive(Clone, Debug)]
pub(crate) enum Cells {
    /// Columns of every row, behind their headers.
    List(Vec<(String, Show)>),
    /// A number for every value of one column along every value of another.
    Grid {
        down: Axis,
        across: Axis,
        show: Show,
    },
}

/// A column, its header, and some of its values with their labels.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(crate) column: String,
    pub(crate) header: String,
    pub(crate) values: Vec<(String, String)>,
}

/// Short names of tables in one file.
pub(crate) type Sources = BTreeMap<String, Rows>;

/// `name` alone, or `name=value`.
type Word = (String, Option<String>);

impl Query {
    /// What a comment says, `None` if it is not for us.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub(crate) fn parse(comment: &str, sources: &Sources) -> Option<Result<Self, String>> {
        let (verb, rest) = comment
            .split_once(char::is_whitespace)
            .unwrap_or((comment, ""));
        match verb {
            "=" => Some(number(rest, sources)),
            "/=" => Some(Ok(Self::NumberEnd)),
            "table" => Some(table(rest, sources)),
            "/table" => Some(Ok(Self::TableEnd)),
            "source" => Some(source(rest, sources)),
            // `=ocr`, without the space.
            _ if verb.starts_with(['=']) => Some(Err("write a space behind `=`".to_owned())),
            _ => None,
        }
    }
}

fn number(text: &str, sources: &Sources) -> Result<Query, String> {
    let (rows, columns) = text
        .split_once(" : ")
        .ok_or("no ` : `; write `= SOURCE COLUMN=VALUE : FORMAT COLUMN`")?;
    Ok(Query::Number(
        rows_of(&words(rows)?, sources)?,
        show(&words(columns)?)?,
    ))
}

fn source(text: &str, sources: &Sources) -> Result<Query, String> {
    let (name, rows) = text
        .split_once(" = ")
        .ok_or("write `source NAME = SOURCE`")?;
    let name = name.trim();
    if name.is_empty() || name.contains(|c: char| c.is_whitespace() || "/.=\"".contains(c)) {
        return Err(format!(
            "`{name}` cannot be a short name; use letters, digits and `-`"
        ));
    }
    if sources.contains_key(name) {
        return Err(format!("`{name}` is named already; choose another name"));
    }
    Ok(Query::Source(
        name.to_owned(),
        rows_of(&words(rows)?, sources)?,
    ))
}

fn table(text: &str, sources: &Sources) -> Result<Query, String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let rows = rows_of(&words(lines.next().unwrap_or(""))?, sources)?;
    let (mut list, mut down, mut across, mut show_) = (None, None, None, None);
    for line in lines {
        let mut parts = words(line)?;
        let verb = parts.remove(0).0;
        let taken = match verb.as_str() {
            "list" => list.replace(listed(&parts)?).is_some(),
            "rows" => down.replace(axis(&parts)?).is_some(),
            "columns" => across.replace(axis(&parts)?).is_some(),
            "cells" => show_.replace(show(&parts)?).is_some(),
            _ => return Err(format!("`{verb}` is not one of list, rows, columns, cells")),
        };
        if taken {
            return Err(format!("`{verb}` stands there twice; leave one out"));
        }
    }
    let cells = match (list, down, across, show_) {
        (Some(columns), None, None, None) => Cells::List(columns),
        (None, Some(down), Some(across), Some(show)) => Cells::Grid { down, across, show },
        _ => return Err("give either `list`, or `rows`, `columns` and `cells`".to_owned()),
    };
    Ok(Query::Table(rows, cells))
}

fn rows_of(words: &[Word], sources: &Sources) -> Result<Rows, String> {
    let [(table, None), values @ ..] = words else {
        return Err("name a table first, such as `study-quick/ocr/summary.csv`".to_owned());
    };
    let mut rows = match sources.get(table) {
        Some(known) => known.clone(),
        None if table.ends_with(".csv") => Rows {
            table: table.clone(),
            values: Vec::new(),
        },
        None => {
            return Err(format!(
                "`{table}` is neither a CSV file nor named above; write `source {table} = FILE.csv`"
            ));
        }
    };
    for (column, value) in values {
        let value = value
            .clone()
            .ok_or_else(|| format!("`{column}` has no value; write `{column}=VALUE`"))?;
        rows.values.push((column.clone(), value));
    }
    Ok(rows)
}

fn show(words: &[Word]) -> Result<Show, String> {
    let known = Format::NAMES.map(|(name, _)| name).join(", ");
    let mut names = Vec::new();
    for (name, value) in words {
        if value.is_some() {
            return Err(format!(
                "`{name}=` is no column; values stand before the colon"
            ));
        }
        names.push(name.clone());
    }
    if names.is_empty() {
        return Err(format!("no format; use one of {known}"));
    }
    let name = names.remove(0);
    let format = Format::NAMES.into_iter().find(|(known, _)| *known == name);
    let (_, format) = format.ok_or_else(|| format!("`{name}` is no format; use one of {known}"))?;
    if !format.takes(names.len()) {
        return Err(format!(
            "`{name}` cannot be written of {} columns; name one, or for percent, points and number also the ends of its interval",
            names.len()
        ));
    }
    Ok(Show {
        format,
        columns: names,
    })
}

/// `HEADER=COLUMN`, or `COLUMN` for both; `:FORMAT` behind a column that is no text.
fn listed(words: &[Word]) -> Result<Vec<(String, Show)>, String> {
    if words.is_empty() {
        return Err("`list` needs columns".to_owned());
    }
    let both = |(header, column): &Word| {
        let column = column.as_ref().unwrap_or(header);
        // Names of columns may have a colon of their own.
        let is_format = |name: &str| Format::NAMES.iter().any(|(known, _)| *known == name);
        let formatted = column.rsplit_once(':').filter(|(_, name)| is_format(name));
        let (column, format) = formatted.unwrap_or((column, "text"));
        let show = show(&[(format.to_owned(), None), (column.to_owned(), None)])?;
        Ok((header.clone(), show))
    };
    words.iter().map(both).collect()
}

/// `COLUMN[=HEADER] VALUE[=LABEL]...`
fn axis(words: &[Word]) -> Result<Axis, String> {
    let both = |(value, label): &Word| (value.clone(), label.as_ref().unwrap_or(value).clone());
    let [column, values @ ..] = words else {
        return Err("name a column first, then its values".to_owned());
    };
    let (column, header) = both(column);
    if values.is_empty() {
        return Err(format!("no values of `{column}`"));
    }
    Ok(Axis {
        column,
        header,
        values: values.iter().map(both).collect(),
    })
}

/// Words by white space; within double quotes it belongs to the word, and so does `=`.
fn words(text: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quoted = false;
    for c in text.chars() {
        if c == '"' {
            quoted = !quoted;
            word.get_or_insert_default();
        } else if c.is_whitespace() && !quoted {
            words.extend(word.take());
        } else {
            let (name, value) = word.get_or_insert_default();
            match value {
                None if c == '=' && !quoted => *value = Some(String::new()),
                None => name.push(c),
                Some(value) => value.push(c),
            }
        }
    }
    words.extend(word);
    if quoted {
        return Err("a double quote is not closed".to_owned());
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(comment: &str) -> String {
        let parsed = Query::parse(comment, &Sources::new());
        parsed.expect("for us").expect_err("refused")
    }

    #[test]
    fn words_may_be_quoted() {
        let parsed = words(r#"a b=c "d e"=f g="h = i" j=k=l"#).expect("words");
        let expected = [
            ("a", None),
            ("b", Some("c")),
            ("d e", Some("f")),
            ("g", Some("h = i")),
            ("j", Some("k=l")),
        ];
        let expected: Vec<Word> = expected
            .map(|(name, value)| (name.to_owned(), value.map(str::to_owned)))
            .into();
        assert_eq!(parsed, expected);
    }

    #[test]
    fn other_comments_are_not_for_us() {
        for comment in [
            "",
            "speed",
            "/speed",
            "tables are fine",
            "markdownlint-disable",
        ] {
            assert!(
                Query::parse(comment, &Sources::new()).is_none(),
                "{comment}"
            );
        }
    }

    #[test]
    fn mistakes_are_told_with_a_remedy() {
        for (comment, told) in [
            ("= a.csv", "no ` : `"),
            ("=a.csv : text x", "space behind `=`"),
            ("= b : text x", "neither a CSV file nor named above"),
            ("= arm=x : text x", "name a table first"),
            ("= a.csv arm : text x", "write `arm=VALUE`"),
            ("= a.csv : percents x", "use one of percent, points"),
            ("= a.csv : percent x y", "ends of its interval"),
            ("= a.csv : text", "`text` cannot be written of 0 columns"),
            ("= a.csv : text x=y", "values stand before the colon"),
            ("= a.csv b=\"c : text x", "not closed"),
            ("source a", "source NAME = SOURCE"),
            ("source a.csv = b.csv", "cannot be a short name"),
            ("table a.csv", "give either `list`"),
            ("table a.csv\nlist x\nrows arm y", "give either `list`"),
            ("table a.csv\nlist x\nlist y", "twice"),
            ("table a.csv\ncolumn x", "is not one of list"),
            ("table a.csv\nrows arm", "no values of `arm`"),
        ] {
            let found = refused(comment);
            assert!(found.contains(told), "{comment}: {found}");
        }
    }
}
