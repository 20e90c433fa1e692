//! Settings files on top of a preset.

#![allow(clippy::unwrap_used)]

use probe::Preset;
use run_support::settings::overlay;

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
