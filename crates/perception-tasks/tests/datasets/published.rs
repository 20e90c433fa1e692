//! FGVC-Aircraft and CUB-200-2011.

use std::fs;

use image::{GenericImageView, Rgb, RgbImage};
use perception_tasks::{BoundingBox, Channels, Crop, OnProblem, Problem};
use tempfile::TempDir;
use text_images::Split;

use crate::{BLUE, RED, open, save, write};

/// Three variants of two families, two photographs each, 60 x 50 px with a white banner below.
fn aircraft() -> TempDir {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    let ids = [
        "0000001", "0000002", "0000003", "0000004", "0000005", "0000006",
    ];
    for id in ids {
        let mut image = RgbImage::from_pixel(60, 50, BLUE);
        for (x, y, pixel) in image.enumerate_pixels_mut() {
            if y >= 30 {
                *pixel = Rgb([255; 3]);
            } else if (10..20).contains(&x) && (5..15).contains(&y) {
                *pixel = RED;
            }
        }
        let path = data.join(format!("images/{id}.jpg"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = fs::File::create(path).unwrap();
        image
            .write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(
                file, 100,
            ))
            .unwrap();
    }
    write(&data.join("variants.txt"), "707-320\n737-200\nDC-3\n");
    write(&data.join("families.txt"), "Boeing 7x7\nDC-3\n");
    let variants = ["707-320", "737-200", "DC-3"];
    let families = ["Boeing 7x7", "Boeing 7x7", "DC-3"];
    for (word, names) in [("variant", variants), ("family", families)] {
        let line = |index: usize| format!("{} {}\r\n", ids[index], names[index % 3]);
        let lines = |range: std::ops::Range<usize>| range.map(line).collect::<String>();
        for (part, range) in [
            ("train", 0..3),
            ("val", 3..4),
            ("trainval", 0..4),
            ("test", 4..6),
        ] {
            write(
                &data.join(format!("images_{word}_{part}.txt")),
                &lines(range),
            );
        }
    }
    let boxes: String = ids.iter().map(|id| format!("{id} 11 6 20 15\n")).collect();
    write(&data.join("images_box.txt"), &boxes);
    dir
}

#[test]
fn aircraft_have_the_published_classes_splits_and_boxes() {
    let dir = aircraft();
    let dataset = open("aircraft", dir.path(), OnProblem::Stop).unwrap();
    assert_eq!(dataset.classes(), ["707-320", "737-200", "DC-3"]);
    let rows: Vec<(usize, Split)> = dataset.rows().iter().map(|r| (r.label, r.split)).collect();
    let (train, validation, test) = (Split::Train, Split::Validation, Split::Test);
    let expected = [
        (0, train),
        (1, train),
        (2, train),
        (0, validation),
        (1, test),
        (2, test),
    ];
    assert_eq!(rows, expected);
    // Counted from 1, both ends included: 10 x 10 px from (10, 5).
    let bounding_box = BoundingBox {
        left_px: 10.0,
        top_px: 5.0,
        width_px: 10.0,
        height_px: 10.0,
    };
    assert_eq!(dataset.rows()[0].bounding_box, Some(bounding_box));

    let image = dataset.image(0).unwrap();
    assert_eq!(image.dimensions(), (60, 30), "the banner is cut off");
    let crop = dataset
        .image_fit_to(0, [32, 32], Channels::Rgb, Crop::Box { margin: 0.0 })
        .unwrap();
    let middle = crop.get_pixel(16, 16).0;
    assert!(middle[0] > 180 && middle[2] < 60, "{middle:?}");
    let corner = crop.get_pixel(2, 2).0;
    assert!(corner[0] > 150, "the crop shows the box only: {corner:?}");

    let inside = open("aircraft", &dir.path().join("data"), OnProblem::Stop).unwrap();
    assert_eq!(inside.rows(), dataset.rows());
    let families = open("aircraft-family", dir.path(), OnProblem::Stop).unwrap();
    assert_eq!(families.classes(), ["Boeing 7x7", "DC-3"]);
    assert_eq!(families.rows()[1].label, 0);
}

#[test]
fn aircraft_lists_that_are_missing_or_wrong_are_named() {
    let dir = aircraft();
    let data = dir.path().join("data");
    let error = open("aircraft-manufacturer", dir.path(), OnProblem::GoOn).unwrap_err();
    assert!(error.to_string().contains("manufacturers.txt"), "{error}");

    fs::remove_file(data.join("images/0000002.jpg")).unwrap();
    fs::remove_file(data.join("images_box.txt")).unwrap();
    let error = open("aircraft", dir.path(), OnProblem::Stop).unwrap_err();
    assert!(error.to_string().contains("images_box.txt"), "{error}");
    let dataset = open("aircraft", dir.path(), OnProblem::GoOn).unwrap();
    assert_eq!(dataset.rows().len(), 5);
    assert!(dataset.problems().iter().any(
        |problem| matches!(problem, Problem::MissingImage(path) if path.ends_with("0000002.jpg"))
    ));
    assert_eq!(dataset.problems().len(), 2);

    fs::remove_file(data.join("images_variant_val.txt")).unwrap();
    let dataset = open("aircraft", dir.path(), OnProblem::GoOn).unwrap();
    assert_eq!(
        dataset.rows().len(),
        5,
        "train and validation come from trainval"
    );
    fs::remove_file(data.join("images_variant_trainval.txt")).unwrap();
    let error = open("aircraft", dir.path(), OnProblem::GoOn).unwrap_err();
    assert!(
        error.to_string().contains("images_variant_val.txt"),
        "{error}"
    );

    write(&data.join("images_variant_val.txt"), "0000004 Concorde\n");
    let error = open("aircraft", dir.path(), OnProblem::GoOn)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("line 1") && error.contains("Concorde"),
        "{error}"
    );
}

#[test]
fn aircraft_ids_cannot_lead_out_of_the_folder() {
    let dir = aircraft();
    save(&dir.path().join("secret.jpg"), 8, 8, RED);
    let list = dir.path().join("data/images_variant_test.txt");
    write(&list, "../../secret 707-320\n0000005 737-200\n");
    let dataset = open("aircraft", dir.path(), OnProblem::GoOn).unwrap();
    assert!(
        matches!(dataset.problems(), [Problem::Outside(_)]),
        "{:?}",
        dataset.problems()
    );
    let error = open("aircraft", dir.path(), OnProblem::Stop).unwrap_err();
    assert!(error.to_string().contains("leads out"), "{error}");
}

fn cub() -> TempDir {
    let dir = TempDir::new().unwrap();
    let root = dir.path().join("CUB_200_2011");
    let names = [
        "001.Black_footed_Albatross/A_0001.jpg",
        "001.Black_footed_Albatross/A_0002.jpg",
        "002.Laysan_Albatross/B_0001.jpg",
        "002.Laysan_Albatross/B_0002.jpg",
    ];
    let numbered = |lines: [&str; 4]| -> String {
        lines
            .iter()
            .zip(1..)
            .map(|(line, id)| format!("{id} {line}\n"))
            .collect()
    };
    for name in names {
        save(&root.join("images").join(name), 30, 20, BLUE);
    }
    write(&root.join("images.txt"), &numbered(names));
    write(
        &root.join("classes.txt"),
        "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n",
    );
    write(
        &root.join("image_class_labels.txt"),
        &numbered(["1", "1", "2", "2"]),
    );
    write(
        &root.join("train_test_split.txt"),
        &numbered(["1", "0", "1", "0"]),
    );
    write(
        &root.join("bounding_boxes.txt"),
        &numbered(["5.0 4.0 10.0 8.0"; 4]),
    );
    dir
}

#[test]
fn cub_has_the_published_classes_splits_and_boxes() {
    let dir = cub();
    let dataset = open("cub", dir.path(), OnProblem::Stop).unwrap();
    assert_eq!(
        dataset.classes(),
        ["001.Black_footed_Albatross", "002.Laysan_Albatross"]
    );
    let labels: Vec<usize> = dataset.rows().iter().map(|row| row.label).collect();
    assert_eq!(labels, [0, 0, 1, 1]);
    let is_test = |row: &perception_tasks::ImageRow| row.split == Split::Test;
    let tests: Vec<bool> = dataset.rows().iter().map(is_test).collect();
    assert_eq!(tests, [false, true, false, true]);
    let bounding_box = BoundingBox {
        left_px: 5.0,
        top_px: 4.0,
        width_px: 10.0,
        height_px: 8.0,
    };
    assert!(
        dataset
            .rows()
            .iter()
            .all(|row| row.bounding_box == Some(bounding_box))
    );
    assert_eq!(
        dataset.image(0).unwrap().dimensions(),
        (30, 20),
        "no banner"
    );
    let inside = open("cub", &dir.path().join("CUB_200_2011"), OnProblem::Stop).unwrap();
    assert_eq!(inside.rows(), dataset.rows());
}

#[test]
fn damaged_cub_lists_are_named() {
    let dir = cub();
    let root = dir.path().join("CUB_200_2011");
    write(&root.join("image_class_labels.txt"), "1 1\n2 1\n3 2\n");
    let dataset = open("cub", dir.path(), OnProblem::GoOn).unwrap();
    assert_eq!(dataset.rows().len(), 3);
    assert!(
        matches!(dataset.problems(), [Problem::Unlabelled(path)] if path.ends_with("B_0002.jpg"))
    );

    for (file, text, named) in [
        ("train_test_split.txt", "1 2\n", "1 for training"),
        ("bounding_boxes.txt", "1 5.0 4.0 nan 8.0\n", "four numbers"),
        ("image_class_labels.txt", "1 9\n", "classes.txt"),
        ("classes.txt", "lonely\n", "a number and a class"),
    ] {
        let dir = cub();
        write(&dir.path().join("CUB_200_2011").join(file), text);
        let message = open("cub", dir.path(), OnProblem::GoOn)
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(named) && message.contains("line 1"),
            "{message}"
        );
    }
    let dir = cub();
    fs::remove_file(dir.path().join("CUB_200_2011/images.txt")).unwrap();
    let message = open("cub", dir.path(), OnProblem::GoOn)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("no such file") && message.contains("unpacked"),
        "{message}"
    );
}

#[test]
fn boxes_beyond_the_image_still_give_pixels() {
    let dir = cub();
    let boxes = "1 -50 -50 10 10\n2 500 500 10 10\n3 -5 -5 999 999\n4 3 3 0 0\n";
    write(&dir.path().join("CUB_200_2011/bounding_boxes.txt"), boxes);
    let dataset = open("cub", dir.path(), OnProblem::Stop).unwrap();
    for row in 0..4 {
        let crop = Crop::Box { margin: 0.1 };
        let image = dataset
            .image_fit_to(row, [16, 16], Channels::Grey, crop)
            .unwrap();
        assert_eq!(image.dimensions(), (16, 16));
    }
}
