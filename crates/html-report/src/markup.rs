//! The two inline marks of running text: `` `code` `` and `**strong**`.

use askama::filters::{Escaper, Html, HtmlSafe};
use std::fmt::{self, Display, Formatter};

const CODE: &str = "`";
const STRONG: &str = "**";

/// Running text, displayed as HTML: marks become elements, everything else is escaped.
///
/// Code is taken as it is; strong text may hold code. A mark that is never closed, or closed at
/// once, is text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marked<'a>(pub &'a str);

impl HtmlSafe for Marked<'_> {}

impl Display for Marked<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write(f, self.0, true)
    }
}

fn write(f: &mut Formatter<'_>, text: &str, strong_allowed: bool) -> fmt::Result {
    let mut plain_from = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let marked = between(rest, CODE).map(|inner| (CODE, inner));
        let marked = marked.or_else(|| {
            let inner = between(rest, STRONG).filter(|_| strong_allowed)?;
            Some((STRONG, inner))
        });
        let Some((mark, inner)) = marked else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        Html.write_escaped_str(&mut *f, &text[plain_from..at])?;
        if mark == CODE {
            f.write_str("<code>")?;
            Html.write_escaped_str(&mut *f, inner)?;
            f.write_str("</code>")?;
        } else {
            f.write_str("<strong>")?;
            write(f, inner, false)?;
            f.write_str("</strong>")?;
        }
        at += 2 * mark.len() + inner.len();
        plain_from = at;
    }
    Html.write_escaped_str(f, &text[plain_from..])
}

/// What stands between a mark at the start of `text` and the next one.
fn between<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    let inner = text.strip_prefix(mark)?;
    let end = inner.find(mark)?;
    (end > 0).then(|| &inner[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        Marked(text).to_string()
    }

    #[test]
    fn marks_become_elements() {
        assert_eq!(
            html("**FAIL** – `vet@256` reads **worse than `linear`**."),
            "<strong>FAIL</strong> – <code>vet@256</code> reads <strong>worse than \
             <code>linear</code></strong>."
        );
    }

    #[test]
    fn code_is_taken_as_it_is() {
        assert_eq!(html("`a**b**c`"), "<code>a**b**c</code>");
    }

    #[test]
    fn marks_without_a_partner_are_text() {
        for text in ["2 ** 3", "it`s", "**", "``", "****", "a ** b `", "é`"] {
            assert_eq!(html(text), text);
        }
    }

    #[test]
    fn everything_is_escaped_in_and_out_of_marks() {
        let hostile = "<script>\"'&";
        let escaped = html(hostile);
        assert!(!escaped.contains(['<', '>', '"', '\'']), "{escaped}");
        assert_eq!(
            html(&format!("`{hostile}` **{hostile}**")),
            format!("<code>{escaped}</code> <strong>{escaped}</strong>")
        );
    }
}
