//! Links between the files of a repository that lead nowhere.

use crate::comment::{tree, walk};
use markdown::mdast::Node;
use std::collections::BTreeSet;
use std::path::Path;

/// A link or a picture whose target is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLink {
    /// Line of the link, from 1.
    pub line: usize,
    /// Where it leads.
    pub target: String,
}

/// Relative links and pictures in the text of the file `at` whose file is not there, or whose heading
/// is not in it. Links with a scheme (`https:`) are not followed.
#[must_use]
#[allow(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
pub fn broken_links(text: &str, at: &Path) -> Vec<BrokenLink> {
    let tree = tree(text);
    let mut broken = Vec::new();
    walk(&tree, &mut |node, _| {
        let url = match node {
            Node::Link(link) => &link.url,
            Node::Image(image) => &image.url,
            Node::Definition(definition) => &definition.url,
            _ => return,
        };
        let is_relative = !url.contains("://") && !url.starts_with("mailto:");
        if is_relative && !leads_somewhere(url, text, at) {
            broken.push(BrokenLink {
                line: node.position().map_or(0, |position| position.start.line),
                target: url.clone(),
            });
        }
    });
    broken
}

fn leads_somewhere(url: &str, text: &str, at: &Path) -> bool {
    let (file, anchor) = url.split_once('#').unwrap_or((url, ""));
    if file.is_empty() {
        return anchors(text).contains(anchor);
    }
    let target = at.parent().unwrap_or(Path::new("")).join(file);
    let is_markdown = target
        .extension()
        .is_some_and(|extension| extension == "md");
    if anchor.is_empty() || !is_markdown {
        return target.exists();
    }
    std::fs::read_to_string(&target).is_ok_and(|text| anchors(&text).contains(anchor))
}

/// Headings as GitHub turns them into anchors: small letters, without punctuation, hyphens for spaces.
fn anchors(text: &str) -> BTreeSet<String> {
    let tree = tree(text);
    let mut anchors = BTreeSet::new();
    walk(&tree, &mut |node, _| {
        if let Node::Heading(heading) = node {
            let words: String = heading.children.iter().map(ToString::to_string).collect();
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            let anchor = words
                .to_lowercase()
                .chars()
                .filter(kept)
                .collect::<String>();
            let anchor = anchor.replace(' ', "-");
            let mut name = anchor.clone();
            for number in 1.. {
                if anchors.insert(name) {
                    break;
                }
                name = format!("{anchor}-{number}");
            }
        }
    });
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn headings_become_anchors() {
        let text = "# What is `compared`, and why?\n\n## A\n\n## A\n";
        let expected = ["a", "a-1", "what-is-compared-and-why"].map(str::to_owned);
        assert_eq!(anchors(text), expected.into());
    }

    #[test]
    fn only_relative_links_that_lead_nowhere_are_found() {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join("b.md"), "# Here\n").expect("file");
        let text = "[a](b.md) [b](b.md#here) [c](https://example.org/x) [d](#top)\n\n# Top\n\n\
                    [e](b.md#gone)\n![f](gone.png) `[g](gone)`\n\n[h]: gone.md\n\n[i](#gone)\n";
        let found = broken_links(text, &folder.path().join("a.md"));
        let found: Vec<_> = found
            .iter()
            .map(|link| (link.line, link.target.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (5, "b.md#gone"),
                (6, "gone.png"),
                (8, "gone.md"),
                (10, "#gone")
            ]
        );
    }
}
