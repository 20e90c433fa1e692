//! Values, shapes and types that come out of a file, and the errors for those that do not.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]
#![allow(clippy::unwrap_used)]

mod support;

use checkpoint::{CheckpointError, NonFinite, Tensors};
use half::{bf16, f16};
use proptest::prelude::*;
use safetensors::Dtype;
use support::{Spec, bytes_of, counting, f32_tensor, message, write_file};

fn open(tensors: &[Spec]) -> Tensors {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    write_file(&path, tensors);
    Tensors::open_file(&path).unwrap()
}

fn f16_tensor(name: &str, shape: &[usize], values: &[f32]) -> Spec {
    let halves = values.iter().map(|&v| f16::from_f32(v).to_bits());
    let bytes = halves.flat_map(u16::to_le_bytes).collect();
    (name.to_owned(), Dtype::F16, shape.to_vec(), bytes)
}

fn bf16_tensor(name: &str, shape: &[usize], values: &[f32]) -> Spec {
    let halves = values.iter().map(|&v| bf16::from_f32(v).to_bits());
    let bytes = halves.flat_map(u16::to_le_bytes).collect();
    (name.to_owned(), Dtype::BF16, shape.to_vec(), bytes)
}

fn f64_tensor(name: &str, shape: &[usize], values: &[f64]) -> Spec {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    (name.to_owned(), Dtype::F64, shape.to_vec(), bytes)
}

#[test]
fn every_float_type_gives_its_values() {
    // Exact in all four types, and more than one block of the half-precision conversion.
    let values: Vec<f32> = (0..201).map(|i| (i as f32 - 100.0) / 4.0).collect();
    let doubles: Vec<f64> = values.iter().map(|&v| v.into()).collect();
    let tensors = open(&[
        f32_tensor("f32", &[3, 67], &values),
        f16_tensor("f16", &[3, 67], &values),
        bf16_tensor("bf16", &[3, 67], &values),
        f64_tensor("f64", &[3, 67], &doubles),
    ]);
    for name in ["f32", "f16", "bf16", "f64"] {
        assert_eq!(tensors.read(name, &[3, 67]).unwrap(), values, "{name}");
        assert_eq!(tensors.shape(name).unwrap(), [3, 67]);
        assert_eq!(
            tensors.dtype(name).unwrap().to_string(),
            name.to_uppercase()
        );
    }
}

#[test]
fn every_half_is_the_f32_that_it_means() {
    for (name, dtype) in [("f16", Dtype::F16), ("bf16", Dtype::BF16)] {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let tensors = open(&[(name.to_owned(), dtype, vec![256, 256], bytes)])
            .with_non_finite(NonFinite::Permit);
        let values = tensors.read(name, &[256, 256]).unwrap();
        let turned = tensors.read_transposed(name, &[256, 256]).unwrap();
        for bits in 0..=u16::MAX {
            let expected = match dtype {
                Dtype::F16 => f16::from_bits(bits).to_f32(),
                _ => bf16::from_bits(bits).to_f32(),
            };
            let place = usize::from(bits);
            let found = [values[place], turned[place % 256 * 256 + place / 256]];
            for found in found {
                let same = found == expected || found.is_nan() && expected.is_nan();
                assert!(same, "{name} {bits:#06x}: {found}, expected {expected}");
            }
        }
    }
}

#[test]
fn a_scalar_and_an_empty_tensor_can_be_read() {
    let tensors = open(&[
        f32_tensor("scalar", &[], &[7.0]),
        f32_tensor("empty", &[0, 5], &[]),
        f32_tensor("flat", &[5, 0], &[]),
    ]);
    assert_eq!(tensors.read("scalar", &[]).unwrap(), [7.0]);
    assert_eq!(tensors.read_transposed("scalar", &[]).unwrap(), [7.0]);
    for (name, shape) in [("empty", [0, 5]), ("flat", [5, 0])] {
        assert!(tensors.read(name, &shape).unwrap().is_empty());
        assert!(tensors.read_transposed(name, &shape).unwrap().is_empty());
        assert!(tensors.read_rows(name, &shape, 0..0).unwrap().is_empty());
    }
    assert!(tensors.unused("").is_empty());
}

#[test]
fn tensors_longer_than_a_window_are_read_to_their_end() {
    // 2 MiB are mapped at a time: 1.5 M floats are three windows, none of them aligned to pages.
    let shape = [1_500, 1_001];
    let tensors = open(&[counting("long", &shape)]);
    let values = tensors.read("long", &shape).unwrap();
    assert!(values.iter().enumerate().all(|(i, &v)| v == i as f32));
    let turned = tensors.read_transposed("long", &shape).unwrap();
    let expected = |col: usize, row: usize| (row * shape[1] + col) as f32;
    let right = |(i, &v): (usize, &f32)| v == expected(i / shape[0], i % shape[0]);
    assert!(turned.iter().enumerate().all(right));
}

#[test]
fn a_fused_projection_splits_into_its_parts() {
    let tensors = open(&[counting("qkv", &[6, 3]), counting("bias", &[6])]);
    let key = tensors.read_rows("qkv", &[6, 3], 2..4).unwrap();
    assert_eq!(key, [6., 7., 8., 9., 10., 11.]);
    let key = tensors.read_rows_transposed("qkv", &[6, 3], 2..4).unwrap();
    assert_eq!(key, [6., 9., 7., 10., 8., 11.]);
    assert_eq!(tensors.read_rows("bias", &[6], 4..6).unwrap(), [4., 5.]);

    let error = tensors.read_rows("qkv", &[6, 3], 4..7).unwrap_err();
    assert!(matches!(error, CheckpointError::Rows { .. }), "{error}");
    #[expect(clippy::reversed_empty_ranges, reason = "that is the mistake")]
    let error = tensors.read_rows("qkv", &[6, 3], 4..2).unwrap_err();
    assert!(matches!(error, CheckpointError::Rows { .. }), "{error}");
}

#[test]
fn the_axes_of_a_convolution_behind_the_first_count_as_one() {
    let tensors = open(&[counting("conv", &[2, 1, 2, 2])]);
    let turned = tensors.read_transposed("conv", &[2, 1, 2, 2]).unwrap();
    assert_eq!(turned, [0., 4., 1., 5., 2., 6., 3., 7.]);
}

#[test]
fn a_wrong_shape_names_tensor_file_and_both_shapes() {
    let tensors = open(&[counting("w", &[2, 3])]);
    let error = tensors.read("w", &[3, 2]).unwrap_err().to_string();
    for part in ["x.safetensors", "`w`", "[2, 3]", "[3, 2]"] {
        assert!(error.contains(part), "{error}");
    }
    assert!(tensors.read_transposed("w", &[6]).is_err());
    assert!(tensors.read_i64("w", &[6]).is_err());
    assert_eq!(tensors.unused(""), ["w"], "a failed read is no use");
}

#[test]
fn nan_and_infinity_are_refused_by_name_or_permitted() {
    let mut values = vec![0.0; 3 * 40];
    values[47] = f32::NEG_INFINITY;
    let specs = [
        f32_tensor("w", &[3, 40], &values),
        f64_tensor("wide", &[1], &[1e300]),
        f16_tensor("half", &[2], &[0.0, f32::NAN]),
    ];
    let tensors = open(&specs);
    let reads: [(&str, _); 3] = [
        ("at element 47", tensors.read("w", &[3, 40])),
        ("at element 47", tensors.read_transposed("w", &[3, 40])),
        (
            "at element 47",
            tensors.read_rows_transposed("w", &[3, 40], 1..3),
        ),
    ];
    for (part, read) in reads {
        let error = read.unwrap_err().to_string();
        assert!(
            error.contains(part) && error.contains("`w` holds -inf"),
            "{error}"
        );
    }
    assert!(
        tensors.read_rows("w", &[3, 40], 2..3).is_ok(),
        "the odd value is in row 1"
    );
    assert!(tensors.read("wide", &[1]).is_err());
    assert!(tensors.read("half", &[2]).is_err());

    let tensors = open(&specs).with_non_finite(NonFinite::Permit);
    assert_eq!(tensors.read("w", &[3, 40]).unwrap(), values);
    assert_eq!(tensors.read("wide", &[1]).unwrap(), [f32::INFINITY]);
}

#[test]
fn integers_of_every_width_can_be_read() {
    let tensors = open(&[
        ("bool".into(), Dtype::BOOL, vec![2], vec![0, 1]),
        ("i8".into(), Dtype::I8, vec![1], vec![0xff]),
        ("u8".into(), Dtype::U8, vec![1], vec![0xff]),
        (
            "i32".into(),
            Dtype::I32,
            vec![1],
            (-5i32).to_le_bytes().into(),
        ),
        (
            "i64".into(),
            Dtype::I64,
            vec![1],
            (1i64 << 40).to_le_bytes().into(),
        ),
        (
            "u64".into(),
            Dtype::U64,
            vec![1],
            u64::MAX.to_le_bytes().into(),
        ),
        f32_tensor("f32", &[1], &[1.0]),
    ]);
    assert_eq!(tensors.read_i64("bool", &[2]).unwrap(), [0, 1]);
    assert_eq!(tensors.read_i64("i8", &[1]).unwrap(), [-1]);
    assert_eq!(tensors.read_i64("u8", &[1]).unwrap(), [255]);
    assert_eq!(tensors.read_i32("i32", &[1]).unwrap(), [-5]);
    assert_eq!(tensors.read_i64("i64", &[1]).unwrap(), [1 << 40]);
    let error = tensors.read_i32("i64", &[1]).unwrap_err();
    assert!(error.to_string().contains("does not fit i32"), "{error}");
    let error = tensors.read_i64("u64", &[1]).unwrap_err();
    assert!(
        matches!(error, CheckpointError::OutOfRange { .. }),
        "{error}"
    );
    let error = tensors.read_i64("f32", &[1]).unwrap_err();
    assert!(
        error.to_string().contains("F32, expected integers"),
        "{error}"
    );
}

#[test]
fn quantised_types_are_named_and_do_not_hide_other_tensors() {
    let header = r#"{"ok":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
        "i8":{"dtype":"I8","shape":[4],"data_offsets":[4,8]},
        "f8":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[8,12]},
        "new":{"dtype":"NF4_X","shape":[8],"data_offsets":[12,16]}}"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    std::fs::write(&path, support::raw_bytes(header, 16)).unwrap();
    let tensors = Tensors::open_file(&path).unwrap();
    assert_eq!(tensors.read("ok", &[1]).unwrap(), [0.0]);
    for (name, dtype, count) in [("i8", "I8", 4), ("f8", "F8_E4M3", 4), ("new", "NF4_X", 8)] {
        let error = tensors.read(name, &[count]).unwrap_err().to_string();
        assert!(
            error.contains(&format!("`{name}` is {dtype}, expected F32")),
            "{error}"
        );
    }
}

#[test]
fn the_notes_of_a_header_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let notes = [("config", r#"{"depth": 2}"#), ("format", "pt")];
    std::fs::write(&path, bytes_of(&[counting("w", &[1])], &notes)).unwrap();
    let tensors = Tensors::open_file(&path).unwrap();
    assert_eq!(tensors.metadata().unwrap()["config"], r#"{"depth": 2}"#);
    std::fs::write(&path, bytes_of(&[], &notes)).unwrap();
    let tensors = Tensors::open_file(&path).unwrap();
    assert_eq!(tensors.metadata().unwrap()["format"], "pt");
}

#[test]
fn a_file_that_shrank_after_it_was_opened_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    write_file(&path, &[counting("w", &[100_000])]);
    let tensors = Tensors::open_file(&path).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(1_000).unwrap();
    let error = tensors.read("w", &[100_000]).unwrap_err();
    assert!(
        matches!(error, CheckpointError::Truncated { .. }),
        "{}",
        message(&error)
    );
}

#[test]
fn scopes_find_their_prefix_and_report_what_was_left() {
    let tensors = open(&[
        counting("model.visual.blocks.0.w", &[2]),
        counting("model.visual.blocks.1.w", &[2]),
        counting("model.visual.blocks.1.b", &[2]),
        counting("lm_head", &[2]),
    ]);
    let prefixes = ["visual.", "model.visual.", ""];
    let tower = tensors.find_scope(&prefixes, "blocks.0.w").unwrap();
    assert_eq!(tower.prefix(), "model.visual.");
    let names: Vec<&str> = tower.names().collect();
    assert_eq!(names, ["blocks.0.w", "blocks.1.b", "blocks.1.w"]);
    assert!(tower.contains("blocks.1.b") && !tower.contains("lm_head"));

    tower.read("blocks.0.w", &[2]).unwrap();
    let block = tower.scope("blocks.1.");
    block.read_rows("w", &[2], 0..1).unwrap();
    assert_eq!(tower.unused(), ["blocks.1.b"]);
    let error = tower.check_all_read(|_| false).unwrap_err().to_string();
    assert!(error.contains("model.visual.blocks.1.b"), "{error}");
    assert!(!error.contains("lm_head"), "outside of the scope: {error}");
    tower.check_all_read(|name| name.ends_with(".b")).unwrap();

    let error = block.read("weight", &[2]).unwrap_err().to_string();
    assert!(
        error.contains("no tensor `model.visual.blocks.1.weight`"),
        "{error}"
    );
    assert!(error.contains("`model.visual.blocks.1.w`"), "{error}");

    let error = tensors.find_scope(&prefixes, "blocks.0.v").unwrap_err();
    let error = error.to_string();
    for part in ["`blocks.0.v`", "`visual.`, `model.visual.`, ``"] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn tensors_can_be_read_by_several_threads() {
    let names: Vec<String> = (0..8).map(|i| format!("w{i}")).collect();
    let specs: Vec<Spec> = names.iter().map(|name| counting(name, &[50, 70])).collect();
    let tensors = open(&specs);
    std::thread::scope(|scope| {
        for name in &names {
            let tensors = &tensors;
            scope.spawn(move || tensors.read_transposed(name, &[50, 70]).unwrap());
        }
    });
    assert!(tensors.unused("").is_empty());
}

proptest! {
    #[test]
    fn turning_equals_reading_and_swapping_the_axes(
        rows in 1usize..80,
        cols in 1usize..80,
        from in 0usize..80,
        to in 0usize..80,
        half in any::<bool>(),
    ) {
        let values: Vec<f32> = (0..rows * cols).map(|i| (i % 251) as f32).collect();
        let spec = if half { bf16_tensor } else { f32_tensor };
        let tensors = open(&[spec("w", &[rows, cols], &values)]);
        let (from, to) = (from.min(to).min(rows), from.max(to).min(rows));
        let turned = tensors.read_rows_transposed("w", &[rows, cols], from..to).unwrap();
        prop_assert_eq!(turned.len(), (to - from) * cols);
        let plain = tensors.read_rows("w", &[rows, cols], from..to).unwrap();
        prop_assert_eq!(&plain, &values[from * cols..to * cols]);
        for row in from..to {
            for col in 0..cols {
                let found = turned[col * (to - from) + row - from];
                prop_assert_eq!(found, values[row * cols + col]);
            }
        }
    }
}
