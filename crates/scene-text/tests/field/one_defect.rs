//! A set with one defect among good records loses exactly that record, names it, and leaves every
//! other label and pixel as it was.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]

use std::path::Path;

use image::{ImageFormat, RgbImage};
use proptest::prelude::*;
use scene_text::{DatasetWriter, Format, TextDataset, told};

use crate::support::{encoded, open, picture, put};

/// What a record of a set is to be.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Defect {
    None,
    MissingImage,
    CutJpeg,
    CutPng,
    NoLabel,
    EmptyLabel,
    Latin1Label,
    LeadsOut,
    BadNumber,
    OutsidePage,
    WrongType,
    MissingField,
    OneFieldMore,
    OpenQuote,
    UnevenGrid,
}

fn label(number: usize) -> String {
    format!("word {number}")
}

/// The image of a record; `None` if it is missing.
fn image(number: usize, defect: Defect) -> Option<Vec<u8>> {
    let cut = |format| {
        let whole = encoded(number, format);
        Some(whole[..whole.len() / 2].to_vec())
    };
    match defect {
        Defect::MissingImage => None,
        Defect::CutJpeg => cut(ImageFormat::Jpeg),
        Defect::CutPng => cut(ImageFormat::Png),
        _ => Some(encoded(number, ImageFormat::Png)),
    }
}

fn lmdb(folder: &Path, defects: &[Defect]) {
    let mut writer = DatasetWriter::create(Format::Lmdb, folder).unwrap();
    for (number, defect) in defects.iter().enumerate() {
        writer
            .push(&label(number), &image(number, *defect).unwrap())
            .unwrap();
    }
    writer.finish().unwrap();
}

fn gt(folder: &Path, defects: &[Defect]) {
    let mut lines = Vec::new();
    for (number, defect) in defects.iter().enumerate() {
        let name = format!("{number}.png");
        if let Some(image) = image(number, *defect) {
            put(folder.join(&name), image);
        }
        let line = match defect {
            Defect::NoLabel => name.into_bytes(),
            Defect::EmptyLabel => format!("{name}\t").into_bytes(),
            Defect::Latin1Label => [name.as_bytes(), b"\tcaf\xe9"].concat(),
            Defect::LeadsOut => format!("../{name}\tout").into_bytes(),
            _ => format!("{name}\t{}", label(number)).into_bytes(),
        };
        lines.push(line);
    }
    put(folder.join("gt.txt"), lines.join(&b"\n"[..]));
}

fn doctr(folder: &Path, defects: &[Defect]) {
    let mut entries = Vec::new();
    for (number, defect) in defects.iter().enumerate() {
        let name = format!("{number}.png");
        if let Some(image) = image(number, *defect) {
            put(folder.join("images").join(&name), image);
        }
        entries.push(match defect {
            Defect::EmptyLabel => format!("{name:?}: \"\""),
            Defect::WrongType => format!("{name:?}: null"),
            Defect::LeadsOut => format!("\"../{name}\": \"out\""),
            _ => format!("{name:?}: {:?}", label(number)),
        });
    }
    put(
        folder.join("labels.json"),
        format!("{{{}}}", entries.join(",")),
    );
}

fn mjsynth(folder: &Path, defects: &[Defect]) {
    for (number, defect) in defects.iter().enumerate() {
        let image = image(number, *defect).unwrap();
        put(
            folder.join(format!("{number:02}/1_{}_2.png", label(number))),
            image,
        );
    }
}

/// Every third label in quotation marks, as a text with a comma has them.
fn csv(folder: &Path, defects: &[Defect]) {
    let mut lines = vec![b"file,text,columns,lines,index".to_vec()];
    for (number, defect) in defects.iter().enumerate() {
        let name = format!("{number}.png");
        if let Some(image) = image(number, *defect) {
            put(folder.join(&name), image);
        }
        let label = match number % 3 {
            2 => format!("\"{}\"", label(number)),
            _ => label(number),
        };
        let line = match defect {
            Defect::NoLabel => format!("{name},,,,{number}").into_bytes(),
            Defect::EmptyLabel => format!("{name},\" \",,,{number}").into_bytes(),
            Defect::Latin1Label => [name.as_bytes(), b",caf\xe9,,,1"].concat(),
            Defect::LeadsOut => format!("../{name},out,,,1").into_bytes(),
            Defect::BadNumber => format!("{name},{label},,,first").into_bytes(),
            Defect::MissingField => format!("{name},{label}").into_bytes(),
            Defect::OneFieldMore => format!("{name},{label}, and more,,,1").into_bytes(),
            Defect::OpenQuote => format!("{name},\"word,,,1").into_bytes(),
            Defect::UnevenGrid => format!("{name},{label},2,2,1").into_bytes(),
            _ => format!("{name},{label},,,{number}").into_bytes(),
        };
        lines.push(line);
    }
    put(folder.join("labels.csv"), lines.join(&b"\r\n"[..]));
}

/// All words on one page, slanted.
fn icdar(folder: &Path, defects: &[Defect]) {
    put(folder.join("img_1.png"), encoded(100, ImageFormat::Png));
    let mut lines = Vec::new();
    for (number, defect) in defects.iter().enumerate() {
        let x = 5 * number;
        let corners = format!("{},1,{},2,{},9,{x},8", x + 1, x + 6, x + 5);
        let line = match defect {
            Defect::NoLabel => corners.into_bytes(),
            Defect::EmptyLabel => format!("{corners},").into_bytes(),
            Defect::Latin1Label => [corners.as_bytes(), b",caf\xe9"].concat(),
            Defect::BadNumber => {
                format!("{},{}", corners.replace(",9,", ",g,"), label(number)).into_bytes()
            }
            Defect::OutsidePage => b"500,1,510,2,509,9,499,8,far".to_vec(),
            _ => format!("{corners},{}", label(number)).into_bytes(),
        };
        lines.push(line);
    }
    put(folder.join("gt_img_1.txt"), lines.join(&b"\r\n"[..]));
}

/// A reader: how its sets are written, its defects, and how it names the record of a number.
struct Reader {
    format: Format,
    write: fn(&Path, &[Defect]),
    defects: &'static [Defect],
    name: fn(usize) -> String,
}

const READERS: [Reader; 6] = [
    Reader {
        format: Format::Lmdb,
        write: lmdb,
        defects: &[Defect::CutJpeg, Defect::CutPng],
        name: |number| format!("image-{:09}", number + 1),
    },
    Reader {
        format: Format::Gt,
        write: gt,
        defects: &[
            Defect::MissingImage,
            Defect::CutJpeg,
            Defect::CutPng,
            Defect::NoLabel,
            Defect::EmptyLabel,
            Defect::Latin1Label,
            Defect::LeadsOut,
        ],
        name: |number| format!("gt.txt, line {}", number + 1),
    },
    Reader {
        format: Format::Doctr,
        write: doctr,
        defects: &[
            Defect::MissingImage,
            Defect::CutJpeg,
            Defect::EmptyLabel,
            Defect::WrongType,
            Defect::LeadsOut,
        ],
        name: |number| format!("{number}.png"),
    },
    Reader {
        format: Format::Mjsynth,
        write: mjsynth,
        defects: &[Defect::CutJpeg, Defect::CutPng],
        name: |number| format!("1_{}_2.png", label(number)),
    },
    Reader {
        format: Format::Folder,
        write: csv,
        defects: &[
            Defect::MissingImage,
            Defect::CutJpeg,
            Defect::CutPng,
            Defect::NoLabel,
            Defect::EmptyLabel,
            Defect::Latin1Label,
            Defect::LeadsOut,
            Defect::BadNumber,
            Defect::MissingField,
            Defect::OneFieldMore,
            Defect::OpenQuote,
            Defect::UnevenGrid,
        ],
        name: |number| format!("line {}", number + 2),
    },
    Reader {
        format: Format::Icdar,
        write: icdar,
        defects: &[
            Defect::NoLabel,
            Defect::EmptyLabel,
            Defect::Latin1Label,
            Defect::BadNumber,
            Defect::OutsidePage,
        ],
        name: |number| format!("line {}", number + 1),
    },
];

/// What can be read, and what is said about the rest.
fn contents(dataset: &dyn TextDataset) -> (Vec<(String, RgbImage)>, Vec<String>) {
    let (mut read, mut faults) = (Vec::new(), dataset.notes().to_vec());
    for index in 0..dataset.len() {
        let sample = dataset
            .label(index)
            .and_then(|label| Ok((label, dataset.image(index)?)));
        match sample {
            Ok(sample) => read.push(sample),
            Err(error) => faults.push(told(&error)),
        }
    }
    (read, faults)
}

fn check(reader: &Reader, records: usize, lost: usize, defect: Defect) {
    let what = format!("{}, {defect:?}", reader.format);
    let mut defects = vec![Defect::None; records];
    let folder = tempfile::tempdir().unwrap();
    let [whole, damaged] = ["whole", "damaged"].map(|name| folder.path().join(name));
    (reader.write)(&whole, &defects);
    defects[lost] = defect;
    (reader.write)(&damaged, &defects);
    let (mut expected, none) = contents(&*open(reader.format, &whole));
    assert_eq!(
        (expected.len(), none.as_slice()),
        (records, &[][..]),
        "{what}"
    );
    assert_eq!(expected[lost].0, label(lost));
    if reader.format != Format::Icdar {
        assert_eq!(expected[lost].1, picture(lost));
    }
    expected.remove(lost);
    let (found, faults) = contents(&*open(reader.format, &damaged));
    assert!(found == expected, "{what}: {faults:?}");
    assert_eq!(faults.len(), 1, "{what}: {faults:?}");
    assert!(
        faults[0].contains(&(reader.name)(lost)),
        "{what}: {faults:?}"
    );
    // `data check` counts the same.
    let survey = crate::survey(&*open(reader.format, &damaged));
    assert_eq!(
        (survey.readable, survey.corrupt),
        (records - 1, 1),
        "{what}"
    );
    assert_eq!(survey.faults, faults, "{what}");
}

#[test]
fn every_defect_of_every_reader() {
    for reader in &READERS {
        for defect in reader.defects {
            for lost in [0, 2, 4] {
                check(reader, 5, lost, *defect);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // A case reads two data sets.
        cases: ProptestConfig::default().cases / 8,
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_defect_loses_one_record(
        reader in 0..READERS.len(),
        records in 4_usize..12,
        lost in any::<prop::sample::Index>(),
        defect in any::<prop::sample::Index>(),
    ) {
        let reader = &READERS[reader];
        check(reader, records, lost.index(records), *defect.get(reader.defects));
    }
}
