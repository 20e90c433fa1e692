//! The documentation of this repository: its numbers are those of the published results, and its links
//! lead somewhere.

use docs_from_results::{Published, broken_links, fill};
use std::fs;
use std::path::{Path, PathBuf};

/// Markdown files that were written by hand. Pages of runs (`verdict.md`) are left out.
fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        let name = path
            .file_name()
            .expect("name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            let skipped = ["target", "published"].contains(&name.as_str()) || name.starts_with('.');
            if !skipped {
                documents(&path, found);
            }
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

fn repository() -> (PathBuf, Vec<PathBuf>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().expect("root");
    let mut found = Vec::new();
    documents(&root, &mut found);
    found.sort();
    assert!(found.contains(&root.join("README.md")));
    (root, found)
}

#[test]
fn numbers_are_those_of_the_published_results() {
    let (root, documents) = repository();
    let published = Published::new(&root.join("results/published"));
    let mut numbers = 0;
    for path in documents {
        let text = fs::read_to_string(&path).expect("text");
        let filled = fill(&text, &published);
        let filled = filled.unwrap_or_else(|error| panic!("{}, {error}", path.display()));
        assert_eq!(
            filled.changes,
            [],
            "{}: run `cargo run -p experiments -- docs`",
            path.display()
        );
        numbers += text.matches("<!-- /= -->").count();
    }
    assert!(numbers > 20, "only {numbers} numbers were found");
}

#[test]
fn links_lead_somewhere() {
    let (_, documents) = repository();
    for path in documents {
        let text = fs::read_to_string(&path).expect("text");
        assert_eq!(broken_links(&text, &path), [], "{}", path.display());
    }
}
