//! A Markdown file with the numbers that its comments ask for.

use crate::comment::{Comment, comments};
use crate::query::{Cells, Query, Rows, Sources};
use crate::source::Published;

/// A comment that cannot be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It is not written or placed as it should be.
    #[error("line {line}: `{comment}`: {what}")]
    Comment {
        /// From 1.
        line: usize,
        /// As it stands.
        comment: String,
        /// What is wrong and what to write instead.
        what: String,
    },
    /// The table that it asks for, or the row, is not there.
    #[error("line {line}: {what}")]
    Table {
        /// From 1.
        line: usize,
        /// What is missing, and where.
        what: String,
    },
}

/// A text with its numbers, and what was different before.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The text.
    pub text: String,
    /// What has changed, in the order of the text.
    pub changes: Vec<Change>,
}

/// A number or a table that was not what the results say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Line of its comment, from 1.
    pub line: usize,
    /// What stood there.
    pub old: String,
    /// What the results say.
    pub new: String,
}

/// The text of a Markdown file with the numbers and tables that its comments ask for. Everything else
/// stays, to the byte, and filling once more changes nothing.
///
/// # Errors
/// If a comment cannot be understood, has no partner, or asks for what is not in the results.
pub fn fill(text: &str, published: &Published) -> Result<Filled, Error> {
    let mut filled = Filled {
        text: String::new(),
        changes: Vec::new(),
    };
    let mut done = 0;
    let mut asked = asked(text)?.into_iter();
    while let Some((comment, query)) = asked.next() {
        let (new, partner, told) = match &query {
            Query::Source(..) => continue,
            Query::Number(rows, show) => {
                let new = published.table(&rows.table);
                let new = new.and_then(|table| table.one(rows, show));
                (new, "/=", "write `/=` behind the number")
            }
            Query::Table(rows, cells) => {
                let told = "write `/table` on a line behind the table";
                (table(rows, cells, published), "/table", told)
            }
            Query::NumberEnd => return Err(refused(&comment, "no `= ...` stands before it")),
            Query::TableEnd => return Err(refused(&comment, "no `table ...` stands before it")),
        };
        let line = comment.line;
        let new = new.map_err(|what| Error::Table { line, what })?;
        let end = match asked.next() {
            Some((end, _)) if end.text == partner => end.range.start,
            Some(_) | None => return Err(refused(&comment, told)),
        };
        let start = comment.range.end;
        let old = &text[start..end];
        if old != new {
            let (old, new) = (old.trim().to_owned(), new.trim().to_owned());
            filled.changes.push(Change { line, old, new });
        }
        filled.text += &text[done..start];
        filled.text += &new;
        done = end;
    }
    filled.text += &text[done..];
    Ok(filled)
}

fn refused(comment: &Comment, what: impl Into<String>) -> Error {
    Error::Comment {
        line: comment.line,
        comment: comment.text.clone(),
        what: what.into(),
    }
}

/// The comments that are for us, and what they say.
fn asked(text: &str) -> Result<Vec<(Comment, Query)>, Error> {
    let mut sources = Sources::new();
    let mut asked = Vec::new();
    for comment in comments(text) {
        let Some(query) = Query::parse(&comment.text, &sources) else {
            continue;
        };
        let query = query.map_err(|what| refused(&comment, what))?;
        let in_sentence = matches!(query, Query::Number(..) | Query::NumberEnd);
        if in_sentence && !comment.inline {
            let what = "Markdown takes a line that begins with it for HTML; put a word before it";
            return Err(refused(&comment, what));
        }
        if !in_sentence && comment.inline {
            return Err(refused(&comment, "this belongs on a line of its own"));
        }
        if let Query::Source(name, rows) = &query {
            sources.insert(name.clone(), rows.clone());
        }
        asked.push((comment, query));
    }
    Ok(asked)
}

/// A table in Markdown, with the ends of line around it.
fn table(rows: &Rows, cells: &Cells, published: &Published) -> Result<String, String> {
    let csv = published.table(&rows.table)?;
    let mut lines: Vec<Vec<String>> = Vec::new();
    match cells {
        Cells::List(columns) => {
            lines.push(columns.iter().map(|(header, _)| header.clone()).collect());
            for row in csv.rows(rows)? {
                let cells = columns
                    .iter()
                    .map(|(_, show)| csv.write_if_there(row, show));
                let cells = cells.collect::<Result<_, _>>()?;
                if !lines.contains(&cells) {
                    lines.push(cells);
                }
            }
        }
        Cells::Grid { down, across, show } => {
            let headers = across.values.iter().map(|(_, label)| label.clone());
            lines.push(
                std::iter::once(down.header.clone())
                    .chain(headers)
                    .collect(),
            );
            for (value, label) in &down.values {
                let mut cells = vec![label.clone()];
                for (header, _) in &across.values {
                    let mut one = rows.clone();
                    one.values.push((down.column.clone(), value.clone()));
                    one.values.push((across.column.clone(), header.clone()));
                    cells.push(csv.one(&one, show)?);
                }
                lines.push(cells);
            }
        }
    }
    let rule = match cells {
        Cells::List(columns) => "---|".repeat(columns.len()),
        Cells::Grid { across, .. } => format!("---|{}", "--:|".repeat(across.values.len())),
    };
    let line = |cells: &Vec<String>| {
        let escaped = |cell: &String| cell.replace('|', "\\|").replace('\n', " ");
        let cells: Vec<_> = cells.iter().map(escaped).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let body: String = lines[1..].iter().map(line).collect();
    Ok(format!("\n{}|{rule}\n{body}", line(&lines[0])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    fn published() -> (TempDir, Published) {
        let folder = tempfile::tempdir().expect("folder");
        let table = "arm,density,mean,low,high,note\n\
                     hard,1,0.066,0.055,0.079,a|b\n\
                     hard,2,0.632,0.623,0.641,a|b\n\
                     soft,1,0.023,0.015,0.031,c\n\
                     soft,2,0.041,0.031,0.054,c\n";
        fs::write(folder.path().join("ocr.csv"), table).expect("table");
        let published = Published::new(folder.path());
        (folder, published)
    }

    fn filled(text: &str) -> Filled {
        let (_folder, published) = published();
        let filled = fill(text, &published).expect("filled");
        let again = fill(&filled.text, &published).expect("filled again");
        assert_eq!(again.text, filled.text);
        assert_eq!(again.changes, []);
        filled
    }

    fn refused(text: &str) -> String {
        let (_folder, published) = published();
        fill(text, &published).expect_err("refused").to_string()
    }

    #[test]
    fn a_number_replaces_what_stood_there_and_nothing_else_changes() {
        let text = "# A\n\nHard words read <!-- = ocr.csv arm=hard density=2 : percent mean low high -->1%<!-- /= --> wrong.\n";
        let filled = filled(text);
        assert_eq!(filled.text, text.replace("1%", "63.2% [62.3, 64.1]"));
        let change = Change {
            line: 3,
            old: "1%".to_owned(),
            new: "63.2% [62.3, 64.1]".to_owned(),
        };
        assert_eq!(filled.changes, [change]);
    }

    #[test]
    fn the_tables_of_several_runs_are_read_as_one() {
        let (folder, published) = published();
        let run = |name: &str, table: &str| {
            let place = folder.path().join("study").join(name);
            fs::create_dir_all(&place).expect("run");
            fs::write(place.join("ocr.csv"), table).expect("table");
        };
        run("at-1", "arm,density,mean\nsoft,1,0.02\n");
        run("at-2", "arm,density,mean\nsoft,2,0.04\n");
        run("of-3", "arm,density,mean\nsoft,3,0.06\n");
        let text = "Read <!-- = study/at-*/ocr.csv density=2 : percent mean --><!-- /= -->";
        let filled = fill(text, &published).expect("filled");
        assert!(filled.text.contains("-->4.0%<!--"), "{}", filled.text);
        let refused = |text: &str| {
            let published = Published::new(folder.path());
            fill(text, &published).expect_err("refused").to_string()
        };
        assert!(refused(&text.replace("=2", "=3")).contains("0 rows"));
        assert!(refused(&text.replace("at-", "un-")).contains("no file is called study/un-*"));
        run("at-3", "arm,density,sd\nsoft,3,0.06\n");
        assert!(refused(text).contains("other columns"));
    }

    #[test]
    fn a_source_has_a_short_name() {
        let text = "<!-- source hard = ocr.csv arm=hard -->\n\nOr <!-- = hard density=1 : percent mean --><!-- /= -->.\n";
        assert!(filled(text).text.contains("-->6.6%<!-- /= -->"));
    }

    #[test]
    fn a_grid_has_a_number_for_each_pair() {
        let text = "<!-- table ocr.csv\nrows arm=Arm soft=`soft` hard\ncolumns density 1=one 2=two\ncells percent mean -->\nold\n<!-- /table -->\n\nend\n";
        let table = "\n| Arm | one | two |\n|---|--:|--:|\n| `soft` | 2.3% | 4.1% |\n| hard | 6.6% | 63.2% |\n";
        assert_eq!(filled(text).text, text.replace("\nold\n", table));
    }

    #[test]
    fn the_first_row_below_a_number_is_found_in_the_order_of_the_table() {
        let text = "It needs <!-- = ocr.csv arm=hard mean=first-below:0.07 : count density -->0<!-- /= --> of them.\n";
        assert!(filled(text).text.contains("-->1<!-- /= -->"));
        let both = "It needs <!-- = ocr.csv mean=first-below:0.07 : count density -->0<!-- /= --> of them.\n";
        assert!(refused(both).contains("the `density` of ocr.csv does not rise"));
        let endless = text.replace("0.07", "inf");
        assert!(refused(&endless).contains("`first-below:inf` has no number"));
        let of = |limit: &str| {
            format!(
                "It needs <!-- = ocr.csv arm=hard mean=first-below:{limit} : text mean -->x<!-- /= -->.\n"
            )
        };
        assert!(refused(&of("0.01")).contains("0 rows with arm=hard mean=first-below:0.01"));
        assert!(refused(&of("little")).contains("`first-below:little` has no number"));
    }

    #[test]
    fn a_list_has_each_row_once_and_escapes_bars() {
        let text = "<!-- table ocr.csv\nlist Arm=arm note -->\n<!-- /table -->\n";
        let table = "\n| Arm | note |\n|---|---|\n| hard | a\\|b |\n| soft | c |\n";
        assert!(filled(text).text.contains(table));
        let text = text.replace("note", "Wrong=mean:percent");
        let found = filled(&text).text;
        assert!(
            found.contains("| Arm | Wrong |") && found.contains("| soft |"),
            "{found}"
        );
        assert!(found.lines().any(|line| line.ends_with("% |")), "{found}");
    }

    #[test]
    fn code_is_left_alone() {
        let text = "```text\n<!-- = nothing -->\n```\n\nWrite `<!-- = nothing -->`.\n";
        assert_eq!(filled(text).text, text);
    }

    #[test]
    fn what_cannot_be_filled_is_refused_by_line() {
        let number = |query: &str| format!("One\n\nand <!-- = {query} -->x<!-- /= -->.\n");
        for (text, told) in [
            (
                number("ocr.csv arm=hard : percent mean"),
                "has 2 rows with arm=hard; exactly 1",
            ),
            (
                number("ocr.csv arm=none : percent mean"),
                "has 0 rows with arm=none",
            ),
            (
                number("ocr.csv seed=1 : percent mean"),
                "no column `seed`; it has arm, density",
            ),
            (
                number("ocr.csv arm=hard density=1 : percent note"),
                "`a|b` in the column `note`",
            ),
            (number("none.csv : percent mean"), "cannot read"),
            (number("ocr.csv"), "no ` : `"),
            (
                "a\n\nb <!-- = ocr.csv arm=hard density=1 : percent mean -->\n".to_owned(),
                "write `/=` behind the number",
            ),
            (
                "a\n\nb <!-- /= -->\n".to_owned(),
                "no `= ...` stands before it",
            ),
            (
                "a\n\n<!-- = ocr.csv : text note -->x<!-- /= --> b\n".to_owned(),
                "put a word before it",
            ),
            (
                "a\n\n<!-- a note --> b <!-- = ocr.csv : text note -->x<!-- /= --> c\n".to_owned(),
                "put a word before it",
            ),
            (
                "a\n\n<!-- table ocr.csv\nlist arm -->\n".to_owned(),
                "write `/table`",
            ),
            ("a\n\nb <!-- /table -->\n".to_owned(), "a line of its own"),
        ] {
            let found = refused(&text);
            assert!(
                found.starts_with("line 3: ") && found.contains(told),
                "{text}: {found}"
            );
        }
    }
}
