//! The header of a safetensors file: eight bytes of length, then JSON.
//!
//! Parsed and checked here rather than by the `safetensors` crate (0.8.0), which takes the last of
//! two tensors of one name, refuses a whole file for one type that it does not know, and reports
//! what is wrong without the numbers.
//!
//! Source: the format description in the README of github.com/huggingface/safetensors. As there,
//! the tensors must fill the bytes after the header without holes or overlaps.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::Dtype;
use crate::error::{CheckpointError, Result};

/// Bytes in front of the JSON: its length, little-endian.
pub(crate) const LENGTH_BYTES: u64 = 8;

/// The longest header, as in the `safetensors` crate. Published ones have less than 1 MB.
pub(crate) const MAX_HEADER_BYTES: u64 = 100_000_000;

/// The most axes of a tensor, as in PyTorch.
const MAX_RANK: usize = 64;

/// The key that holds notes instead of a tensor.
const METADATA: &str = "__metadata__";

/// One tensor of the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    /// Offset of the first byte, from the start of the file.
    pub(crate) start: u64,
    pub(crate) bytes: u64,
}

/// A header whose tensors are known to lie inside the file.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) entries: BTreeMap<String, Entry>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Reads the length in front of the header and checks it against the file.
///
/// # Errors
/// If the file is shorter than the length says, or the length is beyond [`MAX_HEADER_BYTES`].
pub(crate) fn check_length(prefix: [u8; 8], file_bytes: u64, path: &Path) -> Result<u64> {
    let header_bytes = u64::from_le_bytes(prefix);
    if header_bytes > MAX_HEADER_BYTES {
        return Err(CheckpointError::HeaderTooLong {
            path: path.to_owned(),
            header_bytes,
            limit: MAX_HEADER_BYTES,
        });
    }
    // Cannot overflow: the limit is far below.
    let expected = LENGTH_BYTES + header_bytes;
    if file_bytes < expected {
        return Err(CheckpointError::Truncated {
            path: path.to_owned(),
            found_bytes: file_bytes,
            expected_bytes: expected,
        });
    }
    Ok(header_bytes)
}

/// Parses the JSON of a header and checks every tensor against the length of the file.
///
/// # Errors
/// If it is not JSON of the format; if a name comes twice; if the offsets of a tensor overlap its
/// neighbour, leave a hole, or disagree with its shape and type; if the file ends before its last
/// tensor or goes on after it.
pub(crate) fn parse(json: &[u8], file_bytes: u64, path: &Path) -> Result<Header> {
    let raw: RawHeader =
        serde_json::from_slice(json).map_err(|source| CheckpointError::HeaderJson {
            path: path.to_owned(),
            source,
        })?;
    if let Some(tensor) = raw.duplicate {
        return Err(CheckpointError::DuplicateTensor {
            path: path.to_owned(),
            tensor,
        });
    }

    let data_start = LENGTH_BYTES + json.len() as u64;
    let mut by_offset: Vec<(&String, &RawEntry)> = raw.entries.iter().collect();
    by_offset.sort_by_key(|(name, entry)| (entry.data_offsets, *name));
    let mut cursor = 0;
    for (name, entry) in by_offset {
        let (begin, end) = entry.data_offsets;
        let problem = if end < begin {
            Some("ends before it begins")
        } else if begin < cursor {
            Some("overlaps the tensor before it")
        } else if begin > cursor {
            Some("leaves a hole behind the tensor before it")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(CheckpointError::Offsets {
                path: path.to_owned(),
                tensor: name.clone(),
                begin,
                end,
                problem,
            });
        }
        check_size(name, entry, path)?;
        cursor = end;
    }

    let expected_bytes = data_start.saturating_add(cursor);
    if file_bytes < expected_bytes {
        return Err(CheckpointError::Truncated {
            path: path.to_owned(),
            found_bytes: file_bytes,
            expected_bytes,
        });
    }
    if file_bytes > expected_bytes {
        return Err(CheckpointError::TrailingBytes {
            path: path.to_owned(),
            found_bytes: file_bytes,
            expected_bytes,
        });
    }

    let entries = raw.entries.into_iter().map(|(name, entry)| {
        let (begin, end) = entry.data_offsets;
        let entry = Entry {
            dtype: Dtype::parse(&entry.dtype),
            shape: entry.shape.0,
            start: data_start + begin,
            bytes: end - begin,
        };
        (name, entry)
    });
    Ok(Header {
        entries: entries.collect(),
        metadata: raw.metadata,
    })
}

/// Compares the bytes between the offsets with what shape and type need.
fn check_size(name: &str, entry: &RawEntry, path: &Path) -> Result<()> {
    let (begin, end) = entry.data_offsets;
    let dtype = Dtype::parse(&entry.dtype);
    let elements = entry
        .shape
        .0
        .iter()
        .try_fold(1u64, |product, &axis| product.checked_mul(axis as u64));
    let needed = match (elements, dtype.bits()) {
        (Some(elements), Some(bits)) => elements
            .checked_mul(bits)
            .filter(|bits| bits % 8 == 0)
            .map(|bits| bits / 8),
        // Of a type we do not know the offsets are all there is.
        (Some(_), None) => Some(end - begin),
        (None, _) => None,
    };
    if needed == Some(end - begin) {
        return Ok(());
    }
    Err(CheckpointError::Size {
        path: path.to_owned(),
        tensor: name.to_owned(),
        dtype,
        shape: entry.shape.0.as_slice().into(),
        found_bytes: end - begin,
        expected_bytes: needed,
    })
}

#[derive(Default)]
struct RawHeader {
    entries: BTreeMap<String, RawEntry>,
    metadata: BTreeMap<String, String>,
    /// The first name that came twice.
    duplicate: Option<String>,
}

#[derive(serde::Deserialize)]
struct RawEntry {
    dtype: String,
    shape: Shape,
    data_offsets: (u64, u64),
}

struct Shape(Vec<usize>);

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
                let mut header = RawHeader::default();
                let mut notes_seen = false;
                while let Some(name) = map.next_key::<String>()? {
                    let duplicate = if name == METADATA {
                        let notes: Option<BTreeMap<String, String>> = map.next_value()?;
                        header.metadata = notes.unwrap_or_default();
                        std::mem::replace(&mut notes_seen, true)
                    } else {
                        let entry = map.next_value()?;
                        header.entries.insert(name.clone(), entry).is_some()
                    };
                    if duplicate && header.duplicate.is_none() {
                        header.duplicate = Some(name);
                    }
                }
                Ok(header)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Axes;

        impl<'de> Visitor<'de> for Axes {
            type Value = Shape;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of axis lengths")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut axes: A) -> Result<Shape, A::Error> {
                // Without a limit, two bytes of JSON would cost eight of memory.
                let mut shape = Vec::new();
                while let Some(axis) = axes.next_element::<usize>()? {
                    if shape.len() == MAX_RANK {
                        return Err(A::Error::custom(format_args!(
                            "a shape of more than {MAX_RANK} axes"
                        )));
                    }
                    shape.push(axis);
                }
                Ok(Shape(shape))
            }
        }

        deserializer.deserialize_seq(Axes)
    }
}
