//! From the file's bytes to `f32` and `i64`.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::Dtype;

/// A floating-point type that becomes `f32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Float {
    F16,
    BF16,
    F32,
    F64,
}

impl Float {
    /// The float of this type, if it is one that can be read.
    pub(crate) fn of(dtype: &Dtype) -> Option<Self> {
        match dtype {
            Dtype::F16 => Some(Self::F16),
            Dtype::BF16 => Some(Self::BF16),
            Dtype::F32 => Some(Self::F32),
            Dtype::F64 => Some(Self::F64),
            Dtype::Bool
            | Dtype::U8
            | Dtype::I8
            | Dtype::U16
            | Dtype::I16
            | Dtype::U32
            | Dtype::I32
            | Dtype::U64
            | Dtype::I64
            | Dtype::Other(_) => None,
        }
    }

    /// Bytes of one element.
    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Converts little-endian elements, as many as both sides have. `f64` is rounded; what is
    /// beyond the range of `f32` becomes infinite.
    pub(crate) fn convert(self, bytes: &[u8], out: &mut [f32]) {
        debug_assert_eq!(bytes.len(), out.len() * self.bytes());
        match self {
            Self::F16 => convert_halves(bytes, out, f16::from_bits, |from, to| {
                from.convert_to_f32_slice(to);
            }),
            Self::BF16 => convert_halves(bytes, out, bf16::from_bits, |from, to| {
                from.convert_to_f32_slice(to);
            }),
            Self::F32 => {
                for (out, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *out = f32::from_le_bytes(bytes);
                }
            }
            Self::F64 => {
                for (out, &bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *out = f64::from_le_bytes(bytes) as f32;
                }
            }
        }
    }
}

/// Half-precision elements, gathered on the stack first: the file does not promise the alignment
/// that the processor's conversion needs.
fn convert_halves<H: Copy + Default>(
    bytes: &[u8],
    out: &mut [f32],
    from_bits: impl Fn(u16) -> H,
    convert: impl Fn(&[H], &mut [f32]),
) {
    const BLOCK: usize = 64;
    let mut block = [H::default(); BLOCK];
    for (bytes, out) in bytes.chunks(2 * BLOCK).zip(out.chunks_mut(BLOCK)) {
        for (half, &bytes) in block.iter_mut().zip(bytes.as_chunks().0) {
            *half = from_bits(u16::from_le_bytes(bytes));
        }
        convert(&block[..out.len()], out);
    }
}

/// The first value that is NaN or infinite.
pub(crate) fn first_non_finite(values: &[f32]) -> Option<usize> {
    // Without an early exit the sweep is vectorised.
    let finite = values.iter().fold(true, |all, v| all & v.is_finite());
    if finite {
        return None;
    }
    values.iter().position(|value| !value.is_finite())
}

/// Sides of the tiles in which a matrix is turned: whole cache lines of halves on one side and of
/// `f32` on the other, and a tile that stays in the first-level cache.
const TILE_ROWS: usize = 32;
const TILE_COLS: usize = 32;

/// Converts a band of rows of a matrix and writes it as a band of columns.
///
/// # Shapes
/// - `bytes`: `[band, cols]`, row by row
/// - `out`: `[cols, rows]`, of which the columns `first_row..first_row + band` are written
///
/// Returns the place (row of the band, column) of a value that is not finite, if there is one.
pub(crate) fn transpose_band(
    float: Float,
    bytes: &[u8],
    cols: usize,
    first_row: usize,
    rows: usize,
    out: &mut [f32],
) -> Option<(usize, usize, f32)> {
    let size = float.bytes();
    let mut odd = None;
    let mut line = [0.0; TILE_COLS];
    let mut tile = [[0.0; TILE_ROWS]; TILE_COLS];
    let band: Vec<&[u8]> = bytes.chunks_exact(cols * size).collect();
    for (tile_index, tile_rows) in band.chunks(TILE_ROWS).enumerate() {
        let top = tile_index * TILE_ROWS;
        for left in (0..cols).step_by(TILE_COLS) {
            let width = TILE_COLS.min(cols - left);
            for (r, row) in tile_rows.iter().enumerate() {
                let line = &mut line[..width];
                float.convert(&row[left * size..(left + width) * size], line);
                if odd.is_none()
                    && let Some(c) = first_non_finite(line)
                {
                    odd = Some((top + r, left + c, line[c]));
                }
                for (column, &value) in tile.iter_mut().zip(line.iter()) {
                    column[r] = value;
                }
            }
            for (c, column) in tile.iter().enumerate().take(width) {
                let start = (left + c) * rows + first_row + top;
                out[start..start + tile_rows.len()].copy_from_slice(&column[..tile_rows.len()]);
            }
        }
    }
    odd
}

/// Bytes of one integer of this type; `None` if it is not an integer.
pub(crate) fn integer_bytes(dtype: &Dtype) -> Option<usize> {
    match dtype {
        Dtype::Bool | Dtype::U8 | Dtype::I8 => Some(1),
        Dtype::U16 | Dtype::I16 => Some(2),
        Dtype::U32 | Dtype::I32 => Some(4),
        Dtype::U64 | Dtype::I64 => Some(8),
        Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64 | Dtype::Other(_) => None,
    }
}

/// One little-endian integer; `None` if the type is none, the bytes are too few, or an unsigned
/// value is beyond `i64`.
pub(crate) fn integer(dtype: &Dtype, bytes: &[u8]) -> Option<i64> {
    Some(match dtype {
        Dtype::Bool | Dtype::U8 => (*bytes.first()?).into(),
        Dtype::I8 => i8::from_le_bytes(*bytes.first_chunk()?).into(),
        Dtype::U16 => u16::from_le_bytes(*bytes.first_chunk()?).into(),
        Dtype::I16 => i16::from_le_bytes(*bytes.first_chunk()?).into(),
        Dtype::U32 => u32::from_le_bytes(*bytes.first_chunk()?).into(),
        Dtype::I32 => i32::from_le_bytes(*bytes.first_chunk()?).into(),
        Dtype::U64 => u64::from_le_bytes(*bytes.first_chunk()?).try_into().ok()?,
        Dtype::I64 => i64::from_le_bytes(*bytes.first_chunk()?),
        Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64 | Dtype::Other(_) => return None,
    })
}
