//! Fonts that a user brings.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use text_images::{
    Charset, Error, FontWarning, Fonts, Grid, Layout, Renderer, RendererConfig, Split,
};

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn held_out(dir: &Path) -> Vec<String> {
    let families = Fonts::from_dir(dir).unwrap().families();
    families
        .into_iter()
        .filter_map(|(family, held_out)| held_out.then_some(family))
        .collect()
}

fn renderer(fonts: &Fonts, charset: Charset, split: Split) -> Result<Renderer, Error> {
    let grid = Layout::Grid(Grid {
        columns: 4,
        lines: 2,
    });
    Renderer::new(RendererConfig::new(charset, grid, split, 1), fonts)
}

#[test]
fn a_quarter_of_the_families_is_held_out_whatever_the_files_are_called() {
    let one = folder(&[
        ("a.ttf", notosans::REGULAR_TTF),
        ("b.ttf", notosans::BOLD_TTF),
        ("deep/c.TTF", dejavu::sans::regular()),
        ("d.ttf", dejavu::serif::regular()),
        ("e.ttf", epaint_default_fonts::UBUNTU_LIGHT),
        ("f.ttf", epaint_default_fonts::HACK_REGULAR),
    ]);
    let other = folder(&[
        ("z.ttf", notosans::REGULAR_TTF),
        ("y.ttf", dejavu::sans::regular()),
        ("x.otf", dejavu::serif::regular()),
        ("w.ttf", epaint_default_fonts::UBUNTU_LIGHT),
        ("again.ttf", epaint_default_fonts::UBUNTU_LIGHT),
        ("v.ttf", epaint_default_fonts::HACK_REGULAR),
    ]);
    assert_eq!(Fonts::from_dir(one.path()).unwrap().families().len(), 5);
    assert_eq!(held_out(one.path()).len(), 2);
    assert_eq!(held_out(one.path()), held_out(other.path()));
}

#[test]
fn unusable_fonts_are_named_and_left_out() {
    let dir = folder(&[
        ("noto.ttf", notosans::REGULAR_TTF),
        ("dejavu.ttf", dejavu::sans::regular()),
        ("icons.ttf", epaint_default_fonts::EGUI_ICONS),
        ("broken.ttf", b"no font at all"),
        ("readme.txt", b"ignored"),
    ]);
    let fonts = Fonts::from_dir(dir.path()).unwrap();
    let warnings = fonts.warnings(Charset::Alnum36);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        matches!(&warnings[0], FontWarning::Unreadable { path } if path.ends_with("broken.ttf"))
    );
    assert!(warnings[1].to_string().contains("has no glyph for 01234"));
    assert_eq!(fonts.face_names(Charset::Alnum36).len(), 2);
    let renderer = renderer(&fonts, Charset::Alnum36, Split::Test).unwrap();
    let fonts: std::collections::BTreeSet<String> =
        (0..50).map(|index| renderer.render(index).font).collect();
    assert_eq!(fonts.len(), 2);
}

#[test]
fn one_family_is_not_enough() {
    let dir = folder(&[
        ("regular.ttf", notosans::REGULAR_TTF),
        ("bold.ttf", notosans::BOLD_TTF),
        ("icons.ttf", epaint_default_fonts::EGUI_ICONS),
    ]);
    let error = Fonts::from_dir(dir.path()).unwrap_err();
    assert!(
        matches!(error, Error::TooFewFamilies { families: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_missing_font_folder_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let error = Fonts::from_dir(dir.path().join("absent")).unwrap_err();
    assert!(error.to_string().contains("absent"), "{error}");
}
