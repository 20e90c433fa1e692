//! One subfolder per class, and images that cannot be read.

use std::fs;

use image::{GenericImageView, RgbImage};
use perception_tasks::{Channels, Crop, Error, OnProblem, Problem};
use tempfile::TempDir;
use text_images::Split;

use crate::{BLUE, RED, open, save, write};

fn folders() -> TempDir {
    let dir = TempDir::new().unwrap();
    for index in 0..20 {
        save(
            &dir.path().join(format!("wren/{index:02}.png")),
            40,
            20,
            RED,
        );
        save(
            &dir.path().join(format!("finch/{index:02}.JPG")),
            20,
            40,
            BLUE,
        );
    }
    write(&dir.path().join("wren/notes.txt"), "not an image");
    dir
}

#[test]
fn folders_are_classes_and_splits_come_from_the_names() {
    let dir = folders();
    let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
    assert_eq!(dataset.classes(), ["finch", "wren"]);
    assert_eq!(dataset.rows().len(), 40);
    for split in Split::ALL {
        assert!(
            dataset.rows().iter().any(|row| row.split == split),
            "{split}"
        );
    }
    let again = open("folder", dir.path(), OnProblem::Stop).unwrap();
    assert_eq!(dataset.rows(), again.rows());
    // Another image must not move those that are there to another split.
    save(&dir.path().join("wren/00a.png"), 8, 8, RED);
    let more = open("folder", dir.path(), OnProblem::Stop).unwrap();
    for row in dataset.rows() {
        assert!(more.rows().contains(row), "{row:?}");
    }
}

#[test]
fn images_are_fitted_without_distortion() {
    let dir = folders();
    save(&dir.path().join("finch/half.png"), 1, 1, RED);
    let mut half = RgbImage::from_pixel(100, 100, RED);
    for (x, _, pixel) in half.enumerate_pixels_mut() {
        if x >= 50 {
            *pixel = BLUE;
        }
    }
    half.save(dir.path().join("finch/half.png")).unwrap();
    let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
    let row = dataset
        .rows()
        .iter()
        .position(|row| row.file.ends_with("half.png"))
        .unwrap();
    let fitted = dataset
        .image_fit_to(row, [64, 32], Channels::Rgb, Crop::Whole)
        .unwrap();
    assert_eq!(fitted.dimensions(), (64, 32));
    let at = |x, y| fitted.get_pixel(x, y).0;
    assert_eq!(&at(20, 16)[..3], RED.0);
    assert_eq!(&at(44, 16)[..3], BLUE.0);
    // Padding: the mean colour.
    assert_eq!(&at(2, 16)[..3], [115, 30, 115]);
    let grey = dataset
        .image_fit_to(row, [32, 32], Channels::Grey, Crop::Whole)
        .unwrap();
    assert_eq!(grey.color(), image::ColorType::L8);
}

#[test]
fn a_corrupt_image_stops_or_is_named_and_counted() {
    let dir = folders();
    let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
    let broken = dataset
        .rows()
        .iter()
        .position(|row| row.split == Split::Train)
        .unwrap();
    let path = dir.path().join(&dataset.rows()[broken].file);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    // Damage is found when the image is read, not when the folder is opened.
    let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
    let read = |on_problem| {
        dataset.reader(
            Split::Train,
            [64, 32],
            Channels::Rgb,
            Crop::Whole,
            on_problem,
        )
    };
    let stopped: Vec<_> = read(OnProblem::Stop).collect();
    let message = stopped.last().unwrap().as_ref().unwrap_err().to_string();
    assert_eq!(stopped.len(), 1);
    assert!(
        message.contains(path.file_name().unwrap().to_str().unwrap()),
        "{message}"
    );
    assert!(
        message.contains("cannot decode") && message.contains("go on"),
        "{message}"
    );

    let train = dataset
        .rows()
        .iter()
        .filter(|row| row.split == Split::Train)
        .count();
    let mut reader = read(OnProblem::GoOn);
    let rows: Vec<usize> = reader.by_ref().map(|item| item.unwrap().0).collect();
    assert_eq!(rows.len(), train - 1);
    assert!(!rows.contains(&broken));
    assert!(matches!(reader.problems(), [Problem::Corrupt(..)]));
}

#[test]
fn absurd_dimensions_are_refused_before_decoding() {
    let dir = folders();
    // A valid PNG header of 60,000 x 60,000 px with no pixels behind it.
    let mut png = Vec::new();
    RgbImage::new(1, 1)
        .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
        .unwrap();
    png[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    png[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    fs::write(dir.path().join("wren/huge.png"), &png).unwrap();
    let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
    let row = dataset
        .rows()
        .iter()
        .position(|row| row.file.ends_with("huge.png"))
        .unwrap();
    let error = dataset.image(row).unwrap_err();
    let Error::Problem {
        problem: Problem::TooLarge(_, sides),
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(*sides, [60_000, 60_000]);
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    })
}

#[test]
fn empty_classes_and_folders_are_told_apart() {
    let dir = folders();
    fs::create_dir(dir.path().join("owl")).unwrap();
    let message = open("folder", dir.path(), OnProblem::Stop)
        .unwrap_err()
        .to_string();
    assert!(message.contains("`owl`"), "{message}");
    let dataset = open("folder", dir.path(), OnProblem::GoOn).unwrap();
    assert_eq!(dataset.problems(), [Problem::EmptyClass("owl".into())]);
    assert_eq!(dataset.classes().len(), 3);

    let empty = TempDir::new().unwrap();
    let error = open("folder", empty.path(), OnProblem::GoOn).unwrap_err();
    assert!(matches!(error, Error::NoClasses { .. }), "{error}");
    fs::create_dir(empty.path().join("owl")).unwrap();
    let error = open("folder", empty.path(), OnProblem::GoOn).unwrap_err();
    assert!(error.to_string().contains("`owl`"), "{error}");
    let error = open("folder", &empty.path().join("nowhere"), OnProblem::GoOn).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}
