//! Reading: from named tensor to `Vec`, window by window.

use std::ops::Range;

use crate::convert::{self, Float};
use crate::error::{CheckpointError, Result};
use crate::header::Entry;
use crate::tensor_file::TensorFile;
use crate::{NonFinite, Tensors};

/// Bytes that are mapped at a time. Small against any tower, large against the cost of a mapping.
const WINDOW_BYTES: usize = 2 << 20;

/// What the messages call the types that [`Tensors::read`] takes.
const FLOATS: &str = "F32, F16, BF16 or F64";

impl Tensors {
    /// Reads a tensor of `f32`, `f16`, `bf16` or `f64` elements, in the order of the file.
    ///
    /// # Errors
    /// If there is none of this name, its shape is not `expected_shape`, its type is another one,
    /// or (unless [`NonFinite::Permit`]) a value is NaN, infinite, or an `f64` beyond `f32`.
    pub fn read(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<f32>> {
        let rows = 0..expected_shape.first().copied().unwrap_or(1);
        self.read_rows(name, expected_shape, rows)
    }

    /// Reads some entries of the first axis: of a fused `[3 * d, d]` projection, `0..d` is the
    /// query.
    ///
    /// # Errors
    /// As [`Tensors::read`], and if `rows` is not within the first axis.
    pub fn read_rows(
        &self,
        name: &str,
        expected_shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Vec<f32>> {
        let part = self.part(name, expected_shape, rows)?;
        let mut values = part.zeros(part.rows * part.cols)?;
        let step = (WINDOW_BYTES / part.float.bytes()).max(1);
        for (i, chunk) in values.chunks_mut(step).enumerate() {
            let offset = i * step * part.float.bytes();
            let bytes = chunk.len() * part.float.bytes();
            part.file
                .window(part.start + offset as u64, bytes, |window| {
                    part.float.convert(window, chunk);
                    Ok(())
                })?;
            if self.non_finite() == NonFinite::Refuse
                && let Some(odd) = convert::first_non_finite(chunk)
            {
                return Err(part.non_finite(i * step + odd, chunk[odd]));
            }
        }
        self.mark_read(name);
        Ok(values)
    }

    /// Reads a matrix turned: PyTorch stores a linear layer as `[d_out, d_in]`, here comes
    /// `[d_in, d_out]`. Conversion and transposition are one pass, without a copy between them.
    ///
    /// # Shapes
    /// - tensor: `expected_shape`; of more than two axes (a convolution that covers its patch),
    ///   those after the first count as one
    /// - output: `[product of the other axes, expected_shape[0]]`
    ///
    /// # Errors
    /// As [`Tensors::read`].
    pub fn read_transposed(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<f32>> {
        let rows = 0..expected_shape.first().copied().unwrap_or(1);
        self.read_rows_transposed(name, expected_shape, rows)
    }

    /// Reads some rows of a matrix turned: of a fused `[3 * d, d]` projection, `0..d` is the query
    /// as `[d_in, d]`.
    ///
    /// # Shapes
    /// - output: `[product of the other axes, rows.len()]`
    ///
    /// # Errors
    /// As [`Tensors::read_rows`].
    pub fn read_rows_transposed(
        &self,
        name: &str,
        expected_shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Vec<f32>> {
        let part = self.part(name, expected_shape, rows)?;
        let mut values = part.zeros(part.rows * part.cols)?;
        if values.is_empty() {
            self.mark_read(name);
            return Ok(values);
        }
        let row_bytes = part.cols * part.float.bytes();
        let step = (WINDOW_BYTES / row_bytes).max(1);
        for first in (0..part.rows).step_by(step) {
            let band = step.min(part.rows - first);
            let start = part.start + (first * row_bytes) as u64;
            let odd = part.file.window(start, band * row_bytes, |window| {
                Ok(convert::transpose_band(
                    part.float,
                    window,
                    part.cols,
                    first,
                    part.rows,
                    &mut values,
                ))
            })?;
            if self.non_finite() == NonFinite::Refuse
                && let Some((row, col, value)) = odd
            {
                return Err(part.non_finite((first + row) * part.cols + col, value));
            }
        }
        self.mark_read(name);
        Ok(values)
    }

    /// Reads a tensor of integers of any width, or of booleans as 0 and 1.
    ///
    /// # Errors
    /// If there is none of this name, its shape is not `expected_shape`, its elements are not
    /// integers, or an unsigned value is beyond `i64`.
    pub fn read_i64(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<i64>> {
        self.read_integers(name, expected_shape, "i64", Some)
    }

    /// Reads a tensor of integers whose values fit `i32`.
    ///
    /// # Errors
    /// As [`Tensors::read_i64`], and if a value is beyond `i32`.
    pub fn read_i32(&self, name: &str, expected_shape: &[usize]) -> Result<Vec<i32>> {
        self.read_integers(name, expected_shape, "i32", |value| value.try_into().ok())
    }

    fn read_integers<T>(
        &self,
        name: &str,
        expected_shape: &[usize],
        expected: &'static str,
        narrow: impl Fn(i64) -> Option<T>,
    ) -> Result<Vec<T>> {
        let (file, entry) = self.find_shaped(name, expected_shape)?;
        let size = convert::integer_bytes(&entry.dtype)
            .ok_or_else(|| unsupported(file, name, entry, "integers or BOOL"))?;
        let elements = elements(&entry.shape);
        let mut values = Vec::new();
        values
            .try_reserve_exact(elements)
            .map_err(|_| out_of_memory(file, name, elements))?;
        let step = WINDOW_BYTES / size;
        while values.len() < elements {
            let count = step.min(elements - values.len());
            let start = entry.start + (values.len() * size) as u64;
            file.window(start, count * size, |window| {
                for bytes in window.chunks_exact(size) {
                    let value = convert::integer(&entry.dtype, bytes).and_then(&narrow);
                    let value = value.ok_or_else(|| CheckpointError::OutOfRange {
                        path: file.path().to_owned(),
                        tensor: name.to_owned(),
                        dtype: entry.dtype.clone(),
                        element: values.len() as u64,
                        expected,
                    })?;
                    values.push(value);
                }
                Ok(())
            })?;
        }
        self.mark_read(name);
        Ok(values)
    }

    fn find_shaped(&self, name: &str, expected: &[usize]) -> Result<(&TensorFile, &Entry)> {
        let (file, entry) = self.find(name)?;
        if entry.shape != expected {
            return Err(CheckpointError::Shape {
                path: file.path().to_owned(),
                tensor: name.to_owned(),
                found: entry.shape.clone(),
                expected: expected.to_owned(),
            });
        }
        // From here on every count of bytes within the tensor fits `usize`.
        if usize::try_from(entry.bytes).is_err() {
            return Err(out_of_memory(file, name, usize::MAX));
        }
        Ok((file, entry))
    }

    /// The rows of a tensor of floats, all checks done.
    fn part<'a>(
        &'a self,
        name: &'a str,
        expected_shape: &[usize],
        rows: Range<usize>,
    ) -> Result<Part<'a>> {
        let (file, entry) = self.find_shaped(name, expected_shape)?;
        let float =
            Float::of(&entry.dtype).ok_or_else(|| unsupported(file, name, entry, FLOATS))?;
        // A scalar is one row of one column.
        let (height, others) = entry.shape.split_first().unwrap_or((&1, &[]));
        if rows.start > rows.end || rows.end > *height {
            return Err(CheckpointError::Rows {
                path: file.path().to_owned(),
                tensor: name.to_owned(),
                shape: entry.shape.clone(),
                rows,
            });
        }
        // Where there are no rows, the other axes may be of any length.
        let cols = if rows.is_empty() { 0 } else { elements(others) };
        // The header's check bounds every product below by the bytes of the tensor.
        Ok(Part {
            file,
            name,
            float,
            start: entry.start + (rows.start * cols * float.bytes()) as u64,
            first_element: rows.start * cols,
            rows: rows.len(),
            cols,
        })
    }
}

/// Some rows of a tensor in a file.
struct Part<'a> {
    file: &'a TensorFile,
    name: &'a str,
    float: Float,
    /// Offset of the first byte in the file.
    start: u64,
    /// Place of the first element within the tensor.
    first_element: usize,
    rows: usize,
    cols: usize,
}

impl Part<'_> {
    fn zeros(&self, elements: usize) -> Result<Vec<f32>> {
        let mut values = Vec::new();
        values
            .try_reserve_exact(elements)
            .map_err(|_| out_of_memory(self.file, self.name, elements))?;
        values.resize(elements, 0.0);
        Ok(values)
    }

    fn non_finite(&self, element: usize, value: f32) -> CheckpointError {
        CheckpointError::NonFinite {
            path: self.file.path().to_owned(),
            tensor: self.name.to_owned(),
            element: (self.first_element + element) as u64,
            value,
        }
    }
}

/// Elements of a shape whose tensor lies in a file. The header's check has shown that the product
/// does not overflow; of a shape with a zero, that may hold in one order only.
fn elements(shape: &[usize]) -> usize {
    if shape.contains(&0) {
        0
    } else {
        shape.iter().product()
    }
}

fn unsupported(
    file: &TensorFile,
    tensor: &str,
    entry: &Entry,
    expected: &'static str,
) -> CheckpointError {
    CheckpointError::UnsupportedDtype {
        path: file.path().to_owned(),
        tensor: tensor.to_owned(),
        found: entry.dtype.clone(),
        expected,
    }
}

fn out_of_memory(file: &TensorFile, tensor: &str, elements: usize) -> CheckpointError {
    CheckpointError::OutOfMemory {
        path: file.path().to_owned(),
        tensor: tensor.to_owned(),
        elements,
    }
}
