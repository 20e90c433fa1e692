//! Applies kernels to Flex tensors block by block, in place where nobody else holds the buffer.

use std::mem::MaybeUninit;

use burn::tensor::{Bytes, DType, Shape};
use burn_flex::{FlexTensor, Layout};
use rayon::prelude::*;

/// Numbers per block, 16 KiB: read, worked on and written while in the first-level cache.
const BLOCK: usize = 4096;
/// Smaller tensors stay on the calling thread, where waking another would cost more than it saves.
const PARALLEL_FROM: usize = 1 << 17;

#[cfg(test)]
thread_local! {
    /// Tensors that a kernel of this crate produced, to tell the fast path from the fallback.
    pub(crate) static TRANSFORMED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Whole rows per block; depends on nothing but the row length.
pub(crate) fn rows_per_block(columns: usize) -> usize {
    (BLOCK / columns.max(1)).max(1)
}

/// Numbers in those rows, at least 1.
pub(crate) fn numbers_per_block(columns: usize) -> usize {
    rows_per_block(columns) * columns.max(1)
}

/// Length of the last axis, 1 for a scalar.
pub(crate) fn columns_of(tensor: &FlexTensor) -> usize {
    tensor.layout().shape().last().copied().unwrap_or(1)
}

/// The same numbers in row-major order, copied only if they are not.
pub fn contiguous(tensor: FlexTensor) -> FlexTensor {
    if tensor.layout().contiguous_offsets().is_some() {
        tensor
    } else {
        tensor.to_contiguous()
    }
}

/// The numbers of a tensor that went through [`contiguous`].
///
/// # Panics
/// If it did not, or does not hold f32.
pub fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("the tensor holds contiguous f32")
}

/// Whether work on so many numbers is worth several threads.
pub(crate) fn parallel(numbers: usize) -> bool {
    numbers >= PARALLEL_FROM && rayon::current_num_threads() > 1
}

/// A tensor whose numbers `fill` writes, all of them, into memory that is not cleared before.
pub(crate) fn filled(
    shape: impl Into<Shape>,
    fill: impl FnOnce(&mut [MaybeUninit<f32>]),
) -> FlexTensor {
    #[cfg(test)]
    TRANSFORMED.set(TRANSFORMED.get() + 1);

    let shape = shape.into();
    let count = shape.num_elements();
    let mut numbers: Vec<f32> = Vec::with_capacity(count);
    fill(&mut numbers.spare_capacity_mut()[..count]);
    // SAFETY: `fill` writes every element; its callers cover the slice with whole chunks.
    unsafe { numbers.set_len(count) };
    tensor(numbers, shape)
}

/// Runs `kernel(block, numbers of the block, its share of side)` over all blocks of a tensor.
///
/// Blocks hold `block` numbers and `side_per_block` items of `side` (the last may be shorter).
/// `kernel` replaces the numbers by its result, within the tensor's own buffer if this is its only
/// handle, within a copy of the block otherwise. Callers cut blocks without regard to the number of
/// threads.
pub(crate) fn transform<S: Send>(
    tensor: FlexTensor,
    block: usize,
    side: &mut [S],
    side_per_block: usize,
    kernel: impl Fn(usize, &mut [f32], &mut [S]) + Sync,
) -> FlexTensor {
    #[cfg(test)]
    TRANSFORMED.set(TRANSFORMED.get() + 1);

    let mut tensor = contiguous(tensor);
    let (start, end) = tensor.layout().contiguous_offsets().unwrap_or((0, 0));
    if start == end {
        return tensor;
    }
    assert_eq!(
        (end - start).div_ceil(block),
        side.len().div_ceil(side_per_block),
        "every block needs its share of the side results"
    );
    let parallel = parallel(end - start);

    if let Some(storage) = tensor.try_storage_mut::<f32>() {
        let numbers = &mut storage[start..end];
        if parallel {
            numbers
                .par_chunks_mut(block)
                .zip(side.par_chunks_mut(side_per_block))
                .enumerate()
                .for_each(|(index, (numbers, side))| kernel(index, numbers, side));
        } else {
            for (index, (numbers, side)) in numbers
                .chunks_mut(block)
                .zip(side.chunks_mut(side_per_block))
                .enumerate()
            {
                kernel(index, numbers, side);
            }
        }
        return tensor;
    }

    let source = values(&tensor);
    let mut copy: Vec<f32> = Vec::with_capacity(source.len());
    let free = &mut copy.spare_capacity_mut()[..source.len()];
    let run = |index: usize, free: &mut [MaybeUninit<f32>], source: &[f32], side: &mut [S]| {
        kernel(index, free.write_copy_of_slice(source), side);
    };
    if parallel {
        free.par_chunks_mut(block)
            .zip(source.par_chunks(block))
            .zip(side.par_chunks_mut(side_per_block))
            .enumerate()
            .for_each(|(index, ((free, source), side))| run(index, free, source, side));
    } else {
        for (index, ((free, source), side)) in free
            .chunks_mut(block)
            .zip(source.chunks(block))
            .zip(side.chunks_mut(side_per_block))
            .enumerate()
        {
            run(index, free, source, side);
        }
    }
    // SAFETY: the chunks cover `free`, which is as long as `source`, and there are as many of `side`
    // (asserted above), so every element has been written.
    unsafe { copy.set_len(source.len()) };
    FlexTensor::new(
        Bytes::from_elems(copy),
        Layout::contiguous(tensor.layout().shape().clone()),
        DType::F32,
    )
}

/// [`transform`] for kernels whose only result is the tensor.
pub(crate) fn transform_alone(
    tensor: FlexTensor,
    columns: usize,
    kernel: impl Fn(usize, &mut [f32]) + Sync,
) -> FlexTensor {
    let block = numbers_per_block(columns);
    let blocks = tensor.layout().num_elements().div_ceil(block);
    // Items without size: the vector allocates nothing.
    let mut side = vec![(); blocks];
    transform(tensor, block, &mut side, 1, |block, numbers, _| {
        kernel(block, numbers);
    })
}

/// The part of `items` that belongs to a block of `per_block` items each.
pub(crate) fn share<T>(items: &[T], block: usize, per_block: usize) -> &[T] {
    let start = block * per_block;
    &items[start..items.len().min(start + per_block)]
}

/// A tensor around numbers in row-major order.
pub fn tensor(numbers: Vec<f32>, shape: impl Into<Shape>) -> FlexTensor {
    FlexTensor::new(
        Bytes::from_elems(numbers),
        Layout::contiguous(shape.into()),
        DType::F32,
    )
}
