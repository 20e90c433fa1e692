//! The comments of a Markdown file, with where they stand.

use markdown::mdast::Node;
use markdown::{ParseOptions, to_mdast};
use std::ops::Range;

/// An HTML comment outside of code.
#[derive(Clone, Debug)]
pub(crate) struct Comment {
    /// Bytes of the file, marks included.
    pub(crate) range: Range<usize>,
    /// From 1.
    pub(crate) line: usize,
    /// Whether it stands within a sentence or a table cell.
    pub(crate) inline: bool,
    /// What stands between the marks, without spaces around it.
    pub(crate) text: String,
}

/// The tree of a file as GitHub reads it.
pub(crate) fn tree(text: &str) -> Node {
    // Only MDX has syntax errors.
    to_mdast(text, &ParseOptions::gfm()).expect("Markdown has no syntax errors")
}

/// Calls `visit` with every node and its parent, in the order of the file.
pub(crate) fn walk<'a>(node: &'a Node, visit: &mut impl FnMut(&'a Node, &'a Node)) {
    for child in node.children().into_iter().flatten() {
        visit(child, node);
        walk(child, visit);
    }
}

/// All comments in the order of the file. HTML that begins otherwise is left out.
pub(crate) fn comments(text: &str) -> Vec<Comment> {
    let tree = tree(text);
    let mut found = Vec::new();
    walk(&tree, &mut |node, parent| {
        let Node::Html(html) = node else { return };
        let Some(position) = &html.position else {
            return;
        };
        let (start, end) = (position.start.offset, position.end.offset);
        let html = &text[start..end];
        if !html.starts_with("<!--") {
            return;
        }
        // A line that begins with a comment is one piece of HTML, with the comments that follow in it.
        let mut begins = html.match_indices("<!--").map(|(at, _)| at).peekable();
        while let Some(at) = begins.next() {
            let stops = begins.peek().copied().unwrap_or(html.len());
            let Some((inner, _)) = html[at + "<!--".len()..stops].split_once("-->") else {
                continue;
            };
            found.push(Comment {
                range: start + at..start + stops,
                line: position.start.line + html[..at].matches('\n').count(),
                inline: matches!(
                    parent,
                    Node::Paragraph(_)
                        | Node::TableCell(_)
                        | Node::Heading(_)
                        | Node::Emphasis(_)
                        | Node::Strong(_)
                        | Node::Link(_)
                ),
                text: inner.trim().to_owned(),
            });
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(String, bool, usize)> {
        comments(text)
            .into_iter()
            .map(|comment| (comment.text, comment.inline, comment.line))
            .collect()
    }

    #[test]
    fn comments_are_found_in_sentences_cells_and_blocks_and_not_in_code() {
        let text = "a <!-- one -->\n\n```sh\n<!-- no -->\n```\n\n`<!-- no -->` **b <!-- two -->**\n\n\
                    | a |\n|---|\n| <!-- three --> |\n\n<!-- four\nlines -->\n\n    <!-- no -->\n";
        let found = texts(text);
        let expected = [
            ("one", true, 1),
            ("two", true, 7),
            ("three", true, 11),
            ("four\nlines", false, 13),
        ];
        let expected: Vec<_> = expected
            .map(|(text, inline, line)| (text.to_owned(), inline, line))
            .into();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_comment_that_begins_a_line_of_a_sentence_is_a_block() {
        assert_eq!(texts("a\n<!-- one -->b\n"), [("one".to_owned(), false, 2)]);
    }

    #[test]
    fn comments_behind_one_that_begins_a_line_are_found_and_are_no_part_of_a_sentence() {
        let text = "a\n\n<!-- one --> b <!-- two -->1%<!-- /= --> c\n";
        let found = comments(text);
        let seen: Vec<_> = found
            .iter()
            .map(|comment| (comment.text.as_str(), comment.inline, comment.line))
            .collect();
        assert_eq!(
            seen,
            [("one", false, 3), ("two", false, 3), ("/=", false, 3)]
        );
        assert_eq!(&text[found[1].range.clone()], "<!-- two -->1%");
    }

    #[test]
    fn ranges_are_bytes() {
        let text = "−0.07 <!-- x -->";
        assert_eq!(&text[comments(text)[0].range.clone()], "<!-- x -->");
    }
}
