//! `docs`: numbers of the documentation from the published tables.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::Scratch;

const README: &str = "# Result\n\nThe arm reads <!-- = run/summary.csv arm=b : percent mean -->1%<!-- /= --> \
                      wrong; see [more](docs/more.md).\n";

fn repository() -> Scratch {
    let place = Scratch::new();
    let table = "arm,mean\na,0.1\nb,0.0123\n";
    place.write("results/published/run/summary.csv", table);
    place.write("README.md", README);
    place.write("docs/more.md", "[back](../README.md#result)\n");
    place
}

#[test]
fn a_stale_number_fails_the_check_by_file_and_line_and_is_written() {
    let place = repository();
    let read = || fs::read_to_string(place.path("README.md")).unwrap();
    let change = "README.md:3: `1%` is now `1.2%`";
    let checked = place.run("docs --check").refused(&["stale numbers: 1"]);
    assert!(checked.stdout.contains(change), "{}", checked.stdout);
    assert_eq!(read(), README);

    let written = place.run("docs").succeeded();
    assert!(written.stdout.contains(change), "{}", written.stdout);
    assert_eq!(read(), README.replace("1%", "1.2%"));
    place.run("docs --check").succeeded();
}

#[test]
fn a_link_that_leads_nowhere_and_a_missing_row_fail() {
    let place = repository();
    place.run("docs").succeeded();
    fs::remove_file(place.path("docs/more.md")).unwrap();
    let checked = place.run("docs --check").refused(&["lead nowhere: 1"]);
    let told = "README.md:3: docs/more.md is not there";
    assert!(checked.stdout.contains(told), "{}", checked.stdout);

    place.write("docs/more.md", README.replace("arm=b", "arm=c"));
    let told = "docs/more.md: line 3: run/summary.csv has 0 rows with arm=c";
    place.run("docs").refused(&[told]);
}

#[test]
fn the_page_on_how_many_words_is_what_the_published_results_say() {
    let place = Scratch::new();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let summary = format!("--summary {root}/results/published/representation/summary.csv");
    let check = |page: &str| place.run(&format!("how-many-words --check {summary} --out {page}"));
    check(&format!("{root}/docs/how-many-words.md")).succeeded();
    place.write("other.md", "# How many words?\n");
    check("other.md").refused(&["other.md is stale", "experiments how-many-words"]);
    let page = "how-many-words --summary absent.csv --out other.md";
    place.run(page).refused(&["absent.csv"]);
}

/// `experiments … | head`: no panic, and the exit code of SIGPIPE.
#[test]
#[cfg(unix)]
fn a_reader_that_went_away_ends_the_program_quietly() {
    let place = repository();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_experiments"))
        .args(["docs", "--check", "--root"])
        .arg(place.path(""))
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let finished = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status.code(), Some(141), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}
