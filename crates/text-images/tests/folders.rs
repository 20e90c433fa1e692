//! Folders of labelled images: what is written reads back, and what is wrong is named.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use tempfile::TempDir;
use text_images::{
    Charset, Error, FolderDataset, FolderRow, Fonts, Grid, Item, LABELS_FILE, Layout, LeftOut,
    Renderer, RendererConfig, Split, Strip, write_folder,
};

fn items(charset: Charset, layout: Layout) -> Vec<Item> {
    let config = RendererConfig::new(charset, layout, Split::Test, 2);
    let renderer = Renderer::new(config, &Fonts::embedded()).unwrap();
    (0..12).map(|index| renderer.render(index)).collect()
}

/// A folder with 20 × 10 px images and these labels. There is no `b.png`.
fn folder(labels: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.png", "c.png", "d.png"] {
        GrayImage::from_pixel(20, 10, Luma([99]))
            .save(dir.path().join(name))
            .unwrap();
    }
    fs::write(dir.path().join(LABELS_FILE), labels).unwrap();
    dir
}

fn open_error(labels: &str) -> Error {
    FolderDataset::open(folder(labels).path()).unwrap_err()
}

/// Why a folder with these labels, only one row of which is not fit, loses that row.
fn left_out(labels: &str) -> Arc<Error> {
    let dataset = FolderDataset::open(folder(labels).path()).unwrap();
    let found: Vec<&LeftOut> = dataset.left_out().collect();
    assert_eq!(found.len(), 1, "{found:?}");
    Arc::clone(&found[0].reason)
}

/// Why nothing is left of this folder.
fn nothing_left(folder: &Path) -> Arc<Error> {
    let error = FolderDataset::open(folder).unwrap_err();
    let Error::NothingLeft { rows: 1, first, .. } = error else {
        panic!("{error}");
    };
    first
}

#[test]
fn written_items_read_back_exactly() {
    let grid = Layout::Grid(Grid {
        columns: 8,
        lines: 2,
    });
    for (layout, (width, height)) in [
        (grid, (64, 32)),
        (Layout::Strip(Strip::default()), (128, 32)),
    ] {
        let items = items(Charset::Printable94, layout);
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new/folder");
        assert_eq!(write_folder(&target, &items).unwrap(), 12);
        let read = FolderDataset::open(&target).unwrap();
        let rows: Vec<&FolderRow> = read.readable().collect();
        assert_eq!((rows.len(), read.left_out().count()), (12, 0));
        for (labels, item) in rows.into_iter().zip(&items) {
            assert_eq!(labels.text, item.text);
            assert_eq!(labels.grid, item.grid);
            assert_eq!(labels.font.as_ref(), Some(&item.font));
            assert_eq!(labels.family.as_ref(), Some(&item.family));
            assert_eq!(labels.held_out, Some(item.held_out));
            assert_eq!(labels.split, Some(Split::Test));
            assert_eq!(labels.index, Some(item.index));
            assert_eq!(
                read.image_fit_to(labels, width, height).unwrap(),
                item.image
            );
        }
    }
}

#[test]
fn a_folder_is_never_overwritten_and_never_empty() {
    let dir = folder("file,text\na.png,A\n");
    let items = items(Charset::Digits, Layout::Strip(Strip::default()));
    let error = write_folder(dir.path(), &items).unwrap_err();
    assert!(matches!(error, Error::AlreadyWritten { .. }), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = write_folder(empty.path(), Vec::<Item>::new()).unwrap_err();
    assert!(matches!(error, Error::NoRows { .. }), "{error}");
    assert!(!empty.path().join(LABELS_FILE).exists());
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    let dir = folder("file,text\n");
    let items = items(Charset::Digits, Layout::Strip(Strip::default()));
    let error = write_folder(dir.path().join("a.png/below"), &items).unwrap_err();
    assert!(matches!(error, Error::Write { .. }), "{error}");
}

#[test]
fn images_of_any_colour_type_and_format_become_grey() {
    let dir = folder("file,text\nrgb.jpg,A\nrgba.png,B\nsixteen.png,C\nmisnamed.png,D\n");
    let path = |name: &str| dir.path().join(name);
    let rgb = RgbImage::from_pixel(33, 17, Rgb([200, 200, 200]));
    rgb.save(path("rgb.jpg")).unwrap();
    rgb.save_with_format(path("misnamed.png"), ImageFormat::Jpeg)
        .unwrap();
    let rgb = DynamicImage::ImageRgb8(rgb);
    rgb.to_rgba8().save(path("rgba.png")).unwrap();
    rgb.to_luma16().save(path("sixteen.png")).unwrap();
    let dataset = FolderDataset::open(dir.path()).unwrap();
    assert_eq!(dataset.readable().count(), 4);
    for row in dataset.readable() {
        let image = dataset.image(row).unwrap();
        assert_eq!(image.dimensions(), (33, 17));
        assert!(image.iter().all(|level| level.abs_diff(200) <= 2));
    }
}

#[test]
fn headers_may_be_reordered_and_come_from_a_spreadsheet() {
    let dir = folder("\u{feff}Text , notes,FILE\r\n\" A,B \",x,./a.png\r\n");
    let dataset = FolderDataset::open(dir.path()).unwrap();
    let rows: Vec<&FolderRow> = dataset.readable().collect();
    assert_eq!(rows[0].text, "A,B");
    assert_eq!(rows[0].file, Path::new("./a.png"));
    assert_eq!((rows[0].grid, rows[0].split, rows[0].line), (None, None, 2));
}

#[test]
fn a_folder_without_labels_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let error = FolderDataset::open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::MissingLabels { .. }), "{error}");
    assert!(error.to_string().contains("file,text"));
}

#[test]
fn a_missing_column_is_named_with_what_was_found() {
    let error = open_error("image,text\na.png,A\n");
    assert!(matches!(error, Error::MissingColumn { column: "file", .. }));
    assert!(error.to_string().contains("image,text"), "{error}");
    let error = open_error("a.png,A\n");
    assert!(matches!(error, Error::MissingColumn { .. }), "{error}");
    assert!(matches!(open_error(""), Error::MissingColumn { .. }));
}

#[test]
fn a_column_that_the_header_names_twice_is_refused_by_name() {
    let error = open_error("file,text,Text\na.png,A,B\n");
    assert!(
        matches!(&error, Error::RepeatedColumn { column: "text", .. }),
        "{error}"
    );
    for part in ["labels.csv", "`text` twice", "file,text,Text"] {
        assert!(error.to_string().contains(part), "{error}");
    }
    // What nothing reads may stand there as often as it likes.
    let dir = folder("file,text,notes,notes\na.png,A,x,y\n");
    assert_eq!(
        FolderDataset::open(dir.path()).unwrap().readable().count(),
        1
    );
}

#[test]
fn of_an_image_in_several_rows_the_last_one_counts_and_the_others_are_named() {
    for first in ["A", "B"] {
        let labels = format!("file,text\na.png,{first}\nc.png,C\n./a.png,B\na.png,\n");
        let dataset = FolderDataset::open(folder(&labels).path()).unwrap();
        let texts: Vec<&str> = dataset.readable().map(|row| row.text.as_str()).collect();
        assert_eq!(texts, ["C", "B"]);
        // The row without a text is no row of the image.
        let found: Vec<String> = dataset
            .left_out()
            .map(|row| row.reason.to_string())
            .collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].contains("line 2: `a.png` stands again in line 4"),
            "{found:?}"
        );
    }
}

#[test]
fn rows_with_faults_are_left_out_and_named_by_line_and_file() {
    let zero = open_error("file,text\n");
    assert!(matches!(zero, Error::NoRows { .. }), "{zero}");

    let empty = left_out("file,text\na.png,A\na.png,  \n");
    assert!(matches!(&*empty, Error::EmptyLabel { line: 3, file, .. } if file == "a.png"));

    let unnamed = left_out("file,text\n,A\na.png,B\n");
    assert!(matches!(
        &*unnamed,
        Error::InvalidField {
            column: "file",
            line: 2,
            ..
        }
    ));

    let missing = left_out("file,text\nb.png,A\na.png,B\n");
    assert!(matches!(&*missing, Error::MissingImage { line: 2, file, .. } if file == "b.png"));

    for (row, fields) in [("a.png", 1), ("a.png,A,B", 3)] {
        let uneven = left_out(&format!("file,text\n{row}\na.png,B\n"));
        let counted = matches!(
            &*uneven,
            Error::FieldCount { line: 2, found, expected: 2, .. } if *found == fields
        );
        assert!(counted, "{uneven}");
    }

    let open = left_out("file,text\na.png,\"A\na.png,B\n");
    assert!(matches!(&*open, Error::OpenQuote { line: 2, .. }), "{open}");

    for (row, column) in [
        ("2,,,", "columns"),
        ("2,2,,", "columns"),
        ("x,2,,", "columns"),
        (",,maybe,", "held_out"),
        (",,,dev", "split"),
    ] {
        let fault = left_out(&format!(
            "file,text,columns,lines,held_out,split\na.png,A,,,,\na.png,ABC,{row}\n"
        ));
        let found =
            matches!(&*fault, Error::InvalidField { column: c, line: 3, .. } if *c == column);
        assert!(found, "{row}: {fault}");
    }
}

#[test]
fn true_and_false_are_read_as_spreadsheets_write_them() {
    let dir = folder("file,text,held_out\na.png,A,TRUE\nc.png,B,False\nd.png,C,\n");
    let dataset = FolderDataset::open(dir.path()).unwrap();
    let rows = dataset
        .rows()
        .iter()
        .map(|row| row.as_ref().unwrap().held_out);
    assert_eq!(rows.collect::<Vec<_>>(), [Some(true), Some(false), None]);
}

#[test]
fn rows_keep_their_places_and_values_beside_those_left_out() {
    let dir = folder("file,text,index\na.png,A,1\nb.png,B,2\nc.png,C,x\nd.png,D,4\n");
    let dataset = FolderDataset::open(dir.path()).unwrap();
    let rows: Vec<Option<(&str, Option<u64>)>> = dataset
        .rows()
        .iter()
        .map(|row| row.as_ref().ok().map(|row| (row.text.as_str(), row.index)))
        .collect();
    assert_eq!(
        rows,
        [Some(("A", Some(1))), None, None, Some(("D", Some(4)))]
    );
    let lines: Vec<u64> = dataset.left_out().map(|row| row.line).collect();
    assert_eq!(lines, [3, 4]);
}

#[test]
fn a_folder_of_which_nothing_is_left_is_an_error() {
    let error = open_error("file,text\nb.png,A\na.png,\n");
    assert!(
        matches!(&error, Error::NothingLeft { rows: 2, .. }),
        "{error}"
    );
    for part in ["labels.csv", "2 left out", "line 2", "`b.png` is missing"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn line_numbers_are_those_of_an_editor() {
    let dir = folder("file,text\r\n\r\na.png,\"A\r\nB\"\r\nc.png,C\r\n\r\nd.png,D");
    let dataset = FolderDataset::open(dir.path()).unwrap();
    let lines: Vec<u64> = dataset.readable().map(|row| row.line).collect();
    assert_eq!(lines, [3, 5, 7]);
}

#[test]
fn labels_that_are_not_utf8_are_left_out() {
    let dir = folder("");
    fs::write(dir.path().join(LABELS_FILE), b"file,text\na.png,\xff\xfe\n").unwrap();
    let error = nothing_left(dir.path());
    assert!(
        matches!(&*error, Error::LabelEncoding { line: 2, .. }),
        "{error}"
    );
}

#[test]
fn files_outside_the_folder_are_refused() {
    let outer = folder("file,text\na.png,A\n");
    let inner = outer.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let absolute = outer.path().join("a.png").display().to_string();
    for file in ["../a.png", "./../a.png", absolute.as_str()] {
        fs::write(inner.join(LABELS_FILE), format!("file,text\n{file},A\n")).unwrap();
        let error = nothing_left(&inner);
        assert!(
            matches!(&*error, Error::OutsideFolder { line: 2, .. }),
            "{file}: {error}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_refused() {
    let outer = folder("");
    let inner = outer.path().join("inner");
    fs::create_dir(&inner).unwrap();
    std::os::unix::fs::symlink(outer.path().join("a.png"), inner.join("link.png")).unwrap();
    fs::write(inner.join(LABELS_FILE), "file,text\nlink.png,A\n").unwrap();
    let error = nothing_left(&inner);
    assert!(matches!(&*error, Error::OutsideFolder { .. }), "{error}");
}

#[test]
fn corrupt_images_are_errors_only_when_they_are_read() {
    let dir = folder("file,text\na.png,A\nbad.png,B\ncut.png,C\n");
    fs::write(dir.path().join("bad.png"), b"no image").unwrap();
    let whole = fs::read(dir.path().join("a.png")).unwrap();
    fs::write(dir.path().join("cut.png"), &whole[..whole.len() / 2]).unwrap();
    let dataset = FolderDataset::open(dir.path()).unwrap();
    let rows: Vec<&FolderRow> = dataset.readable().collect();
    assert!(dataset.image(rows[0]).is_ok());
    for row in &rows[1..] {
        let error = dataset.image(row).unwrap_err();
        assert!(
            matches!(&error, Error::Decode { line, .. } if *line == row.line),
            "{error}"
        );
    }
}

#[test]
fn absurd_dimensions_are_refused_before_decoding() {
    let dir = folder("file,text\na.png,A\n");
    // The header of a PNG with sides of 60,000 px and no image data to decode at all.
    let mut png = fs::read(dir.path().join("a.png")).unwrap();
    png.truncate(33);
    png[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let sum = crc(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    // An empty IDAT chunk ends the header.
    png.extend_from_slice(&[0, 0, 0, 0]);
    png.extend_from_slice(b"IDAT");
    png.extend_from_slice(&crc(b"IDAT").to_be_bytes());
    fs::write(dir.path().join("a.png"), png).unwrap();
    let dataset = FolderDataset::open(dir.path()).unwrap();
    let row = dataset.readable().next().unwrap();
    let error = dataset.image(row).unwrap_err();
    let Error::TooLarge {
        width_px,
        height_px,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((width_px, height_px), (60_000, 60_000));
}

/// CRC-32 of a PNG chunk, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
