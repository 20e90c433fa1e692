//! `render`, and labelled folders read back: rendered ones and those a user brings.

#![allow(clippy::unwrap_used)]

mod support;

use image::{GrayImage, Luma, RgbImage, imageops};
use std::fs;
use std::path::Path;
use support::{Finished, Rows, Scratch, names};

#[test]
fn render_writes_items_labels_and_a_contact_sheet() {
    let place = Scratch::new();
    let run = place
        .run("render --out shown --images 5 --charset 16 --densities 0.5,2")
        .succeeded();
    assert!(run.stdout.contains("10 images"), "{}", run.stdout);
    let labels = Rows::read(&place.path("shown/labels.csv"));
    let files = labels.fields("file", &[]);
    assert_eq!(files.len(), 10);
    for (file, text) in files.iter().zip(labels.fields("text", &[])) {
        let image = image::open(place.path("shown").join(file)).unwrap();
        assert_eq!((image.width(), image.height()), (64, 32));
        assert!(text.len() == 4 || text.len() == 16, "{text}");
    }
    let sheet = image::open(place.path("shown/contact-sheet.png")).unwrap();
    assert!(sheet.width() > 4 * 64 && sheet.height() > 2 * 32);
}

#[test]
fn render_depends_on_the_seed_and_on_nothing_else() {
    let place = Scratch::new();
    for (out, seed) in [("a", 1), ("b", 1), ("c", 2)] {
        let flags = "--images 3 --densities 1 --words --charset 36";
        place
            .run(&format!("render --out {out} --seed {seed} {flags}"))
            .succeeded();
    }
    let folder = |out: &str| -> Vec<(String, Vec<u8>)> {
        let read = |name: String| {
            let bytes = fs::read(place.path(out).join(&name)).unwrap();
            (name, bytes)
        };
        names(&place.path(out)).into_iter().map(read).collect()
    };
    assert!(folder("a") == folder("b"));
    assert!(folder("a") != folder("c"));
}

#[test]
fn options_of_text_are_refused_where_there_is_none() {
    let place = Scratch::new();
    for option in ["--clean", "--words", "--charset 10", "--densities 2"] {
        let option_name = option.split(' ').next().unwrap();
        place
            .run(&format!("render --out sheets --tasks vernier {option}"))
            .refused(&[option_name, "cannot be used"]);
    }
    place
        .run("render --out lines --strip --densities 2")
        .refused(&["--densities", "cannot be used"]);
    assert!(!place.path("sheets").exists() && !place.path("lines").exists());
}

#[test]
fn render_leaves_an_earlier_data_set_alone() {
    let place = Scratch::new();
    place
        .run("render --out shown --images 2 --densities 1")
        .succeeded();
    let labels = fs::read(place.path("shown/labels.csv")).unwrap();
    let again = place.run("render --out shown --images 3 --densities 2 --seed 9");
    again.refused(&["shown/labels.csv", "choose another folder"]);
    assert_eq!(fs::read(place.path("shown/labels.csv")).unwrap(), labels);
}

#[cfg(unix)]
#[test]
fn a_render_that_is_asked_to_stop_keeps_its_images_and_no_labels() {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    let place = Scratch::new();
    let mut child = place
        .binary()
        .args("render --out shown --images 20000 --densities 1".split(' '))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !place.path("shown/000000.png").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        std::thread::sleep(Duration::from_millis(2));
    }
    let sent = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let finished = Finished::from(child.wait_with_output().unwrap());
    assert_eq!(finished.code, Some(130), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("stopped by Ctrl-C or SIGTERM"),
        "{}",
        finished.stderr
    );
    let left = names(&place.path("shown"));
    assert!((1..20_000).contains(&left.len()), "{}", left.len());
    assert!(left.iter().all(|name| name.ends_with(".png")));
    // Without labels it is no data set, so the same folder can be written again.
    place
        .run("render --out shown --images 2 --densities 1")
        .succeeded();
}

#[test]
fn what_render_wrote_is_a_test_set_and_a_training_set() {
    let place = Scratch::new();
    place
        .run("render --out mine --images 20 --charset 10 --densities 1,2")
        .succeeded();
    let arms = "--arms identity,vet-st-argmax@16 --densities 1,2";
    place
        .probe(&format!("--run test {arms} --dataset folder:mine"))
        .succeeded();
    let labels = Rows::read(&place.path("mine/labels.csv"));
    let predictions = Rows::read(&place.result("test", "predictions.csv"));
    let filters = [("arm", "identity"), ("seed", "1"), ("condition", "mine")];
    assert_eq!(
        predictions.fields("target", &filters),
        labels.fields("text", &[])
    );
    assert_eq!(
        predictions.fields("font", &filters),
        labels.fields("font", &[])
    );

    let both = "--dataset folder:mine --train-dataset folder:mine";
    place
        .probe(&format!("--run both {arms} {both}"))
        .succeeded();
    let manifest = fs::read_to_string(place.result("both", "manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let data = manifest["hashes"]["data"].as_object().unwrap();
    for split in ["train", "validation", "test"] {
        assert!(
            data.contains_key(&format!("{split} mine at 2 chars/token")),
            "{data:?}"
        );
    }
}

/// Vertical strokes on paper, the number of which depends on the digit: enough to be an image of
/// its label, of any size.
fn strokes(text: &str, width: u32, height: u32) -> GrayImage {
    let mut image = GrayImage::from_pixel(width, height, Luma([235]));
    let cell = (width / text.len() as u32).max(1);
    for (place, digit) in text.bytes().enumerate() {
        let left = place as u32 * cell;
        for stroke in 0..=u32::from(digit - b'0') {
            let x = left + stroke * cell / 12;
            for y in height / 4..(height * 3 / 4).max(1) {
                if x < width {
                    image.put_pixel(x, y, Luma([30]));
                }
            }
        }
    }
    image
}

/// A folder of images as a user would bring them: odd sizes, grey and colour, PNG and JPEG.
fn bring(folder: &Path) -> Vec<&'static str> {
    let texts = [
        "4071", "12", "98765", "3", "0000", "271828", "55", "6174", "31", "8",
    ];
    let sizes = [(40, 17), (301, 40), (97, 90), (128, 32), (5, 61), (640, 21)];
    fs::create_dir(folder).unwrap();
    let mut labels = String::from("file,text\n");
    for (index, text) in texts.iter().enumerate() {
        let (width, height) = sizes[index % sizes.len()];
        let grey = strokes(text, width, height);
        let name = match index % 3 {
            0 => {
                let name = format!("{index}.png");
                grey.save(folder.join(&name)).unwrap();
                name
            }
            1 => {
                let name = format!("{index}.jpg");
                grey.save(folder.join(&name)).unwrap();
                name
            }
            _ => {
                let name = format!("colour {index}.png");
                let colour = RgbImage::from_fn(width, height, |x, y| {
                    let [level] = grey.get_pixel(x, y).0;
                    image::Rgb([level, level / 2, level])
                });
                imageops::rotate180(&colour)
                    .save(folder.join(&name))
                    .unwrap();
                name
            }
        };
        labels.push_str(&format!("{name},{text}\n"));
    }
    fs::write(folder.join("labels.csv"), labels).unwrap();
    texts.to_vec()
}

#[test]
fn images_of_any_size_are_read_as_lines() {
    let place = Scratch::new();
    let texts = bring(&place.path("scans"));
    let arms = "--arms identity,vet-softmax@16 --layout strip";
    place
        .probe(&format!("--run test {arms} --dataset folder:scans"))
        .succeeded();
    let predictions = Rows::read(&place.result("test", "predictions.csv"));
    let filters = [("arm", "identity"), ("seed", "2"), ("condition", "scans")];
    assert_eq!(predictions.fields("target", &filters), texts);

    let both = "--dataset folder:scans --train-dataset folder:scans";
    place
        .probe(&format!("--run both {arms} {both}"))
        .succeeded();
    let predictions = Rows::read(&place.result("both", "predictions.csv"));
    assert_eq!(predictions.fields("target", &filters), texts);
}

#[test]
fn labels_outside_the_charset_are_named_and_left_out() {
    let place = Scratch::new();
    let mut texts = bring(&place.path("scans"));
    let path = place.path("scans/labels.csv");
    let labels = fs::read_to_string(&path)
        .unwrap()
        .replace("0.png,4071", "0.png,4071€");
    fs::write(&path, labels).unwrap();
    let run = place.probe("--run a --arms identity --layout strip --dataset folder:scans");
    let run = run.succeeded();
    assert!(
        run.stderr.contains("note: ") && run.stderr.contains("0.png"),
        "{}",
        run.stderr
    );
    texts.remove(0);
    let predictions = Rows::read(&place.result("a", "predictions.csv"));
    assert_eq!(predictions.fields("target", &[("seed", "1")]), texts);
}
