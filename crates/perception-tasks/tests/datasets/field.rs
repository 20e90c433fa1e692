//! Class folders as people have them. Right values: torchvision's `ImageFolder`, which reads every
//! file with the ending of an image, follows links, and has a class for every subfolder.

use std::fs;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use perception_tasks::{Channels, Crop, Error, ImageDataset, OnProblem, Problem};
use tempfile::TempDir;
use text_images::Split;

use crate::{BLUE, RED, open, save, write};

fn two_classes() -> TempDir {
    let dir = TempDir::new().unwrap();
    for index in 0..20 {
        save(
            &dir.path().join(format!("finch/{index:02}.png")),
            20,
            10,
            RED,
        );
        save(
            &dir.path().join(format!("wren/{index:02}.png")),
            20,
            10,
            BLUE,
        );
    }
    dir
}

fn files_of(dataset: &ImageDataset, class: usize) -> usize {
    dataset
        .rows()
        .iter()
        .filter(|row| row.label == class)
        .count()
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(20, 10, RED)
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

#[test]
fn webp_and_bmp_are_read_whatever_the_case_of_their_ending() {
    let dir = two_classes();
    let at = |name: &str| dir.path().join("wren").join(name);
    fs::write(at("a.webp"), encoded(ImageFormat::WebP)).unwrap();
    fs::write(at("b.BMP"), encoded(ImageFormat::Bmp)).unwrap();
    fs::write(at("c.JPeG"), encoded(ImageFormat::Jpeg)).unwrap();
    // The content decides, not the name.
    fs::write(at("d.jpg"), encoded(ImageFormat::WebP)).unwrap();
    let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
    assert_eq!(files_of(&dataset, 1), 24);
    for (row, _) in dataset
        .rows()
        .iter()
        .enumerate()
        .filter(|(_, row)| row.label == 1)
    {
        let image = dataset.image(row).unwrap();
        assert_eq!(image.dimensions(), (20, 10));
        let [red, _, blue] = image.get_pixel(5, 5).0;
        let is_red = !dataset.rows()[row].file.extension().unwrap().eq("png");
        assert_eq!(red > blue, is_red, "{:?}", dataset.rows()[row].file);
    }
    assert!(dataset.notes().is_empty(), "{:?}", dataset.notes());
}

#[test]
fn cut_files_of_every_format_are_corrupt() {
    for (format, ending) in [
        (ImageFormat::WebP, "webp"),
        (ImageFormat::Bmp, "bmp"),
        (ImageFormat::Jpeg, "jpg"),
        (ImageFormat::Png, "png"),
    ] {
        let dir = two_classes();
        let mut noise = RgbImage::new(64, 48);
        for (x, y, pixel) in noise.enumerate_pixels_mut() {
            *pixel = Rgb([
                (x * 7 + y * 13) as u8,
                (x * y) as u8,
                ((x * 31) ^ (y * 5)) as u8,
            ]);
        }
        let mut bytes = std::io::Cursor::new(Vec::new());
        noise.write_to(&mut bytes, format).unwrap();
        let bytes = bytes.into_inner();
        let name = format!("cut.{ending}");
        fs::write(
            dir.path().join("wren").join(&name),
            &bytes[..bytes.len() / 2],
        )
        .unwrap();
        let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
        let row = dataset
            .rows()
            .iter()
            .position(|row| row.file.ends_with(&name))
            .unwrap();
        let error = dataset.image(row).unwrap_err();
        assert!(
            error.to_string().contains("cannot decode"),
            "{ending}: {error}"
        );
    }
}

#[test]
fn files_of_unread_formats_are_counted_and_named() {
    let dir = two_classes();
    for index in 0..30 {
        write(&dir.path().join(format!("wren/x{index:02}.GIF")), "GIF89a");
        write(&dir.path().join(format!("finch/x{index:02}.tiff")), "II*");
    }
    for name in [".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.gif"] {
        write(&dir.path().join("wren").join(name), "of the system");
    }
    let error = open("folder", dir.path(), OnProblem::Stop)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("30 images") && error.contains(".gif"),
        "{error}"
    );
    let dataset = open("folder", dir.path(), OnProblem::GoOn).unwrap();
    let problems: Vec<String> = dataset.problems().iter().map(Problem::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0].contains("30") && problems[0].contains("wren/x00.GIF"),
        "{problems:?}"
    );
    assert!(
        problems[1].contains("30") && problems[1].contains("finch/x00.tiff"),
        "{problems:?}"
    );
    assert!(dataset.notes().is_empty(), "{:?}", dataset.notes());
    assert_eq!(dataset.rows().len(), 40);
}

#[test]
fn other_files_are_noted_and_do_no_harm() {
    let dir = two_classes();
    write(&dir.path().join("wren/notes.txt"), "not an image");
    let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
    assert!(
        dataset.notes()[0].contains("wren/notes.txt"),
        "{:?}",
        dataset.notes()
    );
    write(&dir.path().join("finch/labels"), "not an image");
    let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
    assert!(
        dataset.notes()[0].starts_with("2 files"),
        "{:?}",
        dataset.notes()
    );
}

#[test]
fn one_class_is_refused() {
    let dir = two_classes();
    fs::remove_dir_all(dir.path().join("finch")).unwrap();
    let error = open("folder", dir.path(), OnProblem::Stop).unwrap_err();
    assert!(
        matches!(&error, Error::OneClass { class, .. } if class == "wren"),
        "{error}"
    );
    assert!(
        error.to_string().contains("two classes are needed"),
        "{error}"
    );
    // An empty class is none.
    fs::create_dir(dir.path().join("owl")).unwrap();
    let error = open("folder", dir.path(), OnProblem::GoOn).unwrap_err();
    assert!(matches!(error, Error::OneClass { .. }), "{error}");
}

#[test]
fn classes_one_level_lower_get_the_hint() {
    let inner = two_classes();
    let dir = TempDir::new().unwrap();
    for part in ["train", "val"] {
        for class in ["finch", "wren"] {
            let (from, to) = (inner.path().join(class), dir.path().join(part).join(class));
            fs::create_dir_all(&to).unwrap();
            for index in 0..20 {
                let name = format!("{index:02}.png");
                fs::copy(from.join(&name), to.join(&name)).unwrap();
            }
        }
    }
    for on_problem in [OnProblem::Stop, OnProblem::GoOn] {
        let error = open("folder", dir.path(), on_problem)
            .unwrap_err()
            .to_string();
        for part in [
            "classes are one level lower",
            "`train`, `val`",
            "folder:",
            "/train",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }
    // Images in a subfolder of one class only.
    save(&inner.path().join("wren/2019/more.png"), 8, 8, BLUE);
    let error = open("folder", inner.path(), OnProblem::Stop)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`wren` has images in a subfolder"),
        "{error}"
    );
    let dataset = open("folder", inner.path(), OnProblem::GoOn).unwrap();
    assert!(matches!(dataset.problems(), [Problem::Subfolder { .. }]));
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn views_made_of_links_are_read() {
        let store = two_classes();
        let dir = TempDir::new().unwrap();
        // One class a link to a folder, the other a folder of links.
        symlink(store.path().join("finch"), dir.path().join("finch")).unwrap();
        fs::create_dir(dir.path().join("wren")).unwrap();
        for index in 0..10 {
            let name = format!("{index:02}.png");
            let target = store.path().join("wren").join(&name);
            symlink(target, dir.path().join("wren").join(name)).unwrap();
        }
        let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
        assert_eq!([0, 1].map(|class| files_of(&dataset, class)), [20, 10]);
        assert_eq!(dataset.image(25).unwrap().get_pixel(0, 0), &BLUE);
        // The split hangs on the names, linked or not.
        let whole = open("folder", store.path(), OnProblem::Stop).unwrap();
        for row in dataset.rows() {
            assert!(whole.rows().contains(row), "{row:?}");
        }
        symlink("nowhere.png", dir.path().join("wren/gone.png")).unwrap();
        let error = open("folder", dir.path(), OnProblem::Stop)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("gone.png") && error.contains("link"),
            "{error}"
        );
        let dataset = open("folder", dir.path(), OnProblem::GoOn).unwrap();
        assert!(matches!(dataset.problems(), [Problem::MissingImage(_)]));
    }

    #[test]
    fn a_class_that_links_to_the_set_is_no_endless_one() {
        let dir = two_classes();
        symlink(dir.path(), dir.path().join("owl")).unwrap();
        symlink("b", dir.path().join("a")).unwrap();
        symlink("a", dir.path().join("b")).unwrap();
        let dataset = open("folder", dir.path(), OnProblem::GoOn).unwrap();
        assert_eq!(dataset.problems(), [Problem::EmptyClass("owl".into())]);
    }

    #[test]
    fn names_that_are_not_utf8_are_classes_and_images_like_others() {
        let dir = two_classes();
        let class = dir.path().join(OsStr::from_bytes(b"caf\xe9"));
        for index in 0..20_u8 {
            save(&class.join(format!("{index:02}.png")), 20, 10, RED);
        }
        let image = dir.path().join("wren").join(OsStr::from_bytes(b"\xe9.png"));
        fs::copy(dir.path().join("wren/00.png"), image).unwrap();
        let dataset = open("folder", dir.path(), OnProblem::Stop).unwrap();
        assert_eq!(dataset.classes(), ["caf\\xE9", "finch", "wren"]);
        assert_eq!(
            [0, 1, 2].map(|class| files_of(&dataset, class)),
            [20, 20, 21]
        );
        for row in 0..dataset.rows().len() {
            assert!(dataset.image(row).is_ok());
        }
    }
}

/// As for the other readers: one defect loses one record.
#[test]
fn one_defect_loses_one_image_and_leaves_the_others() {
    let read = |dir: &Path| {
        let dataset = open("folder", dir, OnProblem::GoOn).unwrap();
        let mut images = Vec::new();
        let mut problems: Vec<String> = dataset.problems().iter().map(Problem::to_string).collect();
        for split in Split::ALL {
            let mut reader =
                dataset.reader(split, [64, 32], Channels::Rgb, Crop::Whole, OnProblem::GoOn);
            for item in reader.by_ref() {
                let (row, image) = item.unwrap();
                let row = &dataset.rows()[row];
                images.push((row.file.clone(), row.label, row.split, image.into_bytes()));
            }
            problems.extend(reader.problems().iter().map(Problem::to_string));
        }
        (images, problems)
    };
    let jpeg = encoded(ImageFormat::Jpeg);
    for lost in ["finch/00.png", "finch/13.png", "wren/07.png"] {
        let dir = two_classes();
        let path = dir.path().join(lost);
        let (mut expected, none) = read(dir.path());
        assert!(none.is_empty());
        expected.retain(|(file, ..)| file != Path::new(lost));
        assert_eq!(expected.len(), 39);
        let png = fs::read(&path).unwrap();
        for content in [
            &png[..png.len() / 2],
            &jpeg[..jpeg.len() - 2],
            b"no image",
            b"",
            b"GIF89a",
        ] {
            fs::write(&path, content).unwrap();
            let (found, problems) = read(dir.path());
            assert!(found == expected);
            assert!(
                problems.len() == 1 && problems[0].contains(lost),
                "{problems:?}"
            );
        }
    }
}
