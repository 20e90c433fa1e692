//! Settings files on top of a preset.

#![allow(clippy::unwrap_used)]

use probe::Preset;
use run_support::settings::{overlay, overlay_file, read_table};

#[test]
fn a_file_changes_what_it_names_and_nothing_else() {
    let base = Preset::Quick.config();
    let text = "seeds = [7]\n[training]\nsteps = 10\n[data.images]\ntest = 50";
    let merged = overlay(&base, text).unwrap();
    let mut expected = base;
    expected.seeds = vec![7];
    expected.training.steps = 10;
    expected.data.images.test = 50;
    assert_eq!(merged, expected);
}

#[test]
fn unknown_keys_and_arms_are_named() {
    let base = Preset::Quick.config();
    let message = |text: &str| overlay(&base, text).unwrap_err().to_string();
    assert!(message("[training]\nstep = 10").contains("step"));
    assert!(message("arms = [\"perceiver\"]").contains("unknown arm `perceiver`"));
    assert!(message("seeds = ").contains("TOML"));
}

#[test]
fn files_may_begin_with_a_byte_order_mark_and_are_named_in_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let base = Preset::Quick.config();
    std::fs::write(&path, "\u{feff}seeds = [7]").unwrap();
    assert_eq!(overlay_file(&base, &path).unwrap().seeds, [7]);
    assert_eq!(read_table(&path).unwrap().len(), 1);
    for text in ["seeds = ", "seeds = 7", "sneeds = [7]"] {
        std::fs::write(&path, text).unwrap();
        let error = format!("{:#}", overlay_file(&base, &path).unwrap_err());
        assert!(error.contains("mine.toml"), "{error}");
    }
}
