//! What lands on disk: three files per figure, complete, readable and free of broken numbers.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use figures::{
    Arm, Capacity, CerByArm, CerByDensity, CerCell, CerScale, DensityLine, DensityPanel,
    DensityPoint, Estimate, Family, FigureError, HardeningCurve, LearningCurve, LearningCurves,
    LearningPoint, Reference, TokensOverTraining,
};

#[path = "../examples/gallery/made_up.rs"]
mod made_up;
#[path = "../examples/gallery/made_up_readings.rs"]
mod made_up_readings;
#[path = "../examples/gallery/made_up_tokens.rs"]
mod made_up_tokens;

/// The text of an SVG, its entities resolved.
fn svg(stem: &Path) -> String {
    let text = fs::read_to_string(stem.with_extension("svg")).unwrap();
    text.replace("&apos;", "'").replace("&amp;", "&")
}

fn records(stem: &Path) -> Vec<csv::StringRecord> {
    let mut reader = csv::Reader::from_path(stem.with_extension("csv")).unwrap();
    reader.records().map(Result::unwrap).collect()
}

fn assert_complete(stem: &Path, texts: &[&str]) {
    let svg = svg(stem);
    for text in texts {
        assert!(svg.contains(text), "{} lacks `{text}`", stem.display());
    }
    assert!(svg.starts_with("<svg width=\"1600\" height="));
    assert!(svg.trim_end().ends_with("</svg>"));
    let numbers = svg.split("base64,").map(|part| {
        let end = part.find('"').filter(|_| part.len() < svg.len());
        &part[end.unwrap_or(0)..]
    });
    for part in numbers {
        let is_broken = part.contains("NaN") || part.contains("inf");
        assert!(!is_broken, "{}", stem.display());
    }
    let png = image::open(stem.with_extension("png")).unwrap().to_rgb8();
    assert_eq!(png.width(), 1600);
    let dark = png.pixels().filter(|pixel| pixel.0.iter().all(|&c| c < 80));
    assert!(dark.count() > 500, "{} is blank", stem.display());
    let csv = fs::read_to_string(stem.with_extension("csv")).unwrap();
    let mut fields = csv.split([',', '\n']);
    assert!(
        !fields.any(|field| ["NaN", "inf", "-inf"].contains(&field)),
        "{csv}"
    );
    assert!(csv.lines().count() > 1);
}

#[test]
fn every_figure_names_its_arms_and_its_axes_with_units() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("figure");
    let (_, figure) = &made_up::cer_by_arm()[0];
    figure.draw(&stem).unwrap();
    let mut texts: Vec<&str> = figure.arms.iter().map(|arm| arm.label.as_str()).collect();
    texts.extend([
        "CER (%)",
        "2 characters per visual token",
        "codes used",
        "241/256",
    ]);
    texts.extend([figure.title.as_str(), "PatchMerger (reference)"]);
    assert_complete(&stem, &texts);

    let (_, figure) = &made_up::cer_by_density()[0];
    figure.draw(&stem).unwrap();
    let arms = figure.lines.iter().map(|line| line.arm.label.as_str());
    let mut texts: Vec<&str> = arms.collect();
    texts.extend(["CER (%)", "text density (characters per visual token)"]);
    texts.extend(["K = 256: 1.55", "K = 1024: 1.93", "A = 36", "Fano"]);
    assert_complete(&stem, &texts);

    let (_, figure) = &made_up::hardening_curves()[0];
    figure.draw(&stem).unwrap();
    let texts = [
        "softmax, K = 256",
        "softmax, K = 1024",
        "CER (%)",
        "\n256\n",
    ];
    assert_complete(&stem, &texts);
    assert_complete(
        &stem,
        &["k (words mixed per token)", "st-argmax trained hard"],
    );

    let (_, figure) = &made_up::tokens_over_training()[0];
    figure.draw(&stem).unwrap();
    let arms = figure.traces.iter().map(|trace| trace.arm.label.as_str());
    let mut texts: Vec<&str> = arms.collect();
    texts.extend([
        "mean token entropy (bits)",
        "codes used (count)",
        "training step",
    ]);
    texts.extend(["log₂ 1024", "K = 256"]);
    assert_complete(&stem, &texts);
    let (_, soft) = &made_up::tokens_over_training()[2];
    soft.draw(&stem).unwrap();
    assert_complete(&stem, &["mean token entropy (bits)", "training step"]);
    assert!(!svg(&stem).contains("codes used"));

    let (_, figure) = &made_up::learning_curves()[0];
    figure.draw(&stem).unwrap();
    let arms = figure.curves.iter().map(|curve| curve.arm.label.as_str());
    let mut texts: Vec<&str> = arms.collect();
    texts.extend(["validation CER (%)", "training step"]);
    assert_complete(&stem, &texts);

    let (_, figure) = &made_up::error_curves()[0];
    figure.draw(&stem).unwrap();
    let arms = figure.panels[0].curves.iter();
    let mut texts: Vec<&str> = arms.map(|curve| curve.arm.label.as_str()).collect();
    texts.extend(figure.panels.iter().map(|panel| panel.title.as_str()));
    texts.extend([
        "CER (%)",
        "bits per token",
        "least error that the bits allow",
    ]);
    assert_complete(&stem, &texts);
}

#[test]
fn token_maps_and_atlases_hold_their_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("figure");
    let (_, figure) = &made_up_tokens::token_maps()[0];
    figure.draw(&stem).unwrap();
    // An image per row of panels and a bar per quantity.
    let pictures = figure.images.len() + 2;
    assert_pictures(&stem, pictures);
    assert_complete(
        &stem,
        &[
            "vet-softmax@1024",
            "p 0.73",
            "entropy of the token's distribution",
            "(bits)",
        ],
    );
    let rows = records(&stem);
    let tokens: Vec<_> = rows.iter().filter(|row| &row[2] == "token").collect();
    let maps = figure.images.iter().flat_map(|image| &image.maps);
    let cells: Vec<_> = maps.flat_map(|map| &map.tokens).collect();
    assert_eq!(tokens.len(), cells.len());
    for (row, cell) in tokens.iter().zip(cells) {
        assert_eq!(row[6].parse(), Ok(cell.value));
        assert_eq!(row[7], cell.words);
    }
    let wrong = rows.iter().filter(|row| &row[11] == "wrong");
    assert!(wrong.clone().all(|row| row[9] != row[10]));
    assert_eq!(wrong.count() * 8, 3 * (rows.len() - tokens.len()));

    let (_, atlas) = &made_up_tokens::word_atlases()[0];
    atlas.draw(&stem).unwrap();
    let patches: usize = atlas.words.iter().map(|word| word.patches.len()).sum();
    assert_pictures(&stem, patches);
    assert_complete(&stem, &["word 2731", "used 30%", "purity 100%, 5.0 bits"]);
    let rows = records(&stem);
    assert_eq!(rows.len(), atlas.words.len() + patches);
    assert_eq!(&rows[0][3], "U+004D");
}

/// Asserts that an SVG holds so many bitmaps, and that the bitmap is drawn in the PNG as well.
fn assert_pictures(stem: &Path, expected: usize) {
    let text = fs::read_to_string(stem.with_extension("svg")).unwrap();
    let found = text.matches("href=\"data:image/png;base64,").count();
    assert_eq!(found, expected);
    let png = image::open(stem.with_extension("png")).unwrap().to_rgb8();
    // The second pixel of the made-up pictures is the only thing of its grey.
    assert!(png.pixels().any(|pixel| pixel.0 == [7; 3]));
}

#[test]
fn maps_that_do_not_fit_their_grid_are_refused() {
    let stem = Path::new("never-written");
    let (_, mut figure) = made_up_tokens::token_maps().remove(0);
    figure.images[0].maps[0].tokens.pop();
    let message = figure.draw(stem).unwrap_err().to_string();
    assert!(message.contains("7 tokens for a grid of 8"), "{message}");
    figure.images[0].maps.clear();
    let message = figure.draw(stem).unwrap_err().to_string();
    assert!(message.contains("no maps"), "{message}");
    let (_, mut atlas) = made_up_tokens::word_atlases().remove(0);
    atlas.words[0].purity = Some(f64::NAN);
    assert!(matches!(
        atlas.draw(stem),
        Err(FigureError::Position { .. })
    ));
}

#[test]
fn the_csv_gives_back_the_plotted_numbers_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("figure");
    let (_, figure) = &made_up::cer_by_arm()[0];
    figure.draw(&stem).unwrap();
    let rows = records(&stem);
    let cells = figure.panels.iter().flat_map(|panel| {
        let arms = figure.arms.iter().zip(&panel.cells);
        arms.map(|(arm, cell)| (panel.density, arm, cell))
    });
    let arms: Vec<_> = rows.iter().filter(|row| &row[1] == "arm").collect();
    assert_eq!(arms.len(), figure.arms.len() * figure.panels.len());
    for ((density, arm, cell), row) in cells.zip(arms) {
        assert_eq!(row[0].parse(), Ok(density));
        assert_eq!(row[2], arm.label);
        assert_eq!(row[4].parse(), Ok(cell.cer.mean));
        assert_eq!(row[5].parse(), Ok(cell.cer.low));
        assert_eq!(row[6].parse(), Ok(cell.cer.high));
        let used = cell.codes.map(|codes| codes.used);
        assert_eq!(row[7].parse().ok(), used);
    }

    let (_, figure) = &made_up::learning_curves()[0];
    figure.draw(&stem).unwrap();
    let points = figure.curves.iter().flat_map(|curve| &curve.points);
    for (point, row) in points.zip(records(&stem)) {
        assert_eq!(row[1].parse(), Ok(point.step));
        assert_eq!(row[2].parse(), Ok(point.cer.mean));
    }

    let (_, figure) = &made_up::tokens_over_training()[0];
    figure.draw(&stem).unwrap();
    let points = figure.traces.iter().flat_map(|trace| &trace.points);
    for (point, row) in points.zip(records(&stem)) {
        assert_eq!(row[2].parse(), Ok(point.step));
        assert_eq!(row[3].parse(), Ok(point.entropy_bits));
        assert_eq!(row[4].parse().ok(), point.codes_used);
    }
}

#[test]
fn images_that_one_arm_reads_stand_with_label_and_readings() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("figure");
    let (_, figure) = &made_up_readings::read_by_one()[0];
    figure.draw(&stem).unwrap();
    let side = &figure.pairs[0][0];
    let texts = [
        "identity and vet-st-argmax@16384+usage+on-qwen3-merger",
        "23 of 200 images, 4 shown",
        "does not: none",
        "identity: Hello",
        "(nothing)",
        "image 14, in 2 of 3 seeds",
    ];
    assert_complete(&stem, &texts);
    let rows = records(&stem);
    assert_eq!(rows.len(), 4 + 1 + 1 + 1);
    assert_eq!(&rows[1][0], "identity");
    assert_eq!(rows[1][3], side.shown[1].item.to_string());
    // One for every image that is shown.
    assert_eq!(svg(&stem).matches("<image ").count(), 5);
}

#[test]
fn the_same_figure_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    for stem in [&first, &second] {
        made_up::hardening_curves()[0].1.draw(stem).unwrap();
    }
    for extension in ["svg", "png", "csv"] {
        let read = |stem: &Path| fs::read(stem.with_extension(extension)).unwrap();
        assert!(read(&first) == read(&second), "{extension}");
    }
}

/// A dot plot with one good, one failed and one infinite cell, and a reference that is not finite.
fn with_failures() -> CerByArm {
    let cell = |cer| CerCell { cer, codes: None };
    CerByArm {
        title: "a < b & c".to_owned(),
        subtitle: "n = 3\u{7}".to_owned(),
        scale: CerScale::Log,
        arms: ["good", "failed", "endless"]
            .map(|label| Arm::new(label, Family::VetHard))
            .to_vec(),
        panels: vec![DensityPanel {
            density: 1.0,
            cells: vec![
                cell(Estimate::new(0.1, f64::NAN, f64::INFINITY)),
                CerCell::failed(),
                cell(Estimate::exact(f64::INFINITY)),
            ],
            references: vec![Reference {
                label: "PatchMerger".to_owned(),
                family: Family::Merger,
                cer: f64::NAN,
            }],
        }],
    }
}

#[test]
fn failed_cells_are_named_and_leave_no_broken_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("figure");
    with_failures().draw(&stem).unwrap();
    assert_complete(&stem, &["good", "failed", "endless"]);
    let failed = svg(&stem).matches("\nfailed\n").count();
    assert_eq!(failed, 3, "one row label and two cells");
    let statuses: Vec<_> = records(&stem).iter().map(|row| row[9].to_owned()).collect();
    assert_eq!(statuses, ["ok", "failed", "failed", "failed"]);
}

#[test]
fn a_figure_of_failures_only_still_draws_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("figure");
    let curves = LearningCurves {
        title: "t".to_owned(),
        subtitle: String::new(),
        curves: vec![LearningCurve {
            arm: Arm::new("diverged", Family::VetSoft),
            points: vec![LearningPoint {
                step: 0,
                cer: Estimate::failed(),
            }],
        }],
    };
    curves.draw(&stem).unwrap();
    assert_complete(&stem, &["diverged – failed"]);
}

#[test]
fn a_stem_with_a_dot_keeps_its_end() {
    let folder = tempfile::tempdir().unwrap();
    with_failures().draw(&folder.path().join("run.v2")).unwrap();
    assert!(folder.path().join("run.v2.svg").is_file());
}

#[test]
fn empty_figures_are_refused_with_what_they_lack() {
    let stem = Path::new("never-written");
    let mut figure = with_failures();
    figure.panels.clear();
    let message = figure.draw(stem).unwrap_err().to_string();
    assert!(message.contains("panels"), "{message}");
    figure.arms.clear();
    let message = figure.draw(stem).unwrap_err().to_string();
    assert!(message.contains("CerByArm has no arms"), "{message}");

    let (title, subtitle) = (String::new(), String::new());
    let empty = TokensOverTraining {
        title: title.clone(),
        subtitle: subtitle.clone(),
        traces: Vec::new(),
        vocabularies: Vec::new(),
    };
    assert!(matches!(empty.draw(stem), Err(FigureError::Empty { .. })));
    let empty = HardeningCurve {
        title: title.clone(),
        subtitle: subtitle.clone(),
        scale: CerScale::Log,
        panels: Vec::new(),
    };
    assert!(matches!(empty.draw(stem), Err(FigureError::Empty { .. })));
    let no_points = CerByDensity {
        title,
        subtitle,
        scale: CerScale::Log,
        lines: vec![DensityLine {
            arm: Arm::new("a", Family::Blind),
            points: Vec::new(),
        }],
        capacities: Vec::new(),
        bounds: Vec::new(),
    };
    assert!(matches!(
        no_points.draw(stem),
        Err(FigureError::Empty { .. })
    ));
    assert!(!Path::new("never-written.csv").exists());
}

#[test]
fn numbers_that_cannot_be_placed_are_refused() {
    let stem = Path::new("never-written");
    let mut figure = with_failures();
    figure.panels[0].cells.pop();
    let message = figure.draw(stem).unwrap_err().to_string();
    assert!(message.contains("2 cells for 3 arms"), "{message}");

    let mut figure = with_failures();
    figure.panels[0].density = f64::NAN;
    assert!(matches!(
        figure.draw(stem),
        Err(FigureError::Position { .. })
    ));

    let figure = CerByDensity {
        title: String::new(),
        subtitle: String::new(),
        scale: CerScale::Linear,
        lines: vec![DensityLine {
            arm: Arm::new("a", Family::Blind),
            points: vec![DensityPoint {
                density: 1.0,
                cer: Estimate::exact(0.5),
            }],
        }],
        capacities: vec![Capacity {
            words: 256,
            alphabet: 1,
        }],
        bounds: Vec::new(),
    };
    let message = figure.draw(stem).unwrap_err().to_string();
    assert!(
        message.contains("alphabet") && message.contains("at least 2"),
        "{message}"
    );
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let stem = folder.path().join("missing").join("figure");
    let message = with_failures().draw(&stem).unwrap_err().to_string();
    assert!(
        message.contains("missing") && message.contains("figure.svg"),
        "{message}"
    );
    assert!(message.contains("folder exists"), "{message}");
}
