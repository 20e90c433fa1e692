//! Files that nobody should trust: every one is read correctly or refused, none makes a panic.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]
#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use checkpoint::{Checkpoint, CheckpointError, Dtype, NonFinite, Tensors};
use proptest::prelude::*;
use support::{bytes_of, counting, f32_tensor, raw_bytes, write_sharded};

/// Opens these bytes as a file and reads everything that it is said to hold.
fn open_and_read(bytes: &[u8]) -> Result<Tensors, CheckpointError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let tensors = Tensors::open_file(&path)?.with_non_finite(NonFinite::Permit);
    read_all(&tensors, bytes.len());
    Ok(tensors)
}

/// Reads every tensor in every way; what comes out is bounded by what the files hold.
fn read_all(tensors: &Tensors, file_bytes: usize) {
    for name in tensors.names() {
        let Ok(shape) = tensors.shape(name) else {
            continue;
        };
        let rows = shape.first().copied().unwrap_or(1);
        let reads = [
            tensors.read(name, shape),
            tensors.read_transposed(name, shape),
            tensors.read_rows(name, shape, rows / 2..rows),
            tensors.read_rows_transposed(name, shape, 0..rows / 2),
        ];
        for values in reads.into_iter().flatten() {
            assert!(values.len() <= file_bytes);
            assert!(values.capacity() <= file_bytes);
        }
        let integers = tensors.read_i64(name, shape);
        assert!(integers.map_or(0, |values| values.capacity()) <= file_bytes);
    }
}

/// A file of several types, with notes.
fn sound_file() -> Vec<u8> {
    let tensors = [
        counting("visual.a", &[3, 5]),
        f32_tensor("visual.scalar", &[], &[1.5]),
        counting("b", &[2, 2, 2]),
        ("c".into(), safetensors::Dtype::BF16, vec![4], vec![0; 8]),
        ("d".into(), safetensors::Dtype::I64, vec![1], vec![1; 8]),
        f32_tensor("empty", &[0, 4], &[]),
    ];
    bytes_of(&tensors, &[("format", "pt")])
}

fn refused(header: &str, data_bytes: usize) -> CheckpointError {
    open_and_read(&raw_bytes(header, data_bytes)).unwrap_err()
}

#[test]
fn the_sound_file_is_sound() {
    let tensors = open_and_read(&sound_file()).unwrap();
    assert_eq!(tensors.names().count(), 6);
    assert!(tensors.unused("").is_empty());
}

#[test]
fn every_truncation_is_refused() {
    let bytes = sound_file();
    for length in 0..bytes.len() {
        let error = open_and_read(&bytes[..length]).unwrap_err();
        assert!(
            matches!(error, CheckpointError::Truncated { .. }),
            "{length}: {error}"
        );
    }
}

#[test]
fn a_header_that_lies_about_its_length_is_refused() {
    let mut bytes = sound_file();
    for (length, too_long) in [
        (u64::MAX, true),
        (1 << 63, true),
        (100_000_001, true),
        (100_000_000, false),
        (bytes.len() as u64, false),
        (bytes.len() as u64 - 7, false),
    ] {
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        let error = open_and_read(&bytes).unwrap_err();
        match error {
            CheckpointError::HeaderTooLong { .. } => assert!(too_long, "{length}"),
            CheckpointError::Truncated { .. } => assert!(!too_long, "{length}"),
            other => panic!("{length}: {other}"),
        }
    }
}

#[test]
fn the_text_that_git_lfs_leaves_is_refused() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4997750760\n";
    let error = open_and_read(pointer).unwrap_err();
    assert!(
        matches!(error, CheckpointError::LfsPointer { .. }),
        "{error}"
    );
}

#[test]
fn offsets_that_overlap_or_leave_holes_are_refused() {
    let cases = [
        // Overlap, in part and in whole.
        (
            r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
             "b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#,
            6,
            "overlaps",
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},
             "b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#,
            4,
            "overlaps",
        ),
        // A hole between two, and one at the start.
        (
            r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
             "b":{"dtype":"U8","shape":[2],"data_offsets":[4,6]}}"#,
            6,
            "leaves a hole",
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}"#,
            4,
            "leaves a hole",
        ),
        (
            r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[1,0]}}"#,
            4,
            "ends before",
        ),
    ];
    for (header, data_bytes, part) in cases {
        let error = refused(header, data_bytes);
        assert!(matches!(error, CheckpointError::Offsets { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn offsets_beyond_the_file_and_bytes_beyond_the_offsets_are_refused() {
    let header = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#;
    assert!(matches!(
        refused(header, 3),
        CheckpointError::Truncated { .. }
    ));
    assert!(open_and_read(&raw_bytes(header, 4)).is_ok());
    assert!(matches!(
        refused(header, 5),
        CheckpointError::TrailingBytes { .. }
    ));
}

/// Added to the length of the header, the last offset is beyond 64 bits. `safetensors` 0.8.0 adds
/// the two unchecked, a panic in builds with overflow checks.
#[test]
fn offsets_at_the_end_of_the_number_range_do_not_overflow() {
    // Of one tensor, already the bits would be too many: 16 of them reach that far.
    let step = 1u64 << 60;
    let entries: Vec<String> = (0..16)
        .map(|i| {
            let begin: u64 = i * step;
            let end = begin.saturating_add(step);
            let bytes = end - begin;
            format!(r#""{i}":{{"dtype":"U8","shape":[{bytes}],"data_offsets":[{begin},{end}]}}"#)
        })
        .collect();
    let error = refused(&format!("{{{}}}", entries.join(",")), 8);
    assert!(
        matches!(error, CheckpointError::Truncated { .. }),
        "{error}"
    );

    let max = u64::MAX;
    let header = format!(r#"{{"a":{{"dtype":"U8","shape":[{max}],"data_offsets":[0,{max}]}}}}"#);
    let error = refused(&header, 8);
    assert!(matches!(error, CheckpointError::Size { .. }), "{error}");
}

/// Found by the test of damaged files: a type unknown to us has no size to check its offsets by,
/// and must not be an error before it is read.
#[test]
fn a_tensor_of_an_unknown_type_keeps_its_offsets() {
    let header = r#"{"a":{"dtype":"IB64","shape":[1],"data_offsets":[0,8]},
                     "b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}}"#;
    let tensors = open_and_read(&raw_bytes(header, 9)).unwrap();
    assert_eq!(tensors.dtype("a").unwrap().to_string(), "IB64");
    assert_eq!(tensors.unused(""), ["a"]);
}

#[test]
fn half_a_byte_is_no_tensor() {
    let header = r#"{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}"#;
    let error = refused(header, 2);
    assert!(matches!(error, CheckpointError::Size { .. }), "{error}");
    let header = r#"{"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2]}}"#;
    assert!(open_and_read(&raw_bytes(header, 2)).is_ok());
}

#[test]
fn shapes_that_overflow_or_disagree_with_the_offsets_are_refused() {
    let max = u64::MAX;
    let shapes = [
        format!("[{max},{max}]"),
        format!("[{max},2,0]"),
        format!("[{}]", max / 4),
        "[1152921504606846976,16]".to_owned(),
        "[3]".to_owned(),
        "[5]".to_owned(),
        "[2,3]".to_owned(),
    ];
    for shape in shapes {
        let header = format!(r#"{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,16]}}}}"#);
        let error = refused(&header, 16);
        assert!(
            matches!(error, CheckpointError::Size { .. }),
            "{shape}: {error}"
        );
    }
}

/// Where one axis has no entries, the product of the others is nobody's size.
#[test]
fn an_empty_tensor_with_a_huge_axis_is_empty() {
    let max = u64::MAX;
    let header = format!(
        r#"{{"a":{{"dtype":"F32","shape":[0,{max},{max}],"data_offsets":[0,0]}},
            "b":{{"dtype":"F32","shape":[{max},0],"data_offsets":[0,0]}}}}"#
    );
    let tensors = open_and_read(&raw_bytes(&header, 0)).unwrap();
    assert_eq!(tensors.unused(""), Vec::<&str>::new());
}

#[test]
fn what_is_no_header_is_refused() {
    let deep = "[".repeat(100_000);
    let many_axes = format!(
        r#"{{"a":{{"dtype":"U8","shape":[{}1],"data_offsets":[0,1]}}}}"#,
        "1,".repeat(64)
    );
    let cases = [
        "",
        "null",
        "[]",
        "{",
        "{} {}",
        "\0\0\0\0",
        deep.as_str(),
        many_axes.as_str(),
        r#"{"a":{}}"#,
        r#"{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}"#,
        r#"{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}"#,
        r#"{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}}"#,
        r#"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}"#,
        r#"{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}"#,
        r#"{"__metadata__":{"a":1}}"#,
    ];
    for header in cases {
        let error = refused(header, 1);
        assert!(
            matches!(error, CheckpointError::HeaderJson { .. }),
            "{error}"
        );
    }
}

/// `safetensors` 0.8.0 takes the last of two tensors of one name.
#[test]
fn a_name_that_comes_twice_is_refused() {
    let cases = [
        r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},
            "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
        r#"{"__metadata__":{},"__metadata__":{},
            "a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
    ];
    for header in cases {
        let error = refused(header, 1);
        assert!(
            matches!(error, CheckpointError::DuplicateTensor { .. }),
            "{error}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_instead_of_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("model.safetensors");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let error = Tensors::open_file(&pipe).unwrap_err();
    assert!(matches!(error, CheckpointError::NotAFile { .. }), "{error}");
    let error = Tensors::open_file(Path::new("/dev/zero")).unwrap_err();
    assert!(matches!(error, CheckpointError::NotAFile { .. }), "{error}");
}

proptest! {
    // What is found here becomes a named test above.
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn random_bytes_make_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = open_and_read(&bytes);
    }

    #[test]
    fn random_headers_make_no_panic(header in "[\\[\\]{}\",:0-9a-zU8F32_ ]{0,80}", data in 0usize..20) {
        let _ = open_and_read(&raw_bytes(&header, data));
    }

    /// Flips, insertions and deletions, mostly in the header. What our parser takes, `safetensors`
    /// takes as well, with the same tensors: ours is the stricter one, but for types it does not
    /// know.
    #[test]
    fn damaged_files_are_refused_or_read_alike(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..4), 1..6),
    ) {
        let mut bytes = sound_file();
        for (place, value, kind) in edits {
            let place = place.index(bytes.len());
            match kind {
                0 => bytes[place] = value,
                1 => bytes[place] ^= 1 << (value % 8),
                2 => bytes.insert(place, value),
                _ => drop(bytes.remove(place)),
            }
        }
        if let Ok(tensors) = open_and_read(&bytes) {
            let unknown = |name| matches!(tensors.dtype(name), Ok(Dtype::Other(_)));
            if tensors.names().any(unknown) {
                return Ok(());
            }
            let known = safetensors::SafeTensors::deserialize(&bytes).unwrap();
            let mut names = known.names();
            names.sort_unstable();
            prop_assert_eq!(tensors.names().collect::<Vec<_>>(), names);
            for name in tensors.names() {
                let known = known.tensor(name).unwrap();
                prop_assert_eq!(tensors.shape(name).unwrap(), known.shape());
            }
        }
    }

    /// Headers of the right form with any numbers in them.
    #[test]
    fn arbitrary_sizes_and_offsets_make_no_panic(
        tensors in prop::collection::vec(
            (prop::collection::vec(size(), 0..4), size(), size(),
             prop::sample::select(vec!["U8", "F32", "BF16", "I64", "F4", "F6_E2M3", "X"])),
            0..4,
        ),
        data in 0usize..40,
    ) {
        let entries: Vec<String> = tensors.iter().enumerate().map(|(i, (shape, a, b, dtype))| {
            format!(r#""{i}":{{"dtype":"{dtype}","shape":{shape:?},"data_offsets":[{a},{b}]}}"#)
        }).collect();
        let _ = open_and_read(&raw_bytes(&format!("{{{}}}", entries.join(",")), data));
    }

    #[test]
    fn damaged_folders_make_no_panic(
        file in prop::sample::select(vec![
            "config.json", "model.safetensors.index.json", "model-00001-of-00002.safetensors",
        ]),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        keep in any::<prop::sample::Index>(),
        truncate in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        write_sharded(folder.path());
        let path = folder.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        for (place, value) in edits {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        if truncate {
            bytes.truncate(keep.index(bytes.len()));
        }
        std::fs::write(&path, bytes).unwrap();
        if let Ok(checkpoint) = Checkpoint::open(folder.path()) {
            checkpoint.model_type().unwrap();
            read_all(checkpoint.tensors(), 10_000);
        }
    }
}

/// Small numbers, and those near the ends of the ranges.
fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..20,
        1 => any::<u64>(),
        1 => (0u64..100).prop_map(|below| u64::MAX - below),
        1 => (0u32..64).prop_map(|bit| 1 << bit),
    ]
}
