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
    let mut files = vec!["docs/how-many-words.md".to_owned()];
    for run in ["representation", "representation-paper"] {
        for file in [
            "representation.toml",
            "summary.csv",
            "plots/text_by_bits.csv",
        ] {
            files.push(format!("results/published/{run}/{file}"));
        }
    }
    let figure = "results/published/representation-paper/plots/text_beside_others.csv";
    files.push(figure.to_owned());
    for file in files {
        let text = fs::read_to_string(format!("{root}/{file}")).unwrap();
        place.write(&file, &text);
    }
    place.run("how-many-words --check").succeeded();
    let page = fs::read_to_string(place.path("docs/how-many-words.md")).unwrap();
    place.write(
        "docs/how-many-words.md",
        page.replace("16 | 2.4", "16 | 2.5"),
    );
    let told = "docs/how-many-words.md is stale";
    place
        .run("how-many-words --check")
        .refused(&[told, "experiments how-many-words"]);

    place.run("how-many-words").succeeded();
    assert_eq!(
        fs::read_to_string(place.path("docs/how-many-words.md")).unwrap(),
        page
    );
    let drawn = fs::read_to_string(place.path(figure)).unwrap();
    let published = fs::read_to_string(format!("{root}/{figure}")).unwrap();
    assert_eq!(drawn, published);
    fs::remove_file(place.path(figure)).unwrap();
    let told = "text_beside_others.csv is stale";
    place.run("how-many-words --check").refused(&[told]);
    place
        .run("how-many-words --runs absent --out other.md")
        .refused(&["absent", "not the folder of a run"]);
}

/// `experiments … | head`: no panic, and the exit code of SIGPIPE.
#[test]
#[cfg(unix)]
fn a_reader_that_went_away_ends_the_program_quietly() {
    let place = repository();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let finished = std::process::Command::new(env!("CARGO_BIN_EXE_experiments"))
        .args(["docs", "--check", "--root"])
        .arg(place.path(""))
        .stdout(writer)
        .stderr(std::process::Stdio::piped())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&finished.stderr);
    assert_eq!(finished.status.code(), Some(141), "{told}");
    assert!(!told.contains("panicked"), "{told}");
}
