//! Metadata of photographs: where the orientation stands, and JPEGs that the decoder gets wrong.
//!
//! What is upright was read off Pillow 12.1 (`ImageOps.exif_transpose` of the same bytes).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::io::Cursor;

use flate2::Crc;
use flate2::write::ZlibEncoder;
use image::{ExtendedColorType, ImageFormat, RgbImage};
use image_processor::{Error, Transparency, decode_bytes, decode_upright};

const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const TURN: &[u8] = br#"<x tiff:Orientation="6"/>"#;

/// 4 x 2 px.
fn picture(format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    RgbImage::new(4, 2).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A JPEG with these APP1 segments.
fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
    let plain = picture(ImageFormat::Jpeg);
    let mut bytes = plain[..2].to_vec();
    for segment in segments {
        bytes.extend([0xff, 0xe1]);
        bytes.extend((segment.len() as u16 + 2).to_be_bytes());
        bytes.extend(segment);
    }
    bytes.extend(&plain[2..]);
    bytes
}

/// EXIF with entries (type, count, four bytes) for the orientation, and data behind them.
fn exif(entries: &[(u16, u32, [u8; 4])], behind: &[u8]) -> Vec<u8> {
    let mut bytes = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
    bytes.extend((entries.len() as u16).to_le_bytes());
    for (kind, count, value) in entries {
        bytes.extend(0x0112_u16.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(value);
    }
    bytes.extend([0; 4]);
    bytes.extend(behind);
    bytes
}

fn xmp(text: &[u8]) -> Vec<u8> {
    [XMP, text].concat()
}

fn is_turned(bytes: &[u8]) -> bool {
    let image = decode_bytes(bytes, Transparency::Dropped).unwrap();
    let upright = decode_upright(bytes).unwrap();
    assert_eq!(image.dimensions(), (upright.width(), upright.height()));
    image.dimensions() == (2, 4)
}

#[test]
fn the_orientation_in_exif_may_have_any_type() {
    let six = 6_u32.to_le_bytes();
    // Numbers of eight bytes stand behind the directory.
    let behind = 26_u32.to_le_bytes();
    let double = 6.0_f64.to_le_bytes();
    let ratio = [12_u32.to_le_bytes(), 2_u32.to_le_bytes()].concat();
    let long = 6_u64.to_le_bytes();
    for (kind, value, data, turned) in [
        (1_u16, six, &[][..], false),
        (2, *b"6\0\0\0", &[], false),
        (3, six, &[], true),
        (4, six, &[], true),
        (5, behind, &ratio, true),
        (6, six, &[], true),
        (7, six, &[], false),
        (8, six, &[], true),
        (9, six, &[], true),
        (11, 6.0_f32.to_le_bytes(), &[], true),
        (12, behind, &double, true),
        (13, six, &[], true),
        (16, behind, &long, true),
        // 262 is 6 in its last byte only.
        (4, 262_u32.to_le_bytes(), &[], false),
        (3, 9_u32.to_le_bytes(), &[], false),
        (99, six, &[], false),
        // Bytes that are not there.
        (5, 1000_u32.to_le_bytes(), &[], false),
    ] {
        let segment = exif(&[(kind, 1, value)], data);
        assert_eq!(is_turned(&jpeg(&[segment])), turned, "type {kind}");
    }
    let twice = exif(&[(3, 1, [1, 0, 0, 0]), (3, 1, six)], &[]);
    assert!(is_turned(&jpeg(&[twice])), "the last entry counts");
    let many = exif(&[(3, 2, six)], &[]);
    assert!(is_turned(&jpeg(&[many])), "the first number counts");
}

#[test]
fn exif_in_motorola_order_and_in_pieces_is_read() {
    let mut motorola = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x04\0\0\0\x01\0\0\0\x06".to_vec();
    motorola.extend([0; 4]);
    assert!(is_turned(&jpeg(&[motorola.clone()])));
    assert!(is_turned(&jpeg(&[[b"Exif\0\0", &motorola[..]].concat()])));
    let rest = [b"Exif\0\0", &motorola[20..]].concat();
    assert!(is_turned(&jpeg(&[motorola[..20].to_vec(), rest])));
}

#[test]
fn xmp_counts_where_exif_says_nothing() {
    let upright = exif(&[(3, 1, [1, 0, 0, 0])], &[]);
    let broken = b"Exif\0\0MM\0*\0\0\0\x08".to_vec();
    let no_entry = exif(&[(99, 1, [6, 0, 0, 0])], &[]);
    for (segments, turned) in [
        (vec![xmp(TURN)], true),
        (vec![xmp(b"<tiff:Orientation>6</tiff:Orientation>")], true),
        (vec![xmp(br#"<x tiff:Orientation="66"/>"#)], true),
        (vec![xmp(b"<x tiff:Orientation='6'/>")], false),
        (vec![xmp(br#"<x tiff:Orientation = "6"/>"#)], false),
        (vec![xmp(br#"<x tiff:Orientation="1"/>"#), xmp(TURN)], true),
        (vec![upright, xmp(TURN)], false),
        (vec![broken, xmp(TURN)], true),
        (vec![no_entry, xmp(TURN)], true),
        (vec![b"Exif\0\0".to_vec(), xmp(TURN)], true),
        (vec![b"Exif\0\0garbage!".to_vec(), xmp(TURN)], false),
    ] {
        assert_eq!(is_turned(&jpeg(&segments)), turned, "{segments:?}");
    }
}

fn zip(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, text).unwrap();
    encoder.finish().unwrap()
}

/// A PNG with one more chunk, behind its header or before its end.
fn png(kind: &[u8; 4], data: &[u8], at_end: bool) -> Vec<u8> {
    let plain = picture(ImageFormat::Png);
    let at = if at_end { plain.len() - 12 } else { 33 };
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    let length = (data.len() as u32).to_be_bytes();
    let (before, behind) = plain.split_at(at);
    [
        before,
        &length,
        kind,
        data,
        &crc.sum().to_be_bytes(),
        behind,
    ]
    .concat()
}

#[test]
fn a_png_is_turned_by_every_place_that_pillow_reads() {
    let exif = exif(&[(3, 1, [6, 0, 0, 0])], &[]);
    let hexadecimal: String = exif.iter().map(|byte| format!("{byte:02x}")).collect();
    let raw = format!(
        "\nexif\n      42\n{}\n{}\n",
        &hexadecimal[..40],
        &hexadecimal[40..]
    );
    let key = b"XML:com.adobe.xmp\0";
    let profile = b"Raw profile type exif\0";
    for (kind, data) in [
        (b"eXIf", exif[6..].to_vec()),
        (b"eXIf", exif.clone()),
        (b"iTXt", [key, &b"\0\0\0\0"[..], TURN].concat()),
        (b"iTXt", [key, &b"\x01\0\0\0"[..], &zip(TURN)].concat()),
        (b"tEXt", [key, TURN].concat()),
        (b"zTXt", [key, &b"\0"[..], &zip(TURN)].concat()),
        (b"tEXt", [profile, raw.as_bytes()].concat()),
        (
            b"zTXt",
            [profile, &b"\0"[..], &zip(raw.as_bytes())].concat(),
        ),
    ] {
        for at_end in [false, true] {
            let kind_name = String::from_utf8_lossy(kind);
            assert!(
                is_turned(&png(kind, &data, at_end)),
                "{kind_name}, at end: {at_end}"
            );
        }
    }
    assert!(!is_turned(&png(
        b"tEXt",
        b"Comment\0tiff:Orientation=\"6\"",
        false
    )));
}

#[test]
fn a_webp_is_turned_by_exif_and_by_xmp() {
    let plain = picture(ImageFormat::WebP);
    let chunk = |kind: &[u8], data: &[u8]| {
        let pad = vec![0; data.len() % 2];
        [kind, &(data.len() as u32).to_le_bytes(), data, &pad].concat()
    };
    let extended = |flag: u8, extra: Vec<u8>| {
        let header = chunk(b"VP8X", &[flag, 0, 0, 0, 3, 0, 0, 1, 0, 0]);
        let body = [b"WEBP", &header[..], &plain[12..], &extra].concat();
        chunk(b"RIFF", &body)
    };
    assert!(!is_turned(&plain));
    assert!(is_turned(&extended(0x04, chunk(b"XMP ", TURN))));
    let exif = exif(&[(4, 1, [6, 0, 0, 0])], &[]);
    assert!(is_turned(&extended(0x08, chunk(b"EXIF", &exif[6..]))));
}

#[test]
fn a_bmp_and_a_webp_are_read_with_their_colours() {
    let image = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8 * 50, y as u8 * 80, 7]));
    for format in [ImageFormat::Bmp, ImageFormat::WebP, ImageFormat::Png] {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        let read = decode_bytes(bytes.get_ref(), Transparency::Dropped).unwrap();
        assert_eq!(read, image, "{format:?}");
        let cut = &bytes.get_ref()[..bytes.get_ref().len() - 8];
        assert!(
            decode_bytes(cut, Transparency::Dropped).is_err(),
            "{format:?}, cut"
        );
    }
}

/// zune-jpeg 0.5.15 decodes such files to garbage: `cjpeg -sample 1x1,2x2,2x2` and its like.
#[test]
fn a_jpeg_whose_chroma_is_finer_than_its_luma_is_refused() {
    let pixels = vec![100; 16 * 16 * 3];
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::jpeg::JpegEncoder::new(&mut bytes);
    encoder
        .encode(&pixels, 16, 16, ExtendedColorType::Rgb8)
        .unwrap();
    let frame = bytes
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    for (luma, blue, red, refused) in [
        (0x11, 0x22, 0x22, true),
        (0x11, 0x21, 0x21, true),
        (0x21, 0x11, 0x12, true),
        (0x11, 0x12, 0x11, true),
        (0x11, 0x11, 0x11, false),
        (0x22, 0x11, 0x11, false),
        (0x22, 0x21, 0x12, false),
    ] {
        let mut file = bytes.clone();
        for (component, factors) in [luma, blue, red].into_iter().enumerate() {
            file[frame + 11 + 3 * component] = factors;
        }
        let found = decode_bytes(&file, Transparency::Dropped);
        let is_refused = matches!(found, Err(Error::ChromaSampling { .. }));
        assert_eq!(is_refused, refused, "{luma:x} {blue:x} {red:x}");
        if let Err(error) = found.as_ref().map_err(ToString::to_string)
            && refused
        {
            assert!(error.contains("convert it to PNG"), "{error}");
        }
    }
}

#[test]
fn what_stands_for_an_image_or_for_half_of_one_is_named() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n";
    let error = decode_upright(pointer).unwrap_err().to_string();
    assert!(error.contains("Git LFS pointer"), "{error}");
    let whole = jpeg(&[exif(&[(3, 1, [6, 0, 0, 0])], &[])]);
    for end in [whole.len() - 2, whole.len() - 4] {
        let error = decode_upright(&whole[..end]).unwrap_err();
        assert!(matches!(error, Error::Truncated { .. }), "{end}: {error}");
    }
}
