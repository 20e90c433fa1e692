//! Damaged, incomplete and malicious data sets: every record that cannot be read is named and
//! counted, and nothing else suffers.

#![allow(clippy::unwrap_used)]

mod support;

use std::convert::Infallible;
use std::fs;

use image::ImageFormat;
use scene_text::{
    Error, Format, GtDataset, LmdbDataset, MAX_LABEL_CHARS, Survey, TextDataset, told,
};
use support::{LABELS, encoded, error, image, labels, open, png_bomb, put, write};

fn survey(dataset: &dyn TextDataset) -> Survey {
    let survey = Survey::of(dataset, MAX_LABEL_CHARS, |_| Ok::<(), Infallible>(()));
    survey.unwrap_or_else(|never| match never {})
}

#[test]
fn a_cut_lmdb_names_and_counts_what_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    write(Format::Lmdb, folder.path());
    let path = folder.path().join("data.mdb");
    let whole = fs::read(&path).unwrap();
    let (mut opened, mut refused) = (0, 0);
    for pages in 0..whole.len() / 4096 {
        fs::write(&path, &whole[..pages * 4096 + 100]).unwrap();
        match LmdbDataset::open(folder.path(), "cut") {
            Ok(dataset) => {
                opened += 1;
                let found = survey(&dataset);
                assert_eq!(found.samples, LABELS.len());
                assert_eq!(found.readable + found.corrupt, LABELS.len());
                assert_eq!(found.faults.len(), found.corrupt);
                for fault in &found.faults {
                    assert!(
                        fault.contains("data.mdb: ") && fault.contains("-0000"),
                        "{fault}"
                    );
                }
            }
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("interrupted"), "{error}");
            }
        }
    }
    assert!(refused > 0, "{opened} {refused}");
}

#[test]
fn num_samples_that_cannot_be_true_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(Format::Lmdb, folder.path());
    let path = folder.path().join("data.mdb");
    let whole = fs::read(&path).unwrap();
    let key = whole
        .windows(11)
        .rposition(|window| window == b"num-samples")
        .unwrap();
    assert_eq!(whole[key + 11], b'8');
    for (value, expected) in [(b'x', "whole number"), (0xff, "whole number")] {
        let mut file = whole.clone();
        file[key + 11] = value;
        fs::write(&path, file).unwrap();
        let refused = error(LmdbDataset::open(folder.path(), "set")).to_string();
        assert!(
            refused.contains("num-samples") && refused.contains(expected),
            "{refused}"
        );
    }
    // More samples than there are: the missing ones are named, as long as it can be true at all.
    let mut file = whole.clone();
    file[key + 11] = b'9';
    fs::write(&path, file).unwrap();
    let dataset = LmdbDataset::open(folder.path(), "set").unwrap();
    let missing = error(dataset.label(8)).to_string();
    assert!(
        missing.ends_with("label-000000009: is missing"),
        "{missing}"
    );
    let mut file = whole;
    file[key..key + 11].copy_from_slice(b"num-sampleX");
    fs::write(&path, file).unwrap();
    let refused = error(LmdbDataset::open(folder.path(), "set")).to_string();
    assert!(refused.contains("`num-samples` is missing"), "{refused}");
}

#[test]
fn files_that_only_call_themselves_lmdb_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.mdb");
    for content in [&b""[..], b"x", &[0; 10_000], &[255; 10_000]] {
        fs::write(&path, content).unwrap();
        let refused = error(LmdbDataset::open(folder.path(), "set"));
        assert!(matches!(refused, Error::NotLmdb { .. }), "{refused}");
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(LmdbDataset::open(folder.path(), "set").is_err());
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_will_do() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    write(Format::Lmdb, folder.path());
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode));
    mode(0o555).unwrap();
    let read = labels(&*open(Format::Lmdb, folder.path()));
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    mode(0o755).unwrap();
    assert_eq!(read[0].as_deref(), Some(LABELS[0]));
    assert_eq!(names.len(), 1, "no lock file");
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let outer = |name: &str| folder.path().join(name);
    put(outer("1_secret_2.png"), image(1));
    put(outer("set/images/a.png"), image(2));
    let absolute = outer("1_secret_2.png").display().to_string();
    let mut names = vec![
        "../1_secret_2.png",
        "../../1_secret_2.png",
        absolute.as_str(),
    ];
    #[cfg(unix)]
    {
        for place in ["set/1_link_2.png", "set/images/1_link_2.png"] {
            std::os::unix::fs::symlink(outer("1_secret_2.png"), outer(place)).unwrap();
        }
        names.push("1_link_2.png");
    }
    for name in names {
        put(
            outer("set/gt.txt"),
            format!("images/a.png\tgood\n{name}\tbad\n"),
        );
        put(
            outer("set/labels.json"),
            format!("{{\"a.png\": \"good\", {name:?}: \"bad\"}}"),
        );
        put(outer("set/list.txt"), format!("{name} 7\n"));
        for (dataset, bad) in [
            (open(Format::Gt, &outer("set")), 1),
            (open(Format::Doctr, &outer("set")), 1),
            (open(Format::Mjsynth, &outer("set/list.txt")), 0),
        ] {
            let refused = error(dataset.encoded(bad));
            let format = dataset.format();
            assert!(
                matches!(refused, Error::OutsideFolder { .. }),
                "{format} {name}: {refused}"
            );
            assert!(
                refused.to_string().contains(&format!("{name:?}")),
                "{refused}"
            );
            if bad == 1 {
                assert_eq!(dataset.encoded(0).unwrap(), image(2));
                let found = survey(&*dataset);
                assert_eq!((found.readable, found.corrupt), (1, 1), "{format} {name}");
            }
        }
    }
    // What walking finds is not named by a stranger's list: links are followed, as by `os.walk`.
    #[cfg(unix)]
    {
        let walked = open(Format::Mjsynth, &outer("set"));
        assert_eq!(labels(&*walked), vec![Some("link".to_owned()); 2]);
        assert_eq!(walked.encoded(0).unwrap(), image(1));
    }
}

#[test]
fn images_that_would_fill_the_memory_are_not_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    put(at("bomb.png"), png_bomb(60_000));
    put(at("wide.png"), png_bomb(16_000));
    put(at("cut.jpg"), &encoded(2, ImageFormat::Jpeg)[..200]);
    put(at("text.png"), "no image at all");
    put(at("empty.png"), "");
    put(at("good.png"), image(0));
    let names = [
        "bomb.png",
        "wide.png",
        "cut.jpg",
        "text.png",
        "empty.png",
        "good.png",
        "gone.png",
    ];
    let lines: Vec<String> = names.map(|name| format!("{name}\tword")).into();
    put(at("gt.txt"), lines.join("\n"));
    let dataset = GtDataset::open(folder.path()).unwrap();
    let refused = error(dataset.image(0)).to_string();
    assert!(
        refused.contains("line 1") && refused.contains("60000 x 60000 px"),
        "{refused}"
    );
    let found = survey(&dataset);
    assert_eq!((found.samples, found.readable, found.corrupt), (7, 1, 6));
    for (number, fault) in [1, 2, 3, 4, 5, 7].into_iter().zip(&found.faults) {
        assert!(fault.contains(&format!("gt.txt, line {number}")), "{fault}");
    }
    let huge = error(dataset.image(1));
    assert!(
        matches!(
            huge,
            Error::TooLarge {
                max_pixels: 100_000_000,
                ..
            }
        ),
        "{}",
        told(&huge)
    );
}

#[test]
fn faults_are_all_counted_but_only_the_first_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..1000).map(|n| format!("gone-{n}.png\tword\n")).collect();
    put(folder.path().join("gt.txt"), lines);
    let found = survey(&GtDataset::open(folder.path()).unwrap());
    assert_eq!(
        (found.samples, found.corrupt, found.faults.len()),
        (1000, 1000, 20)
    );
    assert!(found.label_chars.is_none());
}

#[test]
fn a_survey_counts_what_labels_hold() {
    let folder = tempfile::tempdir().unwrap();
    let rows = ["a.png\tDon't\n", "b.png\tcafe\n", "c.png\t日本\n"];
    put(folder.path().join("gt.txt"), rows.concat());
    for name in ["a.png", "b.png", "c.png"] {
        put(folder.path().join(name), image(0));
    }
    let found = survey(&GtDataset::open(folder.path()).unwrap());
    let lengths = found.label_chars.unwrap();
    assert_eq!((lengths.least, lengths.most), (2, 5));
    let outside: Vec<(usize, u64, u64)> = found
        .outside
        .iter()
        .map(|(charset, labels, characters)| (charset.size(), *labels, *characters))
        .collect();
    assert_eq!(outside, [(36, 2, 3), (62, 2, 3), (94, 1, 2)]);
    let kept: Vec<u64> = found
        .policies
        .iter()
        .map(|(_, counts)| counts.kept)
        .collect();
    // parseq, dtrb, dtrb-unfiltered, each at 36, 62 and 94.
    assert_eq!(kept, [2, 2, 2, 1, 1, 2, 2, 2, 2]);
}
