//! Readings of a plausible shape, made up to try the layout. Not results.

use figures::{ImageReading, OneSided, ReadByOne};
use image::{Rgb, RgbImage};

fn side(reads: &str, misreads: &str, images: usize, shown: Vec<ImageReading>) -> OneSided {
    OneSided {
        reads: reads.to_owned(),
        misreads: misreads.to_owned(),
        images,
        shown,
    }
}

fn image(item: usize, (width, height): (u32, u32), label: &str, wrong: &str) -> ImageReading {
    ImageReading {
        picture: RgbImage::from_fn(width, height, |x, y| Rgb([(x * 7 + y * 13) as u8; 3])),
        item,
        seed: 1,
        label: label.to_owned(),
        right: label.to_owned(),
        wrong: wrong.to_owned(),
        note: if item.is_multiple_of(2) {
            "in 2 of 3 seeds"
        } else {
            ""
        }
        .to_owned(),
    }
}

/// Words beside their images, lines below them, long labels and none, letters of other scripts.
pub fn read_by_one() -> Vec<(&'static str, ReadByOne)> {
    let hard = "vet-st-argmax@16384+usage+on-qwen3-merger";
    let figure = |pairs| ReadByOne {
        title: "Made-up images that one arm reads and another does not".to_owned(),
        subtitle: "made-up readings for layout checks".to_owned(),
        of: 200,
        pairs,
    };
    let long = "Donaudampfschifffahrtsgesellschaftskapitän".repeat(9);
    let words = [
        image(3, (128, 32), "Hello", "He11o"),
        image(14, (128, 32), &long, "W"),
        image(18, (64, 64), "Ωμέγα–日本語", ""),
        image(200_000, (32, 128), "a\u{7}b\u{fffe}c", "<&>\""),
    ];
    let lines = [image(1, (512, 32), "a line of text", "a 1ine of tent")];
    vec![
        (
            "read_by_one",
            figure(vec![
                [
                    side("identity", hard, 23, words.to_vec()),
                    side(hard, "identity", 1, words[..1].to_vec()),
                ],
                [
                    side("identity", "patch-merger", 0, Vec::new()),
                    side("patch-merger", "identity", 0, Vec::new()),
                ],
            ]),
        ),
        (
            "read_by_one_line",
            figure(vec![[
                side("identity", "linear", 0, Vec::new()),
                side("linear", "identity", 1, lines.to_vec()),
            ]]),
        ),
    ]
}
