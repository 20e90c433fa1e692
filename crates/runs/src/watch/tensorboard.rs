//! Training curves as TensorBoard reads them.
//!
//! An event file is a sequence of records (length, masked CRC-32C of the length, bytes, masked CRC-32C
//! of the bytes), each a protocol-buffer message; the numbers of the fields are those of TensorFlow's
//! `event.proto` and `summary.proto`.

use super::log::now;
use anyhow::Result;
use probe::{CellOutcome, CellSpec};
use prost::Message;
use run_support::atomic;
use std::path::Path;

/// What TensorBoard takes for an event file has this in its name.
const FILE: &str = "events.out.tfevents.cell";
/// First record of a file.
const VERSION: &str = "brain.Event:2";

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// Writes the curves of a cell below `root`, in a folder with its name; curves that are there are
/// written `again` or left. A cell is written when it is finished, whole; the time that TensorBoard
/// shows is that of the writing.
///
/// # Errors
/// Names the file.
pub fn write_curves(root: &Path, cell: &CellOutcome, again: bool) -> Result<()> {
    let CellSpec {
        arm,
        seed,
        learning_rate,
    } = &cell.spec;
    let folder = root.join(format!("{arm}, seed {seed}, lr {learning_rate:?}"));
    let path = folder.join(FILE);
    if path.is_file() && !again {
        return Ok(());
    }
    atomic::make_folder(&folder)?;
    atomic::write_bytes(&path, &records(&events(cell, now())))
}

fn events(cell: &CellOutcome, wall_time: f64) -> Vec<Event> {
    let head = Event {
        wall_time,
        file_version: Some(VERSION.to_owned()),
        ..Event::default()
    };
    let points = cell.history.iter().map(|point| {
        let usage = point.usage.as_ref();
        let values = [
            ("loss/train (nats)", point.train_loss),
            ("cer/validation", Some(point.validation_cer)),
            (
                "words/token entropy (bits)",
                usage.map(|usage| usage.token_entropy_bits),
            ),
            (
                "words/marginal entropy (bits)",
                usage.map(|usage| usage.marginal_entropy_bits),
            ),
            ("words/used", usage.map(|usage| usage.codes_used as f64)),
        ];
        let known = values.into_iter().filter_map(|(tag, value)| {
            Some(Value {
                tag: tag.to_owned(),
                simple_value: Some(value? as f32),
            })
        });
        Event {
            wall_time,
            step: point.step as i64,
            file_version: None,
            summary: Some(Summary {
                values: known.collect(),
            }),
        }
    });
    std::iter::once(head).chain(points).collect()
}

fn records(events: &[Event]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for event in events {
        let message = event.encode_to_vec();
        let length = (message.len() as u64).to_le_bytes();
        bytes.extend(length);
        bytes.extend(masked_crc(&length));
        bytes.extend(&message);
        bytes.extend(masked_crc(&message));
    }
    bytes
}

/// CRC-32C, turned and shifted, so that checksums of checksums are good ones too.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    const DELTA: u32 = 0xa282_ead8;
    let crc = crc32c::crc32c(bytes);
    crc.rotate_right(15).wrapping_add(DELTA).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_begins_as_those_of_tensorflow_do() {
        let head = Event {
            wall_time: 1.5,
            file_version: Some(VERSION.to_owned()),
            ..Event::default()
        };
        let bytes = records(std::slice::from_ref(&head));
        // 24 bytes, their masked checksum, and a double as field 1.
        let expected = [0x18, 0, 0, 0, 0, 0, 0, 0, 0xa3, 0x7f, 0x4b, 0x22, 0x09];
        assert_eq!(bytes[..13], expected);
        assert_eq!(bytes.len(), 8 + 4 + 24 + 4);
        assert_eq!(Event::decode(&bytes[12..36]).unwrap(), head);
    }

    #[test]
    fn a_value_of_zero_is_written_too() {
        let value = Value {
            tag: "a".to_owned(),
            simple_value: Some(0.0),
        };
        assert_eq!(value.encode_to_vec().len(), 3 + 5);
    }
}
