//! Text files that should be UTF-8: byte-order marks, other encodings, line ends.

/// What text that is neither UTF-8, UTF-16 nor UTF-32 is called in messages.
pub const EIGHT_BITS: &str = "another encoding, perhaps Windows-1252 or Latin-1";

/// The bytes without the UTF-8 byte-order mark that some programs put before them.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The encoding if text that begins so has 2 or 4 bytes a character, by its byte-order mark or by its
/// zero bytes.
pub fn wide(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [0, 0, 0, 1..=255, ..] | [1..=255, 0, 0, 0, ..] => Some("UTF-32"),
        [1..=255, 0, 1..=255, 0, ..] | [0, 1..=255, 0, 1..=255, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// The text without its byte-order mark; `Err` names the encoding that it seems to have.
///
/// # Errors
/// If the bytes are not UTF-8.
pub fn utf8(bytes: &[u8]) -> Result<&str, &'static str> {
    match wide(bytes) {
        Some(encoding) => Err(encoding),
        None => std::str::from_utf8(without_mark(bytes)).map_err(|_| EIGHT_BITS),
    }
}

/// The lines of a file with their numbers, counted from 1. They end at `\n`, `\r\n` or `\r`, as in
/// Python's text files.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = Some(bytes);
    let next = move || {
        let bytes = rest.filter(|bytes| !bytes.is_empty())?;
        let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(bytes);
        };
        let divider = 1 + usize::from(bytes[end..].starts_with(b"\r\n"));
        rest = bytes.get(end + divider..);
        Some(&bytes[..end])
    };
    (1..).zip(std::iter::from_fn(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_named_and_marks_taken_off() {
        assert_eq!(utf8("\u{feff}né".as_bytes()), Ok("né"));
        assert_eq!(utf8(b""), Ok(""));
        let utf16 = |mark: &str, little: bool| -> Vec<u8> {
            let units = mark.encode_utf16().chain("20,é".encode_utf16());
            let bytes = |unit: u16| {
                if little {
                    unit.to_le_bytes()
                } else {
                    unit.to_be_bytes()
                }
            };
            units.flat_map(bytes).collect()
        };
        for mark in ["\u{feff}", ""] {
            for little in [false, true] {
                assert_eq!(utf8(&utf16(mark, little)), Err("UTF-16"));
            }
        }
        assert!(utf8(b"caf\xe9").unwrap_err().contains("Windows-1252"));
    }

    #[test]
    fn lines_end_as_in_pythons_text_files() {
        // [line.rstrip("\n") for line in io.StringIO("a\r\nb\rc\n\nd", newline=None)] of CPython.
        let found: Vec<(usize, &[u8])> = lines(b"a\r\nb\rc\n\nd").collect();
        let expected: [(usize, &[u8]); 5] = [(1, b"a"), (2, b"b"), (3, b"c"), (4, b""), (5, b"d")];
        assert_eq!(found, expected);
        assert_eq!(lines(b"").count(), 0);
        assert_eq!(lines(b"a\r").count(), 1);
    }
}
