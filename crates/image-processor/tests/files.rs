//! Files decode as in Pillow, and what is wrong with a file is named.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use std::fs;
use std::io::Cursor;

use image::{ImageBuffer, ImageFormat, Luma, RgbImage};
use image_processor::{
    Error, MAX_PIXELS, PackedConfig, Transparency, decode_bytes, decode_file, into_rgb,
    rgb_from_grey,
};
use safetensors::SafeTensors;
use support::{fixture, largest_difference, pattern, tensor};

fn names() -> Vec<String> {
    let bytes = fs::read(fixture("files.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let names = tensors.names().into_iter();
    let names: Vec<_> = names
        .filter_map(|name| name.strip_prefix("file."))
        .collect();
    assert_eq!(names.len(), 24);
    names.into_iter().map(str::to_owned).collect()
}

fn file(name: &str) -> Vec<u8> {
    tensor("files.safetensors", &format!("file.{name}")).0
}

#[test]
fn files_decode_as_in_pillow() {
    for name in names() {
        let (expected, shape) = tensor("files.safetensors", &format!("pixels.{name}"));
        let image = decode_bytes(&file(&name), Transparency::Dropped).unwrap();
        assert_eq!(
            [image.height() as usize, image.width() as usize],
            shape[..2],
            "{name}"
        );
        // Another JPEG decoder rounds differently, above all where colour is subsampled.
        let tolerance = match name.as_str() {
            "half.jpg" | "progressive.jpg" => 4,
            name if name.ends_with(".jpg") => 2,
            _ => 0,
        };
        let difference = largest_difference(image.as_raw(), &expected);
        assert!(difference <= tolerance, "{name}: {difference}");
    }
}

/// The other seven orientations are checked against Pillow; here: they differ from each other.
#[test]
fn orientation_is_applied() {
    let upright = decode_bytes(&file("orientation-1.png"), Transparency::Dropped).unwrap();
    let turned = decode_bytes(&file("orientation-6.png"), Transparency::Dropped).unwrap();
    assert_eq!(turned, image::imageops::rotate90(&upright));
    assert_ne!(upright.dimensions(), turned.dimensions());
}

#[test]
fn deep_grey_keeps_its_high_byte() {
    let grey = ImageBuffer::from_fn(3, 1, |x, _| {
        Luma([[0x00ff_u16, 0x1280, 0xffff][x as usize]])
    });
    let mut bytes = Cursor::new(Vec::new());
    grey.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let image = decode_bytes(bytes.get_ref(), Transparency::Dropped).unwrap();
    assert_eq!(
        image.as_raw()[..],
        [0, 0, 0, 0x12, 0x12, 0x12, 255, 255, 255]
    );
}

#[test]
fn truncated_files_are_refused() {
    for name in names() {
        let bytes = file(&name);
        for kept in [0.2, 0.5, 0.8] {
            let part = &bytes[..(bytes.len() as f64 * kept) as usize];
            assert!(
                decode_bytes(part, Transparency::Dropped).is_err(),
                "{name} {kept}"
            );
        }
        let mut longer = bytes;
        longer.extend([0; 20]);
        assert!(
            decode_bytes(&longer, Transparency::Dropped).is_ok(),
            "{name} with bytes after its end"
        );
    }
}

#[test]
fn an_end_marker_inside_of_metadata_is_not_the_end() {
    let bytes = file("full.jpg");
    // A comment that holds an end marker, after the start of the image.
    let mut commented = bytes[..2].to_vec();
    commented.extend([0xff, 0xfe, 0, 4, 0xff, 0xd9]);
    commented.extend(&bytes[2..]);
    assert!(decode_bytes(&commented, Transparency::Dropped).is_ok());
    let part = &commented[..commented.len() / 2];
    assert!(matches!(
        decode_bytes(part, Transparency::Dropped),
        Err(Error::Truncated { .. })
    ));
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let message = |name: &str, content: &[u8]| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        let message = decode_file(&path, Transparency::Dropped)
            .unwrap_err()
            .to_string();
        assert!(message.contains(name), "{message}");
        message
    };
    assert!(message("empty.png", b"").contains("0 bytes"));
    assert!(message("text.png", b"not an image, but long enough").contains("no image"));
    assert!(message("moving.png", b"GIF89a\x01\x00\x01\x00").contains("Gif"));
    assert!(message("damaged.png", &file("rgb.png")[..60]).contains("damaged"));
    let whole = file("full.jpg");
    let cut = message("cut.jpg", &whole[..whole.len() - 100]);
    assert!(cut.contains("ends before"), "{cut}");

    let missing = decode_file(dir.path().join("missing.png"), Transparency::Dropped).unwrap_err();
    assert!(matches!(missing, Error::Read { .. }));
    assert!(missing.to_string().contains("missing.png"));
    assert!(matches!(
        decode_file(dir.path(), Transparency::Dropped),
        Err(Error::Read { .. })
    ));
}

/// Checksum of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 * (crc & 1))
        })
    })
}

#[test]
fn size_is_checked_before_decoding() {
    for (width, height) in [(20_000_u32, 20_000_u32), (2_000_000, 1), (1, 2_000_000)] {
        // The header of a small file with another size: there is no data for it.
        let mut bytes = file("rgb.png");
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
        let error = decode_bytes(&bytes, Transparency::Dropped).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        assert!(
            error.to_string().contains(&MAX_PIXELS.to_string()),
            "{error}"
        );
    }
}

#[test]
fn from_a_file_to_patches() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photo.png");
    let photo = pattern("noise", 333, 77);
    photo.save(&path).unwrap();
    let processor = PackedConfig::qwen2_5_vl().check().unwrap();
    let from_file = processor
        .image(&decode_file(&path, Transparency::Dropped).unwrap())
        .unwrap();
    assert_eq!(from_file, processor.image(&photo).unwrap());
}

#[test]
fn settings_come_from_a_file_and_its_errors_name_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("preprocessor_config.json");
    let read = |content: &str| {
        fs::write(&path, content).unwrap();
        PackedConfig::from_file(&path, PackedConfig::qwen2_5_vl())
    };
    assert_eq!(read(r#"{"min_pixels": 784}"#).unwrap().min_pixels, 784);
    for content in ["", "{", r#"{"min_pixels": -784}"#] {
        let message = read(content).unwrap_err().to_string();
        assert!(message.contains("preprocessor_config.json"), "{message}");
    }
}

#[test]
fn grey_strips_go_through_unresized() {
    let grey = ImageBuffer::from_fn(64, 32, |x, y| Luma([(x + y) as u8]));
    let strip = rgb_from_grey(&grey);
    assert_eq!(strip, image::DynamicImage::ImageLuma8(grey).into_rgb8());
    let config = PackedConfig::ovis2_5_2b().without_resizing();
    let patches = config.check().unwrap().image(&strip).unwrap();
    assert_eq!((patches.grid_thw, patches.tokens), ([1, 2, 4], 2));
    assert_eq!(patches.values[..2], [-1.0, (1.0_f32 / 255.0 - 0.5) / 0.5]);
    assert_eq!(RgbImage::new(0, 0), rgb_from_grey(&ImageBuffer::new(0, 0)));
}

#[test]
fn transparency_is_dropped_or_lies_on_white() {
    let mut image = image::RgbaImage::new(3, 1);
    for (x, alpha) in [0, 127, 255].into_iter().enumerate() {
        image.put_pixel(x as u32, 0, image::Rgba([10, 100, 200, alpha]));
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let pixels = |transparency| {
        decode_bytes(bytes.get_ref(), transparency)
            .unwrap()
            .into_raw()
    };
    assert_eq!(pixels(Transparency::Dropped), [10, 100, 200].repeat(3));
    // (a x + (255 - a) 255 + 127) / 255, rounded down.
    assert_eq!(
        pixels(Transparency::OverWhite),
        [255, 255, 255, 133, 178, 228, 10, 100, 200]
    );
    // Light ink is put on black, dark ink on white.
    assert_eq!(
        pixels(Transparency::UnderInk),
        pixels(Transparency::OverWhite)
    );
    for pixel in image.pixels_mut() {
        pixel.0[..3].fill(250);
    }
    let on_black = into_rgb(image.into(), Transparency::UnderInk).into_raw();
    assert_eq!(on_black, [0, 0, 0, 125, 125, 125, 250, 250, 250]);
}

/// Pillow opens it as mode RGB, which `convert_to_rgb` gives back as it is.
#[test]
fn a_transparent_colour_of_an_rgb_file_is_shown() {
    let decode = |name: &str, transparency| decode_bytes(&file(name), transparency).unwrap();
    let shown = decode("rgb-transparent.png", Transparency::Dropped);
    assert_eq!(
        decode("rgb-transparent.png", Transparency::OverWhite),
        shown
    );
    let palette = "palette-transparent.png";
    assert_ne!(
        decode(palette, Transparency::OverWhite),
        decode(palette, Transparency::Dropped)
    );
}

/// A picture of 2 x 2 px with a channel of opacity, in a frame of `side` x `side`.
fn animated_webp(side: u8) -> Vec<u8> {
    // Red, as Pillow writes it: `Image.new("RGB", (2, 2), (255, 0, 0)).save("red.webp", quality=80)`.
    const PICTURE: [u8; 48] = [
        0xd0, 0x01, 0x00, 0x9d, 0x01, 0x2a, 0x02, 0x00, 0x02, 0x00, 0x01, 0x40, 0x26, 0x25, 0xa0,
        0x02, 0x74, 0xba, 0x01, 0xf8, 0x00, 0x03, 0xb0, 0x00, 0xfe, 0xf2, 0xeb, 0x7f, 0xfc, 0xd8,
        0x15, 0xcd, 0x73, 0xef, 0xf7, 0xff, 0xd2, 0xe0, 0xfd, 0x2e, 0x0f, 0xd2, 0xe0, 0xff, 0xd2,
        0x90, 0x00, 0x00,
    ];
    let chunk = |kind: &[u8], data: &[u8]| {
        let pad = vec![0; data.len() % 2];
        [kind, &(data.len() as u32).to_le_bytes(), data, &pad].concat()
    };
    let size = [side - 1, 0, 0, side - 1, 0, 0];
    let mut opacity = vec![255; usize::from(side).pow(2) + 1];
    opacity[0] = 0;
    let frame = [
        &[0; 6][..],
        &size,
        &[0; 4],
        &chunk(b"ALPH", &opacity),
        &chunk(b"VP8 ", &PICTURE),
    ];
    let body = [
        &b"WEBP"[..],
        &chunk(b"VP8X", &[&[0x12, 0, 0, 0][..], &size].concat()),
        &chunk(b"ANIM", &[0; 6]),
        &chunk(b"ANMF", &frame.concat()),
    ];
    chunk(b"RIFF", &body.concat())
}

/// image-webp 0.2.4 panics at the smaller frame, and mixes up the rows in the larger one.
#[test]
fn a_webp_whose_frame_has_another_size_than_its_picture_is_refused() {
    let whole = decode_bytes(&animated_webp(2), Transparency::OverWhite).unwrap();
    assert_eq!(whole.dimensions(), (2, 2));
    for side in [1, 4] {
        let error = decode_bytes(&animated_webp(side), Transparency::OverWhite).unwrap_err();
        assert!(matches!(error, Error::WebpFrame { .. }), "{side}: {error}");
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}
