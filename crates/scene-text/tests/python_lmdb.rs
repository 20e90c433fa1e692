//! Data sets pass between us and Python's lmdb in both directions.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use scene_text::{DatasetWriter, Error, Format, LmdbDataset, TextDataset, strip};
use serde_json::Value;
use support::{LABELS, error, image, labels, write};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/python-lmdb")
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    format!("{:x}", sha2::Sha256::digest(bytes))
}

#[test]
fn what_pythons_lmdb_wrote_is_read_and_its_bad_records_are_named() {
    let expected = fs::read_to_string(fixture().join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let dataset = LmdbDataset::open(fixture(), "fixture").unwrap();
    assert_eq!(dataset.len(), 12);
    let samples = expected["samples"].as_object().unwrap();
    assert_eq!(samples.len(), 6);
    for (number, sample) in samples {
        let index = number.parse::<usize>().unwrap() - 1;
        assert_eq!(dataset.label(index).unwrap(), sample["label"]);
        let bytes = dataset.encoded(index).unwrap();
        assert_eq!(sha256(&bytes), sample["sha256"]);
        let image = dataset.image(index).unwrap();
        let size = [image.width(), image.height()];
        assert_eq!(serde_json::json!(size), sample["size"]);
    }
    // Grey, bicubic: to the bit what Pillow makes of it.
    let ours = strip(&dataset.image(10).unwrap(), 128, 32).unwrap();
    assert_eq!(sha256(ours.as_raw()), expected["strip_sha256"]);

    let whole = labels(&dataset)
        .iter()
        .filter(|label| label.is_some())
        .count();
    assert_eq!(whole, 9);
    assert!(matches!(
        error(dataset.image(4)),
        Error::MissingRecord { .. }
    ));
    assert!(matches!(
        error(dataset.label(5)),
        Error::MissingRecord { .. }
    ));
    assert!(matches!(error(dataset.label(6)), Error::Encoding { .. }));
    assert!(matches!(error(dataset.image(7)), Error::Decode { .. }));
    assert!(matches!(error(dataset.image(8)), Error::Decode { .. }));
    assert!(matches!(error(dataset.label(9)), Error::EmptyLabel { .. }));
    let named = error(dataset.label(6)).to_string();
    assert!(named.contains("data.mdb: label-000000007"), "{named}");
}

/// A Python that has lmdb: the one named by `LMDB_PYTHON`, or `python3`.
fn python() -> Option<String> {
    let python = std::env::var("LMDB_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let found = Command::new(&python).args(["-c", "import lmdb"]).output();
    found
        .is_ok_and(|output| output.status.success())
        .then_some(python)
}

#[test]
fn pythons_lmdb_reads_what_we_wrote() {
    let Some(python) = python() else {
        eprintln!(
            "skipped: no Python with lmdb; `pip install lmdb`, and name its Python in LMDB_PYTHON"
        );
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/lmdb_fixture/read.py");
    let read = |folder: &Path| -> Value {
        let output = Command::new(&python).arg(&script).arg(folder).output();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    write(Format::Lmdb, folder.path());
    let samples = LABELS.iter().enumerate();
    let expected: Vec<(&str, String)> = samples
        .map(|(number, label)| (*label, sha256(&image(number))))
        .collect();
    assert_eq!(read(folder.path()), serde_json::json!(expected));

    // Several commits, branches, a mapping that grew.
    let folder = tempfile::tempdir().unwrap();
    let mut writer = DatasetWriter::create(Format::Lmdb, folder.path()).unwrap();
    let mut large = image(0);
    large.resize(9_000, 7);
    for number in 0..3_000 {
        writer.push(&format!("word-{number}"), &large).unwrap();
    }
    writer.finish().unwrap();
    let found = read(folder.path());
    assert_eq!(found.as_array().unwrap().len(), 3_000);
    assert_eq!(found[2_999][0], "word-2999");
    assert_eq!(found[1_234][1], sha256(&large));
}
